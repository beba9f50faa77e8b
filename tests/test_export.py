"""Exported configurations, in the servers that they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assetpipe import manifest
from assetpipe.cli.export import export_group
from assetpipe.errors import AssetpipeError, ConfigError, InputError
from assetpipe.headers import COMMON, FOREVER, REVALIDATE, Policy
from assetpipe.manifest import Asset, HeaderRule, Image, Manifest
from assetpipe.mediatypes import content_type
from assetpipe.names import url_path
from assetpipe.publish.edge import cloudfront, key_value_store
from assetpipe.publish.edge.cloudfront import FUNCTION_LIMIT
from assetpipe.publish.edge.columns import columns
from assetpipe.serve.fields import Choice, TypeChoice
from tests.http.cases import ACCEPTED, CASES, CHROME, SAFARI
from tests.http.client import Answer, Connection, ProtocolError
from tests.http.servers import free_port, started
from tests.http.site import FILES, SECRET
from tests.node import require_node, run_node, unavailable
from tests.release import describe, output_name, sibling, write_release

OWN = "css/app.css"
LATIN = "css/latin.css"
DATA = "types/data.own"
DOTTED = ".well-known/security.txt"
FIXED = "vendor/jquery-3.7.1.min.js"
LOOKS_HASHED = "plain/looks.0123456789ab.js"
KEPT_DOT = "img/.kept.svg"
BACKSLASHED = "img/back\\slash.svg"

PHOTO = "img/photo & 日本.jpg"
PRUNED = "img/pruned.jpg"
OTHERS = {name: (f"{name}.40.avif", f"{name}.40.webp") for name in (PHOTO, PRUNED)}
"""Images, and the variants that may be sent in their place; of one the AVIF is gone."""

ODD = (
    'img/a b"c.svg',
    "img/it's $1 ${uri} $uri.svg",
    "img/{braces} {path}.svg",
    "img/[set] (group)|or+more^.svg",
    "img/100%25 ;&=@,!~.svg",
    "img/日本語 é.svg",
    "img/`quote` #hash.svg",
    "img/x.0123456789ab.svg",
)
"""Logical names that mean something to a configuration, if nobody takes care."""

PLAIN_ODD = tuple(name.replace("img/", "plain/") for name in ODD[:-1])

TREE: Mapping[str, bytes] = {
    BACKSLASHED: b"<svg/>",
    **{name: name.encode() for name in FILES if name.startswith("types/")},
    **{name: f"<svg>{name}</svg>".encode() * 30 for name in (*ODD, *PLAIN_ODD, KEPT_DOT)},
    OWN: b".app{color:red}\n" * 30,
    LATIN: b"a{content:'\xe9'}",
    DATA: b"own",
    FIXED: b"jQuery()\n" * 30,
    LOOKS_HASHED: b"looks()",
    DOTTED: b"Contact: x\n",
    **{name: name.encode() for photo, others in OTHERS.items() for name in (photo, *others)},
    "robots.txt": b"User-agent: *\n" * 40,
    "pwa/manifest.json": b"{}",
    "ruled/a.css": b"a{}",
    "ruled/b.css": b"b{}",
    "ruled/é.css": b"e{}",
    "ruled/deep/c.css": b"c{}",
}
PLAIN = {
    "robots.txt", "pwa/manifest.json", FIXED, LOOKS_HASHED, DOTTED, KEPT_DOT, *PLAIN_ODD
}  # fmt: skip
COMPRESSED = {OWN, "robots.txt", FIXED, ODD[0], ODD[5], PLAIN_ODD[1]}
RULES: tuple[HeaderRule, ...] = (
    (
        "ruled/**",
        (
            ("Cache-Control", "public, max-age=60"),
            ("Access-Control-Allow-Origin", "https://example.com"),
            ("Timing-Allow-Origin", ""),
            ("X-Own", "costs $5 \"or\" {env.HOME} \\ 'less'"),
        ),
    ),
    ("ruled/?.css", (("X-Letter", "one"),)),
    ("ruled/b.css", (("x-own", "last"), ("Cross-Origin-Resource-Policy", ""))),
    ("[z-a].css", (("X-Never", "set"),)),
)
BEFORE = {
    OWN: b".app{color:blue}\n",
    "js/old.mjs": b"old()",
    "img/old.avif": b"old",
    "ruled/a.css": b"a{old}",
    "ruled/b.css": b"b{old}",
    "ruled/gone/old.js": b"gone()",
}
"""The release before."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A server, and how the suite starts it with an export.

    Attributes:
        name: of the export.
        command: ``{file}`` is its configuration, ``{folder}`` a place of its own.
        frame: the configuration around the export, ``{export}``, on port ``{port}``.
        options: of the export.
    """

    name: str
    command: tuple[str, ...]
    frame: str
    options: tuple[str, ...] = ()


NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    gzip on;
    gzip_vary on;
    gzip_types *;
    charset utf-8;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
{http}
    server {{
        listen 127.0.0.1:{port};
        add_header X-Server inherited always;
        expires 1h;
        error_page 404 405 =200 /index.html;
{server}
        location / {{ return 200 page; }}
    }}
}}
"""
CADDY = """\
{{
	admin off
	auto_https off
}}
{all}
http://127.0.0.1:{port} {{
	handle_errors {{
		respond page 200
	}}
	import assetpipe
	respond page
}}
"""
EDGES = [
    Edge("nginx", ("nginx", "-e", "stderr", "-p", "{folder}", "-c", "{file}"), NGINX),
    Edge("caddy", ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}"), CADDY),
]


def write_site(folder: Path) -> tuple[Path, Manifest]:
    """Write a release, one before it, and what nobody is to see; return the folder and it."""
    out = folder / "out"
    write_release(out, BEFORE, compressed=(OWN,))
    drawn = write_release(out, TREE, plain=PLAIN, compressed=COMPRESSED)
    special: Mapping[str, Mapping[str, Any]] = {
        LATIN: {"type": "text/css"},
        DATA: {"type": "application/x-own"},
        FIXED: {"immutable": True},
        **{name: {"immutable": True} for name in PLAIN_ODD[::2]},
        **{
            name: {"image": Image(40, 30, "", "", others, others)}
            for name, others in OTHERS.items()
        },
    }
    assets = {name: a._replace(**special.get(name, {})) for name, a in drawn.assets.items()}
    lines = (manifest.line(name, asset) for name, asset in sorted(assets.items()))
    number, data = manifest.render(lines, RULES)
    (out / manifest.FILE_NAME).write_bytes(data)
    for hidden in (".lock", ".assetpipe/state.json", ".releases/x.json", "css/.secret"):
        (out / hidden).parent.mkdir(parents=True, exist_ok=True)
        (out / hidden).write_bytes(SECRET)
    (folder / "secret.txt").write_bytes(SECRET)
    (out / assets[OTHERS[PRUNED][0]].file).unlink()
    return out, Manifest(number, assets, RULES)


def export(*arguments: str | Path) -> str:
    """Return what a command prints; its errors are raised."""
    done = CliRunner().invoke(export_group, [str(a) for a in arguments], catch_exceptions=True)
    if isinstance(done.exception, AssetpipeError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@dataclass(frozen=True, slots=True)
class Running:
    """A server with an export: which, its connection, and what it serves."""

    edge: Edge
    connection: Connection
    release: Manifest

    def get(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """Ask for a path below the prefix; underscores in names of fields are hyphens."""
        lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
        return self.connection.ask(method, f"/static/{path}", lines)

    def url(self, name: str) -> str:
        return url_path(self.release.assets[name].file)


@contextmanager
def served(edge: Edge, out: Path, folder: Path) -> Iterator[Connection]:
    """Start a server with the export for a folder."""
    port = free_port()
    file = folder / "config"
    parts = dict.fromkeys(("all", "http", "server"), "")
    arguments: list[str | Path] = [edge.name, "-o", out, *edge.options]
    if edge.name == "nginx":
        parts |= {part: export(*arguments, "--part", part) for part in ("http", "server")}
    else:
        parts["all"] = export(*arguments)
    user = "user root;" if os.geteuid() == 0 else ""
    file.write_text(edge.frame.format(folder=folder, port=port, user=user, **parts), "utf-8")
    command = [part.format(file=file, folder=folder) for part in edge.command]
    environment = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder))
    with started(command, port, environment), Connection(port) as connection:
        yield connection


@pytest.fixture(scope="module", params=EDGES, ids=lambda edge: edge.name)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp(request.param.name)
    out, release = write_site(folder)
    with served(request.param, out, folder) as connection:
        yield Running(request.param, connection, release)


@pytest.mark.parametrize("coding", ["identity", "br", "gzip"])
@pytest.mark.parametrize("name", [name for name in TREE if name != OTHERS[PRUNED][0]])
def test_every_file_is_served_as_the_manifest_says(
    running: Running, name: str, coding: str
) -> None:
    """Bytes, type, time to live and configured fields are those of assetpipe's own server."""
    asset = running.release.assets[name]
    answer = running.get(running.url(name), Accept_Encoding=coding)
    if (name, running.edge.name) == (BACKSLASHED, "caddy"):
        assert answer.status == 404, "docs/edge.md says so"
        return
    assert answer.status == 200
    has = coding in asset.encodings
    assert answer.body == (sibling(name, coding) if has else TREE[name])
    assert answer.get("content-encoding") == (coding if has else None)
    cache = FOREVER if asset.immutable else REVALIDATE
    expected = dict(Policy(RULES).fields(name, asset.type, cache))
    for field_name in (*expected, *dict(COMMON), "X-Own", "X-Letter", "X-Never"):
        want = expected.get(field_name)
        assert answer.lines(field_name) == ([want] if want else []), field_name
    assert answer.lines("vary") in ([], ["Accept" if name in OTHERS else "Accept-Encoding"])
    assert answer.lines("vary") or not asset.encodings
    assert answer.get("x-server") is None


def test_files_of_other_releases_are_served_right(running: Running) -> None:
    """Pages from before a deploy find their files, by patterns alone."""
    for name, body in BEFORE.items():
        answer = running.get(output_name(name, body))
        assert (answer.status, answer.body) == (200, body)
        expected = dict(Policy(RULES).fields(name, content_type(name, utf8=True), FOREVER))
        for field in (*expected, *dict(COMMON), "X-Own", "X-Letter", "X-Never"):
            assert answer.get(field) == expected.get(field), (name, field)
        assert answer.get("vary") == (None if name.endswith("avif") else "Accept-Encoding")
    answer = running.get(output_name(OWN, BEFORE[OWN]), Accept_Encoding="br")
    assert (answer.get("content-encoding"), answer.body) == ("br", sibling(OWN, "br"))


@pytest.mark.parametrize(
    "path",
    [
        "nothing.css",
        "css/app.000000000000.css",
        "",
        "css",
        "css/",
        "css/app.css",
        "manifest.json",
        "MANIFEST.JSON",
        ".lock",
        ".releases/x.json",
        ".releases/",
        ".assetpipe/state.json",
        "%2Eassetpipe/state.json",
        "css/.secret",
        "css/..%2f.lock",
        ".well-known/../.lock",
        ".well-known/.secret",
        "robots.txt/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_missing_or_hidden_is_a_404_that_nobody_keeps(
    running: Running, path: str, method: str
) -> None:
    """No page of the server's own, no time to live, and nothing of what lies in the folder."""
    answer = running.get(path, method, Accept_Encoding="br, gzip")
    assert answer.status == 404
    assert answer.lines("cache-control") == ["no-store"]
    assert answer.body in (b"", b"Not Found\n")
    assert answer.get("etag") is None
    assert answer.get("access-control-allow-origin") == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(running: Running, method: str) -> None:
    """Only GET and HEAD are answered; nobody keeps the refusal."""
    answer = running.get(running.url(OWN), method, Content_Length="0")
    assert answer.status == 405
    assert answer.get("allow") == "GET, HEAD"
    assert answer.lines("cache-control") == ["no-store"]


MISREAD = {
    ("caddy", accept)
    for accept in ("br;q=2", "br;q=-1", "br;q=abc", "br;q=0.0001", "br;level=5", "br;q")
}
"""What a server takes for more than it says; docs/edge.md tells. All of it is malformed."""

ACCEPT = [
    "", "br", "gzip", "gzip, br", "br, gzip", "gzip,deflate,br,zstd", "BR", "GZip", "identity",
    "br;q=0", "br;q=0, gzip", "gzip;q=0, br", "br;q=0.0,gzip;q=0.000", "br ; q=0", "br;q=0.001",
    "br; q=1.0", "br;q=1, gzip;q=0.5", "gzip;q=1, br;q=0.5", "identity, br;q=0.5", "*", "*;q=0",
    "*;q=0.5, br;q=0", "br;q=0, *", "gzip, *;q=0", "identity;q=0", "identity;q=0, br", "x-gzip",
    "br;q=2", "br;q=-1", "br;q=abc", "br;q=0.0001", "br;level=5", "br;q", "abrc", "xbr, gzipped",
    ",, br ,", "\tgzip\t,\tbr;q=0\t", "zstd", "sbr", "br-x", "deflate", "br;Q=0", "gzip;Q=0.0",
    "__proto__, br", "*;q=1, identity;q=0.1", "gzip;q=0.4, br;q=0.4, identity;q=0.4",
]  # fmt: skip
"""Values of ``Accept-Encoding``; what they mean, RFC 9110, 12.5.3 and ``Choice`` say."""


def acceptable(field_value: str) -> set[str]:
    """Return the codings that a client takes: those that are chosen where there is no other."""
    one_of = ("br", "gzip", "zstd")
    chosen = {Choice((c, "identity"))[_without_identity(field_value)] for c in one_of}
    return chosen | {"identity"}


def _without_identity(field_value: str) -> str:
    return ",".join(e for e in field_value.split(",") if not e.strip().startswith("identity"))


@pytest.mark.parametrize("accept", ACCEPT)
@pytest.mark.parametrize("name", [OWN, "robots.txt"])
def test_no_client_gets_what_it_refuses(running: Running, accept: str, name: str) -> None:
    """What is sent is acceptable, and is what it says it is."""
    answer = running.get(running.url(name), Accept_Encoding=accept)
    coding = answer.get("content-encoding") or "identity"
    assert answer.status == 200
    if (running.edge.name, accept) not in MISREAD:
        assert coding in acceptable(accept)
    assert answer.body == (TREE[name] if coding == "identity" else sibling(name, coding))
    assert answer.lines("vary") == ["Accept-Encoding"]


TYPES = [
    (CHROME, "avif"),
    (SAFARI, "avif"),
    ("image/webp,*/*", "webp"),
    ("text/html, IMAGE/WEBP ; q=0.001", "webp"),
    ("image/avif;q=0,image/webp;q=1.0", "webp"),
    ("image/avif;q=0.000,image/webp;q=0", "jpeg"),
    ("image/avif;q=2, image/webp;q=0.0001, image/webp;q", "jpeg"),
    ("image/avif-sequence,ximage/webp", "jpeg"),
    ("image/avif;profile=1", "jpeg"),
    ("*/*", "jpeg"),
    ("image/*", "jpeg"),
    ("", "jpeg"),
]
"""Values of ``Accept``, and what they are answered with; weights count only at CloudFront."""


@pytest.mark.parametrize(("accept", "kind"), TYPES)
def test_images_are_sent_in_the_type_that_a_client_names(
    running: Running, accept: str, kind: str
) -> None:
    """With the fields of the image itself, but for the type."""
    asset = running.release.assets[PHOTO]
    for method in ("GET", "HEAD"):
        answer = running.get(running.url(PHOTO), method, Accept=accept, Accept_Encoding="br, gzip")
        body = PHOTO.encode() if kind == "jpeg" else f"{PHOTO}.40.{kind}".encode()
        assert (answer.status, answer.body) == (200, body if method == "GET" else b"")
        assert answer.lines("content-type") == [f"image/{kind}"]
        assert answer.lines("vary") == ["Accept"]
        assert answer.get("content-encoding") is None
        expected = dict(Policy(RULES).fields(PHOTO, f"image/{kind}", FOREVER))
        for field_name, want in expected.items():
            assert answer.lines(field_name) == [want], field_name
    usual = running.get(url_path(asset.file), Accept="*/*")
    tag = usual.get("etag")
    again = running.get(url_path(asset.file), Accept=accept, If_None_Match=tag or "")
    assert (again.status == 304) == (kind == "jpeg")
    assert again.lines("vary") == ["Accept"]


def test_a_variant_that_is_gone_is_not_sent(running: Running) -> None:
    """A release that nobody needs any more may have been pruned since the export."""
    answer = running.get(running.url(PRUNED), Accept=CHROME)
    assert (answer.status, answer.get("content-type")) == (200, "image/webp")
    assert answer.body == OTHERS[PRUNED][1].encode()


@pytest.mark.parametrize("name", [OWN, "robots.txt", ODD[0]])
@pytest.mark.parametrize("coding", ["identity", "br", "gzip"])
def test_conditions_and_ranges(running: Running, name: str, coding: str) -> None:
    """A tag vouches for one encoding; parts are parts of what is sent."""
    body = TREE[name] if coding == "identity" else sibling(name, coding)
    url = running.url(name)
    whole = running.get(url, Accept_Encoding=coding)
    tag = whole.get("etag")
    assert tag is not None
    assert whole.get("last-modified") is None
    kept = running.get(url, Accept_Encoding=coding, If_None_Match=tag)
    assert (kept.status, kept.body) == (304, b"")
    assert kept.lines("cache-control") == whole.lines("cache-control")
    assert kept.lines("vary") == ["Accept-Encoding"]
    other = running.get(url, Accept_Encoding=coding, If_None_Match='"other"')
    assert (other.status, other.body) == (200, body)
    head = running.get(url, "HEAD", Accept_Encoding=coding)
    assert (head.status, head.body, head.get("etag")) == (200, b"", tag)
    assert head.get("content-encoding") == whole.get("content-encoding")
    part = running.get(url, Accept_Encoding=coding, Range="bytes=2-4", If_Range=tag)
    if part.status == 206:
        assert part.body == body[2:5]
        assert part.get("content-range") == f"bytes 2-4/{len(body)}"
        assert part.get("content-encoding") == whole.get("content-encoding")
    else:
        # nginx sends the whole of what gzip_static found.
        assert (running.edge.name, coding) == ("nginx", "gzip")
        assert (part.status, part.body) == (200, body)
    for other_coding in {"identity", "br", "gzip"} - {coding}:
        spliced = running.get(url, Accept_Encoding=other_coding, Range="bytes=2-4", If_Range=tag)
        assert spliced.status == 200


def test_the_configuration_has_no_warnings(tmp_path: Path) -> None:
    """nginx finds nothing to say about any part of it, whatever the names and values."""
    program = shutil.which("nginx")
    if program is None:
        unavailable("needs nginx")
    out, _ = write_site(tmp_path)
    text = export("nginx", "-o", out).replace("listen 80", f"listen 127.0.0.1:{free_port()}")
    second = export("nginx", "-o", out, "--name", "second", "--prefix", "/", "--part", "http")
    file = tmp_path / "config"
    file.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {text}\n{second} }}", "utf-8"
    )
    done = subprocess.run(
        [program, "-t", "-e", "stderr", "-p", tmp_path, "-c", file], capture_output=True, text=True
    )
    said = [line for line in done.stderr.splitlines() if '"user" directive' not in line]
    assert done.returncode == 0, done.stderr
    assert not [line for line in said if "[" in line], done.stderr


def test_no_question_makes_a_server_tell_a_secret(
    running: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is asked, only files below the prefix come, and no answer is a failure."""
    for case in CASES:
        lines = [
            (name, value)
            for name, values in case.request.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        try:
            answer = running.connection.ask(case.method, case.target, lines, case.content)
        except ProtocolError:
            running.connection.close()
            continue
        assert SECRET not in answer.body, case.name
        assert answer.status < 500, case.name
        if case.target.startswith("/static/") and answer.status in (404, 405, 412):
            assert answer.lines("cache-control") in (["no-store"], []), case.name


def event(
    uri: str, accept: str | list[str] | None, method: str = "GET", types: str | None = None
) -> dict[str, Any]:
    """Return what CloudFront hands to a function (its event structure, version 1.0)."""
    headers: dict[str, Any] = {"host": {"value": "static.example.com"}}
    if types is not None:
        headers["accept"] = {"value": types}
    if isinstance(accept, list):
        headers["accept-encoding"] = {
            "value": accept[0],
            "multiValue": [{"value": value} for value in accept],
        }
    elif accept is not None:
        headers["accept-encoding"] = {"value": accept}
    request = {"method": method, "uri": uri, "querystring": {}, "headers": headers, "cookies": {}}
    return {"version": "1.0", "context": {"eventType": "viewer-request"}, "request": request}


def rewritten(release: Manifest, events: list[dict[str, Any]], *, stored: bool) -> list[str]:
    """Run the function in Node, and return the URIs that it asks the bucket for."""
    require_node()
    source = cloudfront(release, prefix="/static/", stored=stored, about="test")
    assert len(source.encode()) < FUNCTION_LIMIT
    entries = json.loads(key_value_store(release))["data"] if stored else []
    given = {
        "source": source,
        "version": 2017 if stored else 5,
        "store": {entry["key"]: entry["value"] for entry in entries},
        "events": events,
    }
    answers = json.loads(run_node("cloudfront.mjs", text=json.dumps(given)))
    for before, after in zip(events, answers, strict=True):
        assert after == before["request"] | {"uri": after["uri"]}, "only the URI changes"
    return [answer["uri"] for answer in answers]


SUFFIX = {"identity": "", "br": ".br", "gzip": ".gz", "zstd": ".zst"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_site(tmp_path_factory.mktemp("release"))[1]


@pytest.mark.parametrize("stored", [False, True], ids=["in the function", "in a store"])
def test_cloudfront_chooses_as_our_own_server_does(release: Manifest, stored: bool) -> None:
    """For every value of Accept-Encoding, and every file that has siblings."""
    wanted, events = [], []
    for name in (OWN, FIXED, ODD[0], ODD[5]):
        asset = release.assets[name]
        sizes = {"identity": asset.size, **asset.encodings}
        choice = Choice(tuple(sorted(sizes, key=lambda coding: (sizes[coding], coding))))
        uri = f"/static/{url_path(asset.file)}"
        for accept in (*ACCEPT, None):
            events.append(event(uri, accept))
            # Siblings of this tree may be larger than their file; then it is a matter of taste.
            wanted.append(uri + SUFFIX[choice[accept]])
        events += [event(uri, ["gzip;q=0.5", "br"]), event(uri, "br", "HEAD")]
        wanted += [uri + ".br"] * 2
    assert rewritten(release, events, stored=stored) == wanted


@pytest.mark.parametrize("stored", [False, True], ids=["in the function", "in a store"])
def test_cloudfront_chooses_types_as_our_own_server_does(release: Manifest, stored: bool) -> None:
    """For every value of Accept, weights included."""
    uri = f"/static/{url_path(release.assets[PHOTO].file)}"
    choice = TypeChoice("image/jpeg", ("image/avif", "image/webp"))
    fields = [accept for accept, _ in (*TYPES, *ACCEPTED.values())]
    paths = {
        asset.type: f"/static/{url_path(asset.file)}"
        for name, asset in release.assets.items()
        if name in OTHERS[PHOTO]
    }
    events = [event(uri, "br, gzip", types=accept) for accept in fields]
    wanted = [paths.get(choice[accept], uri) for accept in fields]
    assert set(wanted) == {uri, *paths.values()}
    assert rewritten(release, events, stored=stored) == wanted
    assert rewritten(release, [event(uri, None, "POST", CHROME)], stored=stored) == [uri]


@pytest.mark.parametrize("stored", [False, True], ids=["in the function", "in a store"])
def test_cloudfront_never_asks_for_what_may_be_missing(release: Manifest, stored: bool) -> None:
    """Files without siblings, of other releases, of fixed names, and other paths stay."""
    known = release.assets[OWN].file
    fingerprint = known.split(".")[1]
    paths = [
        *(f"static/{url_path(a.file)}" for a in release.assets.values() if not a.encodings),
        "static/robots.txt",
        f"static/{output_name(OWN, BEFORE[OWN])}",
        f"static/css/app.{fingerprint}.js",
        f"static/css/app.{fingerprint}",
        f"static/css/app.{fingerprint[1:]}0.css",
        f"static/css/app.{fingerprint.upper()}.css",
        f"static/{known}.br",
        f"static/{known}/",
        f"other/{known}",
        known,
        f"STATIC/{known}",
        "static/%E0%A4%A.css",
        "static/%",
        "static/__proto__",
        "static/constructor",
        "static/",
        "",
    ]
    events = [event(f"/{path}", "gzip, br") for path in paths]
    events.append(event(f"/static/{known}", "br", "POST"))
    assert rewritten(release, events, stored=stored) == [e["request"]["uri"] for e in events]


def many(count: int, folder: str = "css") -> Manifest:
    """Return a release of so many style sheets with siblings."""
    assets = {}
    for number in range(count):
        name = f"{folder}/{number}.css"
        file = output_name(name, name.encode())
        sizes = {"br": 10, "gzip": 20}
        assets[name] = Asset(file, "text/css; charset=utf-8", 100, "sha384-", True, sizes)
    return describe(assets)[0]


def test_packed_fingerprints_are_whole() -> None:
    """Every one of many files is found in the function, and no other."""
    release = many(900)
    files = [asset.file for asset in release.assets.values()]
    others = [asset.file for asset in list(many(1800).assets.values())[900:]]
    uris = [f"/static/{file}" for file in (*files, *others)]
    asked = rewritten(release, [event(uri, "br") for uri in uris], stored=False)
    assert asked == [f"{uri}.br" for uri in uris[:900]] + uris[900:]


def test_a_release_that_does_not_fit_is_refused() -> None:
    """Twenty thousand files do not fit into a function, but into a store."""
    release = many(20_000)
    with pytest.raises(InputError, match="CloudFront takes 10,240") as caught:
        cloudfront(release, prefix="/static/", about="test")
    assert "--key-value-store" in str(caught.value.hint)
    entries = json.loads(key_value_store(release))["data"]
    assert len(entries) == 20_000
    assert entries[0]["value"] == "br,gzip"
    (uri,) = rewritten(release, [event(f"/static/{entries[0]['key']}", "br")], stored=True)
    assert uri.endswith(".css.br")
    with pytest.raises(InputError, match="CloudFront takes 5,000,000"):
        key_value_store(many(12_000, folder="f" * 450))


def test_a_fingerprint_with_two_meanings_has_no_sibling() -> None:
    """The function asks for no sibling where two files of one fingerprint differ in theirs."""
    first = Asset("a.0123456789ab.css", "text/css", 9, "", True, {"br": 1})
    second = Asset("b.0123456789ab.css", "text/css", 9, "", True)
    release = describe({"a.css": first, "b.css": second})[0]
    uri = f"/static/{first.file}"
    assert rewritten(release, [event(uri, "br")], stored=False) == [uri]


def test_a_fingerprint_is_not_found_across_two_others() -> None:
    """The end of one and the beginning of the next are no fingerprint."""
    one, two = "0123456789ab", "ba9876543210"
    assets = {
        f"{hashed}.css": Asset(f"a.{hashed}.css", "text/css", 9, "", True, {"br": 1})
        for hashed in (one, two)
    }
    uris = [f"/static/a.{hashed}.css" for hashed in (one, two, one[6:] + two[:6])]
    asked = rewritten(describe(assets)[0], [event(uri, "br") for uri in uris], stored=False)
    assert asked == [f"{uris[0]}.br", f"{uris[1]}.br", uris[2]]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("nginx",), id="nginx"),
        pytest.param(("nginx", "--brotli-module"), id="nginx with the module"),
        pytest.param(("caddy",), id="Caddy"),
        pytest.param(("cloudfront",), id="CloudFront"),
        pytest.param(("cloudfront", "--key-value-store"), id="CloudFront with a store"),
    ],
)
def test_exports_are_the_same_each_time_and_say_what_they_are(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """The first line names the command and the release; --json holds the same text."""
    out, release = write_site(tmp_path)
    text = export(*arguments, "-o", out)
    assert text == export(*arguments, "-o", out)
    first = text.splitlines()[0].lstrip("#/ ")
    assert first == f"Made by `assetpipe export {arguments[0]}` for release {release.release}."
    printed = json.loads(export(*arguments, "-o", out, "--json"))
    assert printed == {"release": release.release, "configuration": text}


def test_the_brotli_module_takes_the_place_of_the_map(tmp_path: Path) -> None:
    """With the module nginx chooses Brotli itself."""
    out, _ = write_site(tmp_path)
    text = export("nginx", "-o", out, "--brotli-module")
    assert "brotli_static on;" in text
    assert ".br" not in re.sub(r"^ *\"~.*$", "", text, flags=re.MULTILINE)
    assert "brotli_static" not in export("nginx", "-o", out)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("nginx", "--name", "a-b"), id="a name that is no variable"),
        pytest.param(("caddy", "--name", "A"), id="a name that is no snippet"),
        pytest.param(("nginx", "--prefix", "/a b/"), id="a prefix with a space"),
        pytest.param(("caddy", "--prefix", "/{path}/"), id="a prefix with a placeholder"),
        pytest.param(("nginx", "--root", "/a\nb"), id="a root with a line break"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What could break out of the configuration is a usage error."""
    out, _ = write_site(tmp_path)
    with pytest.raises(ConfigError):
        export(*arguments, "-o", out)


def test_many_exceptions_are_told_in_short_words() -> None:
    """nginx takes words of up to 4,096 bytes; every name is in one of them, and nothing else."""
    names = [f"vendor/{number} é $.js" for number in range(500)]
    assets = {
        name: Asset(name, "text/javascript; charset=utf-8", 1, "sha384-", True) for name in names
    }
    (cache,) = (c for c in columns(describe(assets)[0]).fields if c.field == "Cache-Control")
    patterns = [pattern for pattern, _ in cache.exceptions]
    assert all(len(pattern.replace("\\", "\\\\").encode()) < 4000 for pattern in patterns)
    for name in names:
        assert sum(bool(re.search(pattern, name)) for pattern in patterns) == 1
        assert not any(re.search(pattern, f"{name}x") for pattern in patterns)

"""Serving a release: what no request over HTTP can show."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetpipe import manifest
from assetpipe.errors import ConfigError, UnknownAssetError
from assetpipe.serve.answers import Body, Response
from assetpipe.serve.assets import Assets
from assetpipe.serve.fields import Choice, byte_range, http_date, parse_date
from assetpipe.serve.handover import Handover
from assetpipe.serve.project import output_folder, project_folder
from assetpipe.serve.resolver import ManifestResolver, Resolver, SourceResolver
from assetpipe.serve.static import StaticFiles
from tests.release import SITE, describe, output_name, sibling, write_release
from tests.site import Site

NAME = "css/app.css"
FILE = output_name(NAME, SITE[NAME])
BODY = SITE[NAME]
SIZE = len(BODY)
BR, GZIP = sibling(NAME, "br"), sibling(NAME, "gzip")
LOG_NAME = "admin/log.css"  # has no siblings
LOG_FILE = output_name(LOG_NAME, SITE[LOG_NAME])
EMPTY_FILE = output_name("css/empty.css", b"")
LARGE = b"large" * 20_000  # is not kept in memory

FOREVER = "public, max-age=31536000, immutable"


def respond(
    files: StaticFiles, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[Response, bytes]:
    """Ask without a server, and read the body."""
    fields = {f"HTTP_{name.upper().replace('-', '_')}": v for name, v in (headers or {}).items()}
    response = files.respond(method, path, fields)
    if not isinstance(response.body, Body):
        return response, response.body or b""
    body = b"".join(response.body)
    response.body.close()
    return response, body


@pytest.mark.parametrize(
    "path", ["", "/", "//robots.txt", "/robots.txt", "..", "robots.txt\0", "\ud800", "a" * 100_000]
)
def test_a_path_is_only_ever_looked_up(tmp_path: Path, path: str) -> None:
    """What no server would let through is not found either."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    assert respond(files, path)[0].status == 404


@pytest.mark.parametrize(
    "file",
    [
        "../secret.css",
        "css/../../secret.css",
        "..\\secret.css",
        "/etc/passwd",
        "C:secret.css",
        "manifest.json",
        ".releases/x.json",
        ".lock",
        "a\0b",
        "",
    ],
)
def test_a_manifest_opens_no_door_to_the_outside(tmp_path: Path, file: str) -> None:
    """A file that is not one of the release's own is not served, whatever the manifest says."""
    out = tmp_path / "out"
    (tmp_path / "secret.css").write_text("secret")
    asset = manifest.Asset(file, "text/css", 6, "sha384-AAAA", immutable=True)
    release, _ = describe({"app.css": asset})
    write_release(out)
    for name in (".lock", ".releases/x.json", "manifest.json"):
        (out / name).write_text("secret")
    files = StaticFiles(out, release)
    assert respond(files, file)[0].status == 404
    assert respond(files, "app.css")[0].status == 404


def test_methods_without_a_framework(tmp_path: Path) -> None:
    """Only those that read are allowed (RFC 9110, 15.5.6)."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    response, _ = respond(files, FILE, method="DELETE")
    assert (response.status, dict(response.headers)["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("field", "is_preflight"), [("origin", False), ("access-control-request-method", True)]
)
def test_options_grant_what_a_preflight_asks_for(
    tmp_path: Path, field: str, is_preflight: bool
) -> None:
    """And say no more than is asked (Fetch, 3.2.2)."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    response, _ = respond(files, FILE, {field: "GET"}, "OPTIONS")
    granted = {
        "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
        "Access-Control-Allow-Headers": "*",
        "Access-Control-Max-Age": "86400",
    }
    assert granted.items() & set(response.headers) == (granted.items() if is_preflight else set())


def test_head_closes_the_file(tmp_path: Path) -> None:
    """It is opened to see that it is there."""
    files = StaticFiles(tmp_path, write_release(tmp_path, {"a.bin": LARGE}, compressed=()))
    with warnings.catch_warnings(record=True) as leaks:
        warnings.simplefilter("always", ResourceWarning)
        response, _ = respond(files, "a.bin", method="HEAD")
    assert ("Content-Length", str(len(LARGE))) in response.headers
    assert not leaks


def test_a_304_has_what_rules_say_of_its_life(tmp_path: Path) -> None:
    """Only that: the client has all other fields already (RFC 9110, 15.4.5)."""
    fields = {"Expires": "0", "Content-Location": "/there", "X-Own": "a"}
    release = replace(write_release(tmp_path), headers=(("**", tuple(fields.items())),))
    response, _ = respond(StaticFiles(tmp_path, release), FILE, {"if-none-match": "*"})
    assert fields.keys() & dict(response.headers).keys() == {"Expires", "Content-Location"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_304_is_bare_without_a_framework(tmp_path: Path, method: str) -> None:
    """It has no body and describes none, so that no server needs to cut it off (15.4.5)."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    headers = {"if-none-match": "*", "accept-encoding": "br"}
    response, _ = respond(files, FILE, headers, method)
    assert (response.status, response.body) == (304, None)
    assert not [name for name, _ in response.headers if name.startswith("Content-")]


def test_a_missing_sibling_is_answered_with_the_file_itself(tmp_path: Path) -> None:
    """The answer says what it is: no Content-Encoding, and the entity tag of the file."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    (tmp_path / f"{FILE}.br").unlink()
    response, body = respond(files, FILE, {"accept-encoding": "br"})
    plain, _ = respond(files, FILE)
    assert body == BODY
    assert response.headers == plain.headers


def test_a_missing_file_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is not found, may be found later, and the log names it and what to do."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    (tmp_path / FILE).unlink()
    for _ in range(3):
        response, _ = respond(files, FILE)
        assert response.status == 404
        assert ("Cache-Control", "no-store") in response.headers
    assert len(caplog.records) == 1
    assert FILE in caplog.text
    assert "run `assetpipe build` again" in caplog.text


@pytest.mark.parametrize(
    ("newer", "body"),
    [(True, LARGE.swapcase()), (False, LARGE.swapcase()), (False, LARGE + b"x")],
    ids=["a newer one", "another one of the same time", "another size"],
)
def test_a_large_plain_file_that_was_replaced_has_no_entity_tag(
    tmp_path: Path, newer: bool, body: bytes
) -> None:
    """Its bytes are too many to be compared, so its status tells."""
    files = StaticFiles(tmp_path, write_release(tmp_path, {"a.bin": LARGE}, plain=["a.bin"]))
    path = tmp_path / "a.bin"
    first, _ = respond(files, "a.bin")
    assert {"ETag", "Last-Modified"} <= dict(first.headers).keys()
    at = path.stat().st_mtime_ns
    (tmp_path / "new").write_bytes(body)
    os.utime(tmp_path / "new", ns=(at, at + newer * 1_000_000_000))
    (tmp_path / "new").replace(path)
    response, sent = respond(files, "a.bin", {"range": "bytes=0-1"})
    assert (response.status, sent) == (200, body)
    assert ("Content-Length", str(len(body))) in response.headers
    assert not {"ETag", "Last-Modified"} & dict(response.headers).keys()


def test_large_bodies_are_not_kept(tmp_path: Path) -> None:
    """They are read as they are sent."""
    files = StaticFiles(tmp_path, write_release(tmp_path, {"a.bin": LARGE}))
    for _ in range(2):
        response, body = respond(files, "a.bin")
        assert isinstance(response.body, Body)
        assert body == LARGE


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "path",
    ["robots.txt", FILE, output_name("a.bin", LARGE)],
    ids=["plain", "damaged", "a large one, damaged"],
)
def test_a_file_of_another_size_has_its_real_length_and_no_entity_tag(
    tmp_path: Path, path: str, method: str
) -> None:
    """For an instant of a build a plain file is newer than the manifest; nobody may keep it."""
    site = {NAME: BODY, "a.bin": LARGE, "robots.txt": SITE["robots.txt"]}
    files = StaticFiles(tmp_path, write_release(tmp_path, site, compressed=site))
    (tmp_path / path).write_bytes(b"newer")
    response, body = respond(files, path, {"range": "bytes=0-1"}, method)
    headers = dict(response.headers)
    assert (response.status, body) == (200, b"newer" if method == "GET" else b"")
    assert headers["Content-Length"] == "5"
    policy = [value for name, value in response.headers if name == "Cache-Control"]
    assert policy == ["no-cache"]
    assert headers["Vary"] == "Accept-Encoding"
    assert "ETag" not in headers


def test_an_output_file_wins_over_the_logical_name_of_another_asset(tmp_path: Path) -> None:
    """A source may be called what another asset's output file is called."""
    files = StaticFiles(tmp_path, write_release(tmp_path, {NAME: BODY, FILE: b"confusing"}))
    response, body = respond(files, FILE)
    assert body == BODY
    assert ("Cache-Control", FOREVER) in response.headers


def test_a_coding_that_is_not_known_is_passed_over(tmp_path: Path) -> None:
    """A newer build may know more of them than the server."""
    asset = manifest.Asset("a.css", "text/css", 3, "sha384-AAAA", True, {"new": 1, "br": 2})
    (tmp_path / "a.css").write_bytes(b"a{}")
    (tmp_path / "a.css.br").write_bytes(b"br")
    files = StaticFiles(tmp_path, describe({"a.css": asset})[0])
    for accept, expected in (("new, br", b"br"), ("new", b"a{}")):
        response, body = respond(files, "a.css", {"accept-encoding": accept})
        assert (response.status, body) == (200, expected)


def test_another_compression_has_another_entity_tag(tmp_path: Path) -> None:
    """A newer encoder makes other bytes of the same file; ranges must not mix them."""
    tags = []
    for size in (100, 101):
        asset = manifest.Asset("a.css", "text/css", 500, "sha384-AAAA", True, {"br": size})
        (tmp_path / "a.css.br").write_bytes(b"x" * size)
        files = StaticFiles(tmp_path, describe({"a.css": asset})[0])
        response, _ = respond(files, "a.css", {"accept-encoding": "br"})
        tags.append(dict(response.headers)["ETag"])
    assert len(set(tags)) == 2


def test_pages_from_before_a_deploy_get_their_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what an earlier release called immutable is served on; a broken manifest is named."""
    write_release(tmp_path, {NAME: BODY, "old.css": b"old{}", "old.txt": b""}, plain=["old.txt"])
    (tmp_path / manifest.HISTORY / "broken.json").write_text("{")
    files = StaticFiles(tmp_path, write_release(tmp_path, {NAME: b"new{}"}, compressed=()))
    response, body = respond(files, FILE, {"accept-encoding": "br"})
    assert body == BR
    assert ("Cache-Control", FOREVER) in response.headers
    assert respond(files, NAME)[1] == b"new{}"
    assert respond(files, "old.css")[0].status == 404
    assert respond(files, "old.txt")[0].status == 404
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "broken.json" in caplog.text


HEADERS = {
    "**": {"Timing-Allow-Origin": "", "Cross-Origin-Resource-Policy": "same-site"},
    "css/": {"cache-control": "public, max-age=60", "X-Robots-Tag": "noindex"},
    "*.css": {"x-robots-tag": "none"},
    "robots.txt": {"Content-Type": "text/plain"},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "css/<css/app.css>",
            {
                "Access-Control-Allow-Origin": "*",
                "Cross-Origin-Resource-Policy": "same-site",
                "Timing-Allow-Origin": None,
                "Cache-Control": "public, max-age=60",
                "X-Robots-Tag": "none",
            },
            id="the last of several",
        ),
        pytest.param(
            "css/app.css", {"Cache-Control": "no-cache"}, id="what changes is never kept for long"
        ),
        pytest.param(
            "robots.txt", {"Content-Type": "text/plain", "X-Robots-Tag": None}, id="a type"
        ),
    ],
)
def test_header_fields_are_configured_by_globs(
    tmp_path: Path, path: str, expected: Mapping[str, str | None]
) -> None:
    """The build writes them into the manifest, so that servers and stores agree."""
    sources = {name: SITE[name] for name in ("css/app.css", "robots.txt")}
    site = Site(tmp_path, sources, headers=HEADERS, plain=("robots.txt",))
    site.build()
    release = manifest.load(site.out / manifest.FILE_NAME)
    response, _ = respond(StaticFiles(site.out, release), site.fill(path))
    headers = dict(response.headers)
    assert {name: headers.get(name) for name in expected} == expected
    assert len({name.lower() for name in headers}) == len(headers)
    assert site.build(headers={}).id != release.release


def test_rules_hold_for_files_of_other_releases(tmp_path: Path) -> None:
    """By their logical names, which their own manifests know."""
    write_release(tmp_path)
    release = write_release(tmp_path, {"other.css": b"a{}"}, compressed=())
    rules = ((NAME, (("X-Own", "a"),)), (FILE, (("X-Own", "b"),)))
    response, body = respond(StaticFiles(tmp_path, replace(release, headers=rules)), FILE)
    assert body == BODY
    assert dict(response.headers)["X-Own"] == "a"


def test_pages_from_after_a_deploy_get_their_files(tmp_path: Path) -> None:
    """Also from a process that was not started again yet, of several behind one address."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    assert respond(files, "css/none.css")[0].status == 404
    newer = write_release(tmp_path, {NAME: b"newer{}"}, compressed=()).assets[NAME].file
    response, body = respond(files, newer)
    assert body == b"newer{}"
    assert ("Cache-Control", FOREVER) in response.headers
    assert respond(files, NAME)[1] == BODY


def test_small_bodies_are_kept_up_to_a_limit(tmp_path: Path) -> None:
    """The first ones make room for later ones; what is not kept is read again."""
    site = {f"{number}.txt": b"x" * 40 + b"%d" % number for number in range(5)}
    release = write_release(tmp_path, site, compressed=())
    files = StaticFiles(tmp_path, release, memory=100)
    for name, body in site.items():
        for headers in ({}, {"if-none-match": '"other"'}, {"if-match": "*"}):
            assert respond(files, name, headers)[1] == body
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    kept = [name for name, body in site.items() if respond(files, name)[1] == body]
    assert kept == ["3.txt", "4.txt"]


def test_a_plain_file_that_is_newer_than_the_manifest_has_no_entity_tag(tmp_path: Path) -> None:
    """Nor has its sibling, and not only if the sizes differ: the bytes are compared."""
    release = write_release(tmp_path, compressed=["robots.txt"])
    for accept in ("identity", "br"):
        before, _ = respond(
            StaticFiles(tmp_path, release), "robots.txt", {"accept-encoding": accept}
        )
        assert {"ETag", "Last-Modified"} <= dict(before.headers).keys()
    newer = SITE["robots.txt"].replace(b"*", b"+")
    (tmp_path / "robots.txt").write_bytes(newer)
    files = StaticFiles(tmp_path, release)
    for accept, expected in (("identity", newer), ("br", sibling("robots.txt", "br"))):
        response, body = respond(files, "robots.txt", {"accept-encoding": accept})
        assert body == expected
        assert not {"ETag", "Last-Modified"} & dict(response.headers).keys()


@pytest.mark.parametrize("name", ["small.css", "a.bin"])
def test_a_part_has_all_fields_of_the_whole(tmp_path: Path, name: str) -> None:
    """A cache may have nothing but parts (RFC 9110, 15.3.7)."""
    site = {"a.bin": LARGE, "small.css": BODY}
    files = StaticFiles(tmp_path, write_release(tmp_path, site, compressed=site))
    whole, part = (
        {each for each in respond(files, name, headers)[0].headers if each[0] != "Content-Length"}
        for headers in ({}, {"range": "bytes=1-2"})
    )
    assert "Last-Modified" in dict(whole)
    assert part - whole == {("Content-Range", f"bytes 1-2/{len(site[name])}")}
    assert whole <= part


def test_a_rollback_does_not_set_the_date_back(tmp_path: Path) -> None:
    """An earlier file under the same name is new to who has the later one."""
    release = write_release(tmp_path)
    for name, at in (("robots.txt", 1_600_000_000), (manifest.FILE_NAME, 1_700_000_000)):
        os.utime(tmp_path / name, (at, at))
    response, _ = respond(StaticFiles(tmp_path, release), "robots.txt")
    assert ("Last-Modified", formatdate(1_700_000_000, usegmt=True)) in response.headers


HANDED_OVER: list[Any] = [
    pytest.param("a.bin", {}, "GET", "/in/{a.bin}", id="a large file"),
    pytest.param(
        "a.bin", {"accept-encoding": "br"}, "GET", "/in/{a.bin}.br", id="an encoded large file"
    ),
    pytest.param("a.bin", {"range": "bytes=1-2"}, "GET", "/in/{a.bin}", id="a part of it"),
    pytest.param("a.bin", {"if-none-match": '"x"'}, "GET", "/in/{a.bin}", id="what has changed"),
    pytest.param("a.bin", {"range": "bytes=1-2", "if-range": "{tag}"}, "GET", None, id="If-Range"),
    pytest.param("a.bin", {"if-match": "{tag}"}, "GET", None, id="If-Match"),
    pytest.param(
        "a.bin",
        {"if-unmodified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        "GET",
        None,
        id="If-Unmodified-Since",
    ),
    pytest.param("a.bin", {}, "HEAD", None, id="HEAD"),
    pytest.param("a b.bin", {}, "GET", None, id="a name that has to be encoded"),
    pytest.param("plain.bin", {}, "GET", None, id="what changes under its name"),
    pytest.param("small.bin", {}, "GET", None, id="a small file"),
]


@pytest.mark.parametrize(("name", "headers", "method", "path"), HANDED_OVER)
def test_what_is_handed_over_to_the_server_in_front(
    tmp_path: Path, name: str, headers: dict[str, str], method: str, path: str | None
) -> None:
    """Not what it would answer differently: its validators are others than ours."""
    site = {"a.bin": LARGE, "a b.bin": LARGE, "plain.bin": LARGE, "small.bin": b"small"}
    release = write_release(tmp_path, site, plain=["plain.bin"], compressed=())
    asset = release.assets["a.bin"]
    encoded = b"x" * 70_000
    (tmp_path / f"{asset.file}.br").write_bytes(encoded)
    assets = {**release.assets, "a.bin": asset._replace(encodings={"br": len(encoded)})}
    files = StaticFiles(tmp_path, describe(assets)[0], handover=Handover("X-Accel-Redirect=/in/"))
    tag = f'"{asset.integrity[7:29].replace("+", "-").replace("/", "_")}"'
    response, _ = respond(
        files, name, {field: text.replace("{tag}", tag) for field, text in headers.items()}, method
    )
    fields = dict(response.headers)
    expected = path and path.replace("{a.bin}", asset.file)
    assert fields.get("X-Accel-Redirect") == expected
    assert response.status == (206 if "if-range" in headers else 200)
    if expected:
        assert (response.body, fields["Content-Length"]) == (None, "0")
        assert {"ETag", "Last-Modified", "Cache-Control"} <= fields.keys()
        assert fields.get("Content-Encoding") == ("br" if expected.endswith(".br") else None)


@pytest.mark.parametrize(
    "setting", ["", "X-Sendfile", "X-Sendfile=/srv", "Location=/static/", "x=/", "=/"]
)
def test_a_handover_of_another_sort_is_refused(setting: str) -> None:
    """Another field would show the path to everyone; the path leads file names."""
    with pytest.raises(ConfigError, match="sendfile is"):
        Handover(setting)


MOUNTS: list[Any] = [
    pytest.param("/static/", "", f"/static/{FILE}", BODY, id="below the prefix"),
    pytest.param("/static", "", f"/static/{FILE}", BODY, id="a prefix without its slash"),
    pytest.param("/", "", f"/{FILE}", BODY, id="everything is ours"),
    pytest.param("/static/", "/shop", f"/static/{FILE}", BODY, id="mounted with its app"),
    pytest.param("/static/", "/static", f"/{FILE}", None, id="mounted alone, at the prefix"),
    pytest.param("/static/", "/shop/static", f"/{FILE}", None, id="mounted alone, deeper"),
    pytest.param("/static/", "/shop", f"/{FILE}", b"", id="mounted elsewhere"),
    pytest.param("/static/", "", f"/{FILE}", b"", id="outside the prefix"),
    pytest.param("/static/", "", f"/statically/{FILE}", b"", id="beside the prefix"),
]


@pytest.mark.parametrize(("prefix", "script_name", "path", "body"), MOUNTS)
def test_mounted_without_a_framework(
    tmp_path: Path, prefix: str, script_name: str, path: str, body: bytes | None
) -> None:
    """A file is sent, or (``b""``) the app behind is asked; ``None``: a file, without one."""
    write_release(tmp_path)
    assets = Assets(tmp_path, prefix=prefix)
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": script_name, "PATH_INFO": path}
    lines: list[str] = []

    def start(line: str, *_: object) -> Callable[[bytes], object]:
        lines.append(line)
        return bytes

    def app(_environ: object, start: Any) -> list[bytes]:
        start("200 Inner", [])
        return [b"inner"]

    alone = b"".join(assets.wsgi()(environ, start))
    behind = b"".join(assets.wsgi(app)(environ, start))
    assert alone == (BODY if body is None else body)
    assert behind == (body or b"inner")
    assert lines == [
        "200 OK" if alone else "404 Not Found",
        "200 Inner" if behind == b"inner" else "200 OK",
    ]


def test_an_empty_path_may_be_left_out(tmp_path: Path) -> None:
    """As CGI does (PEP 3333, environ variables)."""
    app = Assets(tmp_path).wsgi(lambda _environ, _start: [b"inner"])
    assert list(app({"REQUEST_METHOD": "GET"}, lambda *_: bytes)) == [b"inner"]


def test_the_prefix_is_a_path() -> None:
    """A host belongs elsewhere, says the message."""
    for prefix in ("static/", "", "https://cdn.example.com/static/"):
        with pytest.raises(ConfigError, match="cdn_url"):
            Assets(prefix=prefix)


def test_urls_without_a_framework(tmp_path: Path) -> None:
    """They begin with the prefix, or else with the CDN's URL."""
    write_release(tmp_path)
    assert Assets(tmp_path, prefix="/files").url(NAME) == f"/files/{FILE}"
    assert Assets(tmp_path, cdn_url="https://cdn.example.com/x").url(NAME) == (
        f"https://cdn.example.com/x/{FILE}"
    )


@pytest.mark.parametrize("auto_reload", [False, True])
def test_a_new_release_is_looked_for_with_auto_reload(tmp_path: Path, auto_reload: bool) -> None:
    """Otherwise URLs and contents are those of the release that was there at first."""
    write_release(tmp_path)
    assets = Assets(tmp_path, auto_reload=auto_reload)
    assert (assets.url(NAME), assets.read(NAME)) == (f"/static/{FILE}", BODY)
    new = write_release(tmp_path, {NAME: b"new{}"}).assets[NAME].file
    expected = (f"/static/{new}", b"new{}") if auto_reload else (f"/static/{FILE}", BODY)
    assert (assets.url(NAME), assets.read(NAME)) == expected


def test_threads_share_one_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is read once, however many ask first."""
    write_release(tmp_path)
    reads = []

    def load(path: Path) -> manifest.Manifest:
        reads.append(path)
        time.sleep(0.05)  # long enough for all to ask
        return manifest.load(path)

    monkeypatch.setattr("assetpipe.serve.release.load", load)
    assets = Assets(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        urls = list(threads.map(assets.url, [NAME] * 8))
    assert urls == [f"/static/{FILE}"] * 8
    assert len(reads) == 1


@pytest.fixture(name="far_away")
def _far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have another local time than UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "FAR-9:30")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize(
    "seconds", [0, 951_782_400, 1_709_164_799, 1_714_910_410, 1_735_689_599, 4_102_444_800]
)
def test_dates_are_those_of_the_standard_library(seconds: int) -> None:
    """Told and read, wherever the server stands."""
    text = formatdate(seconds, usegmt=True)
    assert http_date(seconds) == text
    assert parse_date(text) == seconds == parsedate_to_datetime(text).timestamp()


@pytest.mark.parametrize(
    ("text", "is_date"),
    [
        ("Sat, 31 Dec 2016 23:59:59 GMT", True),
        ("Sat, 31 Dec 2016 23:59:60 GMT", True),
        ("Sat, 31 Dec 2016 23:59:61 GMT", False),
        ("Thu, 29 Feb 2024 00:00:00 GMT", True),
        ("Wed, 29 Feb 2023 00:00:00 GMT", False),
    ],
)
def test_dates_that_there_are(text: str, is_date: bool) -> None:
    """A minute may have a leap second, which is read as the one before it."""
    assert (parse_date(text) is not None) == is_date


def test_not_every_accept_encoding_is_remembered() -> None:
    """Who sends others each time fills no memory."""
    choice = Choice(("br", "identity"))
    for number in range(2000):
        assert choice[f"br;q=0.5, x{number}"] == "br"
    assert len(choice) <= 1024
    long = Choice(("br", "identity"))
    assert long["x" * 300 + ",br"] == "br"
    assert not [field for field in long if field and len(field) > 200]


@given(st.text(alphabet="brgzip*;q=01. ,identy", max_size=60))
def test_any_accept_encoding_is_answered_with_one_of_the_codings(accept: str) -> None:
    """No field is an error."""
    assert Choice(("br", "gzip", "identity"))[accept] in {"br", "gzip", "identity"}


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30), st.integers(0, 500))
def test_any_range_lies_within_the_file(field: str, size: int) -> None:
    """No field is an error, and none reaches outside."""
    for prefix in ("", "bytes="):
        part = byte_range(prefix + field, size)
        assert not part or 0 <= part.start < part.stop <= size


def test_both_resolvers_answer_the_same_questions(tmp_path: Path) -> None:
    """Production looks names up, development derives them."""
    release = write_release(tmp_path)
    picture = "img/a b'(é).png"
    file = release.assets[picture].file
    resolvers: list[tuple[Resolver, str]] = [
        (SourceResolver("/static"), picture),
        (ManifestResolver(release, "/static/"), file),
    ]
    for resolver, expected in resolvers:
        assert picture in resolver
        assert resolver.file(picture) == expected
        quoted = expected.replace(" ", "%20").replace("'", "%27").replace("é", "%C3%A9")
        quoted = quoted.replace("(", "%28").replace(")", "%29")
        assert resolver.url(picture) == f"/static/{quoted}"


def test_an_unknown_name_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    """Both questions of the manifest resolver fail alike."""
    resolver = ManifestResolver(write_release(tmp_path), "")
    assert "css/ap.css" not in resolver
    for question in (resolver.file, resolver.url):
        with pytest.raises(UnknownAssetError, match=r"did you mean 'css/app\.css'"):
            question("css/ap.css")
    with pytest.raises(UnknownAssetError, match="assetpipe build"):
        resolver.url("nothing/like/it")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "build/static"),
        ({"pyproject.toml": ""}, "build/static"),
        ({"pyproject.toml": "tool.assetpipe.out = 'dist'"}, "dist"),
        ({"assetpipe.toml": "out = 'here'", "pyproject.toml": "tool.assetpipe.out = 1"}, "here"),
    ],
    ids=["no file", "no table", "pyproject.toml", "assetpipe.toml wins"],
)
def test_the_configuration_says_where_the_release_lies(
    tmp_path: Path, files: Mapping[str, str], expected: str
) -> None:
    """As the build reads it."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert output_folder(tmp_path) == tmp_path / expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("out = ", "is not valid TOML"),
        ("tool = 1", "is not a table"),
        ("tool.assetpipe = 1", "is not a table"),
        ("tool.assetpipe.out = 1", "not a path"),
        ("# \udcff", "cannot be read"),
    ],
)
def test_a_broken_configuration_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    """Whatever is wrong with it."""
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=message) as caught:
        output_folder(tmp_path)
    assert caught.value.where == str(path)


def test_the_project_is_the_nearest_folder_with_a_configuration(tmp_path: Path) -> None:
    """Or the folder itself when there is none above."""
    package = tmp_path / "project" / "src" / "app"
    package.mkdir(parents=True)
    assert project_folder(package) == package
    (tmp_path / "project" / "pyproject.toml").touch()
    assert project_folder(package) == tmp_path / "project"

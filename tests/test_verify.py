"""Verifying a release over HTTP: a server that does wrong, one way at a time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest

from assetpipe.errors import ConfigError, OutsideError
from assetpipe.headers import COMMON
from assetpipe.manifest import Asset, Manifest, load
from assetpipe.publish import verify as module
from assetpipe.publish.verify import Finding, sample, verify
from assetpipe.serve.answers import Body
from assetpipe.serve.preview import listen, preview
from assetpipe.serve.static import StaticFiles
from tests.origin import Answering, Reply, serving
from tests.site import Site, command

SOURCES: Mapping[str, str | bytes] = {
    "css/app.css": ".app { color: red }\n" * 100,
    "fonts/text.woff2": b"wOF2" + bytes(range(256)),
    "img/a.png": b"\x89PNG" + bytes(range(256)),
    "js/app.js": "app('a');\n" * 100,
    "robots.txt": "User-agent: *\n" * 100,
}


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A release with real compressed files."""
    site = Site(tmp_path_factory.mktemp("verify"), SOURCES, plain=["robots.txt"])
    site.build()
    return site


def right(out: Path, release: Manifest | None = None) -> Answering:
    """Return a server that does everything right."""
    files = StaticFiles(out, release or load(out / "manifest.json"))

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        asked = {"HTTP_ACCEPT_ENCODING": fields["Accept-Encoding"]}
        response = files.respond("GET", path.removeprefix("/static/"), asked)
        body = response.body or b""
        if isinstance(body, Body):
            body = b"".join(body)
        return Reply(response.status, dict(response.headers), body)

    return answer


Deed = Callable[[Reply, Mapping[str, str]], Reply]
"""From the right answer, and the header fields of the request, to the wrong answer."""


def without(name: str) -> Deed:
    return lambda reply, _: replace(
        reply, fields={key: value for key, value in reply.fields.items() if key != name}
    )


def having(**fields: str) -> Deed:
    own = {name.replace("_", "-"): value for name, value in fields.items()}
    return lambda reply, _: replace(reply, fields={**reply.fields, **own})


def sending(body: bytes, status: int = 200, **fields: str) -> Deed:
    own = {name.replace("_", "-"): value for name, value in fields.items()}

    def deed(reply: Reply, _: Mapping[str, str]) -> Reply:
        own["Content-Length"] = str(len(body))
        return Reply(status, {**reply.fields, **own}, body)

    return deed


def encoded(deed: Deed) -> Deed:
    """Do wrong only where the right answer is compressed."""
    return lambda reply, asked: deed(reply, asked) if "Content-Encoding" in reply.fields else reply


def uncompressed(reply: Reply, _: Mapping[str, str]) -> Reply:
    coding = reply.fields.pop("Content-Encoding", "")
    if not coding:
        return reply
    body = module._decoded(reply.body, coding) or b""
    return replace(reply, fields={**reply.fields, "Content-Length": str(len(body))}, body=body)


def compressed(times: int, *, told: bool = True) -> Deed:
    """Compress with gzip, whatever was asked for."""

    def deed(reply: Reply, asked: Mapping[str, str]) -> Reply:
        body = uncompressed(reply, asked).body
        for _ in range(times):
            body = gzip.compress(body)
        fields = {**reply.fields, "Content-Length": str(len(body))}
        return Reply(reply.status, fields | ({"Content-Encoding": "gzip"} if told else {}), body)

    return deed


def torn(reply: Reply, _: Mapping[str, str]) -> Reply:
    return replace(reply, body=reply.body[:-1])


@dataclass(frozen=True)
class Case:
    """A misdeed: to which asset, and what of it is found (parts of sentences), how grave."""

    name: str
    asset: str
    deed: Deed
    what: str
    why: str
    severity: str = "wrong"


PAGE = b"<!DOCTYPE html>\n<html><body>the app</body></html>"
CASES = [
    Case("missing", "js/app.js", sending(b"", 404), "is not there (404)", "publish again"),
    Case("gone", "js/app.js", sending(b"", 410), "is not there (410)", "publish again"),
    Case(
        "forbidden",
        "js/app.js",
        sending(b"<Code>AccessDenied</Code>", 403),
        "is forbidden (403)",
        "object stores answer 403",
    ),
    Case(
        "redirected",
        "js/app.js",
        sending(b"", 301, Location="https://www.example.com/x"),
        "is redirected to https://www.example.com/x",
        "every visitor waits",
    ),
    Case(
        "broken server",
        "js/app.js",
        sending(b"", 500),
        "is answered with status 500",
        "a browser gets no file",
    ),
    Case(
        "busy server",
        "js/app.js",
        sending(b"", 503),
        "is answered with status 503",
        "a browser gets no file",
    ),
    Case(
        "page instead",
        "js/app.js",
        sending(PAGE, Content_Type="text/html"),
        "is answered with an HTML page",
        "single-page app",
    ),
    Case("closed connection", "js/app.js", lambda *_: Reply(0), "cannot be fetched", "in vain"),
    Case("torn", "js/app.js", torn, "breaks off", "in vain"),
    Case(
        "script without a type",
        "js/app.js",
        having(Content_Type="application/octet-stream"),
        "has the type application/octet-stream, and not text/javascript",
        "browsers refuse scripts",
    ),
    Case(
        "no type at all",
        "js/app.js",
        without("Content-Type"),
        "has the type of nothing",
        "browsers refuse scripts",
    ),
    Case(
        "picture of another type",
        "img/a.png",
        having(Content_Type="text/plain"),
        "has the type text/plain, and not image/png",
        "as something else",
    ),
    Case(
        "no charset",
        "css/app.css",
        having(Content_Type="text/css"),
        "and not text/css; charset=utf-8",
        "letters beyond ASCII",
    ),
    Case(
        "minified on the way",
        "js/app.js",
        sending(b"app()", Content_Encoding="identity"),
        "has other content (5 bytes, and not",
        "minifying",
    ),
    Case(
        "other bytes",
        "img/a.png",
        sending(b"\x88PNG" + bytes(range(256))),
        "other content of the same length",
        "optimizing",
    ),
    Case(
        "stale",
        "robots.txt",
        sending(b"old", Content_Encoding="identity"),
        "has other content (3 bytes, and not 1400)",
        "of another release",
    ),
    Case(
        "compressed for all",
        "css/app.css",
        compressed(1),
        "is sent as gzip to who accepts only identity",
        "cannot decode it",
    ),
    Case(
        "compressed in secret",
        "img/a.png",
        compressed(1, told=False),
        "is compressed (gzip) and does not say so",
        "set Content-Encoding",
    ),
    Case(
        "compressed twice",
        "css/app.css",
        encoded(compressed(2)),
        "is compressed twice",
        "decode it once",
    ),
    Case(
        "no gzip",
        "css/app.css",
        encoded(having(Content_Encoding="gzip")),
        "is no gzip, though it says so",
        "show an error",
    ),
    Case(
        "no Brotli",
        "css/app.css",
        encoded(sending(b"nothing", Content_Encoding="br")),
        "is no br, though it says so",
        "show an error",
    ),
    Case(
        "stale when compressed",
        "css/app.css",
        encoded(sending(gzip.compress(b"old"), Content_Encoding="gzip")),
        "has other content as gzip",
        "clear the CDN's cache",
    ),
    Case(
        "stale when it may be compressed",
        "css/app.css",
        encoded(sending(b"old", Content_Encoding="identity")),
        "has other content where compression is accepted",
        "depends on Accept-Encoding",
    ),
    Case(
        "an unaccepted coding",
        "css/app.css",
        encoded(having(Content_Encoding="zstd")),
        "is sent as zstd, which was not accepted",
        "get rubbish",
    ),
    Case(
        "fails when compressed",
        "css/app.css",
        encoded(sending(b"", 500)),
        "is answered with status 500 where compressed",
        "browsers ask like this",
    ),
    Case(
        "uncompressed",
        "css/app.css",
        uncompressed,
        "is sent uncompressed, ",
        "each visitor waits",
        "remark",
    ),
    Case(
        "no Vary",
        "css/app.css",
        without("Vary"),
        "has no Vary: Accept-Encoding",
        "a cache on the way",
    ),
    Case(
        "Vary by something else",
        "css/app.css",
        having(Vary="Origin"),
        "has no Vary: Accept-Encoding",
        "a cache on the way",
    ),
    Case(
        "hashed, not cached",
        "css/app.css",
        having(Cache_Control="no-cache"),
        "has Cache-Control: no-cache",
        "again and again",
    ),
    Case(
        "hashed, silent",
        "css/app.css",
        without("Cache-Control"),
        "has no Cache-Control",
        "again and again",
    ),
    Case(
        "hashed, for an hour",
        "css/app.css",
        having(Cache_Control="max-age=3600"),
        "has Cache-Control: max-age=3600",
        "again and again",
    ),
    Case(
        "hashed, for a quarter",
        "css/app.css",
        having(Cache_Control="max-age=7776000"),
        "has Cache-Control: max-age=7776000",
        "when a page is reloaded",
        "remark",
    ),
    Case(
        "hashed, not immutable",
        "css/app.css",
        having(Cache_Control="max-age=31536000"),
        "has Cache-Control: max-age=31536000",
        "when a page is reloaded",
        "remark",
    ),
    Case(
        "hashed, private",
        "css/app.css",
        having(Cache_Control="private, max-age=31536000, immutable"),
        "private",
        "again and again",
    ),
    Case(
        "plain, silent",
        "robots.txt",
        without("Cache-Control"),
        "has no Cache-Control",
        "browsers guess",
    ),
    Case(
        "plain, public",
        "robots.txt",
        having(Cache_Control="public"),
        "has Cache-Control: public",
        "browsers guess",
    ),
    Case(
        "plain, for ever",
        "robots.txt",
        having(Cache_Control="public, max-age=31536000, immutable"),
        "max-age=31536000",
        "after a deploy",
    ),
    Case(
        "plain, for a minute",
        "robots.txt",
        having(Cache_Control="max-age=60"),
        "max-age=60",
        "after a deploy",
        "remark",
    ),
    Case(
        "font without CORS",
        "fonts/text.woff2",
        without("Access-Control-Allow-Origin"),
        "has no Access-Control-Allow-Origin",
        "refuse fonts",
    ),
    Case(
        "font for another origin",
        "fonts/text.woff2",
        having(Access_Control_Allow_Origin="https://other.example"),
        "has Access-Control-Allow-Origin: https://other.example",
        "refuse fonts",
    ),
    Case(
        "script for who asks",
        "js/app.js",
        having(Access_Control_Allow_Origin="https://example.com"),
        "no Vary: Origin",
        "one origin's answer",
    ),
    Case(
        "picture without CORS",
        "img/a.png",
        without("Access-Control-Allow-Origin"),
        "has no Access-Control-Allow-Origin",
        "cannot read it",
        "remark",
    ),
    Case(
        "sniffed",
        "js/app.js",
        without("X-Content-Type-Options"),
        "has no X-Content-Type-Options",
        "nosniff",
        "remark",
    ),
    Case(
        "not for isolated pages",
        "js/app.js",
        without("Cross-Origin-Resource-Policy"),
        "has no Cross-Origin-Resource-Policy",
        "COEP",
        "remark",
    ),
    Case(
        "not measured",
        "js/app.js",
        having(Timing_Allow_Origin="null"),
        "has Timing-Allow-Origin: null",
        "measure",
        "remark",
    ),
    Case(
        "a page for what is missing",
        "",
        sending(PAGE, Content_Type="text/html"),
        "does not exist, and is answered with an HTML page with status 200",
        "answer 404",
    ),
    Case(
        "a redirection for what is missing",
        "",
        sending(b"", 302, Location="/"),
        "does not exist, and is answered with status 302",
        "answer 404",
    ),
    Case(
        "what is missing is kept",
        "",
        sending(b"", 404, Cache_Control="max-age=86400"),
        "that is kept for 86400 seconds",
        "no-store",
    ),
    Case(
        "what is missing is kept by CDNs",
        "",
        sending(b"", 404, Cache_Control="s-maxage=86400"),
        "that is kept for 86400 seconds",
        "no-store",
    ),
    Case(
        "what is missing is forbidden",
        "",
        sending(b"", 403),
        "is answered with 403",
        "list the bucket",
        "remark",
    ),
]


def found(
    site: Site, url: str, *, release: Manifest | None = None, origin: str = "https://example.com"
) -> tuple[Finding, ...]:
    release = release or load(site.out / "manifest.json")
    report = verify(release, f"{url}static", origin=origin, timeout=5)
    assert report.is_well == all(each.severity == "remark" for each in report.findings)
    assert (report.checked, report.total, report.release) == (5, 5, release.release)
    return report.findings


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("assetpipe.publish.client._PAUSE", 0.001)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_misdeed_is_found(site: Site, case: Case) -> None:
    """One thing is said of it, of the right file, with what it means; nothing of the others."""
    correct, file = right(site.out), site.files().get(case.asset, "")

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        reply = correct(path, fields)
        is_meant = path == f"/static/{file}" if file else "assetpipe-missing" in path
        return case.deed(reply, fields) if is_meant else reply

    with serving(answer) as url:
        (finding,) = found(site, url)
    assert case.what in finding.what
    assert case.why in finding.why
    assert finding.severity == case.severity
    assert finding.file == file or not file


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(having(Content_Type='Text/CSS;Charset="UTF-8"'), id="type written otherwise"),
        pytest.param(having(Cache_Control="immutable, max-age=40000000"), id="kept for longer"),
        pytest.param(having(Vary="origin, ACCEPT-ENCODING"), id="Vary by more"),
        pytest.param(having(Server="nginx", Age="12"), id="further fields"),
        pytest.param(
            having(
                Access_Control_Allow_Origin="https://example.com", Vary="Origin, Accept-Encoding"
            ),
            id="the origin that asks",
        ),
        pytest.param(encoded(compressed(1)), id="gzip only"),
        pytest.param(
            lambda reply, _: replace(
                reply, fields={name.lower(): value for name, value in reply.fields.items()}
            ),
            id="names in lower case",
        ),
    ],
)
def test_what_is_right_in_another_way_is_right(site: Site, deed: Deed) -> None:
    """Nothing is said of it."""
    correct, file = right(site.out), site.files()["css/app.css"]

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        reply = correct(path, fields)
        return deed(reply, fields) if path == f"/static/{file}" else reply

    with serving(answer) as url:
        assert found(site, url) == ()


def test_our_own_server_does_everything_right(site: Site) -> None:
    """As ``assetpipe serve`` runs it."""
    with listen(preview(site.out, "/static/"), 0) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        assert found(site, f"http://127.0.0.1:{server.server_port}/") == ()
        server.shutdown()
        thread.join()


def test_a_server_that_fails_now_and_then_is_asked_again(site: Site) -> None:
    """Each request fails twice, by a closed connection or by 503."""
    correct, failures = right(site.out), dict[str, int]()

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        key = path + fields["Accept-Encoding"]
        failures[key] = failures.get(key, 0) + 1
        return Reply({1: 0, 2: 503}[failures[key]]) if failures[key] < 3 else correct(path, fields)

    with serving(answer) as url:
        assert found(site, url) == ()


RULES = (
    ("img/", (("Cache-Control", "public, max-age=3600"), ("Content-Disposition", "attachment"))),
    ("**", (("Timing-Allow-Origin", ""), ("Access-Control-Allow-Origin", "https://example.com"))),
)


def test_rules_of_the_release_are_what_is_right(site: Site) -> None:
    """A server that follows them has nothing wrong; one that does not has each of them."""
    plain = load(site.out / "manifest.json")
    ruled = replace(plain, headers=RULES)
    with serving(right(site.out, ruled)) as url:
        assert found(site, url, release=ruled) == ()
    with serving(right(site.out)) as url:
        findings = found(site, url, release=ruled)
    assert {each.severity for each in findings} == {"wrong"}
    image = [each.what for each in findings if each.file.startswith("img/")]
    assert image == [
        "has Cache-Control: public, max-age=31536000, immutable, and not public, max-age=3600",
        "has Access-Control-Allow-Origin: *, and not https://example.com",
        "has no Content-Disposition, and not attachment",
    ]
    assert len(findings) == 7


def test_the_origin_is_told(site: Site) -> None:
    """A bucket's rules may allow the site's own origin alone."""
    correct, asked = right(site.out), set[str]()

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        asked.add(fields["Origin"])
        return correct(path, fields)

    with serving(answer) as url:
        found(site, url, origin="https://www.example.org")
    assert asked == {"https://www.example.org"}


def test_a_public_state_is_remarked(site: Site) -> None:
    """It is of use to apps that read it, and tells others who published."""
    correct = right(site.out)

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        is_state = path == "/static/.assetpipe/state.json"
        return Reply(body=b'{"schema": 1}') if is_state else correct(path, fields)

    with serving(answer) as url:
        (finding,) = found(site, url)
    assert (finding.file, finding.severity) == (".assetpipe/state.json", "remark")


def test_without_brotli_only_gzip_is_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says so, and nothing else."""
    monkeypatch.setattr(module, "brotli", lambda: None)
    correct, asked = right(site.out), set[str]()

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        asked.add(fields["Accept-Encoding"])
        return correct(path, fields)

    with serving(answer) as url:
        (finding,) = found(site, url)
    assert (finding.what, finding.severity) == ("Brotli was not asked for", "remark")
    assert asked == {"identity", "gzip"}


def test_every_usual_field_has_a_reason() -> None:
    """A field that the server begins to send is explained here, too."""
    own_checks = {"Access-Control-Allow-Origin"}
    assert {name for name, _ in COMMON} == module._REASONS.keys() | own_checks


def many(**counts: int) -> dict[str, Asset]:
    """Return assets by type, so many of each; every tenth is plain."""
    return {
        f"{kind}/{number:04}": Asset(f"{kind}/{number:04}.x", kind, number, "", number % 10 > 0)
        for kind, count in counts.items()
        for number in range(count)
    }


def test_a_sample_has_some_of_everything() -> None:
    """Each type, the largest, names that stay; evenly spread, and the same each time."""
    assets = many(a=1000, b=1, c=3)
    chosen = sample(assets, 50)
    assert len(chosen) == 50
    assert chosen == sorted(set(chosen)) == sample(dict(reversed(assets.items())), 50)
    assert {name[0] for name in chosen} == {"a", "b", "c"}
    assert {f"a/{number:04}" for number in range(990, 1000)} <= set(chosen)
    assert 20 <= sum(not assets[name].immutable for name in chosen) <= 35
    positions = [int(name[2:]) for name in chosen if name[0] == "a"]
    assert max(after - before for before, after in pairwise(positions)) < 90


@pytest.mark.parametrize(
    ("count", "expected"), [(None, 13), (13, 13), (100, 13), (1, 1), (5, 5), (12, 12)]
)
def test_a_sample_is_as_large_as_asked(count: int | None, expected: int) -> None:
    """Never larger, and smaller only where there is no more."""
    assert len(sample(many(a=10, b=3), count)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "cdn.example.com/static/",
        "ftp://cdn.example.com/",
        "https:///static/",
        "https://user:word@cdn.example.com/",
        "https://cdn.example.com/?v=1",
        "https://cdn.example.com:port/",
        "https://[::1/",
    ],
)
def test_a_url_that_cannot_be_asked_is_an_error(url: str) -> None:
    """It says what a URL has to be."""
    with pytest.raises(ConfigError, match="cannot be asked"):
        verify(Manifest("0", {}), url)


def test_a_server_that_cannot_be_reached_is_an_error() -> None:
    """Nothing listens there."""
    with serving(lambda *_: Reply()) as url:
        pass
    with pytest.raises(OutsideError, match="cannot be reached: Connection refused"):
        verify(Manifest("0", {}), url)


# The command.


def test_the_command_tells_people(site: Site) -> None:
    """What is wrong comes first, that of one kind together, with reasons, and a sum."""
    correct = right(site.out)

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        reply = without("X-Content-Type-Options")(correct(path, fields), fields)
        return sending(b"", 404)(reply, fields) if path.endswith(".js") else reply

    with serving(answer) as url:
        done = command(site.out.parent, "verify", f"{url}static/", "-o", site.out)
    assert done.returncode == 1, done.stderr
    release = load(site.out / "manifest.json").release
    file = site.files()["js/app.js"]
    first, second = done.stdout.splitlines()[:2]
    assert first == f"wrong   {file}: is not there (404)"
    assert second.startswith("        pages of this release ask for it: publish again ")
    assert " and 3 more: has no X-Content-Type-Options" in done.stdout
    end = f"Verified release {release} at {url}static/: 5 of 5 assets, 1 wrong, 4 remarks, "
    assert done.stdout.splitlines()[-1].startswith(end)


def test_the_command_tells_programs(site: Site) -> None:
    """The report as JSON, of a sample; remarks alone are no failure."""
    deed = without("X-Content-Type-Options")
    correct = right(site.out)
    with serving(lambda path, fields: deed(correct(path, fields), fields)) as url:
        done = command(
            site.out.parent, "verify", f"{url}static", "-o", site.out, "--sample", "2", "--json"
        )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["ok"], report["checked"], report["total"]) == (True, 2, 5)
    assert report["findings"][0].keys() == {"file", "what", "why", "severity"}


def test_the_command_asks_for_all(site: Site) -> None:
    """Where the sample is smaller."""
    with serving(right(site.out)) as url:
        done = command(
            site.out.parent, "verify", f"{url}static", "-o", site.out, "--sample", "1", "--all"
        )
    assert "5 of 5 assets, 0 wrong, 0 remarks" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param((), 2, "there is no URL to ask", id="no URL"),
        pytest.param(("production",), 2, "cannot be asked", id="no URL, but a name"),
        pytest.param(("http://127.0.0.1:9/",), 3, "cannot be reached", id="no server"),
    ],
)
def test_the_command_says_why_it_cannot(
    site: Site, arguments: tuple[str, ...], status: int, message: str
) -> None:
    """With the exit status of the cause."""
    done = command(site.out.parent, "verify", *arguments, "-o", site.out)
    assert (done.returncode, message in done.stderr) == (status, True), done.stderr

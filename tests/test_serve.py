"""Serving a release: what HTTP says, asked over a real connection."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from assetpipe import manifest
from assetpipe.errors import ConfigError, UnknownAssetError
from assetpipe.flask import AssetPipe
from assetpipe.serve.fields import best_coding, byte_range
from assetpipe.serve.project import output_folder, project_folder
from assetpipe.serve.resolver import ManifestResolver, Resolver, SourceResolver
from assetpipe.serve.static import Response, StaticFiles
from tests.release import SITE, describe, output_name, sibling, write_release

NAME = "css/app.css"
FILE = output_name(NAME, SITE[NAME])
BODY = SITE[NAME]
SIZE = len(BODY)
BR, GZIP = sibling(NAME, "br"), sibling(NAME, "gzip")
LOG_NAME = "admin/log.css"  # has no siblings
LOG_FILE = output_name(LOG_NAME, SITE[LOG_NAME])
EMPTY_FILE = output_name("css/empty.css", b"")

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask an app that serves the sample release, through HTTP."""
    out = tmp_path_factory.mktemp("release")
    write_release(out)
    app = Flask(__name__)
    app.config["ASSETPIPE_OUT"] = out
    AssetPipe(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def etag_of(ask: Ask, path: str, accept: str = "identity") -> str:
    return ask(path, {"Accept-Encoding": accept}).headers["ETag"]


@dataclass(frozen=True)
class Case:
    """One question and what has to come back.

    ``{br}``, ``{gzip}`` and ``{identity}`` in a header field stand for the entity tags of
    ``css/app.css``. Of ``expected`` fields, ``None`` are those that have to be absent.
    """

    sentence: str
    request: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None
    expected: Mapping[str, str | None] = field(default_factory=dict)
    path: str = f"/static/{FILE}"
    method: str = "GET"


def coding(sentence: str, accept: str, expected: str | None) -> Case:
    body = {"br": BR, "gzip": GZIP, None: BODY}[expected]
    fields = {"Content-Encoding": expected, "Content-Length": str(len(body))}
    return Case(f"12.5.3: {sentence}", {"Accept-Encoding": accept}, 200, body, fields)


def part(sentence: str, wanted: str, start: int, stop: int, size: int = SIZE) -> Case:
    fields = {
        "Content-Range": f"bytes {start}-{stop - 1}/{size}",
        "Content-Length": str(stop - start),
        "ETag": "{identity}",
    }
    return Case(f"14.1.2: {sentence}", {"Range": wanted}, 206, BODY[start:stop], fields)


def whole(sentence: str, wanted: str) -> Case:
    fields = {"Content-Range": None, "Content-Length": str(SIZE)}
    return Case(f"14.2: {sentence}", {"Range": wanted}, 200, BODY, fields)


def beyond(sentence: str, wanted: str) -> Case:
    fields = {"Content-Range": f"bytes */{SIZE}", "Content-Length": "0", "ETag": None}
    return Case(f"15.5.17: {sentence}", {"Range": wanted}, 416, b"", fields)


def known(sentence: str, status: int, tags: str, **more: str) -> Case:
    fields = {"ETag": "{identity}", "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    request = {"If-None-Match": tags} | {k.replace("_", "-"): v for k, v in more.items()}
    return Case(f"13.1.2: {sentence}", request, status, b"" if status == 304 else BODY, fields)


def not_found(sentence: str, path: str) -> Case:
    return Case(f"15.5.5: {sentence}", {}, 404, None, {"Cache-Control": "no-store"}, path)


CASES = [
    # What each kind of name gets (RFC 9111, RFC 8246).
    Case(
        "8246: a fingerprinted name may be kept for ever",
        body=BODY,
        expected={
            "Accept-Ranges": "bytes",
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": FOREVER,
            "Content-Length": str(SIZE),
            "Content-Type": "text/css; charset=utf-8",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "ETag": "{identity}",
            "Last-Modified": None,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        },
    ),
    Case(
        "9111 5.2.2.4: the logical name gives the same bytes, and is asked for again",
        body=BODY,
        expected={"Cache-Control": "no-cache", "ETag": "{identity}", "Vary": "Accept-Encoding"},
        path=f"/static/{NAME}",
    ),
    Case(
        "9111 5.2.2.4: a plain file is asked for again",
        body=SITE["robots.txt"],
        expected={"Cache-Control": "no-cache", "Content-Type": "text/plain; charset=utf-8"},
        path="/static/robots.txt",
    ),
    Case(
        "12.5.5: an asset without siblings does not vary",
        body=SITE[LOG_NAME],
        expected={"Vary": None},
        path=f"/static/{LOG_FILE}",
    ),
    Case(
        "8.6: an empty file has the length zero",
        body=b"",
        expected={"Content-Length": "0"},
        path=f"/static/{EMPTY_FILE}",
    ),
    Case(
        "a percent-encoded name reaches its file",
        body=SITE["img/a b'(é).png"],
        expected={"Content-Type": "image/png"},
        path="/static/img/a%20b%27%28%C3%A9%29.png",
    ),
    # Accept-Encoding
    coding("nothing said gives the file itself", "", None),
    coding("the smallest of equals wins", "gzip, deflate, br, zstd", "br"),
    coding("the order of equals does not count", "br, gzip", "br"),
    coding("a higher weight wins over a smaller file", "br;q=0.5, gzip;q=0.8", "gzip"),
    coding("the thousandth counts", "br;q=0.998, gzip;q=0.999", "gzip"),
    coding("weight zero excludes", "br;q=0, gzip;q=0", None),
    coding("weight zero with digits excludes", "br;q=0.000, gzip", "gzip"),
    coding("gzip alone gives gzip", "gzip", "gzip"),
    coding("x-gzip is gzip", "x-gzip", "gzip"),
    coding("letter case does not count", "BR;Q=1.0, GZip;Q=0.1", "br"),
    coding("a star stands for all that are not named", "*", "br"),
    coding("a star does not stand for a named one", "br;q=0, *", "gzip"),
    coding("a star of weight zero excludes the rest", "gzip, *;q=0", "gzip"),
    coding("identity may be preferred", "identity, br;q=0.5", None),
    coding("of equals with identity the smallest wins", "identity, gzip", "gzip"),
    coding("an unnamed identity comes last", "gzip;q=0.001", "gzip"),
    coding("identity is sent when nothing is acceptable", "identity;q=0", None),
    coding("identity is sent when all is excluded", "*;q=0", None),
    coding("an excluded identity still takes another", "identity;q=0, gzip;q=0.1", "gzip"),
    coding("white space may surround a weight", "gzip;q=0.2 ,\tbr ; q=0.1", "gzip"),
    coding("an unknown coding is ignored", "sdch, dcb, gzip", "gzip"),
    coding("a weight above one is nonsense", "br;q=2, gzip", "gzip"),
    coding("a weight of four digits is nonsense", "br;q=0.9999, gzip;q=0.1", "gzip"),
    coding("a weight that is not a number is nonsense", "br;q=high, gzip", "gzip"),
    coding("empty elements are ignored", ",, ;q=1, gzip,", "gzip"),
    coding("a name within a name is not it", "brotli, xgzip", None),
    coding("a very long field is read, too", "x," * 3000 + "br", "br"),
    # Entity tags
    known("the entity tag itself", 304, "{identity}"),
    known("one of a list", 304, '"a", {identity} , "b,c"'),
    known("a weak one compares weakly", 304, "W/{identity}"),
    known("a star is any", 304, "*"),
    known("another one", 200, '"other"'),
    known("that of another encoding", 200, "{br}"),
    known("nonsense is none", 200, 'W/, star*, "unfinished'),
    known(
        "13.1.3: a date does not count beside it",
        200,
        '"other"',
        If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT",
    ),
    Case(
        "13.1.2: each encoding has its own entity tag",
        {"Accept-Encoding": "br", "If-None-Match": "{br}"},
        304,
        b"",
        {"ETag": "{br}", "Vary": "Accept-Encoding", "Content-Encoding": None},
    ),
    Case(
        "13.1.3: without a modification date, a date alone does not count",
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        body=BODY,
    ),
    Case(
        "13.1.4: without a modification date, a date alone does not refuse",
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        body=BODY,
    ),
    Case("13.1.1: the entity tag itself matches", {"If-Match": '"a", {identity}'}, body=BODY),
    Case("13.1.1: a star matches what is there", {"If-Match": "*"}, body=BODY),
    Case(
        "13.1.1: another entity tag fails",
        {"If-Match": '"other"'},
        412,
        b"",
        {"Content-Length": "0", "Vary": "Accept-Encoding"},
    ),
    Case("13.1.1: a weak one never matches", {"If-Match": "W/{identity}"}, 412, b""),
    Case(
        "13.2.2: If-Match is judged before If-None-Match",
        {"If-Match": '"other"', "If-None-Match": "{identity}"},
        412,
    ),
    Case(
        "13.2.2: If-None-Match is judged before Range",
        {"If-None-Match": "{identity}", "Range": "bytes=0-1"},
        304,
    ),
    # Ranges
    part("the first byte", "bytes=0-0", 0, 1),
    part("from the middle to the end", "bytes=100-", 100, SIZE),
    part("the last bytes", "bytes=-7", SIZE - 7, SIZE),
    part("more last bytes than there are", "bytes=-99999", 0, SIZE),
    part("an end beyond the end", "bytes=470-99999", 470, SIZE),
    part("everything", "bytes=0-", 0, SIZE),
    part("the unit in capitals", "BYTES=1-2", 1, 3),
    beyond("a start at the end", f"bytes={SIZE}-"),
    beyond("no last bytes", "bytes=-0"),
    whole("several ranges", "bytes=0-1,3-4"),
    whole("another unit", "lines=0-1"),
    whole("a range backwards", "bytes=5-2"),
    whole("a range of nothing", "bytes=-"),
    whole("no range", "bytes="),
    whole("a sign", "bytes=+1-2"),
    whole("an underscore", "bytes=1_0-20"),
    whole("digits of another script", "bytes=\u0661-\u0662".encode().decode("latin-1")),
    whole("5,000 digits", f"bytes=0-{'9' * 5000}"),
    whole("5,000 digits to start with", f"bytes={'9' * 5000}-"),
    Case(
        "14.2: the last bytes of an empty file are all of it",
        {"Range": "bytes=-5"},
        200,
        b"",
        path=f"/static/{EMPTY_FILE}",
    ),
    Case(
        "14.2: a range is of the encoded bytes where those are chosen",
        {"Range": "bytes=3-4", "Accept-Encoding": "br"},
        206,
        BR[3:5],
        {
            "Content-Encoding": "br",
            "Content-Range": f"bytes 3-4/{len(BR)}",
            "ETag": "{br}",
            "Vary": "Accept-Encoding",
        },
    ),
    Case(
        "13.1.5: a part of the bytes one has",
        {"Range": "bytes=0-1", "If-Range": "{identity}"},
        206,
        BODY[:2],
    ),
    Case(
        "13.1.5: the whole of other bytes", {"Range": "bytes=0-1", "If-Range": '"other"'}, 200, BODY
    ),
    Case(
        "13.1.5: no part is added to another encoding",
        {"Range": "bytes=0-1", "If-Range": "{br}", "Accept-Encoding": "gzip"},
        200,
        GZIP,
    ),
    Case(
        "13.1.5: a weak tag vouches for no bytes",
        {"Range": "bytes=0-1", "If-Range": "W/{identity}"},
        200,
        BODY,
    ),
    Case(
        "13.1.5: a date vouches for no bytes",
        {"Range": "bytes=0-1", "If-Range": "Fri, 01 Jan 2100 00:00:00 GMT"},
        200,
        BODY,
    ),
    # Methods
    Case(
        "9.3.2: HEAD is GET without its body",
        {"Accept-Encoding": "gzip"},
        200,
        b"",
        {"Content-Length": str(len(GZIP)), "Content-Encoding": "gzip", "ETag": "{gzip}"},
        method="HEAD",
    ),
    Case(
        "14.2: a range means nothing to HEAD",
        {"Range": "bytes=0-1"},
        200,
        b"",
        {"Content-Length": str(SIZE), "Content-Range": None},
        method="HEAD",
    ),
    Case("13.1.2: HEAD may be answered 304", {"If-None-Match": "*"}, 304, b"", method="HEAD"),
    Case("15.5.6: POST is not allowed", {}, 405, method="POST"),
    Case("9.3.7: OPTIONS says what is", {}, 200, method="OPTIONS"),
    # What is not there
    not_found("an unknown name", "/static/css/none.css"),
    not_found("a folder", "/static/css/"),
    not_found("a sibling's own name", f"/static/{FILE}.br"),
    not_found("the manifest", "/static/manifest.json"),
    not_found("the history", "/static/.releases/"),
    not_found("dots", "/static/../release.py"),
    not_found("dots within", "/static/css/../robots.txt"),
    not_found("encoded dots", "/static/%2e%2e%2frelease.py"),
    not_found("encoded dots and slashes", "/static/css%2f..%2frobots.txt/"),
    not_found("a back-slash", "/static/css%5capp.css"),
    not_found("a NUL", "/static/robots.txt%00.css"),
    not_found("bytes that are no UTF-8", "/static/%ff%fe"),
    not_found("a name of thousands of letters", "/static/" + "a" * 5000),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_over_http(ask: Ask, case: Case) -> None:
    """Each case of the table; the numbers are sections of RFC 9110, or of the RFC named first."""
    tags = {name: etag_of(ask, f"/static/{FILE}", name) for name in ("identity", "gzip", "br")}
    request = {"Accept-Encoding": "identity"} | {
        name: _fill(value, tags) for name, value in case.request.items()
    }
    answer = ask(case.path, request, method=case.method)
    assert answer.status == case.status
    if case.body is not None:
        assert answer.body == case.body
    for name, value in case.expected.items():
        assert answer.headers[name] == (None if value is None else _fill(value, tags)), name


def _fill(text: str, tags: Mapping[str, str]) -> str:
    for name, tag in tags.items():
        text = text.replace(f"{{{name}}}", tag)
    return text


def respond(
    files: StaticFiles, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[Response, bytes]:
    """Ask without a server, and read the body."""
    response = files.respond(method, path, headers or {})
    if response.body is None:
        return response, b""
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
    files = StaticFiles(out, release)
    assert respond(files, file)[0].status == 404
    assert respond(files, "app.css")[0].status == 404


def test_methods_without_a_framework(tmp_path: Path) -> None:
    """Only GET and HEAD are allowed (RFC 9110, 15.5.6)."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    response, _ = respond(files, FILE, method="DELETE")
    assert (response.status, dict(response.headers)["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_304_is_bare_without_a_framework(tmp_path: Path, method: str) -> None:
    """It has no body and describes none, so that no server needs to cut it off (15.4.5)."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    headers = {"if-none-match": "*", "accept-encoding": "br"}
    response = files.respond(method, FILE, headers)
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


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_of_another_size_has_its_real_length_and_no_entity_tag(
    tmp_path: Path, method: str
) -> None:
    """For an instant of a build a plain file is newer than the manifest."""
    files = StaticFiles(tmp_path, write_release(tmp_path))
    (tmp_path / "robots.txt").write_bytes(b"newer")
    response, body = respond(files, "robots.txt", {"range": "bytes=0-1"}, method)
    headers = dict(response.headers)
    assert (response.status, body) == (200, b"newer" if method == "GET" else b"")
    assert headers["Content-Length"] == "5"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Vary"] == "Accept-Encoding"
    assert "ETag" not in headers


def test_an_output_file_wins_over_the_logical_name_of_another_asset(tmp_path: Path) -> None:
    """A source may be called what another asset's output file is called."""
    files = StaticFiles(tmp_path, write_release(tmp_path, {NAME: BODY, FILE: b"confusing"}))
    response, body = respond(files, FILE)
    assert body == BODY
    assert ("Cache-Control", FOREVER) in response.headers


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


@given(st.text(alphabet="brgzip*;q=01. ,identy", max_size=60))
def test_any_accept_encoding_is_answered_with_one_of_the_codings(accept: str) -> None:
    """No field is an error."""
    assert best_coding(accept, ("br", "gzip", "identity")) in {"br", "gzip", "identity"}


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

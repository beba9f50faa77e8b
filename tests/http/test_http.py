"""Every case of ``cases.py`` over a real connection, under every server of ``servers.py``."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.http.cases import CASES, HASHED, LARGE, MISSING, SECURITY, VIDEO, Case
from tests.http.client import Answer, Connection, ProtocolError
from tests.http.proxies import PROXIES, Proxy, in_front
from tests.http.servers import SERVERS, Server, running
from tests.http.site import FILES, LARGE_NAME, NAME, SECRET, VIDEO_NAME, encoded, write_site

CODINGS = ("identity", "br", "gzip")
LISTS = {"allow", "vary", "access-control-allow-methods"}
"""Fields whose elements have no order."""

ONCE = (
    "allow", "cache-control", "content-encoding", "content-length", "content-range",
    "content-type", "date", "etag", "last-modified", "server", "vary", "x-content-type-options",
)  # fmt: skip
OF_304 = {"cache-control", "connection", "date", "etag", "keep-alive", "server", "vary"}
"""What a 304 may have (RFC 9110, 15.4.5), and what a server adds of its own."""

STRONG = re.compile(r'"[!#-~]+"')


class Asker:
    """Asks one server all its questions, and remembers what it said of each target.

    Attributes:
        server: which one it is, or what stands in front of one.
        port: where it listens.
    """

    def __init__(self, server: Server | Proxy, port: int) -> None:
        self.server = server
        self.port = port
        self.connection = Connection(port)
        self._words: dict[str, Mapping[str, str]] = {}

    def ask(self, case: Case) -> Answer:
        """Ask a case's question."""
        lines = [
            (name, self.filled(case, value))
            for name, values in case.request.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        return self.connection.ask(case.method, case.target, lines, case.content)

    def filled(self, case: Case, text: str) -> str:
        """Return a field of the table with what its words stand for."""
        if "{" not in text:
            return text
        if case.target not in self._words:
            self._words[case.target] = self._learn(case.target)
        return text.format(**self._words[case.target])

    def _learn(self, target: str) -> Mapping[str, str]:
        words: dict[str, str] = {}
        for coding in CODINGS:
            answer = self.connection.ask("HEAD", target, [("Accept-Encoding", coding)])
            tag, date = answer.get("etag") or "", answer.get("last-modified")
            words |= {coding: tag, f"{coding}_opaque": tag.strip('"')}
            if date is not None:
                at, second = parsedate_to_datetime(date), timedelta(seconds=1)
                fixed = "%a, %d %b %Y %H:%M:%S GMT"
                words |= {
                    f"{coding}_date": date,
                    f"{coding}_later": f"{at + second:{fixed}}",
                    f"{coding}_earlier": f"{at - second:{fixed}}",
                    f"{coding}_850": f"{at:%A, %d-%b-%y %H:%M:%S GMT}",
                    f"{coding}_asctime": f"{at:%a %b} {at.day:2} {at:%H:%M:%S %Y}",
                }
        return words


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="module", params=[*SERVERS, *PROXIES], ids=lambda server: server.name)
def asker(
    request: pytest.FixtureRequest, out: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asker]:
    """Start each server once, and keep one connection to it."""
    server: Server | Proxy = request.param
    with ExitStack() as stack:
        if isinstance(server, Proxy):
            folder = tmp_path_factory.mktemp("proxy")
            port = stack.enter_context(in_front(server, SERVERS[0], out, folder))
        else:
            port = stack.enter_context(running(server, out))
        asker = Asker(server, port)
        stack.enter_context(asker.connection)
        yield asker


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_server(asker: Asker, case: Case) -> None:
    """The answer is what the table says; or the server breaks it, as it is known to."""
    deviation = asker.server.deviations.get(case.name)
    if deviation is None:
        check(asker, case, asker.ask(case))
        return
    status = None
    with pytest.raises((AssertionError, ProtocolError, OSError)):  # noqa: PT012
        answer = asker.ask(case)
        status = answer.status
        check(asker, case, answer)
    asker.connection.close()
    assert deviation.status in (None, status)


def check(asker: Asker, case: Case, answer: Answer) -> None:
    """Hold an answer against its case, and against what is true of all answers."""
    assert answer.status == case.status
    assert case.body is None or answer.body == case.body
    for name, expected in case.fields.items():
        value, wanted = answer.get(name), expected and asker.filled(case, expected)
        if name.lower() in LISTS and value is not None and wanted is not None:
            assert _elements(value) == _elements(wanted), name
        else:
            assert value == wanted, name
    check_any(case, answer)
    if case.section == "9110 9.3.2":
        with_content = asker.connection.ask("GET", case.target, _lines(case))
        assert with_content.status == answer.status
        assert _stable(with_content) == _stable(answer)


def check_any(case: Case, answer: Answer) -> None:
    """Hold an answer against what is true of all of them."""
    assert SECRET not in answer.body
    assert not [name for name in ONCE if len(answer.lines(name)) > 1]
    if answer.status == 304:
        assert {name for name, _ in answer.fields} <= OF_304
    else:
        length = answer.get("content-length")
        assert length is not None
        assert case.method == "HEAD" or int(length) == len(answer.body)
    if case.varies and answer.status in (200, 206, 304, 412, 416) and case.method != "OPTIONS":
        assert answer.get("vary") == "Accept-Encoding"
    tag, modified = answer.get("etag"), answer.get("last-modified")
    assert tag is None or STRONG.fullmatch(tag)
    if modified is not None:
        assert parsedate_to_datetime(modified) <= datetime.now(UTC)  # RFC 9110, 8.8.2.1
    if tag is not None and answer.status == 200:
        assert answer.get("accept-ranges") == "bytes"
    if tag is not None and answer.status in (200, 206) and not case.is_ruled:
        for name, value in SECURITY.items():
            assert answer.get(name) == value


def _elements(value: str) -> set[str]:
    return {element.strip() for element in value.split(",")}


def _lines(case: Case) -> list[tuple[str, str]]:
    return [(name, value) for name, value in case.request.items() if isinstance(value, str)]


def _stable(answer: Answer) -> set[tuple[str, str]]:
    return {each for each in answer.fields if each[0] not in ("connection", "date", "keep-alive")}


TIME = "9110 6.6.1: answers say the time"


def test_date(asker: Asker) -> None:
    """A server with a clock says the time with each answer."""
    for fields in ([], [("If-None-Match", "*")]):
        date = asker.connection.ask("GET", HASHED, fields).get("date")
        assert (date is None) == (TIME in asker.server.deviations)
        if date is not None:
            assert abs(datetime.now(UTC) - parsedate_to_datetime(date)) < timedelta(seconds=5)


def test_entity_tags(asker: Asker) -> None:
    """RFC 9110, 8.8.3.3: a tag, and a date here, name one encoding; the tag comes of the bytes."""
    answers = [
        asker.connection.ask("GET", HASHED, [("Accept-Encoding", coding)]) for coding in CODINGS
    ]
    tags = [answer.get("etag") for answer in answers]
    digest = base64.urlsafe_b64encode(hashlib.sha384(FILES[NAME]).digest()).decode()[:22]
    sizes = [len(encoded(NAME, coding)) for coding in CODINGS]
    assert tags == [f'"{digest}"', f'"{digest}-br-{sizes[1]}"', f'"{digest}-gzip-{sizes[2]}"']
    dates = [parsedate_to_datetime(answer.get("last-modified") or "") for answer in answers]
    second = timedelta(seconds=1)
    assert dates == [dates[0], dates[0] - second, dates[0] - 2 * second]


KEPT: Mapping[str, tuple[str, str, Mapping[str, str], int, bytes]] = {
    "a 304": ("GET", HASHED, {"If-None-Match": "*"}, 304, b""),
    "a 304 of a large file": ("GET", LARGE, {"If-None-Match": "*"}, 304, b""),
    "a 412": ("GET", HASHED, {"If-Match": '"other"'}, 412, b""),
    "a 416": ("GET", HASHED, {"Range": "bytes=99999-"}, 416, b""),
    "a 416 of a large file": ("GET", VIDEO, {"Range": "bytes=9999999-"}, 416, b""),
    "a 404 to HEAD": ("HEAD", MISSING, {}, 404, b""),
    "HEAD": ("HEAD", HASHED, {}, 200, b""),
    "HEAD of a large file": ("HEAD", VIDEO, {}, 200, b""),
    "OPTIONS": ("OPTIONS", HASHED, {}, 200, b""),
    "a part": ("GET", HASHED, {"Range": "bytes=1-3"}, 206, FILES[NAME][1:4]),
    "a large file": ("GET", VIDEO, {}, 200, FILES[VIDEO_NAME]),
    "a large encoded file": (
        "GET", LARGE, {"Accept-Encoding": "br"}, 200, encoded(LARGE_NAME, "br"),
    ),
    "a part of a large file": (
        "GET", VIDEO, {"Range": "bytes=5-900004"}, 206, FILES[VIDEO_NAME][5:900005],
    ),
}  # fmt: skip
"""What a connection has to survive: method, target, fields, status and content."""


def _kept(name: str) -> str:
    return f"9112 9.3: {name}"


@pytest.mark.parametrize("name", KEPT)
def test_connection_survives(asker: Asker, name: str) -> None:
    """What comes before and after is right, on the same connection."""
    method, target, fields, status, body = KEPT[name]
    with Connection(asker.port) as connection:
        for _ in range(2):
            assert connection.ask("GET", HASHED).body == FILES[NAME]
            answer = connection.ask(method, target, fields.items())
            assert answer.status == status
            assert answer.body == body or status == 416
        assert connection.ask("GET", HASHED).body == FILES[NAME]
        closes = not asker.server.keeps_alive or _kept(name) in asker.server.deviations
        assert (connection.opened > 1) == closes


def test_no_deviation_is_forgotten() -> None:
    """Each is of a case that there is."""
    names = {TIME, *map(_kept, KEPT), *(case.name for case in CASES)}
    subjects: list[Server | Proxy] = [*SERVERS, *PROXIES]
    assert {name for subject in subjects for name in subject.deviations} <= names

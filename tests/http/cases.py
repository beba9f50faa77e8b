"""What HTTP asks of a server of static files, as one table: a request, and what has to come back.

Sections are those of the RFC whose number leads them, of the Fetch standard, or of the project's
own ``[tool.assetpipe.headers]`` ("Rules"). What the RFCs leave to a server (several ranges, what a
404 says of caching) is what the project promises.

In header fields of requests and expectations these stand for what the server said of the case's
own target before, ``identity`` being replaced by ``br`` or ``gzip`` for those encodings:

- ``{identity}``: the entity tag; ``{identity_opaque}``: the same without its quotes;
- ``{identity_date}``: ``Last-Modified``; ``{identity_850}`` and ``{identity_asctime}``: the same
  time in the obsolete formats of RFC 9110, 5.6.7; ``{identity_later}`` and ``{identity_earlier}``:
  one second off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tests.http.site import (
    EARLIER,
    FILES,
    FUTURE_NAME,
    GONE,
    GONE_NAME,
    LARGE_NAME,
    LONG_NAME,
    NAME,
    PHOTO_NAME,
    SPACED_NAME,
    TYPES,
    UNDATED_NAME,
    VIDEO_NAME,
    encoded,
    file_of,
)
from tests.release import output_name

Fields = Mapping[str, str | tuple[str, ...]]
"""Header fields of a request; several values are several lines."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and what has to come back.

    Attributes:
        section: where the RFC says so.
        sentence: what it says; unique within its section.
        request: header fields.
        target: the request target as it goes out, one byte per character.
        method: the request's.
        content: bytes of the request's content.
        status: of the answer.
        body: the answer's content; ``None`` if it may be any.
        fields: the answer's fields; ``None`` are those that have to be absent. Of lists, the
            order does not count.
    """

    section: str
    sentence: str
    request: Fields = field(default_factory=dict)
    target: str = f"/static/{file_of(NAME)}"
    method: str = "GET"
    content: bytes = b""
    status: int = 200
    body: bytes | None = None
    fields: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the case is called in reports, and in a server's list of deviations."""
        return f"{self.section}: {self.sentence}"

    @property
    def is_ruled(self) -> bool:
        """Say whether a rule of the project changes the answer's fields."""
        return self.target.startswith("/static/ruled/")

    @property
    def varies(self) -> bool:
        """Say whether the target has several encodings, so that all answers depend on the field."""
        return self.target.partition("?")[0] in _VARYING


def url(name: str) -> str:
    """Return the path of a logical name, percent-encoded."""
    return f"/static/{quote(name)}"


HASHED = url(file_of(NAME))
LOGICAL = url(NAME)
PLAIN = url("robots.txt")
PLAIN_SINGLE = url("site.webmanifest")
SINGLE = url(file_of("admin/log.css"))
EMPTY = url(file_of("css/empty.css"))
LARGE = url(file_of(LARGE_NAME))
VIDEO = url(file_of(VIDEO_NAME))
SPACED = url(file_of(SPACED_NAME))
UNDATED = url(file_of(UNDATED_NAME))
FUTURE = url(file_of(FUTURE_NAME))
EARLIER_FILE = url(output_name(NAME, EARLIER))
PHOTO = url(file_of(PHOTO_NAME))
GONE_PHOTO = url(output_name(GONE_NAME, GONE[GONE_NAME]))
MISSING = url("css/none.css")
_VARYING = {HASHED, LOGICAL, PLAIN, LARGE, url(LARGE_NAME)}

BODY = FILES[NAME]
SIZE = len(BODY)
BR, GZIP = encoded(NAME, "br"), encoded(NAME, "gzip")

AVIF, WEBP = FILES[f"{PHOTO_NAME}.40.avif"], FILES[f"{PHOTO_NAME}.40.webp"]
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
SAFARI = "image/webp,image/avif,image/jxl,image/heic,video/*;q=0.8,image/*;q=0.8,*/*;q=0.5"
ACCEPTED = {
    "who names AVIF gets it": (CHROME, "avif"),
    "the order of names does not count": (SAFARI, "avif"),
    "who names WebP gets it": ("image/webp,*/*", "webp"),
    "of weights the largest wins": ("image/avif;q=0.5,image/webp;q=0.9,*/*;q=0.1", "webp"),
    "the usual type may be preferred": ("image/avif;q=0.5,image/jpeg", "jpeg"),
    "a range may be preferred": ("image/avif;q=0.5,image/*;q=0.6", "jpeg"),
    "the most specific range counts": ("image/avif;q=0.5,image/*;q=0.4,*/*", "avif"),
    "a star is no name": ("*/*", "jpeg"),
    "a range is no name": ("image/*", "jpeg"),
    "what is refused is not sent": ("image/avif;q=0,image/webp;q=0.0,*/*", "jpeg"),
    "a malformed weight counts for nothing": ("image/avif;q=2,*/*", "jpeg"),
    "letter case does not count": ("IMAGE/AVIF , */*", "avif"),
    "a longer name is another one": ("image/avif-sequence,ximage/webp", "jpeg"),
    "a type with parameters is another one": ("image/avif;profile=1", "jpeg"),
    "who says nothing gets the usual type": ("", "jpeg"),
    "nothing acceptable is better than an error": ("text/html", "jpeg"),
}
"""Values of ``Accept``, and what they are answered with."""

FOREVER = "public, max-age=31536000, immutable"
NO_STORE: Mapping[str, str | None] = {"Cache-Control": "no-store"}
SECURITY: Mapping[str, str | None] = {
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}
METHODS = "GET, HEAD, OPTIONS"
MALFORMED_DATES = {
    "a word": "yesterday",
    "nothing": "",
    "a number of seconds": "1714910410",
    "ISO 8601": "2024-05-05T12:00:10Z",
    "no time": "Sun, 05 May 2024",
    "another time zone": "Sun, 05 May 2100 12:00:10 +0000",
    "a day that no month has": "Sun, 32 May 2100 12:00:10 GMT",
    "an hour that no day has": "Sun, 05 May 2100 25:00:10 GMT",
    "a month in capitals": "Sun, 05 MAY 2100 12:00:10 GMT",
    "two dates": "{identity_date}, {identity_date}",
    "something after it": "{identity_date}; length=480",
    "digits of another script": "Sun, \u0660\u0665 May 2100 12:00:10 GMT".encode().decode(
        "latin-1"
    ),
}


def coding(sentence: str, accept: str | tuple[str, ...], expected: str) -> Case:
    """Return the case that an ``Accept-Encoding`` field chooses an encoding."""
    body = encoded(NAME, expected)
    return Case(
        "9110 12.5.3",
        sentence,
        {"Accept-Encoding": accept},
        body=body,
        fields={
            "Content-Encoding": None if expected == "identity" else expected,
            "Content-Length": str(len(body)),
            "Content-Type": "text/css; charset=utf-8",
            "ETag": f"{{{expected}}}",
            "Last-Modified": f"{{{expected}_date}}",
        },
    )


def known(section: str, sentence: str, request: Fields, **more: str) -> Case:
    """Return the case that a client is told that what it has is still good."""
    target = more.get("target", HASHED)
    return Case(
        section,
        sentence,
        request,
        target=target,
        method=more.get("method", "GET"),
        status=304,
        body=b"",
        fields={
            "ETag": f"{{{more.get('coding', 'identity')}}}",
            "Cache-Control": FOREVER if target in (HASHED, LARGE) else "no-cache",
            "Content-Type": None,
            "Content-Encoding": None,
            "Content-Range": None,
            "Last-Modified": None,
        },
    )


def changed(section: str, sentence: str, request: Fields, target: str = HASHED) -> Case:
    """Return the case that a client is sent the whole file, as if it had not asked otherwise."""
    names = {HASHED: NAME, UNDATED: UNDATED_NAME, EMPTY: "css/empty.css", LARGE: LARGE_NAME}
    body = FILES[names[target]]
    return Case(
        section,
        sentence,
        request,
        target=target,
        body=body,
        fields={
            "ETag": "{identity}",
            "Content-Range": None,
            "Content-Encoding": None,
            "Content-Length": str(len(body)),
        },
    )


def failed(section: str, sentence: str, request: Fields, method: str = "GET") -> Case:
    """Return the case that a condition of the request does not hold."""
    fields = {"Content-Length": "0", "Content-Encoding": None, "Content-Range": None}
    return Case(section, sentence, request, method=method, status=412, body=b"", fields=fields)


def part(
    section: str,
    sentence: str,
    request: Fields,
    wanted: slice,
    chosen: str = "identity",
    *,
    name: str = NAME,
) -> Case:
    """Return the case that a part of the bytes comes back."""
    body = encoded(name, chosen)
    start, stop, _ = wanted.indices(len(body))
    return Case(
        section,
        sentence,
        request,
        target=url(file_of(name)),
        status=206,
        body=body[start:stop],
        fields={
            "Content-Range": f"bytes {start}-{stop - 1}/{len(body)}",
            "Content-Length": str(stop - start),
            "Content-Encoding": None if chosen == "identity" else chosen,
            "Cache-Control": FOREVER,
            "ETag": f"{{{chosen}}}",
        },
    )


def beyond(section: str, sentence: str, request: Fields, target: str = HASHED) -> Case:
    """Return the case that a range has no byte of the file."""
    sizes = {HASHED: SIZE, EMPTY: 0, LARGE: 1 << 20}
    fields = {
        "Content-Range": f"bytes */{sizes[target]}",
        "Content-Length": "0",
        "Content-Encoding": None,
        "ETag": None,
    }
    return Case(section, sentence, request, target, status=416, body=b"", fields=fields)


def refused(sentence: str, method: str, *, content: bytes = b"", target: str = HASHED) -> Case:
    """Return the case that a method is not allowed."""
    length = {"Content-Length": str(len(content))} if method != "TRACE" else {}
    return Case(
        "9110 15.5.6",
        sentence,
        length,
        target,
        method,
        content,
        405,
        fields={"Allow": METHODS, "ETag": None},
    )


def missing(sentence: str, target: str, section: str = "9110 15.5.5") -> Case:
    """Return the case that a target names nothing."""
    fields = {**NO_STORE, "ETag": None, "Last-Modified": None}
    return Case(section, sentence, target=target, status=404, fields=fields)


CASES = [
    *(
        Case(
            "9110 12.5.1",
            sentence,
            {"Accept": accept},
            PHOTO,
            body={"avif": AVIF, "webp": WEBP, "jpeg": FILES[PHOTO_NAME]}[kind],
            fields={
                "Content-Type": f"image/{kind}",
                "Vary": "Accept",
                "Content-Encoding": None,
                "Cache-Control": FOREVER,
            },
        )
        for sentence, (accept, kind) in ACCEPTED.items()
    ),
    Case(
        "9110 12.5.1",
        "several lines are one list",
        {"Accept": ("text/html", "image/webp")},
        PHOTO,
        body=WEBP,
        fields={"Content-Type": "image/webp"},
    ),
    Case(
        "9110 12.5.1",
        "HEAD says of which type it would be",
        {"Accept": CHROME},
        PHOTO,
        "HEAD",
        body=b"",
        fields={"Content-Type": "image/avif", "Content-Length": str(len(AVIF)), "Vary": "Accept"},
    ),
    Case(
        "9110 12.5.1",
        "a range is one of the type that is sent",
        {"Accept": CHROME, "Range": "bytes=10-19"},
        PHOTO,
        status=206,
        body=AVIF[10:20],
        fields={"Content-Type": "image/avif", "Vary": "Accept"},
    ),
    Case(
        "9110 8.8.3",
        "a tag vouches for one type",
        {"Accept": CHROME, "If-None-Match": "{identity}"},
        PHOTO,
        body=AVIF,
        fields={"Content-Type": "image/avif"},
    ),
    Case(
        "9110 8.8.2",
        "a date vouches for one type",
        {"Accept": CHROME, "Range": "bytes=10-19", "If-Range": "{identity_date}"},
        PHOTO,
        body=AVIF,
    ),
    Case(
        "9110 12.5.5",
        "what is not modified varies, too",
        {"If-None-Match": "{identity}"},
        PHOTO,
        status=304,
        fields={"Vary": "Accept"},
    ),
    Case(
        "9110 12.5.1",
        "the logical name of an image is answered likewise",
        {"Accept": CHROME},
        url(PHOTO_NAME),
        body=AVIF,
        fields={"Content-Type": "image/avif", "Vary": "Accept", "Cache-Control": "no-cache"},
    ),
    Case(
        "9110 12.5.1",
        "an image of the release before is answered likewise",
        {"Accept": CHROME},
        GONE_PHOTO,
        body=GONE[f"{GONE_NAME}.40.avif"],
        fields={"Content-Type": "image/avif", "Vary": "Accept", "Cache-Control": FOREVER},
    ),
    Case(
        "9110 12.5.1",
        "an image that stands for another has one type",
        {"Accept": "image/webp"},
        url(file_of(f"{PHOTO_NAME}.40.avif")),
        body=AVIF,
        fields={"Content-Type": "image/avif", "Vary": None},
    ),
    # What each kind of name gets.
    Case(
        "8246 2",
        "a fingerprinted name may be kept for ever",
        body=BODY,
        fields={
            **SECURITY,
            "Accept-Ranges": "bytes",
            "Cache-Control": FOREVER,
            "Content-Encoding": None,
            "Content-Length": str(SIZE),
            "Content-Type": "text/css; charset=utf-8",
            "ETag": "{identity}",
            "Last-Modified": "{identity_date}",
            "Expires": None,
            "Set-Cookie": None,
        },
    ),
    Case(
        "9111 5.2.2.4",
        "the logical name gives the same bytes, and is asked for again",
        target=LOGICAL,
        body=BODY,
        fields={"Cache-Control": "no-cache", "ETag": "{identity}"},
    ),
    Case(
        "9111 5.2.2.4",
        "the logical name gives the same encodings",
        {"Accept-Encoding": "br"},
        LOGICAL,
        body=BR,
        fields={"Cache-Control": "no-cache", "Content-Encoding": "br"},
    ),
    Case(
        "9111 5.2.2.4",
        "a plain file is asked for again",
        target=PLAIN,
        body=FILES["robots.txt"],
        fields={"Cache-Control": "no-cache", "Content-Type": "text/plain; charset=utf-8"},
    ),
    Case(
        "9111 5.2.2.4",
        "a plain file without siblings is asked for again",
        target=PLAIN_SINGLE,
        body=b"{}",
        fields={"Cache-Control": "no-cache", "Content-Type": "application/manifest+json"},
    ),
    Case(
        "8246 2",
        "what an earlier release called immutable is kept for ever",
        target=EARLIER_FILE,
        body=EARLIER,
        fields={"Cache-Control": FOREVER, "Content-Type": "text/css; charset=utf-8"},
    ),
    Case(
        "9110 8.6",
        "an empty file has the length zero",
        target=EMPTY,
        body=b"",
        fields={"Content-Length": "0", "Content-Type": "text/css; charset=utf-8"},
    ),
    Case(
        "9110 8.6",
        "a large file has its length",
        target=LARGE,
        body=FILES[LARGE_NAME],
        fields={"Content-Length": str(1 << 20), "Accept-Ranges": "bytes"},
    ),
    Case(
        "9110 8.6",
        "a large file without siblings has its length",
        target=VIDEO,
        body=FILES[VIDEO_NAME],
        fields={"Content-Length": str(1 << 20), "Content-Type": "video/mp4"},
    ),
    Case(
        "9110 8.6",
        "a large file of a strange name has its length",
        target=SPACED,
        body=FILES[SPACED_NAME],
        fields={"Content-Length": str(1 << 17), "Content-Type": "video/mp4"},
    ),
    Case(
        "9110 8.6",
        "a large encoded file has its own length",
        {"Accept-Encoding": "br"},
        LARGE,
        body=encoded(LARGE_NAME, "br"),
        fields={"Content-Length": "300000", "Content-Encoding": "br", "ETag": "{br}"},
    ),
    Case(
        "9110 12.5.5",
        "an asset without siblings does not vary",
        {"Accept-Encoding": "br, gzip"},
        SINGLE,
        body=FILES["admin/log.css"],
        fields={"Vary": None, "Content-Encoding": None},
    ),
    Case(
        "9110 8.8.2",
        "the constant date that packagers write is not said",
        target=UNDATED,
        body=FILES[UNDATED_NAME],
        fields={"Last-Modified": None, "ETag": "{identity}"},
    ),
    Case(
        "9110 8.8.2.1",
        "a date to come is not said",
        target=FUTURE,
        body=FILES[FUTURE_NAME],
        fields={"ETag": "{identity}"},
    ),
    *(
        Case(
            "9110 8.3",
            f"{name.rpartition('/')[2]} has its registered type",
            target=url(file_of(name)),
            body=name.encode(),
            fields={"Content-Type": media_type, **SECURITY},
        )
        for name, media_type in TYPES.items()
    ),
    # What a project's own rules say.
    *(
        Case(
            "Rules",
            f"{what} has the fields that a rule adds or changes, and none that it takes away",
            request,
            url(file_of("ruled/a.css")),
            status=status,
            body=body,
            fields={
                "Cache-Control": "public, max-age=60",
                "Access-Control-Allow-Origin": "https://example.com",
                "Timing-Allow-Origin": None,
                "X-Own": "first",
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Resource-Policy": "cross-origin",
                "ETag": "{identity}",
            },
        )
        for what, request, status, body in (
            ("the whole", {}, 200, b"a{}"),
            ("a part", {"Range": "bytes=1-"}, 206, b"{}"),
        )
    ),
    Case(
        "Rules",
        "a 304 has the Cache-Control of a rule",
        {"If-None-Match": "*"},
        url(file_of("ruled/a.css")),
        status=304,
        body=b"",
        fields={"Cache-Control": "public, max-age=60", "X-Own": None},
    ),
    Case(
        "Rules",
        "of several rules the last one counts",
        target=url(file_of("ruled/b.css")),
        body=b"b{}",
        fields={
            "Cache-Control": "public, max-age=60",
            "X-Own": "last",
            "Cross-Origin-Resource-Policy": None,
        },
    ),
    Case(
        "Rules",
        "a rule holds for a plain file",
        target=url("ruled/plain.css"),
        body=b"plain{}",
        fields={"Cache-Control": "public, max-age=60", "X-Own": "first"},
    ),
    Case(
        "Rules",
        "a logical name is asked for again, whatever a rule says",
        target=url("ruled/a.css"),
        body=b"a{}",
        fields={"Cache-Control": "no-cache", "X-Own": "first"},
    ),
    # Accept-Encoding
    coding("an empty field accepts the file itself only", "", "identity"),
    coding("the smallest of equals wins", "gzip, deflate, br, zstd", "br"),
    coding("the order of equals does not count", "br, gzip", "br"),
    coding("gzip alone gives gzip", "gzip", "gzip"),
    coding("br alone gives br", "br", "br"),
    coding("a higher weight wins over a smaller file", "br;q=0.5, gzip;q=0.8", "gzip"),
    coding("the thousandth counts", "br;q=0.998, gzip;q=0.999", "gzip"),
    coding("weight zero excludes", "br;q=0, gzip", "gzip"),
    coding("weight zero with digits excludes", "br;q=0.000, gzip", "gzip"),
    coding("weight zero for all leaves the file itself", "br;q=0, gzip;q=0.0", "identity"),
    coding("a weight of one may be written out", "gzip;q=1.000, br;q=0.999", "gzip"),
    coding("a weight may end in its point", "br;q=0., gzip;q=1.", "gzip"),
    coding("x-gzip is gzip", "x-gzip", "gzip"),
    coding("letter case does not count", "BR", "br"),
    coding("letter case of the weight does not count", "BR;Q=0.1, GZip;Q=1.0", "gzip"),
    coding("a star stands for all that are not named", "*", "br"),
    coding("a star does not stand for a named one", "br;q=0, *", "gzip"),
    coding("a star of weight zero excludes the rest", "gzip, *;q=0", "gzip"),
    coding("a star of weight zero alone leaves the file itself", "*;q=0", "identity"),
    coding("a star has a weight", "gzip;q=0.5, *;q=0.6", "br"),
    coding("identity may be preferred", "identity, br;q=0.5", "identity"),
    coding("identity may be all that is named", "identity", "identity"),
    coding("of equals with identity the smallest wins", "identity, gzip", "gzip"),
    coding("an unnamed identity comes last", "gzip;q=0.001", "gzip"),
    coding("the file itself is sent when nothing is acceptable", "identity;q=0", "identity"),
    coding("an excluded identity still takes another", "identity;q=0, gzip;q=0.1", "gzip"),
    coding("a star excludes identity, too", "*;q=0, br;q=0.1", "br"),
    coding("white space may surround a weight", "gzip;q=0.2 ,\tbr ; q=0.1", "gzip"),
    coding("white space around the field does not count", "  gzip \t", "gzip"),
    coding("an unknown coding is ignored", "sdch, dcb, gzip", "gzip"),
    coding("unknown codings alone give the file itself", "deflate, compress, sdch", "identity"),
    coding("a weight above one is nonsense", "br;q=2, gzip", "gzip"),
    coding("a negative weight is nonsense", "br;q=-1, gzip", "gzip"),
    coding("a weight of four digits is nonsense", "br;q=0.9999, gzip;q=0.1", "gzip"),
    coding("a weight that is not a number is nonsense", "br;q=high, gzip", "gzip"),
    coding("an exponent is nonsense", "br;q=1e0, gzip", "gzip"),
    coding("empty elements are ignored", ",, ;q=1, gzip,", "gzip"),
    coding("commas alone name nothing", ",,,", "identity"),
    coding("a name within a name is not it", "brotli, xgzip", "identity"),
    coding("bytes beyond ASCII are nonsense", "b\xe9, \xff\xfe, gzip", "gzip"),
    coding("a very long field is read, too", "x," * 2000 + "br", "br"),
    Case(
        "9110 5.3",
        "several lines are one list",
        {"Accept-Encoding": ("identity;q=0.1", "gzip;q=0.5", "br;q=0.4")},
        body=GZIP,
        fields={"Content-Encoding": "gzip"},
    ),
    Case(
        "9110 5.1",
        "letter case of field names does not count",
        {"aCCEPT-eNCODING": "br"},
        body=BR,
        fields={"Content-Encoding": "br"},
    ),
    Case(
        "9110 5.1",
        "a name with an underscore is another field",
        {"Accept_Encoding": "br"},
        body=BODY,
        fields={"Content-Encoding": None},
    ),
    # If-None-Match
    known("9110 13.1.2", "the entity tag itself", {"If-None-Match": "{identity}"}),
    known("9110 13.1.2", "a weak one compares weakly", {"If-None-Match": "W/{identity}"}),
    known("9110 13.1.2", "first of a list", {"If-None-Match": '{identity}, "a"'}),
    known("9110 13.1.2", "last of a list", {"If-None-Match": '"a", "b,c", W/{identity}'}),
    known("9110 13.1.2", "in a list without spaces", {"If-None-Match": '"a",{identity},"b"'}),
    known("9110 13.1.2", "in a list with empty elements", {"If-None-Match": ", ,{identity},"}),
    known("9110 5.3", "in a list of several lines", {"If-None-Match": ('"a"', "{identity}")}),
    known("9110 13.1.2", "a star is any", {"If-None-Match": "*"}),
    known("9110 13.1.2", "for HEAD, too", {"If-None-Match": "{identity}"}, method="HEAD"),
    known("9110 13.1.2", "of the logical name", {"If-None-Match": "{identity}"}, target=LOGICAL),
    known("9110 13.1.2", "of a plain file", {"If-None-Match": "{identity}"}, target=PLAIN),
    known("9110 13.1.2", "of a large file", {"If-None-Match": "{identity}"}, target=LARGE),
    known(
        "9110 13.1.2",
        "of the encoding that is chosen",
        {"Accept-Encoding": "br", "If-None-Match": "{br}"},
        coding="br",
    ),
    known(
        "9110 13.1.2",
        "of the other encoding that is chosen",
        {"Accept-Encoding": "gzip", "If-None-Match": "{br}, {gzip}"},
        coding="gzip",
    ),
    changed("9110 13.1.2", "another one", {"If-None-Match": '"other"'}),
    changed("9110 13.1.2", "that of another encoding", {"If-None-Match": "{br}"}),
    changed("9110 13.1.2", "one that begins like it", {"If-None-Match": '"{identity_opaque}-x"'}),
    changed("9110 13.1.2", "nonsense is none", {"If-None-Match": 'W/, star*, "unfinished'}),
    changed("9110 13.1.2", "nothing is none", {"If-None-Match": ""}),
    changed("9110 13.1.2", "one without its quotes", {"If-None-Match": "{identity_opaque}"}),
    changed("9110 13.1.2", "a star in quotes", {"If-None-Match": '"*"'}),
    changed(
        "9110 13.1.2", "the W of a weak one is a capital", {"If-None-Match": "w/ {identity_opaque}"}
    ),
    # If-Match
    changed("9110 13.1.1", "the entity tag itself", {"If-Match": "{identity}"}),
    changed("9110 13.1.1", "one of a list", {"If-Match": '"a", {identity}'}),
    changed("9110 13.1.1", "a star is what is there", {"If-Match": "*"}),
    failed("9110 13.1.1", "another one", {"If-Match": '"other"'}),
    failed("9110 13.1.1", "none of a list", {"If-Match": '"a", "b"'}),
    failed("9110 13.1.1", "a weak one never matches", {"If-Match": "W/{identity}"}),
    failed("9110 13.1.1", "that of another encoding", {"If-Match": "{gzip}"}),
    failed("9110 13.1.1", "nonsense is none", {"If-Match": "{identity_opaque}"}),
    failed("9110 13.1.1", "another one, for HEAD", {"If-Match": '"other"'}, "HEAD"),
    Case(
        "9110 13.1.1",
        "that of the encoding that is chosen",
        {"Accept-Encoding": "br", "If-Match": "{br}"},
        body=BR,
    ),
    changed("9110 13.1.1", "that of a large file", {"If-Match": "{identity}"}, LARGE),
    Case(
        "9110 13.1.1",
        "that of the encoding that is chosen of a large file",
        {"Accept-Encoding": "br", "If-Match": "{br}"},
        LARGE,
        body=encoded(LARGE_NAME, "br"),
        fields={"Content-Encoding": "br", "ETag": "{br}"},
    ),
    # If-Modified-Since
    known("9110 13.1.3", "the very date", {"If-Modified-Since": "{identity_date}"}),
    known("9110 13.1.3", "a later date", {"If-Modified-Since": "{identity_later}"}),
    known(
        "9110 13.1.3",
        "a date to come",
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ),
    known("9110 13.1.3", "for HEAD, too", {"If-Modified-Since": "{identity_date}"}, method="HEAD"),
    known("9110 13.1.3", "a plain file", {"If-Modified-Since": "{identity_date}"}, target=PLAIN),
    known("9110 5.6.7", "the date as RFC 850 has it", {"If-Modified-Since": "{identity_850}"}),
    known("9110 5.6.7", "the date as asctime has it", {"If-Modified-Since": "{identity_asctime}"}),
    known(
        "9110 5.6.7",
        "two digits of a year more than 50 ahead are of the past",
        {"If-None-Match": "{identity}", "If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"},
    ),
    known(
        "9110 13.1.3",
        "the date of the encoding that is chosen",
        {"Accept-Encoding": "br", "If-Modified-Since": "{br_date}"},
        coding="br",
    ),
    changed("9110 13.1.3", "an earlier date", {"If-Modified-Since": "{identity_earlier}"}),
    changed(
        "9110 5.6.7",
        "an earlier date as RFC 850 has it",
        {"If-Modified-Since": "Sunday, 06-Nov-94 08:49:37 GMT"},
    ),
    changed(
        "9110 5.6.7",
        "an earlier date as asctime has it",
        {"If-Modified-Since": "Sun Nov  6 08:49:37 1994"},
    ),
    changed("9110 13.1.3", "the date of another encoding", {"If-Modified-Since": "{br_date}"}),
    changed(
        "9110 13.1.3",
        "without a modification date it does not count",
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        UNDATED,
    ),
    *(
        changed("9110 13.1.3", f"{what} is no date", {"If-Modified-Since": date})
        for what, date in MALFORMED_DATES.items()
    ),
    # If-Unmodified-Since
    changed("9110 13.1.4", "the very date", {"If-Unmodified-Since": "{identity_date}"}),
    changed("9110 13.1.4", "a later date", {"If-Unmodified-Since": "{identity_later}"}),
    changed("9110 13.1.4", "as RFC 850 has it", {"If-Unmodified-Since": "{identity_850}"}),
    changed("9110 13.1.4", "as asctime has it", {"If-Unmodified-Since": "{identity_asctime}"}),
    changed("9110 13.1.4", "a word is no date", {"If-Unmodified-Since": "yesterday"}),
    changed("9110 13.1.4", "nothing is no date", {"If-Unmodified-Since": ""}),
    changed(
        "9110 13.1.4",
        "without a modification date it does not count",
        {"If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"},
        UNDATED,
    ),
    changed(
        "9110 13.1.4",
        "the very date of a large file",
        {"If-Unmodified-Since": "{identity_date}"},
        LARGE,
    ),
    Case(
        "9110 13.1.4",
        "the very date of the encoding that is chosen of a large file",
        {"Accept-Encoding": "br", "If-Unmodified-Since": "{br_date}"},
        LARGE,
        body=encoded(LARGE_NAME, "br"),
        fields={"Content-Encoding": "br", "Last-Modified": "{br_date}"},
    ),
    failed("9110 13.1.4", "an earlier date", {"If-Unmodified-Since": "{identity_earlier}"}),
    failed("9110 13.1.4", "that of an older encoding", {"If-Unmodified-Since": "{br_date}"}),
    failed(
        "9110 13.1.4",
        "an earlier date, for HEAD",
        {"If-Unmodified-Since": "{identity_earlier}"},
        "HEAD",
    ),
    failed(
        "9110 5.6.7",
        "an earlier date as asctime has it, for If-Unmodified-Since",
        {"If-Unmodified-Since": "Sun Nov  6 08:49:37 1994"},
    ),
    # The order of conditions
    failed(
        "9110 13.2.2",
        "If-Match is judged before If-None-Match",
        {"If-Match": '"other"', "If-None-Match": "{identity}"},
    ),
    failed(
        "9110 13.2.2",
        "If-Match is judged before Range",
        {"If-Match": '"other"', "Range": "bytes=0-1"},
    ),
    failed(
        "9110 13.2.2",
        "If-Unmodified-Since is judged before If-None-Match",
        {"If-Unmodified-Since": "{identity_earlier}", "If-None-Match": "{identity}"},
    ),
    failed(
        "9110 13.2.2",
        "If-Unmodified-Since is judged before a Range beyond the end",
        {"If-Unmodified-Since": "{identity_earlier}", "Range": "bytes=99999-"},
    ),
    changed(
        "9110 13.2.2",
        "If-Unmodified-Since does not count beside If-Match",
        {"If-Match": "{identity}", "If-Unmodified-Since": "{identity_earlier}"},
    ),
    failed(
        "9110 13.2.2",
        "If-Unmodified-Since does not save what If-Match refuses",
        {"If-Match": '"other"', "If-Unmodified-Since": "{identity_date}"},
    ),
    known(
        "9110 13.2.2",
        "If-None-Match is judged after If-Match holds",
        {"If-Match": "{identity}", "If-None-Match": "{identity}"},
    ),
    known(
        "9110 13.2.2",
        "If-None-Match is judged before Range",
        {"If-None-Match": "{identity}", "Range": "bytes=0-1"},
    ),
    known(
        "9110 13.2.2",
        "If-None-Match is judged before a Range beyond the end",
        {"If-None-Match": "{identity}", "Range": "bytes=99999-"},
    ),
    known(
        "9110 13.2.2",
        "If-None-Match is judged before If-Range",
        {"If-None-Match": "{identity}", "Range": "bytes=0-1", "If-Range": '"other"'},
    ),
    changed(
        "9110 13.1.3",
        "If-Modified-Since does not count beside If-None-Match",
        {"If-None-Match": '"other"', "If-Modified-Since": "{identity_date}"},
    ),
    changed(
        "9110 13.1.3",
        "If-Modified-Since does not count beside a malformed If-None-Match",
        {"If-None-Match": "other", "If-Modified-Since": "{identity_date}"},
    ),
    known(
        "9110 13.1.3",
        "an earlier If-Modified-Since does not count beside If-None-Match",
        {"If-None-Match": "{identity}", "If-Modified-Since": "{identity_earlier}"},
    ),
    known(
        "9110 13.2.2",
        "If-Modified-Since is judged before Range",
        {"If-Modified-Since": "{identity_date}", "Range": "bytes=0-1"},
    ),
    part(
        "9110 13.2.2",
        "Range is judged once If-Match holds",
        {"If-Match": "{identity}", "Range": "bytes=0-1"},
        slice(0, 2),
    ),
    part(
        "9110 13.2.2",
        "Range is judged once If-None-Match knows nothing",
        {"If-None-Match": '"other"', "Range": "bytes=0-1"},
        slice(0, 2),
    ),
    Case(
        "9110 13.2.1",
        "conditions do not count on what is missing",
        {"If-Match": '"other"', "If-None-Match": "*", "Range": "bytes=0-1"},
        MISSING,
        status=404,
        fields={**NO_STORE, "Content-Range": None},
    ),
    Case(
        "9110 13.2.1",
        "conditions do not count on a method that is not allowed",
        {"If-None-Match": "*", "Content-Length": "0"},
        method="DELETE",
        status=405,
    ),
    # Ranges
    part("9110 14.1.2", "the first byte", {"Range": "bytes=0-0"}, slice(0, 1)),
    part("9110 14.1.2", "the last byte", {"Range": "bytes=-1"}, slice(-1, None)),
    part(
        "9110 14.1.2",
        "the last byte by its number",
        {"Range": f"bytes={SIZE - 1}-"},
        slice(-1, None),
    ),
    part("9110 14.1.2", "a byte within", {"Range": "bytes=99-99"}, slice(99, 100)),
    part("9110 14.1.2", "some bytes within", {"Range": "bytes=10-19"}, slice(10, 20)),
    part("9110 14.1.2", "from within to the end", {"Range": "bytes=100-"}, slice(100, None)),
    part("9110 14.1.2", "the last bytes", {"Range": "bytes=-7"}, slice(-7, None)),
    part(
        "9110 14.1.2", "as many last bytes as there are", {"Range": f"bytes=-{SIZE}"}, slice(None)
    ),
    part("9110 14.1.2", "more last bytes than there are", {"Range": "bytes=-99999"}, slice(None)),
    part("9110 14.1.2", "an end at the end", {"Range": f"bytes=470-{SIZE - 1}"}, slice(470, None)),
    part("9110 14.1.2", "an end beyond the end", {"Range": "bytes=470-99999"}, slice(470, None)),
    part("9110 14.1.2", "everything", {"Range": "bytes=0-"}, slice(None)),
    part("9110 14.1", "the unit in capitals", {"Range": "BYTES=1-2"}, slice(1, 3)),
    part("9110 14.1.2", "leading zeros", {"Range": "bytes=0001-0002"}, slice(1, 3)),
    part("9110 5.5", "white space around the field", {"Range": " \tbytes=1-2 "}, slice(1, 3)),
    part(
        "9110 14.2",
        "of a file without siblings",
        {"Range": "bytes=3-4"},
        slice(3, 5),
        name="admin/log.css",
    ),
    part(
        "9110 14.2",
        "the last bytes of a large file",
        {"Range": "bytes=-70000"},
        slice(-70000, None),
        name=VIDEO_NAME,
    ),
    part(
        "9110 14.2",
        "across the blocks of a large file",
        {"Range": "bytes=65000-200000"},
        slice(65000, 200001),
        name=VIDEO_NAME,
    ),
    part(
        "9110 14.2",
        "one byte of a large file",
        {"Range": "bytes=777777-777777"},
        slice(777777, 777778),
        name=VIDEO_NAME,
    ),
    part(
        "9110 14.2",
        "of encoded bytes, where those are chosen",
        {"Range": "bytes=3-4", "Accept-Encoding": "br"},
        slice(3, 5),
        "br",
    ),
    part(
        "9110 14.2",
        "the last of the other encoded bytes",
        {"Range": "bytes=-3", "Accept-Encoding": "gzip"},
        slice(-3, None),
        "gzip",
    ),
    part(
        "9110 14.2",
        "of large encoded bytes",
        {"Range": "bytes=100000-250000", "Accept-Encoding": "gzip"},
        slice(100000, 250001),
        "gzip",
        name=LARGE_NAME,
    ),
    beyond("9110 15.5.17", "a start at the end", {"Range": f"bytes={SIZE}-"}),
    beyond("9110 15.5.17", "a start beyond the end", {"Range": "bytes=99999-100000"}),
    beyond("9110 15.5.17", "no last bytes", {"Range": "bytes=-0"}),
    beyond("9110 15.5.17", "the first byte of an empty file", {"Range": "bytes=0-0"}, EMPTY),
    beyond(
        "9110 15.5.17", "a start at the end of a large file", {"Range": f"bytes={1 << 20}-"}, LARGE
    ),
    beyond(
        "9110 15.5.17",
        "a start beyond the end, with the tag one has",
        {"Range": "bytes=99999-", "If-Range": "{identity}"},
    ),
    changed(
        "9110 14.2", "the last bytes of an empty file are all of it", {"Range": "bytes=-5"}, EMPTY
    ),
    *(
        changed("9110 14.2", f"{what} asks for the whole", {"Range": wanted})
        for what, wanted in {
            "several ranges": "bytes=0-1,3-4",
            "several ranges with white space": "bytes=0-1 , -5",
            "a thousand ranges": "bytes=" + ",".join("0-" for _ in range(1000)),
            "another unit": "lines=0-1",
            "no unit": "0-1",
            "a unit without its sign": "bytes 0-1",
            "a space before the sign": "bytes =0-1",
            "a range backwards": "bytes=5-2",
            "a range of nothing": "bytes=-",
            "no range": "bytes=",
            "nothing": "",
            "a plus": "bytes=+1-2",
            "a minus": "bytes=--1",
            "an underscore": "bytes=1_0-2",
            "a hexadecimal number": "bytes=0x0-0x1",
            "a fraction": "bytes=0.0-1",
            "three numbers": "bytes=1-2-3",
            "a space within": "bytes=0 - 1",
            "a comma for a hyphen": "bytes=1,2",
            "digits of another script": "bytes=\u0661-\u0662".encode().decode("latin-1"),
            "5,000 digits to end with": f"bytes=0-{'9' * 5000}",
        }.items()
    ),
    Case(
        "9110 5.3",
        "ranges of several lines ask for the whole",
        {"Range": ("bytes=0-1", "bytes=3-4")},
        body=BODY,
        fields={"Content-Range": None},
    ),
    Case(
        "9110 14.2",
        "HEAD has no ranges",
        {"Range": "bytes=0-1"},
        method="HEAD",
        body=b"",
        fields={"Content-Length": str(SIZE), "Content-Range": None},
    ),
    Case(
        "9110 14.2",
        "HEAD has no ranges beyond the end",
        {"Range": "bytes=99999-"},
        method="HEAD",
        body=b"",
        fields={"Content-Length": str(SIZE), "Content-Range": None},
    ),
    # If-Range
    part(
        "9110 13.1.5",
        "a part of the bytes one has",
        {"Range": "bytes=0-1", "If-Range": "{identity}"},
        slice(0, 2),
    ),
    part(
        "9110 13.1.5",
        "a part as of their date",
        {"Range": "bytes=0-1", "If-Range": "{identity_date}"},
        slice(0, 2),
    ),
    part(
        "9110 13.1.5",
        "a part of the encoded bytes one has",
        {"Range": "bytes=-5", "If-Range": "{br}", "Accept-Encoding": "br"},
        slice(-5, None),
        "br",
    ),
    part(
        "9110 13.1.5",
        "a part of the encoded bytes as of their date",
        {"Range": "bytes=2-", "If-Range": "{gzip_date}", "Accept-Encoding": "gzip"},
        slice(2, None),
        "gzip",
    ),
    *(
        part(
            "9110 13.1.5",
            f"a part of a large file by {what}",
            {"Range": "bytes=70000-", "If-Range": validator, "Accept-Encoding": chosen},
            slice(70000, None),
            chosen,
            name=LARGE_NAME,
        )
        for what, chosen, validator in (
            ("its tag", "identity", "{identity}"),
            ("its date", "identity", "{identity_date}"),
            ("the tag of its encoding", "br", "{br}"),
            ("the date of its encoding", "br", "{br_date}"),
        )
    ),
    *(
        Case(
            "9110 13.1.5",
            f"no part of an encoded large file by {what}",
            {"Range": "bytes=70000-", "If-Range": validator, "Accept-Encoding": "gzip"},
            LARGE,
            body=encoded(LARGE_NAME, "gzip"),
            fields={"Content-Encoding": "gzip", "Content-Range": None, "ETag": "{gzip}"},
        )
        for what, validator in (
            ("another tag", '"other"'),
            ("the tag of the file itself", "{identity}"),
            ("the date of the file itself", "{identity_date}"),
            ("the tag of another encoding", "{br}"),
            ("the date of another encoding", "{br_date}"),
        )
    ),
    changed("9110 14.2", "several ranges of a large file", {"Range": "bytes=0-1,9-10"}, LARGE),
    changed("9110 14.2", "a range backwards of a large file", {"Range": "bytes=5-2"}, LARGE),
    changed("9110 14.2", "another unit for a large file", {"Range": "lines=0-1"}, LARGE),
    *(
        changed("9110 13.1.5", what, {"Range": "bytes=0-1", "If-Range": validator})
        for what, validator in {
            "another tag": '"other"',
            "a weak tag vouches for no bytes": "W/{identity}",
            "the tag of another encoding": "{br}",
            "a list of tags is none": '"a", {identity}',
            "a tag without its quotes": "{identity_opaque}",
            "a star is no tag": "*",
            "a later date": "{identity_later}",
            "an earlier date": "{identity_earlier}",
            "the date of another encoding": "{br_date}",
            "a malformed date": "yesterday",
            "nothing": "",
        }.items()
    ),
    changed("9110 13.1.5", "without a range it does not count", {"If-Range": "{identity}"}),
    changed(
        "9110 13.1.5",
        "another tag wins over a range beyond the end",
        {"Range": "bytes=99999-", "If-Range": '"other"'},
    ),
    changed(
        "9110 13.1.5",
        "the first second of 1970 is no date of what has none",
        {"Range": "bytes=0-1", "If-Range": "Thu, 01 Jan 1970 00:00:00 GMT"},
        UNDATED,
    ),
    changed(
        "9110 13.1.5",
        "a date of what has none",
        {"Range": "bytes=0-1", "If-Range": "Tue, 01 Jan 1980 00:00:00 GMT"},
        UNDATED,
    ),
    Case(
        "9110 13.1.5",
        "no part is added to another encoding by the tag of the file itself",
        {"Range": "bytes=0-1", "If-Range": "{identity}", "Accept-Encoding": "gzip"},
        body=GZIP,
        fields={"Content-Encoding": "gzip", "Content-Range": None},
    ),
    Case(
        "9110 13.1.5",
        "no part is added to another encoding by its date",
        {"Range": "bytes=0-1", "If-Range": "{gzip_date}", "Accept-Encoding": "br"},
        body=BR,
        fields={"Content-Encoding": "br", "Content-Range": None},
    ),
    # Methods
    *(
        Case(
            "9110 9.3.2",
            f"HEAD is GET without its content: {what}",
            request,
            target,
            "HEAD",
            status=status,
            body=b"",
        )
        for what, request, target, status in (
            ("a file", {}, HASHED, 200),
            ("an encoded file", {"Accept-Encoding": "gzip"}, HASHED, 200),
            ("a plain file", {"Accept-Encoding": "br"}, PLAIN, 200),
            ("a logical name", {}, LOGICAL, 200),
            ("an empty file", {}, EMPTY, 200),
            ("a large file", {}, VIDEO, 200),
            ("a large encoded file", {"Accept-Encoding": "br"}, LARGE, 200),
            ("what is missing", {}, MISSING, 404),
        )
    ),
    refused("POST", "POST"),
    refused("POST with content", "POST", content=b"a=1&b=2"),
    refused("PUT", "PUT", content=b"new"),
    refused("DELETE", "DELETE"),
    refused("PATCH", "PATCH", content=b"{}"),
    refused("PROPFIND", "PROPFIND"),
    refused("TRACE", "TRACE"),
    refused("a method that nobody knows", "BREW"),
    refused("a plain file", "POST", target=PLAIN),
    Case(
        "9110 9.1",
        "methods are told apart by letter case",
        {"Content-Length": "0"},
        method="get",
        status=405,
    ),
    Case(
        "9110 9.3.7",
        "OPTIONS tells the methods",
        method="OPTIONS",
        body=b"",
        fields={"Allow": METHODS, "Content-Length": "0", "ETag": None},
    ),
    Case(
        "9110 9.3.7",
        "OPTIONS tells the methods of a plain file",
        target=PLAIN,
        method="OPTIONS",
        body=b"",
        fields={"Allow": METHODS, "Content-Length": "0"},
    ),
    Case("9110 9.3.7", "OPTIONS of what is missing", target=MISSING, method="OPTIONS", status=404),
    Case(
        "Fetch 4.8",
        "a preflight for GET is granted",
        {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"},
        method="OPTIONS",
        body=b"",
        fields={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": METHODS,
            "Content-Length": "0",
        },
    ),
    Case(
        "Fetch 4.8",
        "a preflight for a range is granted",
        {
            "Origin": "https://example.com",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "range",
        },
        method="OPTIONS",
        body=b"",
        fields={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": METHODS},
    ),
    Case(
        "Fetch 3.2.3",
        "any origin may read an answer",
        {"Origin": "https://example.com"},
        body=BODY,
        fields={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": None},
    ),
    # Targets
    Case(
        "9110 4.2.3",
        "a query does not count",
        target=f"{HASHED}?v=1&x=%2F",
        body=BODY,
        fields={"Cache-Control": FOREVER},
    ),
    Case("9110 4.2.3", "an empty query does not count", target=f"{HASHED}?", body=BODY),
    Case(
        "9110 4.2.3",
        "a query may look like a path",
        target=f"{HASHED}?/../../secret.txt",
        body=BODY,
    ),
    Case(
        "3986 2.4",
        "needless percent-encoding does not count",
        target=HASHED.replace("css", "%63%73s"),
        body=BODY,
    ),
    Case(
        "3986 2.1",
        "digits of percent-encoding have no case",
        target="/static/img/a%20b%27%28%c3%a9%29.png",
        body=FILES["img/a b'(é).png"],
    ),
    Case(
        "3986 2.5",
        "a name beyond Latin is encoded as UTF-8",
        target=url(file_of("img/日本語.png")),
        body=b"kanji",
        fields={"Content-Type": "image/png"},
    ),
    Case(
        "3986 2.4",
        "a percent sign in a name is encoded",
        target=url(file_of("img/100%+50;v=1.png")),
        body=b"signs",
    ),
    Case(
        "3986 2.2",
        "a plus is no space",
        target=url("img/100%+50;v=1.png").replace("%2B", "+"),
        body=b"signs",
    ),
    Case(
        "3986 3.3",
        "a semicolon is part of the name",
        target=url("img/100%+50;v=1.png").replace("%3B", ";"),
        body=b"signs",
    ),
    Case(
        "9112 3.2.2",
        "an absolute target names the same",
        target=f"http://127.0.0.1{HASHED}",
        body=BODY,
    ),
    Case("9110 4.1", "a long name", target=url(file_of(LONG_NAME)), body=b"long"),
    missing("what no manifest names", MISSING),
    missing("a fingerprint of no release", url("css/app.000000000000.css")),
    missing("a folder", "/static/css"),
    missing("a folder with its slash", "/static/css/"),
    missing("the prefix itself", "/static/"),
    missing("a file as a folder", f"{HASHED}/"),
    missing("another letter case", LOGICAL.replace("app", "APP")),
    missing("a file that lies there unnamed", "/static/stray.txt"),
    missing("the manifest", "/static/manifest.json"),
    missing("the history", "/static/.releases/"),
    missing("the lock", "/static/.lock"),
    missing("an encoded sibling by its own name", f"{HASHED}.br"),
    missing("a parent folder", "/static/../secret.txt"),
    missing("a parent folder from within", "/static/css/../../secret.txt"),
    missing("a way around through a parent folder", "/static/css/../robots.txt"),
    missing("a parent folder, its dots encoded", "/static/%2e%2e/secret.txt"),
    missing("a parent folder, all encoded", "/static/%2e%2e%2fsecret.txt"),
    missing("a parent folder, its slash encoded", "/static/..%2fsecret.txt"),
    missing("a parent folder, encoded twice", "/static/%252e%252e%252fsecret.txt"),
    missing("a parent folder by a back-slash", "/static/..\\secret.txt"),
    missing("a parent folder by an encoded back-slash", "/static/..%5csecret.txt"),
    missing("a parent folder in overlong UTF-8", "/static/%c0%ae%c0%ae%c0%afsecret.txt"),
    missing("a parent folder in wide characters", "/static/%ef%bc%8e%ef%bc%8e/secret.txt"),
    missing("the current folder", "/static/./robots.txt"),
    missing("an empty segment", "/static//robots.txt"),
    missing("an absolute path", "/static//etc/passwd"),
    missing("an absolute path, its slash encoded", "/static/%2fetc/passwd"),
    missing("a drive", "/static/C:/secret.txt"),
    missing("a back-slash for a slash", LOGICAL.replace("css/", "css\\")),
    missing("an encoded back-slash for a slash", LOGICAL.replace("css/", "css%5c")),
    missing("a NUL at the end", f"{LOGICAL}%00"),
    missing("a NUL within", f"{LOGICAL}%00.png"),
    missing("a line break", f"{LOGICAL}%0d%0aX-Evil:%201"),
    missing("bytes that are no UTF-8", "/static/%ff%fe.css"),
    missing("half a percent-encoding", "/static/%"),
    missing("a percent-encoding of no digits", "/static/%zz.css"),
    missing("a name of 1,000 characters", f"/static/{'n' * 1000}.css"),
    missing("a name of 3,000 segments", f"/static/{'n/' * 1500}x.css"),
    Case("9110 15.5.5", "another path is not ours", target="/", body=b"inner"),
    Case(
        "9110 15.5.5",
        "a path that begins like the prefix is not ours",
        target="/staticx/robots.txt",
        status=404,
        fields={"ETag": None},
    ),
    Case(
        "9110 15.5.5",
        "two slashes before the prefix are another path",
        target=f"/{PLAIN}",
        status=404,
        fields={"ETag": None},
    ),
]

"""Secrets: files that must not be published, found by name and by content before anything is sent.

Only what is unmistakable is looked for: formats with a prefix of their own, and names that no page
asks for. What is public by design is not: browser keys of Google (``AIza``), publishable keys of
Stripe (``pk_live_``), and key names without a key, which every library of cryptography holds.

Sources of the formats: RFC 7468 (PEM); AWS IAM, "Understanding unique ID prefixes"; GitHub, "About
authentication to GitHub"; GitLab, "Token overview"; Slack, "Token types"; Stripe, "API keys"; npm,
"About access tokens"; PyPI, "API tokens"; SendGrid, "API keys"; Azure Storage, "Configure
connection strings".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from assetpipe.errors import InputError
from assetpipe.globs import matcher
from assetpipe.mediatypes import is_compressed, media_type

LISTED = 10
"""How many findings an error names."""

DISTINCT = 6
"""A token with fewer different characters is a placeholder, such as ``ghp_xxxx``."""

_PUBLIC_FOLDER = ".well-known"  # RFC 8615
_NAMES = matcher([
    "id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "*.ppk",
    "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
    "_netrc", "credentials", "credentials.json", "htpasswd", "wp-config.php*",
    "*.tfstate", "*.tfstate.backup", "db.sqlite3",
])  # fmt: skip

_BINARY = (
    "audio/",
    "font/",
    "image/",
    "video/",
    "application/wasm",
    "application/vnd.ms-fontobject",
)


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that looks like a secret.

    Attributes:
        name: the file's.
        what: it looks like, in words that do not give it away.
        line: from 1 on; 0 where the name alone tells.
        column: from 1 on, in characters; 0 where the name alone tells.
    """

    name: str
    what: str
    line: int = 0
    column: int = 0

    @property
    def where(self) -> str:
        """The place as errors name it."""
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class _Rule:
    """A format of secrets.

    Attributes:
        what: it is.
        literals: one of them is in every such secret.
        pattern: all of it; the group ``body`` is the part that is secret.
        offsets: bytes of it that may be in front of the literal.
    """

    what: str
    literals: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    offsets: range = range(1)


# A token begins where a word does, or after an escape as strings and URLs write them.
_START = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_GAP = rb"""(?:\s|\\+[nrt]|["'`+,])"""


def _token(what: str, literals: str, pattern: bytes, offset: int = 0) -> _Rule:
    return _Rule(
        what,
        tuple(literals.encode().split()),
        re.compile(_START + pattern),
        range(offset, offset + 1),
    )


_RULES = (
    _Rule(
        "a private key",
        (b"PRIVATE KEY",),
        # The header alone is in every library that reads keys. Between header and body may be the
        # fields of RFC 1421 and RFC 9580, and what a programming language puts around lines.
        re.compile(
            rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:%b){1,40}"
            rb"(?:[A-Za-z-]{1,40}: [^\n\\]{0,200}(?:%b){1,40}){0,4}(?P<body>[A-Za-z0-9+/]{32,80})"
            % (_GAP, _GAP)
        ),
        range(11, 60),
    ),
    _Rule(
        "the id of an AWS access key",
        (b"AKIA", b"ASIA"),
        # Both sides must end there: base64 of a binary file holds everything, and zeros are "A".
        re.compile(
            rb"(?:(?<![A-Za-z0-9+/])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
            rb"A[KS]IA(?P<body>[A-Z2-7]{16})(?![A-Za-z0-9+/])"
        ),
    ),
    _Rule(
        "an AWS secret access key",
        (b"secret_access_key", b"SECRET_ACCESS_KEY", b"secretAccessKey"),
        re.compile(
            rb"(?:secret_access_key|SECRET_ACCESS_KEY|secretAccessKey)[\"'\\\s:=>]{1,12}"
            rb"(?P<body>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])"
        ),
    ),
    _token(
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_",
        rb"gh[pousr]_(?P<body>[A-Za-z0-9]{36,255})",
    ),
    _token("a GitHub token", "github_pat_", rb"github_pat_(?P<body>[A-Za-z0-9_]{50,255})"),
    _token("a GitLab token", "glpat-", rb"glpat-(?P<body>[A-Za-z0-9_-]{20,300})"),
    _token(
        "a Slack token",
        "xoxa- xoxb- xoxp- xoxr-",
        rb"xox[abpr]-(?P<body>[0-9]{8,20}-[A-Za-z0-9-]{10,200})",
    ),
    _Rule(
        "the address of a Slack webhook",
        (b"hooks.slack.com/services/",),
        re.compile(
            rb"hooks\.slack\.com/services/(?P<body>T[A-Z0-9]{8,20}/B[A-Z0-9]{8,20}/[A-Za-z0-9]{20,40})"
        ),
    ),
    _token("a secret key of Stripe", "k_live_", rb"[sr]k_live_(?P<body>[A-Za-z0-9]{20,250})", 1),
    _token("an npm token", "npm_", rb"npm_(?P<body>[A-Za-z0-9]{36})(?![A-Za-z0-9])"),
    _token(
        "a PyPI token",
        "pypi-AgEIcHlwaS5vcmc",
        rb"pypi-AgEIcHlwaS5vcmc(?P<body>[A-Za-z0-9_-]{50,1000})",
    ),
    _token(
        "a SendGrid key",
        "SG.",
        rb"SG\.(?P<body>[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])",
    ),
    _token(
        "an Anthropic key",
        "sk-ant-",
        rb"sk-ant-[a-z]{2,10}[0-9]{2}-(?P<body>[A-Za-z0-9_-]{40,250})",
    ),
    _Rule(
        "an OpenAI key",
        (b"T3BlbkFJ",),
        re.compile(
            _START
            + rb"sk-(?P<body>(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{20,200}T3BlbkFJ[A-Za-z0-9_-]{20,200})"
        ),
        range(23, 220),
    ),
    _Rule(
        "the key of an Azure storage account",
        (b"AccountKey=",),
        re.compile(rb"AccountKey=(?P<body>[A-Za-z0-9+/]{86}==)"),
    ),
)

# Looking for one literal takes half a millisecond a megabyte, so looking for each would take
# twelve. Those of capitals and dots are looked for in the capitals and dots alone, which are a
# twelfth of a text, and only where they are there in the text. The others are looked for all at
# once, where one of a few rare marks is that they have in common. This saves a half.
_MINOR = bytes(byte for byte in range(256) if not (65 <= byte <= 90 or byte == 46))
_MARKS = (b"hooks.", b"xox", b"Key", b"t-", b"_")


class _Mark(NamedTuple):
    """A mark with what may be around it, and for each of its groups where the rule's literal is.

    The places are bytes in front of the mark.
    """

    pattern: re.Pattern[bytes]
    rules: tuple[tuple[int, _Rule], ...]


def _capitals() -> Iterator[tuple[bytes, bytes, _Rule]]:
    """Yield capitals and dots to look for, each with its literal and the rule."""
    for rule in _RULES:
        for literal in rule.literals:
            image = literal.translate(None, _MINOR)
            if len(image) > 2:
                yield image, literal, rule


def _marks() -> Iterator[_Mark]:
    """Yield the marks of all other literals."""
    capitals = {literal for _, literal, _ in _CAPITALS}
    left = [(each, rule) for rule in _RULES for each in rule.literals if each not in capitals]
    for mark in _MARKS:
        around, rules = [], []
        for literal, rule in [pair for pair in left if mark in pair[0]]:
            left.remove((literal, rule))
            at = literal.rindex(mark)
            head, tail = literal[: at + len(mark)], literal[at + len(mark) :]
            around.append(b"(?<=%b)%b()" % (re.escape(head), re.escape(tail)))
            rules.append((at, rule))
        pattern = re.compile(re.escape(mark) + b"(?:%b)" % b"|".join(around))
        yield _Mark(pattern, tuple(rules))


_CAPITALS = tuple(_capitals())
_MARKED = tuple(_marks())


def find(name: str, data: bytes) -> Secret | None:
    """Return the first thing in a file that looks like a secret, or ``None``.

    The name may tell already: a name with a dot in front, but ``.well-known``, and those of keys,
    key stores, passwords and states. Formats of images, sounds, fonts and archives are not
    searched.

    Takes about 5 ms for a megabyte of scripts and style sheets.
    """
    what = _by_name(name)
    if what:
        return Secret(name, what)
    if _is_binary(name):
        return None
    first = min(_matches(data), key=lambda found: found[0], default=None)
    if first is None:
        return None
    at, what = first
    start = data.rfind(b"\n", 0, at) + 1
    column = len(data[start:at].decode("utf-8", "replace")) + 1
    return Secret(name, what, data.count(b"\n", 0, at) + 1, column)


def _is_binary(name: str) -> bool:
    kind = media_type(name)
    return is_compressed(name) or (kind.startswith(_BINARY) and kind != "image/svg+xml")


def _by_name(name: str) -> str:
    for segment in name.split("/"):
        if segment.startswith(".") and segment != _PUBLIC_FOLDER:
            return f"is hidden, as `{segment}` begins with a dot"
    return "has the name of a file with secrets" if _NAMES(name.lower()) else ""


def _matches(data: bytes) -> Iterator[tuple[int, str]]:
    capitals = data.translate(None, _MINOR)
    for image, literal, rule in _CAPITALS:
        at = data.find(literal) if image in capitals else -1
        while at >= 0:
            yield from _match(rule, data, at)
            at = data.find(literal, at + 1)
    for mark in _MARKED:
        for hit in mark.pattern.finditer(data):
            before, rule = mark.rules[(hit.lastindex or 0) - 1]  # each alternative has a group
            yield from _match(rule, data, hit.start() - before)


def _match(rule: _Rule, data: bytes, at: int) -> Iterator[tuple[int, str]]:
    """Yield where a secret begins whose literal is at some place."""
    for offset in rule.offsets:
        match = rule.pattern.match(data, at - offset) if offset <= at else None
        if match and len(set(match["body"])) >= DISTINCT and b"EXAMPLE" not in match["body"]:
            yield match.start(), f"holds what looks like {rule.what}"
            return


def check(files: Iterable[tuple[str, bytes]], allow: tuple[str, ...] = ()) -> None:
    """Refuse files that look like secrets.

    Args:
        files: names and contents of what is to be published.
        allow: globs of names that are published nonetheless.

    Raises:
        InputError: there are some; it names the places, never the secrets.
    """
    allowed = matcher(allow)
    found = [
        secret
        for name, data in files
        if not allowed(name) and (secret := find(name, data)) is not None
    ]
    if not found:
        return
    first, *others = found
    places = "".join(f"\n  {other.where}: {other.what}" for other in others[: LISTED - 1])
    if len(found) > LISTED:
        places += f"\n  and {len(found) - LISTED} more"
    raise InputError(
        f"{first.what}; nothing was published{places}",
        where=first.where,
        hint="remove it from the sources and revoke it where it is from; if it is no secret, "
        f'publish it by allow = ["{first.name}"] in the destination\'s table, '
        f"or --allow {shlex.quote(first.name)}",
    )

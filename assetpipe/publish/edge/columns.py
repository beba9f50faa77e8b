"""What every file of every release is served with, as patterns and as few names as possible.

A server at the edge also meets files of releases from before and after the one that its
configuration is made from. So each header field follows from patterns, which hold for them all;
only what this release's manifest says otherwise is listed by name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import AnyStr

from assetpipe.errors import ConfigError
from assetpipe.globs import regex as glob_regex
from assetpipe.headers import COMMON, FOREVER, REVALIDATE, Headers, Policy, vary
from assetpipe.manifest import FILE_NAME, Asset, Manifest
from assetpipe.mediatypes import DEFAULT, SUFFIXES, content_type, is_compressed
from assetpipe.names import HASH_LENGTH, SIBLING_SUFFIXES, split_suffix

FINGERPRINTED = rf"^(.+)\.[0-9a-f]{{{HASH_LENGTH}}}(\.[^./]+)?$"
"""Matches fingerprinted files; its two groups together are the logical name."""

HIDDEN = rf"^(?i:{re.escape(FILE_NAME)})$|(?:^|/)\.|/$"
"""Matches what a release's folder keeps for itself, and folders; ``VISIBLE`` goes first."""

VISIBLE = r"^\.well-known/(?:[^./][^/]*/)*[^./][^/]*$"
"""Matches what has to be served though a name in it begins with a dot (RFC 8615)."""

HOLDS = """\
# It holds for the releases before and after as well; make it anew when the configuration of
# assetpipe has changed, or when files without a fingerprint were added or removed.
"""
"""What every configuration says of itself."""

WEIGHT = r"(?:[ \t]*;[ \t]*q=(?:0\.(?:[1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9])|1(?:\.0{0,3})?))?[ \t]*"
"""Matches the weight of what a field names, unless it is zero or malformed (RFC 9110, 12.4.2)."""

# Short, as nginx warns where its table of all variables' names gets crowded.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,11}")

# nginx takes words of its configuration of up to 4,096 bytes, in which backslashes are doubled.
_LONGEST = 3000

# All three dialects that these expressions are read in (PCRE, RE2, Python) agree on what follows.
# Quotes, braces, spaces and the like mean something to a configuration, so they get numbers.
_SPECIAL = re.compile(r"[^A-Za-z0-9_/\u0080-\U0010ffff-]")
_HARMLESS = ".+()[]*?^|"

Patterns = tuple[tuple[str, str], ...]
"""Regular expressions and values; the first one that is found decides."""


@dataclass(frozen=True, slots=True)
class Column:
    """One header field, and how its value follows from a file's path below the prefix.

    The first of the exceptions, the rules and the patterns that matches decides; then the
    default does. An empty value means that the field is absent.

    Attributes:
        field: its name.
        exceptions: about the path; each matches files of this release alone.
        rules: about the logical name.
        patterns: about the path.
        default: where nothing else matches.
    """

    field: str
    exceptions: Patterns
    rules: Patterns
    patterns: Patterns
    default: str

    @property
    def is_constant(self) -> bool:
        """Say whether all files have the same value."""
        return not (self.exceptions or self.rules or self.patterns)

    @property
    def may_be_absent(self) -> bool:
        """Say whether some files go without the field."""
        values = (value for _, value in (*self.exceptions, *self.rules, *self.patterns))
        return not all((*values, self.default))


@dataclass(frozen=True, slots=True)
class Columns:
    """How all files are served.

    Attributes:
        fields: every header field that any file has.
        named_dots: patterns of this release's files that only look as if they were hidden.
        codings: content codings of precompressed siblings in this release.
        alternates: by media type, the best first: of files the one that may be sent instead.
    """

    fields: tuple[Column, ...]
    named_dots: tuple[str, ...]
    codings: tuple[str, ...]
    alternates: Mapping[str, Mapping[str, str]]


def columns(release: Manifest) -> Columns:
    """Return how the files of a release, and of its neighbours, are served."""
    assets = release.assets
    policy = Policy(release.headers)
    truth = {
        asset.file: dict(_by_field(_served(policy, name, asset))) for name, asset in assets.items()
    }
    spelling = {field.lower(): field for field, _ in (("Content-Type", ""), FOREVER, *COMMON)}
    for _, fields in release.headers:
        for field, _ in fields:
            spelling.setdefault(field.lower(), field)
    defaults = {field.lower(): value for field, value in (REVALIDATE, *COMMON)}
    found = []
    for key, field in spelling.items():
        patterns: Patterns = ()
        default = defaults.get(key, "")
        if key == "content-type":
            patterns, default = _types(assets.values()), DEFAULT
        elif key == "cache-control":
            patterns = ((FINGERPRINTED, FOREVER[1]),)
        draft = Column(field, (), _rules(release, key), patterns, default)
        wanted = {file: fields.get(key, "") for file, fields in truth.items()}
        found.append(_corrected(draft, wanted, lambda want, have: want != have))
    chosen_by = {asset.file: vary(asset, release.alternates(asset)) for asset in assets.values()}
    draft = Column("Vary", (), (), _uncompressible(), "Accept-Encoding")
    # Naming the field for what has one representation only does no harm.
    found.append(_corrected(draft, chosen_by, lambda want, have: want not in {"", have}))
    dots = [f for f in truth if re.search(HIDDEN, f) and not re.search(VISIBLE, f)]
    codings = tuple(c for c in SIBLING_SUFFIXES if any(c in a.encodings for a in assets.values()))
    found = [column for column in found if column.default or not column.is_constant]
    return Columns(tuple(found), tuple(_alternatives(dots)), codings, _alternates(release))


def _alternates(release: Manifest) -> dict[str, dict[str, str]]:
    """Return by media type which files may be sent in place of which; AVIF before WebP."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for asset in release.assets.values():
        for other in release.alternates(asset):
            found[other.type][asset.file] = other.file
    return {kind: found[kind] for kind in sorted(found)}


def check_name(name: str) -> None:
    """Refuse what cannot begin the names of a configuration.

    Raises:
        ConfigError: it is no short word of small letters, digits and underscores.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot begin the names of a configuration",
            where="--name",
            hint="give up to 12 small letters, digits and underscores, a letter first",
        )


def literal(text: str) -> str:
    """Return a regular expression that matches a text, in every dialect."""
    return _SPECIAL.sub(lambda match: _escaped(match[0]), text)


def _escaped(character: str) -> str:
    return f"\\{character}" if character in _HARMLESS else f"\\x{ord(character):02x}"


def _served(policy: Policy, name: str, asset: Asset) -> Headers:
    return policy.fields(name, asset.type, FOREVER if asset.immutable else REVALIDATE)


def _by_field(fields: Headers) -> Iterable[tuple[str, str]]:
    return ((field.lower(), value) for field, value in fields)


def _rules(release: Manifest, key: str) -> Patterns:
    """Return what the rules say of one field, the last one first."""
    return tuple(
        (f"^(?:{pattern})$", value)
        for glob, fields in reversed(release.headers)
        # A range from a later to an earlier character holds nothing, and no dialect has a
        # common way to say so.
        if "(?!)" not in (pattern := glob_regex(glob))
        for field, value in reversed(fields)
        if field.lower() == key
    )


def _types(assets: Iterable[Asset]) -> Patterns:
    """Return the type by suffix: our table, and what this release says of unknown suffixes."""
    unknown: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for asset in assets:
        suffix = split_suffix(asset.file)[1].lower()
        if suffix and suffix not in SUFFIXES:
            unknown[suffix][asset.type] += 1
    by_type: defaultdict[str, list[str]] = defaultdict(list)
    for suffix in SUFFIXES:
        by_type[content_type(f"a{suffix}", utf8=True)].append(suffix)
    for suffix, types in unknown.items():
        most = min(types, key=lambda kind: (-types[kind], kind))
        if most != DEFAULT:
            by_type[most].append(suffix)
    by_type.pop(DEFAULT, None)
    return tuple((_ending(suffixes), kind) for kind, suffixes in sorted(by_type.items()))


def _uncompressible() -> Patterns:
    return ((_ending([suffix for suffix in SUFFIXES if is_compressed(f"a{suffix}")]), ""),)


def _ending(suffixes: Iterable[str]) -> str:
    names = "|".join(literal(suffix[1:]) for suffix in sorted(suffixes))
    return rf"[^/]\.(?i:{names})$"


def _corrected(
    draft: Column, wanted: Mapping[str, str], is_wrong: Callable[[str, str], bool]
) -> Column:
    """Return a column with an exception for each file that its patterns are wrong about."""
    wrong: defaultdict[str, list[str]] = defaultdict(list)
    # Some servers match characters, some bytes.
    of_text, of_bytes = _reader(draft, str), _reader(draft, str.encode)
    for file, want in wanted.items():
        if is_wrong(want, of_text(file)) or is_wrong(want, of_bytes(file.encode())):
            wrong[want].append(file)
    exceptions = tuple(
        (pattern, value) for value in sorted(wrong) for pattern in _alternatives(wrong[value])
    )
    return Column(draft.field, exceptions, draft.rules, draft.patterns, draft.default)


def _reader(column: Column, spell: Callable[[str], AnyStr]) -> Callable[[AnyStr], str]:
    """Return what tells a file's value, exceptions aside, as servers find it."""
    fingerprinted = re.compile(spell(FINGERPRINTED))
    without = spell(r"\1\2")
    rules = [(re.compile(spell(pattern)), value) for pattern, value in column.rules]
    patterns = [(re.compile(spell(pattern)), value) for pattern, value in column.patterns]

    def read(file: AnyStr) -> str:
        name = fingerprinted.sub(without, file)
        for text, found in ((name, rules), (file, patterns)):
            for pattern, value in found:
                if pattern.search(text):
                    return value
        return column.default

    return read


def _alternatives(files: Iterable[str]) -> Iterator[str]:
    """Yield regular expressions of a limited length that match these files and no others."""
    part: list[str] = []
    length = 0
    for file in map(literal, sorted(files)):
        size = len(file.encode()) + file.count("\\") + 1
        if part and length + size > _LONGEST:
            yield f"^(?:{'|'.join(part)})$"
            part, length = [], 0
        part.append(file)
        length += size
    if part:
        yield f"^(?:{'|'.join(part)})$"

"""Whole source maps: read, led back through one another, and written.

All follow ECMA-426 (https://tc39.es/ecma426/); section numbers are those of its first edition.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from typing import Any, NoReturn, cast
from urllib.parse import unquote_to_bytes

from assetpipe.kinds.patterns import compiled
from assetpipe.kinds.sourcemap.mappings import NotASourceMapError, Segment, decode, encode

__all__ = [
    "NotASourceMapError",
    "SourceMap",
    "compose",
    "data_url",
    "named_by",
    "parse",
    "render",
    "without_machine_paths",
]


@dataclass(frozen=True, slots=True)
class SourceMap:
    """A source map: where the parts of a generated text come from.

    Attributes:
        mappings: the field of that name.
        sources: the URL of each source, relative to the map's, if it is known.
        contents: the text of each source, if it is known; as many as ``sources``.
        names: what the indices of names in ``mappings`` stand for.
        ignored: indices of the sources that debuggers pass over, ascending.
    """

    mappings: str
    sources: tuple[str | None, ...]
    contents: tuple[str | None, ...]
    names: tuple[str, ...] = ()
    ignored: tuple[int, ...] = ()


# --- Reading (sections 8 to 10) ----------------------------------------------------------------

_PREFIX = ")]}'"  # It keeps a map from being run as a script: the rest of its line is skipped.
_MOST_LINES = 1_000_000  # No text is longer; each line that a section is moved by takes memory.
_MOST_COLUMNS = 1 << 31
_ABSOLUTE = compiled(r"[A-Za-z][-+.0-9A-Za-z]*+:|[/\\]")


def parse(data: bytes) -> SourceMap:
    """Read a source map; the sections of an index map become one map.

    The mappings of a map without sections are taken as they are: ``decode`` checks them.

    Raises:
        NotASourceMapError: the bytes are none, with line and column where it is no JSON.
    """
    fields = _fields(_json(data), "it")
    if type(fields.get("version")) is not int or fields["version"] != 3:
        raise NotASourceMapError("its version is not 3")
    if "sections" in fields:
        return _flattened(_list(fields, "sections"))
    return _plain(fields)


def _json(data: bytes) -> object:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotASourceMapError("it is not UTF-8") from None
    start = 0
    if text.startswith(_PREFIX):
        end = re.search(r"[\n\r]|\Z", text)
        start = end.end() if end else 0
    try:
        value: object = json.loads(text[start:], parse_constant=_refuse)
    except json.JSONDecodeError as error:
        line = error.lineno + text.count("\n", 0, start)
        problem = error.msg[:1].lower() + error.msg[1:]
        raise NotASourceMapError(f"it is no JSON: {problem}", line, error.colno) from None
    except RecursionError:
        raise NotASourceMapError("its brackets are nested too deep") from None
    except ValueError:  # a number of more digits than Python takes
        raise NotASourceMapError("a number in it is too large") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise NotASourceMapError(f"it is no JSON: {constant} stands for nothing there")


def _plain(fields: dict[str, Any]) -> SourceMap:
    """Read the fields of a map without sections."""
    mappings = fields.get("mappings")
    if type(mappings) is not str:
        raise NotASourceMapError("its “mappings” are no string")
    root = fields.get("sourceRoot")
    if root is not None and type(root) is not str:
        raise NotASourceMapError("its “sourceRoot” is no string")
    names = [_of(str, name, "names") for name in _list(fields, "names", optional=True)]
    sources = [
        None if source is None else _below(root or "", _of(str, source, "sources"))
        for source in _list(fields, "sources")
    ]
    contents = [
        None if content is None else _of(str, content, "sourcesContent")
        for content in _list(fields, "sourcesContent", optional=True)[: len(sources)]
    ]
    field = "ignoreList" if "ignoreList" in fields else "x_google_ignoreList"
    ignored = {_of(int, index, field) for index in _list(fields, field, optional=True)}
    return SourceMap(
        mappings,
        tuple(sources),
        (*contents, *[None] * (len(sources) - len(contents))),
        tuple(names),
        tuple(sorted(index for index in ignored if 0 <= index < len(sources))),
    )


def _fields(value: object, what: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise NotASourceMapError(f"{what} is no JSON object")
    return value


def _list(fields: dict[str, Any], field: str, *, optional: bool = False) -> list[Any]:
    value = fields.get(field)
    if optional and value is None:
        return []
    if type(value) is not list:
        raise NotASourceMapError(f"its “{field}” are no list")
    return value


def _of(kind: type, value: Any, field: str) -> Any:
    if type(value) is not kind:  # exactly: to Python a boolean is an integer
        raise NotASourceMapError(f"its “{field}” hold what is no {_KINDS[kind]}")
    return value


_KINDS = {str: "string", int: "integer"}


def _below(root: str, source: str) -> str:
    """Return a source below ``sourceRoot``, unless it has a root of its own."""
    if not root or _ABSOLUTE.match(source):
        return source
    return root + source if root.endswith("/") else f"{root}/{source}"


def _flattened(sections: list[Any]) -> SourceMap:
    """Return one map of the sections of an index map (section 10)."""
    lines: list[list[Segment]] = []
    sources: list[str | None] = []
    contents: list[str | None] = []
    names: list[str] = []
    ignored: list[int] = []
    begin = (0, 0)
    for section in sections:
        fields = _fields(section, "a section of it")
        before, begin = begin, _offset(_fields(fields.get("offset"), "a section's offset"))
        if begin < before:
            raise NotASourceMapError("its sections are out of order")
        inside = _fields(fields.get("map"), "a section's map")
        if "sections" in inside:
            raise NotASourceMapError("its sections have sections")
        part = _plain(inside)
        _append(lines, begin, _moved(decode(part.mappings), begin[1], len(sources), len(names)))
        ignored += [len(sources) + index for index in part.ignored]
        sources += part.sources
        contents += part.contents
        names += part.names
    return SourceMap(encode(lines), tuple(sources), tuple(contents), tuple(names), tuple(ignored))


def _offset(fields: dict[str, Any]) -> tuple[int, int]:
    line, column = (_of(int, fields.get(field), "offset") for field in ("line", "column"))
    if not (0 <= line < _MOST_LINES and 0 <= column < _MOST_COLUMNS):
        raise NotASourceMapError("the offset of a section is out of range")
    return line, column


def _moved(lines: list[list[Segment]], column: int, source: int, name: int) -> list[list[Segment]]:
    """Return segments whose first line begins at a column, and whose indices begin at others."""
    moved: list[list[Segment]] = []
    for number, segments in enumerate(lines):
        right = 0 if number else column
        row: list[Segment] = []
        for segment in segments:
            match segment:
                case (at,):
                    row.append((at + right,))
                case (at, index, *place):
                    place[2:] = [each + name for each in place[2:]]
                    row.append(cast("Segment", (at + right, index + source, *place)))
        moved.append(row)
    return moved


def _append(lines: list[list[Segment]], begin: tuple[int, int], more: list[list[Segment]]) -> None:
    """Append the lines of a section, which ends what precedes it."""
    line, column = begin
    del lines[line + 1 :]
    lines += [[] for _ in range(line + 1 - len(lines))]
    last = lines[line]
    while last and last[-1][0] >= column:
        last.pop()
    last += more[0]
    lines += more[1:]


# --- Leading back ------------------------------------------------------------------------------


_LINE_BREAK = compiled(r"\r\n|[\n\r]")


class _Used:
    """The sources and names in use, in order of first use, each once."""

    def __init__(self) -> None:
        self.sources: dict[tuple[str | None, str | None], int] = {}
        self.names: dict[str, int] = {}
        self.ignored: set[int] = set()


class _Sources(dict[int, int]):
    """The new index of each source of a map; -1 where the map has no such source."""

    def __init__(self, found: SourceMap, used: _Used) -> None:
        super().__init__()
        self._found = found
        self._ignored = frozenset(found.ignored)
        self._used = used

    def __missing__(self, index: int) -> int:
        new = -1
        if index < len(self._found.sources):
            key = self._found.sources[index], self._found.contents[index]
            new = self._used.sources.setdefault(key, len(self._used.sources))
            if index in self._ignored:
                self._used.ignored.add(new)
        self[index] = new
        return new


class _Names(dict[int, int]):
    """The new index of each name of a map; -1 where the map has no such name."""

    def __init__(self, found: SourceMap, used: _Used) -> None:
        super().__init__()
        self._found = found
        self._used = used

    def __missing__(self, index: int) -> int:
        new = -1
        if index < len(self._found.names):
            new = self._used.names.setdefault(self._found.names[index], len(self._used.names))
        self[index] = new
        return new


class _Level:
    """One map to trace through, and what its indices become once something leads to them."""

    def __init__(self, found: SourceMap, used: _Used) -> None:
        self.rows = _sorted(decode(found.mappings))
        self.sources = _Sources(found, used)
        self.names = _Names(found, used)
        self.texts = _Texts(found)


class _Texts(dict[int, list[str]]):
    """The lines of each source of a map, as far as its columns are characters."""

    def __init__(self, found: SourceMap) -> None:
        super().__init__()
        self._contents = found.contents

    def __missing__(self, index: int) -> list[str]:
        text = self._contents[index] if index < len(self._contents) else None
        if text is None or not (text.isascii() or max(text, default="") <= "\uffff"):
            text = ""
        self[index] = lines = _LINE_BREAK.split(text)
        return lines

    def line(self, index: int, line: int) -> str:
        """Return a line of a source, empty where it is not known."""
        lines = self[index]
        return lines[line] if line < len(lines) else ""


def compose(outer: SourceMap, inner: Mapping[int, SourceMap]) -> SourceMap:
    """Return a map that leads as far back as both maps do.

    A place of a source that has an inner map is traced through that: to the last segment of its
    line that does not begin behind it, and as far behind that segment's origin as the two texts
    are the same. What leads nowhere there, leads nowhere in the result.

    Args:
        outer: the map of the generated text.
        inner: the maps of some of its sources, by their indices.

    Raises:
        NotASourceMapError: the mappings of one of them are none.
    """
    used = _Used()
    top = _Level(outer, used)
    known = range(len(outer.sources))
    levels = {index: _Level(each, used) for index, each in inner.items() if index in known}
    lines = []
    for segments in top.rows:
        row: list[Segment] = []
        lines.append(row)
        last: tuple[int, ...] = ()
        for segment in segments:
            origin = _origin(segment, top, levels)
            if origin != last:
                row.append(cast("Segment", (segment[0], *origin)))
                last = origin
    while lines and not lines[-1]:
        lines.pop()
    return SourceMap(
        encode(lines),
        tuple(source for source, _ in used.sources),
        tuple(content for _, content in used.sources),
        tuple(used.names),
        tuple(sorted(used.ignored)),
    )


def _origin(segment: Segment, top: _Level, levels: Mapping[int, _Level]) -> tuple[int, ...]:
    """Return where a segment leads: source, line, column, perhaps name; nothing if nowhere."""
    if len(segment) == 1:
        return ()
    _, source, line, column, *name = segment
    level = levels.get(source)
    if level is None:
        new = top.sources[source]
        return _place(new, line, column, top.names[name[0]] if name and new >= 0 else -1)
    row = level.rows[line] if line < len(level.rows) else []
    index = bisect_left(row, (column + 1,)) - 1
    found = row[index] if index >= 0 else (0,)
    if len(found) == 1:
        return ()
    text = top.texts.line(source, line)[found[0] : column + 1]
    _, source, line, origin, *own_name = found
    if len(text) > 1 and level.texts.line(source, line).startswith(text, origin):
        origin += column - found[0]
    new = level.sources[source]
    if new < 0:
        return ()
    new_name = level.names[own_name[0]] if own_name else -1
    if new_name < 0 and name:
        new_name = top.names[name[0]]
    return _place(new, line, origin, new_name)


def _place(source: int, line: int, column: int, name: int) -> tuple[int, ...]:
    """Return an origin; nothing where there is no such source."""
    if source < 0:
        return ()
    return (source, line, column) if name < 0 else (source, line, column, name)


def _sorted(lines: list[list[Segment]]) -> list[list[Segment]]:
    """Return segments in order of their columns: nothing says that a map's are."""
    for segments in lines:
        segments.sort(key=itemgetter(0))
    return lines


# --- Writing -----------------------------------------------------------------------------------


def render(found: SourceMap) -> bytes:
    """Return the JSON of a map: the same bytes for the same map.

    It does not name the file that it describes: that one's name depends on the map.
    """
    fields: dict[str, object] = {"version": 3, "sources": found.sources}
    if any(content is not None for content in found.contents):
        fields["sourcesContent"] = found.contents
    fields["names"] = found.names
    fields["mappings"] = found.mappings
    if found.ignored:
        fields["ignoreList"] = found.ignored
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate is no UTF-8, and is escaped as JSON does it.
    return text.encode("utf-8", "backslashreplace")


# --- Finding (section 11) ----------------------------------------------------------------------

_DATA = compiled(r"(?ai:data):([^,]*+),([\s\S]*+)")
_BASE64 = compiled(r"; *+(?ai:base64) *+\Z")
_BLANK = re.compile(rb"[\t\n\f\r ]++")


def data_url(url: str) -> bytes | None:
    """Return the data that a ``data:`` URL holds, ``None`` if it is none or broken.

    Source: WHATWG Fetch, "data: URL processor", and "forgiving-base64 decode" of WHATWG Infra.
    """
    match = _DATA.match(url.partition("#")[0])
    if match is None:
        return None
    data = unquote_to_bytes(match[2].encode("utf-8", "replace"))
    if _BASE64.search(f";{match[1].partition(';')[2]}") is None:
        return data
    data = _BLANK.sub(b"", data)
    if len(data) % 4 == 0:
        data = data.removesuffix(b"=").removesuffix(b"=")
    try:
        return b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except ValueError:
        return None


_NAMING = compiled(
    r"//[#@][ \t]*+sourceMappingURL=([^\s\"'`]++)"
    r"|/\*[#@]\s*+sourceMappingURL=((?:[^\s*]|\*(?!/))++)\s*+\*/"
)
_TRAILING = compiled(r"(?:\s++|//[^\n\r\u2028\u2029]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)*+\Z")


def named_by(text: str) -> str | None:
    """Return the URL in the last comment of a text if that names a source map.

    Nothing but white space and comments may follow it. This is for texts of any language, so it
    knows no strings: what looks like such a comment is one (section 11.1.2.1, "without parsing").
    """
    named = text.rfind("sourceMappingURL=")
    start = max(text.rfind("//", 0, named), text.rfind("/*", 0, named)) if named >= 0 else -1
    match = _NAMING.match(text, start) if start >= 0 else None
    if match is None or not _TRAILING.match(text, match.end()):
        return None
    return match[1] or match[2]


# --- What must not ship ------------------------------------------------------------------------

_SCHEME = compiled(r"([A-Za-z][-+.0-9A-Za-z]++):(?://([^/\\]*+))?([\s\S]*+)")
_SCHEMES = 3  # How many may stand in front of one another: `webpack:///file:///C:/…`.
_DRIVE = compiled(r"[A-Za-z](?::|%3[Aa])")
_COLON = compiled(r":|%3[Aa]")
_HOMES = frozenset(
    {
        "builds", "github", "home", "mnt", "opt", "private", "root", "srv", "tmp", "users", "usr",
        "var", "workspace",
    }
)  # fmt: skip
"""Folders at the root of machines, in lower case: behind dots they tell a path of one."""


def without_machine_paths(sources: Sequence[str | None]) -> tuple[str | None, ...]:
    """Return sources in which no absolute path of a machine stands.

    Such paths lose the longest folder that all of them below one root have in common; one that is
    alone keeps its base name. Different sources stay different.
    """
    paths = {source: path for source in sources if source and (path := _machine_path(source))}
    roots: dict[str, list[tuple[str, ...]]] = {}
    for path in sorted(set(paths.values())):
        roots.setdefault(path[0], []).append(path)
    common = {root: _common(group[0], group[-1]) for root, group in roots.items()}
    taken = {source for source in sources if source and source not in paths}
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(2))
    reduced: dict[str, str] = {}
    for source, path in paths.items():
        free = name = _harmless("/".join(path[common[path[0]] :]))
        while free in taken:
            free = f"{next(numbers[name])}/{name}"
        taken.add(free)
        reduced[source] = free
    return tuple(reduced.get(source, source) if source else source for source in sources)


def _common(first: tuple[str, ...], last: tuple[str, ...]) -> int:
    """Return how many folders the first and last of sorted paths share, and so all of them."""
    most = min(len(first), len(last)) - 1
    return next((index for index in range(most) if first[index] != last[index]), most)


def _harmless(name: str) -> str:
    """Return a name that looks like no path of a machine, whatever its folders are called."""
    return _COLON.sub("_", name) if _machine_path(name) else name


def _machine_path(source: str) -> tuple[str, ...]:
    """Return the folders and the base name of a path of a machine; nothing for another source."""
    scheme, is_absolute, rest = False, False, source
    for _ in range(_SCHEMES):
        match = _SCHEME.match(rest)
        if match is None:
            break
        name, authority, rest = match.groups()
        if name.lower() in {"http", "https"}:
            return ()
        if name.lower() == "file" or _DRIVE.fullmatch(authority or ""):
            is_absolute, rest = True, f"{authority or ''}/{rest}"
            break
        # What the bundler read: behind the loaders that it went through.
        scheme, rest = True, rest.removeprefix("/").rpartition("!")[2]
    rest = rest.replace("\\", "/")
    parts: list[str] = []
    climbs = 0
    for part in rest.split("/"):
        if part == "..":
            climbs += not parts
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    first = parts[0] if parts else ""
    if _DRIVE.fullmatch(first):
        return (f"{first[0].lower()}:", *parts[1:])
    is_home = (climbs > 0 or scheme) and first.lower() in _HOMES
    if is_absolute or is_home or rest.startswith("/"):
        return tuple(parts) or ("source",)
    return ()

"""A configuration for nginx: maps for its ``http`` level, and a location for a server.

Everything that differs between files is a variable, worked out from the path by ``map`` when an
answer needs it, because one location with variables has no inheritance to go wrong. nginx knows no
``Content-Type`` of its own here: it comes from a variable too, so that a file stays what it is when
its precompressed sibling is sent, and so that nothing compresses an answer a second time (every
compressing filter asks for a type that it knows).

Source: nginx's documentation of ``map``, ``try_files``, ``add_header``, ``gzip_static``; its
behaviour was tried with nginx 1.22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import indent
from typing import Literal

from assetpipe.headers import COMMON
from assetpipe.manifest import Manifest
from assetpipe.names import SIBLING_SUFFIXES
from assetpipe.publish.edge.columns import (
    FINGERPRINTED,
    HIDDEN,
    HOLDS,
    VISIBLE,
    WEIGHT,
    Column,
    Columns,
    check_name,
    columns,
    literal,
)

Part = Literal["all", "http", "server"]

# Nobody may keep an error, and a 304 describes no content (RFC 9110, 15.4.5).
_BY_STATUS = {
    "Cache-Control": ("^(?!200|206|304)", '"no-store"'),
    "Content-Type": ("^(?!200|206)", '""'),
}

_USE = {
    "all": "# A whole site for the http level, as in /etc/nginx/conf.d/: give it its own name.\n",
    "http": "# The first of two parts, for the http level, as in /etc/nginx/conf.d/.\n",
    "server": "# The second of two parts: include it in a server. The first is `--part http`.\n",
}


def nginx(
    release: Manifest,
    *,
    root: str,
    prefix: str,
    name: str = "assetpipe",
    part: Part = "all",
    brotli_module: bool = False,
    about: str,
) -> str:
    """Return a configuration for nginx.

    Args:
        release: what is served.
        root: folder that it was published to, absolute.
        prefix: of its URLs, with a slash at either end.
        name: what the variables begin with; of two releases on one nginx, each needs its own.
        part: ``http`` for the maps, ``server`` for the location, ``all`` for a whole site.
        brotli_module: nginx has ``ngx_http_brotli_static_module``; without it a map chooses.
        about: a line that says what this was made from.

    Raises:
        ConfigError: the name cannot begin a variable.
    """
    check_name(name)
    site = _Site(columns(release), root, prefix, name, brotli_module=brotli_module)
    text = f"# {about}\n" + HOLDS + _USE[part] + "\n"
    if part != "server":
        text += site.http()
    if part == "server":
        text += site.server()
    if part == "all":
        inside = indent(site.server(), "    ")
        text += f"\nserver {{\n    listen 80;\n    server_name static.example.com;\n\n{inside}}}\n"
    return text


_SETTINGS = (
    "types {}",
    'default_type "";',
    "charset off;",
    "gzip off;",
    "gzip_vary off;",
    "gzip_static on;",
    "gzip_http_version 1.0;",
    "gzip_proxied any;",
    "expires off;",
    "etag on;",
    "if_modified_since exact;",
    "max_ranges 1;",
    # Encodings made within a second would share it, and their parts be put together.
    'add_header Last-Modified "";',
)


class _Site:
    """Writes the parts; all names of variables are made here."""

    def __init__(
        self, columns: Columns, root: str, prefix: str, name: str, *, brotli_module: bool
    ) -> None:
        self._columns = columns
        self._root = root.rstrip("/") + "/"
        self._prefix = prefix
        self._name = name
        self._brotli_module = brotli_module
        # nginx chooses gzip itself.
        own = {"gzip", "br"} if brotli_module else {"gzip"}
        self._codings = [coding for coding in columns.codings if coding not in own]
        self._others = {
            kind.rpartition("/")[2]: (kind, files) for kind, files in columns.alternates.items()
        }

    def http(self) -> str:
        """Return what belongs to the http level."""
        return "\n".join(self._maps())

    def server(self) -> str:
        """Return what belongs into a server."""
        tries = [self._variable(other) for other in self._others]
        tries += [f"$uri{self._variable(coding)}" for coding in self._codings]
        missing = f"@{self._name}_missing"
        fields = [self._header(*each) for each in enumerate(self._columns.fields, 1)]
        if self._codings:
            fields.append(f"add_header Content-Encoding {self._variable('coding')};")
        fields.append(f"add_header Allow {self._variable('allow')} always;")
        lines = [
            f"location ^~ {self._quoted(self._prefix)} {{",
            f"    alias {self._quoted(self._root)};",
            f'    if ({self._variable("path")} = "") {{',
            "        return 404;",
            "    }",
            f"    try_files {' '.join([*tries, '$uri', missing])};",
            "    # Instead of what the server says of errors: a page is no answer to a script.",
            f"    error_page 404 {missing};",
            *(f"    {setting}" for setting in _SETTINGS),
            *(["    brotli_static on;"] if self._brotli_module else []),
            *(f"    {field}" for field in fields),
            "}",
            f"location {missing} {{",
            "    types {}",
            "    default_type text/plain;",
            "    add_header Cache-Control no-store always;",
            *(f"    add_header {field} {self._quoted(v)} always;" for field, v in COMMON),
            # Without a text it would be an error again, for which the server has pages.
            '    return 404 "Not Found\\n";',
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _maps(self) -> Iterator[str]:
        below, path = self._variable("below"), self._variable("path")
        rest = f"(?<{self._name}_rest>.+)"
        yield f'geo {self._variable("dollar")} {{\n    default "$";\n}}\n'
        yield "# The path below the prefix; empty for what is not to be seen."
        entries = [(f"^{literal(self._prefix)}{rest}$", f"${self._name}_rest")]
        yield self._map("$uri", "below", entries, '""')
        entries = [(pattern, below) for pattern in (*self._columns.named_dots, VISIBLE)]
        yield self._map(below, "path", [*entries, (HIDDEN, '""')], below)
        for coding in self._codings:
            yield f"# The suffix of siblings in {coding}, for clients that take them."
            accepted = rf"(?i:(?:^|,)[ \t]*{coding}{WEIGHT}(?:,|$))"
            suffix = self._quoted(SIBLING_SUFFIXES[coding])
            yield self._map("$http_accept_encoding", coding, [(accepted, suffix)], '""')
        if self._codings:
            yield "# The coding of the sibling that is sent."
            prefix = literal(self._prefix)
            endings = [
                (rf"^(.+):{prefix}\1{literal(SIBLING_SUFFIXES[coding])}$", coding)
                for coding in self._codings
            ]
            yield self._map(f"{path}:$uri", "coding", endings, '""')
        # What is tried first has to be what would be, were the others not here.
        usual = f"$uri{self._variable(self._codings[0])}" if self._codings else "$uri"
        for other, (kind, files) in reversed(self._others.items()):
            yield f"# The file in {kind} that is sent in place of another, to clients that name it."
            entries = [
                (f"^{literal(file)}$", self._quoted(self._prefix + instead))
                for file, instead in sorted(files.items())
            ]
            yield self._map(path, f"{other}_file", entries, usual)
            accepted = rf"(?i:(?:^|,)[ \t]*{literal(kind)}{WEIGHT}(?:,|$))"
            entries = [(accepted, self._variable(f"{other}_file"))]
            yield self._map("$http_accept", other, entries, usual)
            usual = self._variable(other)
        if any(column.rules for column in self._columns.fields):
            yield "# The path without its fingerprint."
            stem, suffix = f"{self._name}_stem", f"{self._name}_suffix"
            pattern = FINGERPRINTED.replace("(", f"(?<{stem}>", 1).replace(
                r"(\.[^./]", rf"(?<{suffix}>\.[^./]", 1
            )
            yield self._map(path, "name", [(pattern, f"${stem}${suffix}")], path)
        for number, column in enumerate(self._columns.fields, 1):
            yield from self._column(number, column)
        yield "# What else answers to other methods say."
        yield self._map("$status", "allow", [("^405$", '"GET, HEAD"')], '""')

    def _column(self, number: int, column: Column) -> Iterator[str]:
        """Yield the maps of one field: by names first, then by rules, then by patterns."""
        by_status = _BY_STATUS.get(column.field)
        if column.is_constant and not by_status:
            return
        yield f"# {column.field}"
        path, name = self._variable("path"), self._variable("name")
        stages = [
            (source, [(pattern, self._quoted(value)) for pattern, value in patterns])
            for source, patterns in (
                (path, column.exceptions),
                (name, column.rules),
                (path, column.patterns),
            )
            if patterns
        ]
        default = self._quoted(column.default)
        if column.field == "Content-Type" and self._others:
            # A sibling's name begins with that of its file, as no other's does.
            prefix = literal(self._prefix)
            entries = [
                (rf"^(.+):{prefix}(?!\1).+\.{literal(other)}$", self._quoted(kind))
                for other, (kind, _) in self._others.items()
            ]
            stages.insert(0, (f"{path}:$uri", entries))
        if by_status:
            statuses, default_of_errors = by_status
            stages.insert(0, ("$status", [(statuses, default_of_errors)]))
        for at, (source, entries) in enumerate(stages):
            last = at == len(stages) - 1
            following = default if last else self._variable(_stage(number, at + 1))
            yield self._map(source, _stage(number, at), entries, following)

    def _header(self, number: int, column: Column) -> str:
        is_constant = column.is_constant and column.field not in _BY_STATUS
        value = self._quoted(column.default) if is_constant else self._variable(_stage(number, 0))
        # Without "always" errors have none: what they say does not depend on the encoding.
        return f"add_header {column.field} {value}{'' if column.field == 'Vary' else ' always'};"

    def _variable(self, what: str) -> str:
        return f"${self._name}_{what}"

    def _map(
        self, source: str, target: str, entries: Iterable[tuple[str, str]], default: str
    ) -> str:
        """Return a map; its regular expressions are bare, its values as they are written."""
        lines = [f"    {_expression(pattern)} {value};" for pattern, value in entries]
        body = "\n".join([*lines, f"    default {default};"])
        return f"map {source} {self._variable(target)} {{\n{body}\n}}\n"

    def _quoted(self, text: str) -> str:
        """Return a word that stands for a text, in which dollars begin no variable."""
        return _word(text).replace("$", f"${{{self._name}_dollar}}")


def _stage(number: int, at: int) -> str:
    # Short, as nginx warns where its table of all variables' names gets crowded.
    return f"h{number}{'abcd'[at - 1] if at else ''}"


def _expression(pattern: str) -> str:
    return _word(f"~{pattern}")


def _word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

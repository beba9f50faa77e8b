"""A configuration for Caddy: a snippet that a site imports.

Everything that differs between files is a placeholder, worked out from the path by ``map``.

Source: Caddy's documentation of ``map``, ``file_server``, ``header`` and its matchers; its
behaviour was tried with Caddy 2.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from assetpipe.headers import COMMON, Header
from assetpipe.manifest import Manifest
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

_NEVER: Header = ("Cache-Control", "no-store")

_USE = """\
# Import this file at the top of a Caddyfile, and `import {name}` in the site that serves the files,
# before its own handle_errors.
"""


def caddy(release: Manifest, *, root: str, prefix: str, name: str = "assetpipe", about: str) -> str:
    """Return a snippet for a Caddyfile.

    Args:
        release: what is served.
        root: folder that it was published to, absolute.
        prefix: of its URLs, with a slash at either end.
        name: of the snippet; its placeholders begin with it.
        about: a line that says what this was made from.

    Raises:
        ConfigError: the name cannot be one.
    """
    check_name(name)
    site = _Site(columns(release), name)
    lines = [
        f"({name}) {{",
        f"\thandle_path {_word(prefix + '*')} {{",
        f"\t\troot * {_word(_verbatim(root))}",
        "\t\troute {",
        *(f"\t\t\t{line}" for line in site.lines()),
        "\t\t}",
        "\t}",
        "\thandle_errors {",
        f"\t\t@{name}_error path {_word(prefix + '*')}",
        f"\t\thandle @{name}_error {{",
        "\t\t\theader Cache-Control no-store",
        "\t\t\trespond `` {http.error.status_code}",
        "\t\t}",
        "\t}",
        "}",
    ]
    return f"# {about}\n" + HOLDS + _USE.format(name=name) + "\n" + "\n".join(lines) + "\n"


class _Site:
    """Writes the lines; all names of placeholders and matchers are made here."""

    def __init__(self, columns: Columns, name: str) -> None:
        self._columns = columns
        self._name = name

    def lines(self) -> Iterator[str]:
        """Yield what is done in turn with a request below the prefix."""
        name = self._name
        yield f"@{name}_method not method GET HEAD"
        yield from self._refusal("method", 405, ("Allow", "GET, HEAD"))
        path, seen = self._placeholder("path"), self._placeholder("seen")
        yield from _map("{path}", path, [("^/(.+)$", "${1}")], "")
        shown = [(pattern, "yes") for pattern in (*self._columns.named_dots, VISIBLE)]
        yield from _map(path, seen, [*shown, (HIDDEN, "no")], "yes")
        yield f"@{name}_hidden vars {seen} no"
        yield from self._refusal("hidden", 404)
        # Asked before, as what is said of a file must not be said of an error.
        yield f"@{name}_missing not file {{path}}"
        yield from self._refusal("missing", 404)
        if any(column.rules for column in self._columns.fields):
            yield from _map(path, self._placeholder("name"), [(FINGERPRINTED, "${1}${2}")], path)
        # The type is that of what is sent; all else is said of what was asked for.
        own = [column for column in self._columns.fields if column.field == "Content-Type"]
        for column in self._columns.fields:
            if column not in own:
                yield from self._column(column)
        for kind, files in self._columns.alternates.items():
            yield from self._alternates(kind, files)
        for column in own:
            yield from self._column(column)
        codings = " ".join(c for c in ("br", "zstd", "gzip") if c in self._columns.codings)
        # An answer to a condition that failed says as little about the file as an error does.
        for field in ("If-Match", "If-Unmodified-Since"):
            matcher = f"@{name}_{field.lower().replace('-', '_')}"
            yield f"{matcher} header {field} *"
            yield f"header {matcher} Cache-Control no-store"
        # Encodings made within a second would share it, and their parts be put together.
        yield "header -Last-Modified"
        yield "file_server {"
        if codings:
            yield f"\tprecompressed {codings}"
        yield "\tdisable_canonical_uris"
        yield "}"

    def _refusal(self, matcher: str, status: int, *fields: Header) -> Iterator[str]:
        yield f"handle @{self._name}_{matcher} {{"
        for field, value in (_NEVER, *fields, *COMMON):
            yield f"\theader {field} {_word(value)}"
        yield f"\trespond {status}"
        yield "}"

    def _alternates(self, kind: str, files: Mapping[str, str]) -> Iterator[str]:
        """Yield what sends files in another type to clients that name it, if they are there."""
        other = kind.rpartition("/")[2]
        instead = self._placeholder(other)
        entries = [
            (f"^{literal(file)}$", _verbatim(f"/{files[file]}").replace("$", "$$"))
            for file in sorted(files)
        ]
        yield from _map(self._placeholder("path"), instead, entries, "")
        yield f"@{self._name}_{other} {{"
        accepted = rf"(?i)(?:^|,)[ \t]*{literal(kind)}{WEIGHT}(?:,|$)"
        yield f"\theader_regexp Accept {_word(accepted)}"
        yield f'\tnot vars {instead} ""'
        yield f"\tfile {instead}"
        yield "}"
        yield f"rewrite @{self._name}_{other} {instead}"

    def _column(self, column: Column) -> Iterator[str]:
        """Yield what sends one field: names first, then rules, then patterns."""
        key = column.field.lower().replace("-", "_")
        if column.is_constant:
            yield f"header {column.field} {_word(_verbatim(column.default))}"
            return
        path, name = self._placeholder("path"), self._placeholder("name")
        stages = ((path, column.exceptions), (name, column.rules), (path, column.patterns))
        used = [stage for stage in stages if stage[1]]
        for number, (source, patterns) in enumerate(used, 1):
            target = self._placeholder(key if number == 1 else f"{key}_{number}")
            default = (
                _verbatim(column.default)
                if number == len(used)
                else self._placeholder(f"{key}_{number + 1}")
            )
            entries = [(pattern, value.replace("$", "$$")) for pattern, value in patterns]
            yield from _map(source, target, entries, default)
        value = self._placeholder(key)
        condition = ""
        if column.may_be_absent:
            condition = f" @{self._name}_has_{key}"
            yield f'{condition[1:]} not vars {value} ""'
        if column.field == "Vary":
            # Later, as the file server adds a second one; but it is that of what was asked for.
            kept = f"{self._name}_kept_vary"
            yield f"vars {kept} {value}"
            yield f"header{condition} {{"
            yield f"\tVary {{http.vars.{kept}}}"
            yield "\tdefer"
            yield "}"
        else:
            yield f"header{condition} {column.field} {value}"

    def _placeholder(self, what: str) -> str:
        return f"{{{self._name}_{what}}}"


def _map(source: str, target: str, entries: Iterable[tuple[str, str]], default: str) -> list[str]:
    lines = [f"\t{_word('~' + pattern)} {_word(value)}" for pattern, value in entries]
    return [f"map {source} {target} {{", *lines, f"\tdefault {_word(default)}", "}"]


def _verbatim(text: str) -> str:
    """Return what stands for a text where placeholders are filled in."""
    return text.replace("{", "\\{")


def _word(text: str) -> str:
    """Return a word that stands for a text; backslashes are themselves in either quotes."""
    return f'"{text.replace(chr(34), chr(92) + chr(34))}"' if "`" in text else f"`{text}`"

"""The configuration: one table of keys, read from flags, environment, file and defaults."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from assetpipe.build import parsers
from assetpipe.build.destinations import destinations
from assetpipe.build.images import Images, images
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError
from assetpipe.globs import matcher
from assetpipe.manifest import HeaderRule
from assetpipe.names import SIBLING_SUFFIXES, split_suffix

if TYPE_CHECKING:
    from assetpipe.kinds.model import SourceMaps

CONFIG_FILES = ("assetpipe.toml", "pyproject.toml")
ENVIRONMENT_PREFIX = "ASSETPIPE_"

# Set for the run side, which may share the build's environment.
_RUN_SIDE_VARIABLES = {
    "ASSETPIPE_AUTO_RELOAD",
    "ASSETPIPE_BLUEPRINTS",
    "ASSETPIPE_CDN_URL",
    "ASSETPIPE_CROSSORIGIN",
    "ASSETPIPE_INTEGRITY",
    "ASSETPIPE_IN_FRONT",
    "ASSETPIPE_LIVE_RELOAD",
    "ASSETPIPE_MANIFEST",
    "ASSETPIPE_MANIFEST_COPY",
    "ASSETPIPE_MANIFEST_TIMEOUT",
    "ASSETPIPE_MEMORY",
    "ASSETPIPE_MODE",
    "ASSETPIPE_PRELOAD_HEADERS",
    "ASSETPIPE_SENDFILE",
    "ASSETPIPE_STRICT",
    "ASSETPIPE_URL_PATH",
    "ASSETPIPE_WATCH",
}

Variants = Literal["release", "draft", "off"]
POLICIES = ("warn", "error", "ignore")
SOURCE_MAPS = ("off", "linked", "hidden")
VARIANTS = ("release", "draft", "off")
MINIFIERS = ("assetpipe", "esbuild")
MIB = 1 << 20
_BUNDLED = (".css", ".js")

# RFC 9110, 5.1 and 5.5: what else is in a field could end it, and begin another.
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")
# What a server works out for each answer.
_NOT_CONFIGURABLE = {
    "accept-ranges", "connection", "content-encoding", "content-length", "content-range", "date",
    "etag", "keep-alive", "last-modified", "trailer", "transfer-encoding", "vary",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Root:
    """A source folder; ``prefix`` leads the logical names of its files."""

    path: Path
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to build and how; the fields are the keys of ``[tool.assetpipe]``.

    Relative paths are taken from the current folder; ``load_config`` takes those of a file
    from the file's folder.

    Attributes:
        source: a folder, a list of folders, or of tables with ``path`` and ``prefix``.
        out: output folder.
        public_url: path or full URL below which the release is served.
        minify: write text files smaller.
        minifier: what writes JavaScript smaller: ``assetpipe``, or ``esbuild``, a program that
            also shortens local names.
        minifier_path: that program; searched for where empty.
        source_maps: ``off``; ``linked``, named by the code that they describe; or ``hidden``,
            made for tools that read stack traces, but neither named nor listed.
        bundles: names of scripts and stylesheets to make, each with globs of its members.
        html: globs of HTML files whose references are followed.
        headers: globs, each with header fields that the assets it matches are served with; of
            several values the last one counts, and an empty one takes the field away.
        encodings: content codings to compress for, any of ``gzip``, ``br``, ``zstd``.
        missing: what an unresolved reference is: ``warn``, ``error`` or ``ignore``; or a table
            of globs of the *referring* file, the first that matches counts, ``default`` the rest.
        plain: globs of names that stay as they are and are served with revalidation.
        immutable: globs of names that another tool has fingerprinted.
        ignore: globs of names to leave out, beside the default ones.
        workers: globs of scripts that run as workers, so that ``importScripts`` is followed.
        reload: folders beside the sources whose changes reload the pages that are open while
            sources are watched, such as those of templates; they need not be there.
        cache: cache folder.
        use_cache: read and keep results from earlier builds.
        cache_limit: size in MiB down to which the cache is pruned.
        jobs: files to work on at once.
        lock_timeout: seconds to wait for another build into the same folder.
        images: how images are treated; a table, or what was made of one.
        variants: images in other formats and widths, if ``images`` wants any: as small as can be
            for a ``release``, quickly for a ``draft``, or none (``off``).
        publish: destinations to publish to, by the names that people give them.

    Raises:
        ConfigError: a value is of the wrong type or not among those allowed.
    """

    source: str | os.PathLike[str] | Sequence[Any] = "static"
    out: Path = Path("build/static")
    public_url: str = "/static/"
    minify: bool = True
    minifier: str = "assetpipe"
    minifier_path: str = ""
    source_maps: SourceMaps = "off"
    bundles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    html: tuple[str, ...] = ()
    headers: tuple[HeaderRule, ...] = ()
    encodings: tuple[str, ...] = ("gzip", "br")
    missing: str | Mapping[str, str] = "warn"
    plain: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    reload: tuple[Path, ...] = (Path("templates"),)
    cache: Path = Path(".assetpipe_cache")
    use_cache: bool = True
    cache_limit: int = 1024
    jobs: int = 0
    lock_timeout: float = 60.0
    images: Images = field(default_factory=Images)
    variants: Variants = "release"
    publish: Mapping[str, Destination] = field(default_factory=dict)
    roots: tuple[Root, ...] = field(init=False)

    def __post_init__(self) -> None:
        here = Path.cwd()
        for key, parse in _KEYS.items():
            object.__setattr__(self, key, parse(getattr(self, key), key, here))
        object.__setattr__(self, "roots", _roots(self.source, here))
        self._check_folders()

    def _check_folders(self) -> None:
        for key, example in (("out", "build/static"), ("cache", ".assetpipe_cache")):
            folder = Path(os.path.realpath(getattr(self, key)))
            for root in self.roots:
                source = Path(os.path.realpath(root.path))
                if folder == source or folder in source.parents:
                    raise ConfigError(
                        f"the folder {folder} is or holds the source folder {root.path}",
                        where=key,
                        hint=f"give it a folder of its own, such as {example}",
                    )
        if self.out == self.cache or self.out in self.cache.parents:
            raise ConfigError(
                f"the cache {self.cache} lies in the output folder, and would be deployed with it",
                where="cache",
                hint="give it a folder of its own, such as .assetpipe_cache",
            )

    @property
    def public_path(self) -> str:
        """The path of ``public_url``, with a slash at both ends."""
        path = urlsplit(self.public_url).path.strip("/")
        return f"/{path}/" if path else "/"

    def policy(self) -> Callable[[str], str]:
        """Return the function from a referring file's name to its ``missing`` policy."""
        if isinstance(self.missing, str):
            only = self.missing
            return lambda _name: only
        rules = [(matcher([glob]), policy) for glob, policy in self.missing.items()]
        default = self.missing.get("default", "warn")
        return lambda name: next((policy for match, policy in rules if match(name)), default)


def load_config(
    folder: Path, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> Config:
    """Read the configuration for a project folder.

    Precedence: flag, then environment variable, then file, then default. The file is
    ``assetpipe.toml`` or else ``pyproject.toml`` with a table ``[tool.assetpipe]``, in ``folder``.

    Raises:
        ConfigError: a file cannot be read, a key is unknown, or a value is wrong.
    """
    values: dict[str, Any] = {"source": folder / "static", "out": folder / "build/static"}
    values |= {"cache": folder / ".assetpipe_cache", "reload": folder / "templates"}
    values |= _from_file(folder)
    values |= _from_environment(environment)
    values |= {key: value for key, value in (flags or {}).items() if value is not None}
    return Config(**values)


def _from_file(folder: Path) -> dict[str, Any]:
    for file in (folder / name for name in CONFIG_FILES):
        if not file.is_file():
            continue
        text, document = _read_toml(file)
        section = ("tool", "assetpipe") if file.name == "pyproject.toml" else ()
        for depth, key in enumerate(section, 1):
            document = document.get(key, {})
            if not isinstance(document, dict):
                raise ConfigError(
                    f"{key!r} is not a table",
                    where=_place(file, text, *section[:depth]),
                    hint="write the keys below a line [tool.assetpipe]",
                )
        place = partial(_place, file, text, *section)
        values = {}
        for key, value in document.items():
            if key not in _KEYS:
                raise parsers.unknown(f"unknown key {key!r}", key, list(_KEYS), place(key))
            if key in _TABLES:
                values[key] = _TABLES[key](value, partial(place, key), folder)
            else:
                values[key] = _KEYS[key](value, place(key), folder)
        return values
    return {}


def _read_toml(file: Path) -> tuple[str, dict[str, Any]]:
    import tomllib  # only where there is a file to read

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file)) from error
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        end = text.count("\n") + 1, len(text) - text.rfind("\n")
        line, column = at.groups() if at else end
        message = re.sub(r" \(at [^)]*\)$", "", str(error))
        raise ConfigError(
            f"is not valid TOML: {message}", where=f"{file}:{line}:{column}", hint="mend the line"
        ) from error


def _place(file: Path, text: str, *keys: str) -> str:
    """Return ``file:line`` of a key, as near as can be told without a TOML parser's positions."""
    wanted = ".".join(keys)
    section, best, number_of_best = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        assignment = re.match(r"\s*([^=#\[\]{}]+?)\s*=", line)
        if header:
            section = found = re.sub(r"[\s\"']", "", header[1])
        elif assignment:
            found = re.sub(r"[\s\"']", "", f"{section}.{assignment[1]}").lstrip(".")
        else:
            continue
        # A line may give what is above the key, the key itself, or something below it.
        shared = wanted if found.startswith(f"{wanted}.") else found
        if len(shared) > len(best) and f"{wanted}.".startswith(f"{shared}."):
            best, number_of_best = shared, number
    return f"{file}:{number_of_best}" if best else str(file)


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    variables = {f"{ENVIRONMENT_PREFIX}{key.upper()}": key for key in _KEYS}
    values: dict[str, Any] = {}
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _RUN_SIDE_VARIABLES:
            continue
        key = variables.get(variable)
        if key is None:
            # Anybody may use the prefix: only what looks like a misspelt key is an error.
            _refuse_misspelt(variable, variables)
            continue
        values[key] = _KEYS[key](_from_text(key, text), variable, Path.cwd())
    return values


def _refuse_misspelt(variable: str, variables: Mapping[str, str]) -> None:
    import difflib  # only for people who err

    name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    close = difflib.get_close_matches(name, variables.values(), n=1, cutoff=0.65)
    if close:
        raise ConfigError(
            f"unknown environment variable {variable}",
            where=variable,
            hint=f"did you mean {ENVIRONMENT_PREFIX}{close[0].upper()}?",
        )


def _from_text(key: str, text: str) -> Any:
    """Turn an environment variable's text into what a TOML file would hold for the key."""
    default = Config.__dataclass_fields__[key].default
    if isinstance(default, bool):
        known = {"1": True, "true": True, "yes": True, "on": True}
        known |= {"0": False, "false": False, "no": False, "off": False}
        return known.get(text.strip().lower(), text)
    if isinstance(default, tuple) or key == "source":
        return [item.strip() for item in text.split(",") if item.strip()]
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            return text
    return text


def _encodings(value: Any, where: str, folder: Path) -> tuple[str, ...]:
    names = parsers.globs(value, where, folder)
    for name in names:
        if name not in SIBLING_SUFFIXES:
            raise parsers.unknown(f"unknown encoding {name!r}", name, list(SIBLING_SUFFIXES), where)
    return tuple(sorted(set(names)))


def _program(value: Any, where: str, folder: Path) -> str:
    if not isinstance(value, str | os.PathLike):
        raise parsers.wrong(value, where, "a path")
    return str(parsers.path(value, where, folder)) if os.fspath(value) else ""


def _bundles(value: Any, where: str, folder: Path) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise parsers.wrong(value, where, "a table of names, each with a list of globs")
    bundles = {}
    for name, members in value.items():
        is_name = name == posixpath.normpath(name) and not name.startswith(("/", "../"))
        if not is_name or split_suffix(name)[1].lower() not in _BUNDLED:
            raise ConfigError(
                f"{name!r} is not a name for a bundle",
                where=where,
                hint='name a stylesheet or a classic script, such as "js/all.js"',
            )
        bundles[name] = parsers.globs(members, where, folder)
    return bundles


def _headers(value: Any, where: str, _folder: Path) -> tuple[HeaderRule, ...]:
    rules = dict(value) if isinstance(value, list | tuple) else value
    if not isinstance(rules, Mapping):
        raise parsers.wrong(value, where, "a table of globs, each with a table of header fields")
    return tuple((glob, _header_fields(fields, where)) for glob, fields in rules.items())


def _header_fields(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    fields = dict(value) if isinstance(value, tuple) else value
    if not isinstance(fields, Mapping):
        raise parsers.wrong(value, where, "a table of header fields")
    for name, text in fields.items():
        if not _FIELD_NAME.fullmatch(name):
            raise parsers.wrong(name, where, "the name of a header field")
        if name.lower() in _NOT_CONFIGURABLE:
            raise ConfigError(
                f"{name} cannot be configured: it follows from what is sent",
                where=where,
                hint="remove it",
            )
        if not isinstance(text, str) or not _FIELD_VALUE.fullmatch(text):
            raise parsers.wrong(
                text, where, f"a value of {name}, a string of visible ASCII characters"
            )
    return tuple(fields.items())


def _missing(value: Any, where: str, _folder: Path) -> str | dict[str, str]:
    for policy in value.values() if isinstance(value, Mapping) else [value]:
        parsers.one_of(POLICIES, "policy")(policy, where, _folder)
    return dict(value) if isinstance(value, Mapping) else str(value)


def _public_url(value: Any, where: str, _folder: Path) -> str:
    if not isinstance(value, str) or not re.match(r"/|[A-Za-z][A-Za-z0-9+.-]*://", value):
        raise parsers.wrong(value, where, "a path that starts with / or a full URL")
    return value


def _source(value: Any, where: str, folder: Path) -> Any:
    if isinstance(value, str | os.PathLike):
        return parsers.path(value, where, folder)
    if not isinstance(value, list | tuple) or not value:
        raise parsers.wrong(
            value, where, "a folder, or a list of folders or of {path, prefix} tables"
        )
    return [_root(item, where, folder) for item in value]


def _root(item: Any, where: str, folder: Path) -> Root:
    if isinstance(item, Root):
        item = {"path": item.path, "prefix": item.prefix}
    if not isinstance(item, Mapping):
        return Root(parsers.path(item, where, folder))
    for key in item:
        if key not in {"path", "prefix"}:
            raise parsers.unknown(f"unknown key {key!r} in source", key, ["path", "prefix"], where)
    if "path" not in item:
        raise ConfigError("a source table has no `path`", where=where)
    prefix = item.get("prefix", "")
    if not isinstance(prefix, str):
        raise parsers.wrong(prefix, where, "a prefix")
    segments = [segment for segment in prefix.split("/") if segment]
    if any(segment in {".", ".."} for segment in segments):
        raise parsers.wrong(prefix, where, "a prefix without . and ..")
    return Root(parsers.path(item["path"], where, folder), "/".join(segments))


def _whole(parse: Callable[[Any, Callable[..., str], Path], Any]) -> parsers.Parser:
    return lambda value, where, folder: parse(value, lambda *_: where, folder)


def _roots(source: Any, folder: Path) -> tuple[Root, ...]:
    items = source if isinstance(source, list | tuple) else [source]
    return tuple(_root(item, "source", folder) for item in items)


_KEYS: dict[str, parsers.Parser] = {
    "source": _source,
    "out": parsers.path,
    "public_url": _public_url,
    "minify": parsers.boolean,
    "minifier": parsers.one_of(MINIFIERS, "minifier"),
    "minifier_path": _program,
    "source_maps": parsers.one_of(SOURCE_MAPS, "mode"),
    "bundles": _bundles,
    "html": parsers.globs,
    "headers": _headers,
    "encodings": _encodings,
    "missing": _missing,
    "plain": parsers.globs,
    "immutable": parsers.globs,
    "ignore": parsers.globs,
    "workers": parsers.globs,
    "reload": parsers.paths,
    "cache": parsers.path,
    "use_cache": parsers.boolean,
    "cache_limit": parsers.count(1),
    "jobs": parsers.count(0),
    "lock_timeout": parsers.seconds,
    "images": _whole(images),
    "variants": parsers.one_of(VARIANTS, "variants"),
    "publish": _whole(destinations),
}
_TABLES = {"images": images, "publish": destinations}

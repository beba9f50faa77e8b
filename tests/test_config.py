"""The configuration: where each value comes from, and what a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assetpipe.build import Config, Root, load_config
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError
from tests.site import Tree, assets, command, plant


def jobs(folder: Path, tree: Tree, environment: dict[str, str], flags: dict[str, Any]) -> int:
    """Return the value of one key."""
    return load_config(plant(folder, tree), environment, flags).jobs


@pytest.mark.parametrize(
    ("files", "variable", "flag", "expected"),
    [
        pytest.param({}, None, None, 0, id="the default"),
        pytest.param(
            {"pyproject.toml": "[tool.assetpipe]\njobs = 1"}, None, None, 1, id="pyproject.toml"
        ),
        pytest.param({"assetpipe.toml": "jobs = 2"}, None, None, 2, id="assetpipe.toml"),
        pytest.param(
            {"assetpipe.toml": "jobs = 2", "pyproject.toml": "[tool.assetpipe]\njobs = 1"},
            None, None, 2, id="assetpipe.toml before pyproject.toml",
        ),
        pytest.param(
            {"assetpipe.toml": "", "pyproject.toml": "[tool.assetpipe]\njobs = 1"},
            None, None, 0, id="one file counts: an empty assetpipe.toml hides pyproject.toml",
        ),
        pytest.param({"pyproject.toml": "[tool.other]\njobs = 1"}, None, None, 0, id="a tool"),
        pytest.param({"assetpipe.toml": "jobs = 2"}, "3", None, 3, id="environment before file"),
        pytest.param({"assetpipe.toml": "jobs = 2"}, "3", 4, 4, id="flag before environment"),
        pytest.param({"assetpipe.toml": "jobs = 2"}, None, 4, 4, id="flag before file"),
    ],
)  # fmt: skip
def test_a_value_comes_from_flag_environment_file_or_default_in_this_order(
    tmp_path: Path, files: Tree, variable: str | None, flag: int | None, expected: int
) -> None:
    """Each key is looked for on its own; the first place that has it wins."""
    environment = {} if variable is None else {"ASSETPIPE_JOBS": variable}
    assert jobs(tmp_path, files, environment, {"jobs": flag}) == expected


def test_keys_of_several_places_are_put_together(tmp_path: Path) -> None:
    """A flag for one key does not hide the file's others."""
    plant(tmp_path, {"assetpipe.toml": "minify = false\njobs = 2\nmissing = 'ignore'"})
    config = load_config(tmp_path, {"ASSETPIPE_MISSING": "warn"}, {"jobs": 3})
    assert (config.minify, config.missing, config.jobs) == (False, "warn", 3)


def test_the_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    """An empty project builds ``static/`` into ``build/static/``."""
    config = load_config(tmp_path, {})
    assert config.roots == (Root(tmp_path / "static"),)
    assert config.out == tmp_path / "build/static"
    assert config.public_url == "/static/"
    assert config.minify is True
    assert set(config.encodings) == {"gzip", "br"}
    assert config.missing == "warn"
    assert config.plain == config.immutable == config.ignore == ()


PATHS = """
source = ["app/static", {path = "../shared", prefix = "shared"}]
out = "dist"
cache = "/var/cache/assets"
"""


def test_paths_in_a_file_are_relative_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command is started from, the file means the same folders."""
    project = plant(tmp_path / "project", {"assetpipe.toml": PATHS, "sub/a.txt": ""})
    monkeypatch.chdir(project / "sub")
    config = load_config(project, {})
    assert config.roots == (Root(project / "app/static"), Root(tmp_path / "shared", "shared"))
    assert config.out == project / "dist"
    assert config.cache == Path("/var/cache/assets")


def test_paths_of_flags_and_environment_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every other command."""
    monkeypatch.chdir(plant(tmp_path / "here", {}))
    config = load_config(tmp_path, {"ASSETPIPE_CACHE": "cache"}, {"out": Path("../out")})
    assert config.cache == tmp_path / "here/cache"
    assert config.out == tmp_path / "out"


SOURCES: list[Any] = [
    pytest.param('"a"', [("a", "")], id="a folder"),
    pytest.param('["a", "b"]', [("a", ""), ("b", "")], id="a list"),
    pytest.param(
        '[{path = "a"}, {path = "b", prefix = "x"}]', [("a", ""), ("b", "x")], id="tables"
    ),
    pytest.param('[{path = "a", prefix = "/x/y/"}]', [("a", "x/y")], id="slashes around a prefix"),
    pytest.param('[{path = "a", prefix = ""}]', [("a", "")], id="an empty prefix"),
]


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_sources_are_a_folder_a_list_or_tables(
    tmp_path: Path, source: str, expected: list[tuple[str, str]]
) -> None:
    """All spellings give the same kind of value."""
    plant(tmp_path, {"assetpipe.toml": f"source = {source}"})
    roots = load_config(tmp_path, {}).roots
    assert roots == tuple(Root(tmp_path / path, prefix) for path, prefix in expected)


FROM_ENVIRONMENT: list[Any] = [
    pytest.param("MINIFY", "0", "minify", False, id="0 is false"),
    pytest.param("MINIFY", "no", "minify", False, id="no is false"),
    pytest.param("MINIFY", "TRUE", "minify", True, id="letter case does not matter"),
    pytest.param("MINIFY", " on ", "minify", True, id="white space does not matter"),
    pytest.param("ENCODINGS", "zstd, gzip", "encodings", ("gzip", "zstd"), id="a list"),
    pytest.param("ENCODINGS", "", "encodings", (), id="an empty list"),
    pytest.param("PLAIN", "robots.txt,*.ico", "plain", ("robots.txt", "*.ico"), id="globs"),
    pytest.param("LOCK_TIMEOUT", "0.5", "lock_timeout", 0.5, id="a fraction"),
    pytest.param("MISSING", "error", "missing", "error", id="a word"),
    pytest.param("USE_CACHE", "false", "use_cache", False, id="a key of two words"),
    pytest.param("PUBLIC_URL", "https://h/s", "public_url", "https://h/s", id="a URL"),
]


@pytest.mark.parametrize(("variable", "text", "key", "expected"), FROM_ENVIRONMENT)
def test_environment_variables_are_read_as_the_type_of_their_key(
    tmp_path: Path, variable: str, text: str, key: str, expected: object
) -> None:
    """``ASSETPIPE_`` and the key in upper case; a list is written with commas."""
    assert getattr(load_config(tmp_path, {f"ASSETPIPE_{variable}": text}), key) == expected


def test_several_source_folders_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without prefixes: those need a file."""
    monkeypatch.chdir(tmp_path)
    config = load_config(tmp_path, {"ASSETPIPE_SOURCE": "a,b"})
    assert config.roots == (Root(tmp_path / "a"), Root(tmp_path / "b"))


@pytest.mark.parametrize(
    "variable", ["MODE", "CDN_URL", "STRICT", "AUTO_RELOAD", "URL_PATH", "BLUEPRINTS"]
)
def test_variables_of_the_run_side_are_not_the_builds_business(
    tmp_path: Path, variable: str
) -> None:
    """A build in the environment of the application neither fails nor takes notice."""
    assert load_config(tmp_path, {f"ASSETPIPE_{variable}": "x"}) == load_config(tmp_path, {})


# What each key must not be, as TOML, and what the error says of it.
WRONG: list[Any] = [
    pytest.param("source", "3", "3 is not a folder", id="source: a number"),
    pytest.param("source", "[]", r"\[\] is not a folder", id="source: no folder at all"),
    pytest.param("source", "''", "'' is not a path", id="source: no name"),
    pytest.param("source", "[3]", "3 is not a path", id="source: a number in the list"),
    pytest.param("source", "[{prefix = 'x'}]", "has no `path`", id="source: a table without path"),
    pytest.param("source", "[{path = 3}]", "3 is not a path", id="source: a path of a number"),
    pytest.param("source", "[{path = 'a', prefix = 3}]", "not a prefix", id="source: a prefix"),
    pytest.param("source", "[{path = 'a', prefix = '../b'}]", "without", id="source: prefix up"),
    pytest.param("source", "{path = 'a'}", "is not a folder", id="source: a table alone"),
    pytest.param("out", "true", "True is not a path", id="out"),
    pytest.param("out", "['a']", "is not a path", id="out: a list"),
    pytest.param("public_url", "3", "is not a path that starts with /", id="public_url"),
    pytest.param("public_url", "'static/'", "is not a path that starts", id="public_url: relative"),
    pytest.param("minify", "'yes'", "'yes' is not true or false", id="minify: a word"),
    pytest.param("minify", "1", "1 is not true or false", id="minify: a number"),
    pytest.param("minifier", "'terser'", "unknown minifier 'terser'", id="minifier"),
    pytest.param("minifier_path", "3", "3 is not a path", id="minifier_path"),
    pytest.param("source_maps", "true", "unknown mode True", id="source_maps"),
    pytest.param("headers", "3", "is not a table of globs", id="headers: a number"),
    pytest.param("headers", "{'*' = 3}", "is not a table of header", id="headers: a value"),
    pytest.param("headers", "{'*' = {'a b' = ''}}", "not the name of a", id="headers: a name"),
    pytest.param(
        "headers", "{'*' = {A = \"a\\nB: c\"}}", "not a value of A", id="headers: a line break"
    ),
    pytest.param("headers", "{'*' = {ETag = 'a'}}", "follows from what", id="headers: ours"),
    pytest.param("bundles", "['a.js']", "is not a table", id="bundles: a list"),
    pytest.param("bundles", "{'a.js' = 3}", "3 is not a list of globs", id="bundles: members"),
    pytest.param("bundles", "{'a.mjs' = []}", "not a name for a bundle", id="bundles: modules"),
    pytest.param("bundles", "{'../a.js' = []}", "not a name for a bundle", id="bundles: up"),
    pytest.param("bundles", "{'/a.js' = []}", "not a name for a bundle", id="bundles: absolute"),
    pytest.param("html", "true", "True is not a list of globs", id="html"),
    pytest.param("encodings", "3", "3 is not a list", id="encodings"),
    pytest.param("encodings", "[3]", "is not a list", id="encodings: a list of numbers"),
    pytest.param("encodings", "['gzp']", "unknown encoding 'gzp'", id="encodings: unknown"),
    pytest.param("missing", "true", "unknown policy True", id="missing"),
    pytest.param("missing", "'eror'", "unknown policy 'eror'", id="missing: unknown"),
    pytest.param("missing", "{'*.css' = 'no'}", "unknown policy 'no'", id="missing: of a glob"),
    pytest.param("plain", "3", "3 is not a list of globs", id="plain"),
    pytest.param("immutable", "[true]", "is not a list of globs", id="immutable"),
    pytest.param("ignore", "{}", "is not a list of globs", id="ignore"),
    pytest.param("workers", "1.5", "is not a list of globs", id="workers"),
    pytest.param("reload", "3", "3 is not a list of paths", id="reload"),
    pytest.param("reload", "[3]", "3 is not a path", id="reload: of a number"),
    pytest.param("cache", "3", "3 is not a path", id="cache"),
    pytest.param("use_cache", "'x'", "is not true or false", id="use_cache"),
    pytest.param("cache_limit", "0", "0 is not a whole number of 1 or more", id="cache_limit"),
    pytest.param("cache_limit", "1.5", "is not a whole number", id="cache_limit: a fraction"),
    pytest.param("jobs", "-1", "-1 is not a whole number of 0 or more", id="jobs: negative"),
    pytest.param("jobs", "true", "True is not a whole number", id="jobs: a truth value"),
    pytest.param("jobs", "'2'", "'2' is not a whole number", id="jobs: text"),
    pytest.param("lock_timeout", "-1", "-1 is not a number of seconds", id="lock_timeout"),
    pytest.param("lock_timeout", "nan", "is not a number of seconds", id="lock_timeout: NaN"),
    pytest.param("lock_timeout", "'1'", "'1' is not a number of seconds", id="lock_timeout: text"),
]
WRONG += [
    pytest.param("publish", "3", "is not a table of destinations", id="publish: a number"),
    pytest.param("publish", "{x = 3}", "is not a table of keys", id="publish: a name"),
    pytest.param("images", "3", "is not a table of keys", id="images: a number"),
    pytest.param("variants", "'some'", "unknown variants 'some'", id="variants"),
]
KEYS = {field for field in Config.__dataclass_fields__ if field != "roots"}


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
@pytest.mark.parametrize("file", ["assetpipe.toml", "pyproject.toml"])
def test_a_wrong_value_is_an_error_with_its_line(
    tmp_path: Path, file: str, key: str, value: str, message: str
) -> None:
    """The place is ``file:line``, and the exit status 2."""
    head = "" if file == "assetpipe.toml" else "[tool.assetpipe]"
    path = plant(tmp_path, {file: f"\n{head}\n\n{key} = {value}\n"}) / file
    with pytest.raises(ConfigError, match=message) as raised:
        load_config(tmp_path, {})
    assert raised.value.where == f"{path}:4"
    assert raised.value.exit_code == 2


def test_every_key_has_a_wrong_value_in_the_table() -> None:
    """A new key comes with its row."""
    assert {row.values[0] for row in WRONG} == KEYS


TABLES = """\
# public_url is not the key that is wrong
[tool.other]
public_url = 5

[tool.assetpipe]
minify = true  # nor is this

[[tool.assetpipe.source]]
path = "a"

[tool.assetpipe.missing]
default = "wran"
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(TABLES, 11, id="a table of its own"),
        pytest.param(TABLES.replace("wran", "warn").replace('"a"', "3"), 8, id="a list of tables"),
        pytest.param("[tool.assetpipe]\n\nmissing.'*.css' = 'x'", 3, id="a dotted key"),
        pytest.param("[tool.assetpipe]\n'jobs' = 'x'", 2, id="a quoted key"),
        pytest.param("[tool . assetpipe]\n  jobs='x'", 2, id="odd white space"),
    ],
)
def test_the_line_is_that_of_the_key(tmp_path: Path, text: str, line: int) -> None:
    """However TOML lets one write it."""
    path = plant(tmp_path, {"pyproject.toml": text}) / "pyproject.toml"
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path, {})
    assert raised.value.where == f"{path}:{line}"


UNKNOWN: list[Any] = [
    pytest.param("minfy = true", "unknown key 'minfy'", "minify", id="a key"),
    pytest.param("sources = 'a'", "unknown key 'sources'", "source", id="a key in the plural"),
    pytest.param("public-url = '/'", "unknown key 'public-url'", "public_url", id="a hyphen"),
    pytest.param("source = [{pth = 'a'}]", "unknown key 'pth'", "path", id="a key of a source"),
    pytest.param("encodings = ['brotli', 'br']", "unknown encoding", "br", id="an encoding"),
    pytest.param("missing = 'errors'", "unknown policy", "error", id="a policy"),
    pytest.param("minifier = 'es-build'", "unknown minifier", "esbuild", id="a minifier"),
    pytest.param("source_maps = 'link'", "unknown mode", "linked", id="a mode of source maps"),
]


@pytest.mark.parametrize(("text", "message", "meant"), UNKNOWN)
def test_an_unknown_word_in_a_file_comes_with_a_suggestion(
    tmp_path: Path, text: str, message: str, meant: str
) -> None:
    """A typo is never silently ignored."""
    plant(tmp_path, {"assetpipe.toml": text})
    with pytest.raises(ConfigError, match=message) as raised:
        load_config(tmp_path, {})
    assert raised.value.hint == f"did you mean {meant}?"


def test_an_unknown_key_that_is_like_no_other_gets_the_list(tmp_path: Path) -> None:
    """Where nothing is near, all that is known helps more."""
    plant(tmp_path, {"assetpipe.toml": "qqq = 1"})
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path, {})
    assert raised.value.hint == f"known are: {', '.join(sorted(KEYS))}"


@pytest.mark.parametrize(
    ("variable", "text", "message", "hint"),
    [
        pytest.param(
            "ASSETPIPE_MINFY", "1", "unknown environment variable ASSETPIPE_MINFY",
            "did you mean ASSETPIPE_MINIFY?", id="an unknown name",
        ),
        pytest.param("ASSETPIPE_JOBS", "many", "'many' is not a whole", "JOBS", id="a number"),
        pytest.param("ASSETPIPE_MINIFY", "maybe", "'maybe' is not", "MINIFY", id="a truth value"),
        pytest.param("ASSETPIPE_OUT", "", "'' is not a path", "OUT", id="an empty path"),
        pytest.param("ASSETPIPE_MISSING", "eror", "unknown policy", "error?", id="a policy"),
    ],
)  # fmt: skip
def test_a_wrong_environment_variable_is_named(
    tmp_path: Path, variable: str, text: str, message: str, hint: str
) -> None:
    """The place is the variable."""
    with pytest.raises(ConfigError, match=re.escape(message)) as raised:
        load_config(tmp_path, {variable: text})
    assert raised.value.where == variable
    assert hint in str(raised.value.hint)


@pytest.mark.parametrize(
    ("name", "text", "place", "message"),
    [
        pytest.param("assetpipe.toml", "jobs = 1\nout = = 2", ":2:7", "TOML", id="a syntax error"),
        pytest.param("pyproject.toml", "[tool\n", ":1:6", "TOML", id="of pyproject.toml"),
        pytest.param("assetpipe.toml", "jobs = 1\njobs = 2\n", ":2:9", "TOML", id="a key twice"),
        pytest.param("assetpipe.toml", b"\xff", "", "cannot be read", id="not UTF-8"),
        pytest.param("pyproject.toml", "[tool]\nassetpipe = 3", ":2", "table", id="no table"),
        pytest.param("pyproject.toml", "tool = 3", ":1", "table", id="no table of tools"),
        pytest.param("assetpipe.toml", "out = 'a", ":1:9", "TOML", id="cut off"),
    ],
)
def test_a_file_that_cannot_be_understood_is_an_error_with_its_place(
    tmp_path: Path, name: str, text: str | bytes, place: str, message: str
) -> None:
    """TOML's own errors have line and column."""
    path = plant(tmp_path, {name: text}) / name
    with pytest.raises(ConfigError, match=message) as raised:
        load_config(tmp_path, {})
    assert raised.value.where == f"{path}{place}"


def test_the_command_line_reads_the_file_of_the_current_folder(tmp_path: Path) -> None:
    """Flags win; what they do not say comes from the file."""
    plant(
        tmp_path,
        {
            "pyproject.toml": "[tool.assetpipe]\nsource = 'web'\nout = 'dist'\nplain = ['*.txt']",
            "web/a.txt": "a",
        },
    )
    done = command(tmp_path, "build", "-o", "other")
    assert done.returncode == 0, done.stderr
    assert assets(tmp_path / "other")["a.txt"]["file"] == "a.txt"
    assert not (tmp_path / "dist").exists()


def test_a_wrong_file_stops_the_command_with_status_2(tmp_path: Path) -> None:
    """Without a traceback, with the place first."""
    plant(tmp_path, {"assetpipe.toml": "jobs = 'two'"})
    done = command(tmp_path, "build")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {tmp_path}/assetpipe.toml:1: 'two' is not")


def test_a_value_in_python_is_checked_like_one_in_a_file() -> None:
    """``Config`` is the same door."""
    with pytest.raises(ConfigError, match="'yes' is not true or false"):
        Config(minify="yes")  # type: ignore[arg-type]


# What a destination must not be: a key, its value as TOML, and what the error says.
WRONG_DESTINATIONS: list[Any] = [
    pytest.param("target", "3", "3 is not a string", id="target"),
    pytest.param("target", "'ftp://x/y'", "cannot publish to", id="target: a scheme"),
    pytest.param("url", "3", "3 is not a string", id="url"),
    pytest.param("encodings", "'both'", "unknown way to publish encodings", id="encodings"),
    pytest.param("endpoint_url", "3", "is not a string", id="endpoint_url"),
    pytest.param("region", "3", "is not a string", id="region"),
    pytest.param("profile", "[]", "is not a string", id="profile"),
    pytest.param("role_arn", "1.5", "is not a string", id="role_arn"),
    pytest.param("addressing", "'host'", "unknown addressing", id="addressing"),
    pytest.param("checksums", "'md5'", "unknown checksum 'md5'", id="checksums"),
    pytest.param("acl", "true", "is not a string", id="acl"),
    pytest.param("invalidate", "3", "is not a list of", id="invalidate"),
    pytest.param("allow", "3", "is not a list of globs", id="allow"),
    pytest.param("record", "'no'", "is not true or false", id="record"),
    pytest.param("keep", "0", "is not a whole number of 1 or more", id="keep"),
    pytest.param("younger_than", "'a month'", "is not a time span", id="younger_than"),
    pytest.param("grace", "-1", "is not a time span", id="grace"),
    pytest.param("max_delete", "'150%'", "is not a share", id="max_delete: too much"),
    pytest.param("max_delete", "2", "is not a share", id="max_delete: a number"),
    pytest.param("connections", "0", "is not a whole number of 1 or more", id="connections"),
    pytest.param("retries", "-1", "is not a whole number of 0 or more", id="retries"),
    pytest.param("timeout", "'x'", "is not a time span", id="timeout"),
    pytest.param("tarjet", "'x'", "unknown key 'tarjet'", id="an unknown key"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG_DESTINATIONS)
@pytest.mark.parametrize("file", ["assetpipe.toml", "pyproject.toml"])
def test_a_wrong_destination_is_an_error_with_its_line(
    tmp_path: Path, file: str, key: str, value: str, message: str
) -> None:
    """Of several destinations, the line is that of the one that is wrong."""
    section = "tool.assetpipe." if file == "pyproject.toml" else ""
    target = "" if key == "target" else "target = 's3://bucket'"
    text = (
        f"[{section}publish.test]\n{key} = 'not this'\ntarget = 'x'\n"
        f"[{section}publish.live]\n{target}\n{key} = {value}\n"
    )
    lines = text.splitlines()
    lines[1] = "url = 'https://a.b'"
    path = plant(tmp_path, {file: "\n".join(lines) + "\n"}) / file
    with pytest.raises(ConfigError, match=message) as raised:
        load_config(tmp_path, {})
    assert raised.value.where == f"{path}:6"
    assert raised.value.hint


def test_every_key_of_a_destination_has_a_wrong_value_in_the_table() -> None:
    """A new key comes with its row."""
    fields = set(Destination.__dataclass_fields__)
    assert {row.values[0] for row in WRONG_DESTINATIONS} == fields | {"tarjet"}


def test_a_destination_needs_a_target(tmp_path: Path) -> None:
    """Without it there is nowhere to publish to."""
    path = plant(tmp_path, {"assetpipe.toml": "\n[publish.live]\nurl = 'https://x.y'\n"})
    with pytest.raises(ConfigError, match="has no `target`") as raised:
        load_config(tmp_path, {})
    assert raised.value.where == f"{path / 'assetpipe.toml'}:2"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        pytest.param("younger_than", '"30d"', 30 * 86400.0, id="days"),
        pytest.param("grace", '"90m"', 5400.0, id="minutes"),
        pytest.param("grace", "0", 0.0, id="seconds"),
        pytest.param("timeout", '"1.5s"', 1.5, id="a fraction"),
        pytest.param("max_delete", '"25%"', 0.25, id="per cent"),
        pytest.param("max_delete", "1", 1.0, id="all of it"),
        pytest.param("invalidate", '"cloudfront:E1"', ("cloudfront:E1",), id="one of a list"),
    ],
)
def test_spellings_of_a_destinations_values(
    tmp_path: Path, key: str, text: str, value: object
) -> None:
    """Time spans and shares as people write them."""
    plant(tmp_path, {"assetpipe.toml": f"[publish.live]\ntarget = 'out'\n{key} = {text}\n"})
    destination = load_config(tmp_path, {}).publish["live"]
    assert getattr(destination, key) == value
    assert destination.target == str(tmp_path / "out")

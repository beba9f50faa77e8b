"""The shape of the package: who may import whom, who prints, who writes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import assetpipe

PACKAGE = Path(assetpipe.__file__).parent

# Each part of the package, and the parts that it is built on.
BUILT_ON = {
    "shared": set(),
    "objectstore": {"shared"},
    "__init__": {"serve", "shared"},
    "kinds": {"shared"},
    "build": {"kinds", "shared"},
    "publish": {"build", "kinds", "objectstore", "shared"},
    "live": {"shared"},
    "dev": {"live", "serve", "build", "shared"},
    "cli": {"dev", "publish", "build", "kinds", "flask", "serve", "shared"},
    "serve": {"objectstore", "shared"},
    "flask": {"live", "serve", "shared"},
    "django": {"serve", "shared"},
}
THIRD_PARTY = {
    "boto3": {"objectstore"},
    "botocore": {"objectstore", "publish"},
    "brotli": {"build"},
    "click": {"cli"},
    "django": {"django"},
    "deflate": {"build"},
    "flask": {"cli", "flask"},
    "jinja2": {"flask"},
    "markupsafe": {"flask"},
    "obstore": {"objectstore"},
    "prometheus_client": {"serve"},
    "quart": {"flask"},
    "rcssmin": {"kinds"},
    "rjsmin": {"kinds"},
    "watchdog": {"live"},
    "werkzeug": {"cli", "flask"},
    "zstandard": {"build"},
}
WRITERS = {
    "build/cache.py",
    "build/output.py",
    "dev/address.py",
    "live/watcher.py",  # a file of its own, to see whether the system tells of it
    "serve/counts.py",
    "serve/remote.py",
}

FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = [pytest.param(name, id=name) for name in FILES]


def part_of(file: str) -> str:
    """Return the part that a file belongs to: its folder, or its own name, or shared."""
    first = file.partition("/")[0].removesuffix(".py")
    return {"__main__": "cli"}.get(first, first if first in BUILT_ON else "shared")


def imports(file: str) -> Iterator[tuple[int, str]]:
    """Yield the line and full name of every module that a file imports, wherever it does."""
    package = ["assetpipe", *file.split("/")[:-1]]
    for node in ast.walk(ast.parse(FILES[file].read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("file", MODULES)
def test_a_module_imports_only_what_it_is_built_on(file: str) -> None:
    """Sideways in its own folder, or downwards."""
    allowed = BUILT_ON[part_of(file)] | {part_of(file)}
    for line, name in imports(file):
        top, _, rest = name.partition(".")
        if top == "assetpipe" and rest:
            target = rest.replace(".", "/")
            assert part_of(target) in allowed, f"{file}:{line} imports {name}"


@pytest.mark.parametrize("file", MODULES)
def test_a_third_party_package_is_imported_by_one_part_only(file: str) -> None:
    """Only ``flask.py`` knows Flask, only the command line click; the run side needs nothing."""
    for line, name in imports(file):
        users = THIRD_PARTY.get(name.partition(".")[0])
        assert users is None or part_of(file) in users, f"{file}:{line} imports {name}"


def calls(file: str) -> Iterator[tuple[int, str, ast.Call]]:
    """Yield the line, the name as written, and the node of every call of a named function."""
    for node in ast.walk(ast.parse(FILES[file].read_bytes())):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), node


@pytest.mark.parametrize("file", MODULES)
def test_only_the_command_line_prints(file: str) -> None:
    """A library that prints cannot be used by another program."""
    if part_of(file) != "cli":
        for line, name, _ in calls(file):
            printing = name in {"print", "input"} or name.startswith(("sys.stdout.", "sys.stderr."))
            assert not printing, f"{file}:{line} calls {name}"


def writes(name: str, call: ast.Call) -> bool:
    """Say whether a call creates, changes or removes a file or folder."""
    last = name.rpartition(".")[2]
    if last == "open" and [*map(ast.unparse, call.args)][:1] == ["os.devnull"]:
        return False
    if last == "open":
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = [node.value for node in arguments if isinstance(node, ast.Constant)]
        words = " ".join(mode for mode in modes if isinstance(mode, str))
        return bool(set("wax+") & set(words)) or "O_" in ast.unparse(call)
    on_disk = {"makedirs", "mkdir", "rename", "renames", "rmdir", "rmtree", "symlink", "touch"}
    on_disk |= {"truncate", "unlink", "write_bytes", "write_text", "copyfile", "copytree", "move"}
    return last in on_disk or name in {"os.replace", "os.remove", "os.link", "os.write"}


@pytest.mark.parametrize("file", MODULES)
def test_only_output_and_cache_write_to_the_disk(file: str) -> None:
    """What makes a release crash-safe is in one place."""
    if file not in WRITERS and part_of(file) != "publish":
        for line, name, call in calls(file):
            assert not writes(name, call), f"{file}:{line} calls {name}"


@pytest.mark.parametrize("file", MODULES)
def test_only_the_command_line_asks_what_time_it_is(file: str) -> None:
    """A release does not depend on when it was made; waiting and ageing are named here."""
    allowed = {
        "build/cache.py": {"time.time"},  # the age of entries
        "build/output.py": {"time.monotonic", "time.sleep"},  # the lock's time limit
        "build/pipeline.py": {"time.time_ns"},  # whether a source's times can be trusted
    }
    if part_of(file) in {"kinds", "build"}:
        for line, name, _ in calls(file):
            asks = name.startswith(("time.", "datetime."))
            assert not asks or name in allowed.get(file, ()), f"{file}:{line} calls {name}"


def test_the_tables_name_parts_that_exist() -> None:
    """A rule about a folder that was renamed would hold nothing."""
    parts = {part_of(file) for file in FILES}
    assert {"shared", "kinds", "build", "cli", "serve", "flask"} <= parts
    assert FILES.keys() >= WRITERS

"""Invalidation: telling caches that files under fixed names were replaced.

Fingerprinted names never need it. A rule says whom to tell, and how: ``cloudfront:ID``,
``command:PROGRAM ARGUMENT ...``, or ``NAME:ARGUMENT`` for what another package brings as an entry
point of the group ``assetpipe.invalidators``: a callable that takes the argument and an
``Invalidation``, and raises where it fails.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit, urlunsplit

from assetpipe.build import parsers
from assetpipe.destination import Destination
from assetpipe.errors import AssetpipeError, ConfigError, MissingExtraError, OutsideError
from assetpipe.names import url_path

GROUP = "assetpipe.invalidators"

PATIENCE = 300.0
"""Seconds that a command may take."""

_INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Invalidation:
    """What is out of date, and since which release.

    Attributes:
        release: that replaced it.
        paths: URL paths, percent-encoded, each with a slash in front.
        urls: the same as whole URLs; empty where the destination has no ``url``.
        reference: names this invalidation; the same one may be told again.
    """

    release: str
    paths: tuple[str, ...]
    urls: tuple[str, ...]
    reference: str

    @classmethod
    def of(cls, release: str, keys: Iterable[str], *, url: str, reference: str) -> Invalidation:
        """Return the invalidation of the objects with these keys.

        An ``index.html`` is out of date under its folder's name, too.

        Args:
            release: that is current now.
            keys: below the target.
            url: below which browsers see the target. Paths begin with its path, or without it
                with a slash: the target's own prefix is the origin's matter, and says nothing
                about what browsers ask for.
            reference: names this invalidation. CloudFront takes one that it knows for a
                repetition, so going back to an earlier release needs another than that had.
        """
        parts = urlsplit(url)
        folder = f"{parts.path.rstrip('/')}/"
        names = {
            name
            for key in keys
            for name in (key, key.removesuffix(_INDEX))
            if name == key or not name or name.endswith("/")
        }
        paths = tuple(sorted(folder + url_path(name) for name in names))
        urls = tuple(urlunsplit((parts.scheme, parts.netloc, path, "", "")) for path in paths)
        return cls(release, paths, urls if parts.netloc else (), reference)


Invalidator = Callable[[str, Invalidation], None]


def check(rules: tuple[str, ...]) -> None:
    """Make sure that rules can be carried out, as far as can be told without doing so.

    Raises:
        ConfigError: a rule is wrong, its program is not there, or its plug-in cannot be used.
        MissingExtraError: boto3 is needed and not installed.
    """
    for rule in rules:
        name, argument = _parts(rule)
        if name == "cloudfront":
            _check_distribution(rule, argument)
        elif name == "command":
            _arguments(rule, argument)
        else:
            _plugin(name, rule)


def invalidate(
    rules: tuple[str, ...], request: Invalidation, *, destination: Destination
) -> tuple[str, ...]:
    """Carry out rules, all of them even if one fails, and say what each has accepted.

    Raises:
        ConfigError: as for ``check``.
        OutsideError: one was not accepted.
    """
    if not request.paths:
        return ()
    accepted = []
    failed: AssetpipeError | None = None
    for rule in rules:
        try:
            accepted.append(_carry_out(rule, request, destination))
        except AssetpipeError as error:
            failed = failed or error
    if failed:
        raise failed
    return tuple(accepted)


def _carry_out(rule: str, request: Invalidation, destination: Destination) -> str:
    name, argument = _parts(rule)
    if name == "cloudfront":
        from assetpipe.publish import cloudfront  # loads what only AWS needs

        identity = cloudfront.create(argument, request.paths, request.reference, destination)
        return f"{rule} accepted invalidation {identity}"
    if name == "command":
        _run(_arguments(rule, argument), rule, request)
    else:
        _call(_plugin(name, rule), rule, argument, request)
    return f"{rule} was told of {len(request.paths)} paths"


def _parts(rule: str) -> tuple[str, str]:
    name, colon, argument = rule.partition(":")
    if not colon or not name.strip():
        raise ConfigError(
            f"{rule!r} is no rule for an invalidation",
            where="invalidate",
            hint="write it as cloudfront:ID, command:PROGRAM ARGUMENT, or NAME:ARGUMENT",
        )
    return name.strip(), argument.strip()


def _check_distribution(rule: str, identity: str) -> None:
    from assetpipe.publish import cloudfront

    if not cloudfront.is_distribution(identity):
        raise ConfigError(
            f"{identity!r} is not the id of a distribution",
            where=f"invalidate: {rule}",
            hint="it looks like E2QWRUHAPOMQZL; `aws cloudfront list-distributions` tells it",
        )
    # Importing it takes a quarter of a second, which a publish without such files can save.
    if find_spec("boto3") is None:
        raise MissingExtraError("invalidating at CloudFront", "publish", "boto3")


def _arguments(rule: str, command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"the command cannot be read: {error}",
            where=f"invalidate: {rule}",
            hint="quote its arguments as in a shell",
        ) from None
    program = shutil.which(arguments[0]) if arguments else None
    if program is None:
        raise ConfigError(
            f"there is no program {arguments[0]}" if arguments else "no program is named",
            where=f"invalidate: {rule}",
            hint="write it as command:PROGRAM ARGUMENT, with the whole path where it is not on "
            "PATH; no shell reads it",
        )
    return [program, *arguments[1:]]


def _run(arguments: list[str], rule: str, request: Invalidation) -> None:
    where = f"invalidate: {rule}"
    # Files, not pipes: a program need not read what it is told, and what it has started itself may
    # outlive it.
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
        told.write(json.dumps(asdict(request), ensure_ascii=False).encode() + b"\n")
        told.seek(0)
        try:
            done = subprocess.run(  # noqa: S603 - the user's own program, without a shell
                arguments,
                stdin=told,
                stdout=subprocess.DEVNULL,
                stderr=said,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OutsideError(
                f"the command took more than {PATIENCE:g} seconds and was stopped",
                where=where,
                hint="have it hand over the work and return; publish again to repeat it",
            ) from None
        except OSError as error:
            raise OutsideError(
                f"the command cannot be run: {error.strerror}", where=where
            ) from None
        if done.returncode:
            said.seek(0)
            last = _last_line(said.read())
            raise OutsideError(
                f"the command failed with status {done.returncode}{last and f': {last}'}",
                where=where,
                hint="mend it and publish again, which repeats what was not invalidated",
            )


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    texts = ["".join(filter(str.isprintable, line)).strip() for line in lines]
    return next((text[:300] for text in reversed(texts) if text), "")


def _plugin(name: str, rule: str) -> Invalidator:
    from importlib.metadata import entry_points  # takes thirty milliseconds to load

    found = entry_points(group=GROUP)
    where = f"invalidate: {rule}"
    if name not in found.names:
        known = ["cloudfront", "command", *found.names]
        error = parsers.unknown(f"unknown invalidation {name!r}", name, known, where)
        if "known" not in (error.hint or ""):
            error.hint = f"{error.hint} Known are: {', '.join(sorted(known))}"
        raise error
    point = found[name]
    try:
        plugin: Invalidator = point.load()
    except Exception as error:
        raise ConfigError(
            f"the plug-in {point.value} cannot be loaded: {error!r}",
            where=where,
            hint="mend or reinstall its package",
        ) from error
    if not callable(plugin):
        raise ConfigError(f"the plug-in {point.value} is not callable", where=where)
    return plugin


def _call(plugin: Invalidator, rule: str, argument: str, request: Invalidation) -> None:
    try:
        plugin(argument, request)
    except AssetpipeError:
        raise
    except Exception as error:
        raise OutsideError(
            f"the plug-in failed: {error!r}",
            where=f"invalidate: {rule}",
            hint="publish again, which repeats what was not invalidated",
        ) from error

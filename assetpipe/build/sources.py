"""Finding the source files: walking roots, ignoring what nobody wants to ship."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from assetpipe.build.config import Root
from assetpipe.build.model import Problem, Source
from assetpipe.errors import ConfigError, InputError
from assetpipe.globs import DEFAULT_IGNORE, HIDDEN_BUT_SHIPPED, matcher


def signature(status: os.stat_result) -> str:
    """Return a text that changes whenever the file may have changed.

    Size and modification time can be kept by whoever edits a file; the time of the inode's
    last change cannot, so it is part of the signature, as in Git's index.
    """
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def seen(path: str) -> str:
    """Return the signature of a file, empty where there is none to be looked at."""
    try:
        return signature(os.stat(path))
    except OSError:
        return ""


def is_settled(signature: str, now_ns: int) -> bool:
    """Say whether a later write would surely change this signature.

    A file changed within its clock's granularity of the moment it was looked at could change
    again under the same times (Git calls such an entry racy). Kernel clocks tick every 10 ms
    at the slowest; file systems without a fraction of seconds in their times have up to 2 s.
    """
    _, modified, changed, _ = signature.split("-")
    coarse = changed.endswith("000000000")
    return max(int(modified), int(changed)) < now_ns - (2_000_000_000 if coarse else 20_000_000)


def find(roots: Sequence[Root], ignore: Sequence[str], exclude: Iterable[Path]) -> list[Source]:
    """Return every file below the roots, sorted by logical name.

    Args:
        roots: source folders with their prefixes.
        ignore: globs of logical names to leave out, beside ``DEFAULT_IGNORE`` and dotfiles.
        exclude: folders never to enter (output and cache), should they lie inside a root.

    Raises:
        ConfigError: a root does not exist or is no folder.
        InputError: a link leaves its root or loops, a name is not valid Unicode, a file is
            neither file nor folder, cannot be read, or has a name that another root claims.
    """
    walk = _Walk(matcher([*DEFAULT_IGNORE, *ignore]), {os.path.realpath(path) for path in exclude})
    for root in roots:
        walk.root(root)
    found = walk.found
    found.sort()
    for one, other in pairwise(found):
        if one.name == other.name:
            raise InputError(
                f"both {one.path} and {other.path} would be {one.name!r}",
                where=other.path,
                hint="give one of the source roots a `prefix`, or ignore one of the files",
            )
    return found


def place_of(path: str) -> str:
    """Return a path as a person in the current folder would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def case_clashes(sources: Iterable[Source]) -> list[Problem]:
    """Warn of names that differ only in letter case: some disks hold only one of them."""
    seen: dict[str, Source] = {}
    problems = []
    for source in sources:
        first = seen.setdefault(source.name.casefold(), source)
        if first is not source:
            problems.append(
                Problem(
                    place_of(source.path),
                    f"differs from {first.name!r} only in letter case",
                    hint="some disks and stores keep only one of the two: rename one",
                )
            )
    return problems


def read(source: Source) -> bytes:
    """Read a source file.

    Raises:
        InputError: it vanished or cannot be read.
    """
    try:
        with open(source.path, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(
            "the file vanished while it was being built", where=source.path, hint="build again"
        ) from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            where=source.path,
            hint="check its permissions, or ignore it",
        ) from error


class _Walk:
    """One walk over all roots; ``found`` grows as it goes."""

    def __init__(self, ignored: Callable[[str], bool], excluded: set[str]) -> None:
        self.found: list[Source] = []
        self._ignored = ignored
        self._excluded = excluded

    def root(self, root: Root) -> None:
        base = os.path.realpath(root.path)
        if not os.path.isdir(base):
            raise ConfigError(
                "the source folder does not exist"
                if not os.path.lexists(root.path)
                else "the source is not a folder",
                where=str(root.path),
                hint="name your folder of static files: `assetpipe build FOLDER`, or `source` "
                "in the configuration",
            )
        self._folder(base, f"{root.prefix}/" if root.prefix else "", base, (base,))

    def _folder(self, path: str, prefix: str, base: str, above: tuple[str, ...]) -> None:
        found, ignored = self.found, self._ignored
        try:
            entries = os.scandir(path)
        except FileNotFoundError:
            return  # gone since its parent was listed: it was never there
        except OSError as error:
            raise InputError(
                f"the folder cannot be read: {error.strerror}",
                where=path,
                hint="check its permissions, or ignore it",
            ) from error
        with entries:
            for entry in entries:
                base_name = entry.name
                name = prefix + base_name
                if (base_name[0] == "." and base_name != HIDDEN_BUT_SHIPPED) or ignored(name):
                    continue
                if entry.is_symlink():
                    self._link(entry, name, base, above)
                elif entry.is_dir():
                    if entry.path not in self._excluded:
                        self._folder(entry.path, name + "/", base, above)
                else:
                    try:
                        status = entry.stat()
                    except FileNotFoundError:
                        continue  # gone since the listing, as editors' temporary files are
                    found.append(_source(name, entry.path, status))

    def _link(self, entry: os.DirEntry[str], name: str, base: str, above: tuple[str, ...]) -> None:
        target = os.path.realpath(entry.path)
        if target != base and not target.startswith(base.rstrip(os.sep) + os.sep):
            raise InputError(
                f"the link leads out of its source folder, to {target}",
                where=entry.path,
                hint="copy the file in, make its folder a source of its own, or ignore the link",
            )
        if not os.path.isdir(target):
            try:
                found = _source(name, entry.path, os.stat(target))
            except OSError as error:
                raise InputError(
                    f"the link leads to {target}, which cannot be read: {error.strerror}",
                    where=entry.path,
                    hint="mend the link, or ignore it",
                ) from error
            self.found.append(found)
        elif target in above or os.path.dirname(entry.path).startswith(target + os.sep):
            raise InputError(
                f"the link leads back to {target}, a folder that holds it",
                where=entry.path,
                hint="remove the link, or ignore it",
            )
        elif target not in self._excluded:
            self._folder(target, name + "/", base, (*above, target))


def _source(name: str, path: str, status: os.stat_result) -> Source:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            "is neither a file nor a folder", where=path, hint="remove it, or ignore it"
        )
    if not name.isprintable():
        _check_unicode(name, path)
    return Source(name, path, status.st_size, signature(status))


def _check_unicode(name: str, path: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            "the name is not valid UTF-8, so no URL can spell it",
            where=ascii(path)[1:-1],
            hint="rename it or ignore it; if it looks right, run with PYTHONUTF8=1",
        ) from None

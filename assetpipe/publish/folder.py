"""Publishing to a folder: a web server's root, a mounted volume.

The target is written by the same protocol as a build's output folder: new names first, fixed
names and the manifest last, so that its last release stays whole until this one is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assetpipe import manifest
from assetpipe.build.output import Output
from assetpipe.errors import ConfigError, InputError
from assetpipe.publish.plan import Put, plan


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did: the release, what was put, and how many files were there already."""

    release: str
    puts: tuple[Put, ...]
    unchanged: int


def target_folder(target: str) -> Path:
    """Return the folder that a target names: ``file:///srv/static``, or a plain path.

    Raises:
        ConfigError: the target is of another kind.
    """
    parts = urlsplit(target)
    # A single letter is a Windows drive.
    if len(parts.scheme) <= 1:
        return Path(target).absolute()
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise ConfigError(
            f"cannot publish to {target!r}",
            where="TARGET",
            hint="this version publishes to folders: file:///srv/static, or a plain path",
        )
    return Path(unquote(parts.path))


def publish(
    out: Path,
    target: Path,
    *,
    dry_run: bool = False,
    lock_timeout: float = 60.0,
    waiting: Callable[[], None] = lambda: None,
) -> Published:
    """Publish the current release of an output folder to another folder.

    Args:
        out: output folder of a build.
        target: folder to publish to; made if it does not exist.
        dry_run: only find out what would be put.
        lock_timeout: seconds to wait for another publish to the same folder.
        waiting: is called once if another publish holds the folder.

    Raises:
        ManifestError: there is no release to publish.
        InputError: the output folder is not what its manifest says.
        ConfigError: the two folders are the same.
        OutsideError: the target cannot be written; its last release is untouched.
    """
    if out.resolve() == target.resolve():
        raise ConfigError("the target is the output folder itself", where=str(target))
    path = out / manifest.FILE_NAME
    data = manifest.read(path)
    release = manifest.loads(data, where=str(path))
    there = Output(target)
    puts = _plan(out, release, there)
    if not dry_run:
        with there.locked(lock_timeout, waiting):
            puts = _plan(out, release, there)
            for put in puts:
                there.put(put.file, _read(out, put), hold=put.fixed)
            if puts or not _is_current(data, target):
                there.commit(release.release, data)
    every = sum(1 + len(asset.encodings) for asset in release.assets.values())
    return Published(release.release, tuple(puts), every - len(puts))


def _plan(out: Path, release: manifest.Manifest, there: Output) -> list[Put]:
    sizes = {file: int(signature.partition("-")[0]) for file, signature in there.scan().items()}

    def differs(file: str) -> bool:
        return (out / file).read_bytes() != (there.folder / file).read_bytes()

    return plan(release, sizes.get, differs)


def _is_current(data: bytes, target: Path) -> bool:
    try:
        return (target / manifest.FILE_NAME).read_bytes() == data
    except FileNotFoundError:
        return False


def _read(out: Path, put: Put) -> bytes:
    try:
        data = (out / put.file).read_bytes()
    except FileNotFoundError:
        data = b""
    if len(data) != put.size:
        raise InputError(
            "is not the file that the manifest describes",
            where=str(out / put.file),
            hint="run `assetpipe build` again, which mends it",
        )
    return data

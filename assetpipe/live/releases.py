"""What pages are told of a new release: how it differs from the one that they were made with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assetpipe.errors import ManifestError
from assetpipe.live.messages import Change, Update, kind_of
from assetpipe.manifest import HISTORY, load

Files = Mapping[str, tuple[str, str]]
"""By logical name, the output file of an asset and a hash of its bytes."""

_MAP_SUFFIX = ".map"


def update(old: Files, new: Files, release: str) -> Update:
    """Return what changed from one release to the next, whose id is ``release``."""
    changed = [
        Change(name, kind_of(name), new[name][0])
        for name in sorted(new)
        if old.get(name) != new[name]
    ]
    gone = [Change(name, "other") for name in sorted(old.keys() - new.keys())]
    return Update(
        tuple(each for each in [*changed, *gone] if not each.name.endswith(_MAP_SUFFIX)), release
    )


def files(manifest: Path) -> Files:
    """Return the assets of a release.

    Raises:
        ManifestError: the manifest cannot be read.
    """
    assets = load(manifest).assets
    return {name: (asset.file, asset.integrity) for name, asset in assets.items()}


def difference(out: Path, old: str, new: str) -> Update | None:
    """Return what changed between two releases in an output folder; ``None`` if one is gone."""
    try:
        before, after = (files(out / HISTORY / f"{release}.json") for release in (old, new))
    except ManifestError:
        return None
    return update(before, after, new)

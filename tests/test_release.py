"""What a release is made of: names, siblings, the manifest, and the same bytes everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import brotli
import deflate
import pytest
import zstandard

from assetpipe import manifest
from assetpipe.build import Config, build
from assetpipe.build.output import Output
from assetpipe.errors import ConfigError, ManifestError
from tests.site import (
    DECODERS,
    SUFFIXES,
    Site,
    Tree,
    assets,
    clean_environment,
    command,
    contents,
    flaws,
    integrity,
    plant,
    settle,
    shipped,
)

PICTURE = f"<svg>{'<g/>' * 300}</svg>"
TEXT = "All work and no play makes Jack a dull boy. " * 40
TREE: Tree = {
    "css/app.css": "@import 'base.css';\n" + "a { color: red }\n" * 50,
    "css/base.css": "b { background: url(../img/i.svg#x) }\n" * 30,
    "css/gone.css": "b { background: url(gone.svg) }\n",
    "img/i.svg": PICTURE,
    "img/noise.bin": random.Random(1).randbytes(3_000),
    "js/one.js": 'import "./two.js";\n' + "one( 1 );\n" * 80,
    "js/two.js": 'import "./one.js";\nimport "../css/x?raw";\n' + "two( 2 );\n" * 80,
    "data.json": json.dumps(list(range(500))),
    "empty.txt": "",
    "ünïcödé ☃.txt": TEXT,
    "copy.txt": TEXT,
    "robots.txt": "User-agent: *\n",
}


def test_a_file_is_named_by_the_hash_of_the_bytes_that_ship(tmp_path: Path) -> None:
    """Twelve digits of the SHA-256 of the final bytes, references and minifying included."""
    site = Site(tmp_path, TREE)
    site.build()
    for name in ("css/app.css", "css/base.css", "img/i.svg", "empty.txt", "img/noise.bin"):
        digest = hashlib.sha256((site.out / site.file(name)).read_bytes()).hexdigest()
        stem, suffix = os.path.splitext(name)
        assert site.file(name) == f"{stem}.{digest[:12]}{suffix}"


def test_a_release_is_sound(tmp_path: Path) -> None:
    """Every file and sibling that the manifest names exists, and is what it says."""
    site = Site(tmp_path, TREE, plain=["robots.txt"], encodings=["br", "gzip", "zstd"])
    site.build()
    assert flaws(site.out) == []


def test_the_manifest_has_exactly_the_keys_of_its_schema(tmp_path: Path) -> None:
    """Readers of schema 1 find what the contract names, sorted, and no more."""
    site = Site(tmp_path, {"css/app.css": "a{b:url(../i.svg)}", "i.svg": PICTURE})
    site.build(minify=False, encodings=["gzip"])
    data = (site.out / "manifest.json").read_bytes()
    document = json.loads(data)
    sheet, picture = site.file("css/app.css"), site.file("i.svg")
    body = f"a{{b:url(../{picture})}}".encode()
    assert document["schema"] == 1
    assert re.fullmatch(r"[0-9a-f]{12,64}", document["release"])
    assert document["assets"] == {
        "css/app.css": {
            "file": sheet,
            "type": "text/css; charset=utf-8",
            "size": len(body),
            "integrity": integrity(body),
            "immutable": True,
            "encodings": {},
            "references": ["i.svg"],
        },
        "i.svg": {
            "file": picture,
            "type": "image/svg+xml",
            "size": len(PICTURE),
            "integrity": integrity(PICTURE.encode()),
            "immutable": True,
            "encodings": {"gzip": (site.out / f"{picture}.gz").stat().st_size},
            "references": [],
        },
    }
    assert set(document) <= {"schema", "release", "assets", "about"}
    assert list(document) == sorted(document)
    assert all(list(asset) == sorted(asset) for asset in document["assets"].values())


def test_assets_and_encodings_are_sorted(tmp_path: Path) -> None:
    """The manifest's order does not depend on that of folders, threads or settings."""
    site = Site(tmp_path, TREE, encodings=["zstd", "gzip", "br"])
    site.build()
    document = assets(site.out)
    assert list(document) == sorted(document)
    assert list(document["css/app.css"]["encodings"]) == ["br", "gzip", "zstd"]


def test_the_release_is_the_same_value_in_python_and_in_the_manifest(tmp_path: Path) -> None:
    """``build()`` returns what a reader of the manifest gets, with its totals."""
    site = Site(tmp_path, TREE, encodings=["br", "gzip"])
    release = site.build()
    document = assets(site.out)
    assert release.id == json.loads((site.out / "manifest.json").read_bytes())["release"]
    assert release.assets == manifest.load(site.out / "manifest.json").assets
    assert release.totals.files == len(TREE)
    assert release.totals.source == sum(len(data) for data in contents(site.source).values())
    assert release.totals.minified == sum(asset["size"] for asset in document.values())
    assert release.totals.encoded == {
        coding: sum(asset["encodings"].get(coding, asset["size"]) for asset in document.values())
        for coding in ("br", "gzip")
    }


def hardly_shrinking(size: int, coding: str, share: float) -> bytes:
    """Return noise with so many zeros that its coded form has about this share of its size."""
    noise = random.Random(2).randbytes(size)
    encode = {"gzip": lambda data: deflate.gzip_compress(data, 12), "br": brotli.compress}[coding]
    for zeros in range(size):
        data = noise[zeros:] + bytes(zeros)
        if len(encode(data)) <= share * size:
            return data
    raise AssertionError


@pytest.mark.parametrize("coding", ["br", "gzip"])
@pytest.mark.parametrize(
    ("name", "data", "kept"),
    [
        pytest.param("a.txt", b"x" * 499, False, id="499 bytes: too small"),
        pytest.param("a.txt", b"x" * 500, True, id="500 bytes: worth it"),
        pytest.param("a.txt", 0.96, False, id="saves 4 %"),
        pytest.param("a.txt", 0.94, True, id="saves 6 %"),
        pytest.param("a.txt", random.Random(3).randbytes(5_000), False, id="noise"),
        pytest.param("a.unknown", random.Random(3).randbytes(5_000), False, id="unknown noise"),
        pytest.param("a.unknown", b"x" * 5_000, True, id="an unknown type that shrinks"),
        pytest.param("no-suffix", b"x" * 5_000, True, id="no suffix"),
        pytest.param("a.png", b"x" * 5_000, False, id="a format that is compressed already"),
        pytest.param("a.woff2", b"x" * 5_000, False, id="a font that is compressed already"),
        pytest.param("a.SVG", b"x" * 5_000, True, id="a suffix in upper case"),
        pytest.param("a.wasm", b"x" * 5_000, True, id="WebAssembly"),
        pytest.param("a.txt", b"", False, id="nothing"),
    ],
)
def test_a_sibling_is_kept_only_where_it_pays(
    tmp_path: Path, coding: str, name: str, data: bytes | float, kept: bool
) -> None:
    """It saves 5 % or more of 500 bytes or more; else neither a file nor an entry is left."""
    body = data if isinstance(data, bytes) else hardly_shrinking(2_000, coding, data)
    site = Site(tmp_path, {name: body}, encodings=[coding])
    site.build()
    sibling = site.out / (site.file(name) + SUFFIXES[coding])
    assert list(assets(site.out)[name]["encodings"]) == [coding] * kept
    assert sibling.exists() == kept
    if kept:
        assert DECODERS[coding](sibling.read_bytes()) == body


@pytest.mark.parametrize(
    ("encodings", "expected"),
    [
        pytest.param(["gzip", "br"], {".br", ".gz"}, id="the default"),
        pytest.param(["gzip", "br", "zstd"], {".br", ".gz", ".zst"}, id="all"),
        pytest.param(["zstd"], {".zst"}, id="zstd alone"),
        pytest.param([], set(), id="none"),
    ],
)
def test_siblings_are_made_of_the_encodings_that_are_asked_for(
    tmp_path: Path, encodings: list[str], expected: set[str]
) -> None:
    """Each coding has its own suffix; without any, only the files themselves ship."""
    site = Site(tmp_path, {"a.txt": TEXT}, encodings=encodings)
    site.build()
    assert {path.suffix for path in site.out.glob("a.*")} == {".txt", *expected}
    assert flaws(site.out) == []


def test_codecs_work_at_their_best_levels(tmp_path: Path) -> None:
    """Compressed once and fetched for a year: what more work would save is saved."""
    text = "".join(random.Random(4).choices("abcdefgh ", k=20_000))
    site = Site(tmp_path, {"a.txt": text, "a.js.map": text}, encodings=["br", "gzip", "zstd"])
    site.build()
    files = contents(site.out)
    body, js_map = site.file("a.txt"), site.file("a.js.map")
    data = text.encode()
    assert files[f"{body}.br"] == brotli.compress(data, quality=11)
    assert files[f"{js_map}.br"] == brotli.compress(data, quality=9)
    assert files[f"{body}.gz"] == deflate.gzip_compress(data, 12)
    assert files[f"{body}.zst"] == zstandard.ZstdCompressor(level=19).compress(data)


def test_a_gzip_header_has_neither_time_nor_name(tmp_path: Path) -> None:
    """Both would make the same file differ by machine and minute (RFC 1952, 2.3)."""
    site = Site(tmp_path, {"a.txt": TEXT}, encodings=["gzip"])
    site.build()
    header = (site.out / f"{site.file('a.txt')}.gz").read_bytes()[:10]
    assert header[:4] == b"\x1f\x8b\x08\x00"
    assert header[4:8] == bytes(4)


TYPES = [
    pytest.param("a.css", "a{}", "text/css; charset=utf-8", id="a stylesheet"),
    pytest.param("a.css", "a{b:'ä'}", "text/css; charset=utf-8", id="a stylesheet in UTF-8"),
    pytest.param("a.css", b'@charset "latin1";a{b:"\xe4"}', "text/css", id="latin-1"),
    pytest.param("a.css", "\ufeffa{b:'ä'}".encode("utf-16-le"), "text/css", id="UTF-16"),
    pytest.param("a.js", "a()", "text/javascript; charset=utf-8", id="a script"),
    pytest.param("a.mjs", "a()", "text/javascript; charset=utf-8", id="a module"),
    pytest.param("a.txt", "ä", "text/plain; charset=utf-8", id="text in UTF-8"),
    pytest.param("a.txt", b"\xe4", "text/plain", id="text in another encoding"),
    pytest.param("a.html", "<p>ä", "text/html; charset=utf-8", id="a page"),
    pytest.param("a.json", "{}", "application/json", id="JSON has no charset"),
    pytest.param("a.svg", "<svg/>", "image/svg+xml", id="XML names its own encoding"),
    pytest.param("a.webmanifest", "{}", "application/manifest+json", id="a web manifest"),
    pytest.param("a.js.map", "{}", "application/json", id="a source map"),
    pytest.param("a.woff2", b"", "font/woff2", id="a font"),
    pytest.param("a.ico", b"", "image/vnd.microsoft.icon", id="an icon"),
    pytest.param("a.PNG", b"", "image/png", id="upper case"),
    pytest.param("a.wasm", b"", "application/wasm", id="WebAssembly"),
    pytest.param("a", b"", "application/octet-stream", id="no suffix"),
    pytest.param("a.zzz", b"", "application/octet-stream", id="an unknown suffix"),
]


@pytest.mark.parametrize(("name", "data", "expected"), TYPES)
def test_the_content_type_is_that_of_the_suffix(
    tmp_path: Path, name: str, data: str | bytes, expected: str
) -> None:
    """Text that is UTF-8 says so; text in another encoding is left to say it itself."""
    site = Site(tmp_path, {name: data})
    site.build()
    assert assets(site.out)[name]["type"] == expected


def test_old_files_and_manifests_stay(tmp_path: Path) -> None:
    """Pages that are still open keep their files, and a rollback its manifest."""
    site = Site(tmp_path, {"a.txt": TEXT})
    first = site.build()
    before = contents(site.out)
    site.write("a.txt", TEXT.upper())
    second = site.build()
    after = contents(site.out)
    assert {name: after[name] for name in before if name != "manifest.json"} == {
        name: data for name, data in before.items() if name != "manifest.json"
    }
    assert after[f".releases/{first.id}.json"] == before["manifest.json"]
    assert after[f".releases/{second.id}.json"] == after["manifest.json"]
    assert first.assets["a.txt"] != second.assets["a.txt"]


def releases(site: Site, count: int) -> list[set[str]]:
    """Build so many releases; return the names of each one's files.

    One file changes every time, another every second time.
    """
    made = []
    for number in range(count):
        site.write("a.txt", f"{number} {TEXT}")
        site.write("half.txt", f"{number // 2} {TEXT}")
        site.build()
        made.append(set(shipped(site.out)) - {"manifest.json"})
        settle()
    return made


@pytest.mark.parametrize("keep", [1, 2, 3, 9])
def test_clean_removes_what_only_older_releases_name(tmp_path: Path, keep: int) -> None:
    """The last releases keep every file; shared files, plain files and strangers' files stay."""
    site = Site(
        tmp_path, {"same.txt": TEXT, "robots.txt": TEXT, "sub/b.txt": "b"}, plain=["robots.txt"]
    )
    made = releases(site, 4)
    plant(site.out, {"theirs.txt": "theirs", "a.000000000000.txt": "like ours", "a.txt.gz": "x"})
    done = command(tmp_path, "clean", "-o", "out", "--keep", str(keep), "--json")
    assert done.returncode == 0, done.stderr
    kept = set.union(*made[-keep:])
    left = {name for name in contents(site.out) if name[0] != "."} - {"manifest.json"}
    assert left == kept | {"theirs.txt", "a.000000000000.txt", "a.txt.gz"}
    assert set(json.loads(done.stdout)["removed"]) == set.union(*made) - kept
    assert len(list((site.out / ".releases").iterdir())) == min(keep, 4)
    assert flaws(site.out) == []


def test_clean_keeps_the_current_release_however_old_it_is(tmp_path: Path) -> None:
    """A release that was built again counts from its last build, and what is current stays."""
    site = Site(tmp_path, {"a.txt": TEXT})
    made = releases(site, 3)
    site.write("a.txt", f"0 {TEXT}")
    site.write("half.txt", f"0 {TEXT}")
    site.build()
    command(tmp_path, "clean", "-o", "out", "--keep", "1")
    assert set(shipped(site.out)) - {"manifest.json"} == made[0]
    assert flaws(site.out) == []


def test_clean_without_a_release_says_so(tmp_path: Path) -> None:
    """A wrong folder is an error that names it, and stays as it is."""
    (tmp_path / "empty").mkdir()
    done = command(tmp_path, "clean", "-o", "empty")
    assert done.returncode == 2
    assert "there is no manifest here" in done.stderr


BUILD = """
import sys
from pathlib import Path
from assetpipe.build import Config, build
build(Config(source="static", out="out", cache="cache", jobs=int(sys.argv[1]),
             encodings=["br", "gzip", "zstd"], plain=["robots.txt"]))
"""


def test_the_output_folder_is_the_same_on_every_machine(tmp_path: Path) -> None:
    """Paths, time zones, locales, hash seeds and the number of jobs leave no trace in a byte."""
    machines: list[tuple[str, int, dict[str, str]]] = [
        ("one", 1, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"}),
        ("two/deeper", 2, {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
        ("thr ee", 4, {"TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2"}),
    ]
    for number, (folder, jobs, environment) in enumerate(machines):
        order = sorted(TREE, key=lambda name: hashlib.sha256(f"{number}{name}".encode()).digest())
        plant(tmp_path / folder / "static", {name: TREE[name] for name in order})
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(jobs)],
            cwd=tmp_path / folder,
            env=clean_environment() | environment,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
    one, *others = [contents(tmp_path / folder / "out") for folder, _, _ in machines]
    assert [other == one for other in others] == [True, True]


def test_equal_contents_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten copies of a file cost the work of one, and each has its siblings."""
    calls: Counter[bytes] = Counter()
    real = brotli.compress

    def counting(data: bytes, **settings: Any) -> Any:
        calls[data] += 1
        return real(data, **settings)

    monkeypatch.setattr(brotli, "compress", counting)
    copies = {f"{n}/copy.txt": TEXT for n in range(9)} | {"robots.txt": TEXT}
    site = Site(tmp_path, copies, plain=["robots.txt"], use_cache=False)
    site.build()
    assert calls == {TEXT.encode(): 1}
    assert all("br" in asset["encodings"] for asset in assets(site.out).values())
    assert flaws(site.out) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"{", "is not JSON", id="torn"),
        pytest.param(b"\xff", "is not JSON", id="not UTF-8"),
        pytest.param(b"[]", "is not a manifest", id="a list"),
        pytest.param(b"{}", "is not a manifest", id="no keys"),
        pytest.param(b'{"schema": 2}', "has schema 2; this assetpipe reads up to 1", id="newer"),
        pytest.param(b'{"schema": "1"}', "has schema '1'", id="not a number"),
        pytest.param(b'{"schema": 1, "release": "x", "assets": 3}', "is not a manifest", id="odd"),
        pytest.param(
            b'{"schema": 1, "release": "x", "assets": {"a": {}}}', "is not a manifest", id="no file"
        ),
        pytest.param(
            b'{"schema": 1, "release": "x", "assets": {}, "headers": ["a"]}',
            "is not a manifest",
            id="no header rules",
        ),
    ],
)
def test_a_manifest_that_cannot_be_read_is_an_error_that_says_why(
    tmp_path: Path, data: bytes, message: str
) -> None:
    """Never an empty release, and never a traceback."""
    (tmp_path / "manifest.json").write_bytes(data)
    with pytest.raises(ManifestError, match=message) as raised:
        manifest.load(tmp_path / "manifest.json")
    assert raised.value.where == str(tmp_path / "manifest.json")
    assert raised.value.hint


def test_unknown_keys_of_a_manifest_are_ignored(tmp_path: Path) -> None:
    """A later assetpipe may say more under the same schema."""
    site = Site(tmp_path, {"a.txt": TEXT})
    release = site.build()
    path = site.out / "manifest.json"
    document = json.loads(path.read_bytes())
    document["new"] = 1
    document["assets"]["a.txt"]["width"] = 5
    path.write_text(json.dumps(document))
    assert manifest.load(path).assets == release.assets


def test_no_coding_is_asked_of_a_library_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``brotli`` installed, a build for gzip alone does not miss it."""
    monkeypatch.setitem(sys.modules, "brotli", None)
    site = Site(tmp_path, {"a.txt": TEXT})
    site.build(encodings=["gzip"])
    assert list(assets(site.out)["a.txt"]["encodings"]) == ["gzip"]


@pytest.mark.parametrize("name", ["a.min.css", "a-min.css", "a.min.js", "hashed/a.css"])
def test_a_file_that_came_minified_ships_as_it_is(tmp_path: Path, name: str) -> None:
    """Its author chose the tool, and its source map tells of these very lines."""
    body = "a  {\n\n}\n" if name.endswith(".css") else "a  ;\n\n\nb( 1 )\n"
    site = Site(tmp_path, {name: body}, immutable=["hashed/*"])
    site.build()
    assert site.text(name) == body


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    """With what was most likely meant."""
    with pytest.raises(ConfigError, match="did you mean zstd"):
        build(Config(source=tmp_path, out=tmp_path / "out", encodings=("zst",)))


def test_a_file_of_the_users_own_is_never_taken_for_a_sibling(tmp_path: Path) -> None:
    """A plain file's sibling makes room for a file of the user's, and comes when that goes."""
    tree = {"robots.txt": b"User-agent: *\n" * 100, "robots.txt.gz": b"the user's own"}
    site = Site(tmp_path, tree, plain=["robots.txt", "robots.txt.gz"], encodings=["gzip"])
    site.build()
    assert (site.out / "robots.txt.gz").read_bytes() == b"the user's own"
    assert assets(site.out)["robots.txt"]["encodings"] == {}
    site.remove("robots.txt.gz")
    site.build()
    assert assets(site.out)["robots.txt"]["encodings"].keys() == {"gzip"}
    assert flaws(site.out) == []


def test_a_release_made_again_is_the_newest_again(tmp_path: Path) -> None:
    """After going back to an earlier release and on to a new one, ``clean`` keeps those two."""
    site = Site(tmp_path, {"a.css": "a{}"})
    first = site.build().id
    for text in ("b{}", "a{}", "c{}"):
        settle()
        site.write("a.css", text)
        last = site.build().id
    Output(site.out).clean(2)
    assert {path.stem for path in (site.out / ".releases").iterdir()} == {first, last}

"""The checker turns red for every fault it is there to find, and only then."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import brotli
import pytest

from tests import checker_css
from tests.checker import check
from tests.node import require_node

DOT = b"\x89PNG not really"
BASE = "body { margin: 0 }\n" * 40
SHEET = """\
@import "base.css";
a :hover > b { background: url("../img/dot.png?v=1#x"); margin: calc(1px + 2px) }
.gone { background: url(gone.png) }
"""
MAIN = """\
import { odd } from "./odd.js";
import bare from "bare";
const picture = new URL("../img/dot.png", import.meta.url), size = 1 + 2;
if (size) odd(picture, () => import("./even.js"), import("./gone.js"), `a ${"b"} c`);
"""
ODD = 'import { even } from "./even.js";\nexport const odd = (x) => even(x - 1);\n'
EVEN = 'import { odd } from "./odd.js";\nexport const even = (x) => !x || odd(x - 1);\n'


class Release:
    """A small release made by hand; each test spoils a fresh one."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.out = folder / "out"
        self.assets: dict[str, dict[str, Any]] = {}
        self.ship("img/dot.png", DOT)
        self.ship("css/base.css", BASE, "body{margin:0}" * 40, compressed=True)
        self.ship("css/app.css", SHEET, self.sheet(), ["css/base.css", "img/dot.png"])
        cycle = {"js/odd.js": "0ddc0ffee000", "js/even.js": "eee4c0ffee00"}
        self.ship("js/odd.js", ODD, ODD.replace("even.js", "even.eee4c0ffee00.js"),
                  ["js/even.js"], file_hash=cycle["js/odd.js"])  # fmt: skip
        self.ship("js/even.js", EVEN, EVEN.replace("odd.js", "odd.0ddc0ffee000.js"),
                  ["js/odd.js"], file_hash=cycle["js/even.js"])  # fmt: skip
        self.ship("js/main.js", MAIN, self.script(), ["img/dot.png", "js/even.js", "js/odd.js"])
        self.ship("robots.txt", "User-agent: *\n", hashed=False)

    def file(self, name: str) -> str:
        return str(self.assets[name]["file"])

    def base(self, name: str) -> str:
        return self.file(name).rpartition("/")[2]

    def sheet(self) -> str:
        return (
            f"@import'{self.base('css/base.css')}';"
            f"a :hover>b{{background:url(../{self.file('img/dot.png')}?v=1#x);"
            "margin:calc(1px + 2px)}.gone{background:url(gone.png)}"
        )

    def script(self) -> str:
        lines = MAIN.replace("./odd.js", f"./{self.base('js/odd.js')}")
        lines = lines.replace("./even.js", f"./{self.base('js/even.js')}")
        return lines.replace("../img/dot.png", f"../{self.file('img/dot.png')}").replace(" = ", "=")

    def ship(
        self,
        name: str,
        source: str | bytes,
        output: str | bytes | None = None,
        references: Sequence[str] = (),
        *,
        hashed: bool = True,
        file_hash: str | None = None,
        compressed: bool = False,
    ) -> None:
        """Write a file's source and output, and what the manifest says of it."""
        original = source.encode() if isinstance(source, str) else source
        body = original if output is None else output
        body = body.encode() if isinstance(body, str) else body
        _write(self.source / name, original)
        stem, _, suffix = name.rpartition(".")
        digest = file_hash or hashlib.sha256(body).hexdigest()[:12]
        file = f"{stem}.{digest}.{suffix}" if hashed else name
        _write(self.out / file, body)
        self.assets[name] = {
            "file": file,
            "size": len(body),
            "integrity": f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}",
            "immutable": hashed,
            "encodings": {},
            "references": sorted(references),
        }
        if compressed:
            self.sibling(name, "gzip", gzip.compress(body, mtime=0))
            self.sibling(name, "br", brotli.compress(body))

    def sibling(self, name: str, coding: str, data: bytes) -> None:
        _write(self.out / (self.file(name) + {"gzip": ".gz", "br": ".br"}[coding]), data)
        self.assets[name]["encodings"][coding] = len(data)

    def reship_sheet(self, old: str, new: str) -> None:
        """Ship the stylesheet with one change to its output, all its hashes in order."""
        assert old in self.sheet()
        self.ship("css/app.css", SHEET, self.sheet().replace(old, new),
                  self.assets["css/app.css"]["references"])  # fmt: skip

    def reship_script(self, old: str, new: str) -> None:
        """Ship the main script with one change to its output, all its hashes in order."""
        assert old in self.script()
        self.ship("js/main.js", MAIN, self.script().replace(old, new),
                  self.assets["js/main.js"]["references"])  # fmt: skip

    def complaints(self) -> list[str]:
        _write(self.out / "manifest.json", json.dumps({"assets": self.assets}).encode())
        return check(self.source, self.out, unhashed={"robots.txt"})


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    require_node()
    return Release(tmp_path)


def test_finds_nothing_in_a_sound_release(release: Release) -> None:
    assert release.complaints() == []


def spoil(name: str, **fields: Any) -> Callable[[Release], None]:
    """Return a fault: the manifest says something else of one asset."""
    return lambda release: release.assets[name].update(fields)


BODY = b"body{margin:0}" * 40

FAULTS: dict[str, tuple[Callable[[Release], object], str]] = {
    "a file is missing": (
        lambda release: (release.out / release.file("img/dot.png")).unlink(),
        "img/dot.png: its file img/dot.",
    ),
    "a source is not shipped": (
        lambda release: _write(release.source / "new.txt", b""),
        "new.txt is not in the manifest.",
    ),
    "an asset has no source": (
        lambda release: (release.source / "img/dot.png").unlink(),
        "img/dot.png is made of no source.",
    ),
    "the size is wrong": (spoil("img/dot.png", size=1), "the manifest says 1 bytes"),
    "the integrity is wrong": (spoil("img/dot.png", integrity="sha384-x"), "integrity sha384-x"),
    "the hash is of other bytes": (
        lambda release: release.ship("img/dot.png", DOT, file_hash="0123456789ab"),
        "is not named by the hash of its bytes",
    ),
    "the hash is too short": (
        lambda release: release.ship("img/dot.png", DOT, file_hash="0123"),
        "is not named by it and twelve",
    ),
    "a file is not hashed": (
        lambda release: release.ship("img/dot.png", DOT, hashed=False),
        "is not named by it and twelve",
    ),
    "a plain file is hashed": (
        lambda release: release.ship("robots.txt", ""),
        "it should keep its name",
    ),
    "a hashed file is not immutable": (spoil("img/dot.png", immutable=False), "immutable"),
    "a sibling is missing": (
        lambda release: (release.out / (release.file("css/base.css") + ".br")).unlink(),
        ".css.br does not exist",
    ),
    "a sibling's size is wrong": (
        spoil("css/base.css", encodings={"br": 7}),
        "the manifest says 7 bytes",
    ),
    "a sibling is of other bytes": (
        lambda release: release.sibling("css/base.css", "br", brotli.compress(b"other")),
        "decodes to other bytes",
    ),
    "a sibling is cut short": (
        lambda release: release.sibling("css/base.css", "gzip", gzip.compress(BODY, mtime=0)[:-4]),
        "cannot be decoded",
    ),
    "a sibling tells the time": (
        lambda release: release.sibling("css/base.css", "gzip", gzip.compress(BODY, mtime=1)),
        "has a time or a file name",
    ),
    "a sibling saves nothing": (
        lambda release: release.sibling("img/dot.png", "br", brotli.compress(DOT)),
        "saves too little",
    ),
    "a stylesheet's URL is not rewritten": (
        lambda release: release.reship_sheet(release.file("img/dot.png"), "img/dot.png"),
        "which leads to img/dot.png",
    ),
    "a stylesheet's URL loses its query": (
        lambda release: release.reship_sheet("?v=1#x", "#x"),
        "lost its '?v=1#x'",
    ),
    "an import leads to another file": (
        lambda release: release.reship_sheet(release.base("css/base.css"), "base.css"),
        "means css/base.css",
    ),
    "a URL that led nowhere is rewritten": (
        lambda release: release.reship_sheet("gone.png", "gone.0123456789ab.png"),
        "leads to no file, and yet was made",
    ),
    "a stylesheet loses a URL": (
        lambda release: release.reship_sheet("url(gone.png)", "none"),
        "has 3 references in its source and 2 in its output",
    ),
    "a combinator is lost": (
        lambda release: release.reship_sheet("a :hover", "a:hover"),
        "has other rules from line 2",
    ),
    "a sum is lost": (
        lambda release: release.reship_sheet("1px + 2px", "1px+2px"),
        "has other rules from line 2",
    ),
    "a script's import is not rewritten": (
        lambda release: release.reship_script(release.base("js/odd.js"), "odd.js"),
        "which leads to js/odd.js",
    ),
    "a dynamic import is not rewritten": (
        lambda release: release.reship_script(release.base("js/even.js"), "even.js"),
        "which leads to js/even.js",
    ),
    "a URL in a script is not rewritten": (
        lambda release: release.reship_script(release.file("img/dot.png"), "img/dot.png"),
        "which leads to img/dot.png",
    ),
    "a bare specifier is rewritten": (
        lambda release: release.reship_script('"bare"', '"./bare.js"'),
        "leads to no file, and yet was made './bare.js'",
    ),
    "a script's string is changed": (
        lambda release: release.reship_script(" c`", "c`"),
        "means something else from line 4",
    ),
    "a script is no longer a script": (
        lambda release: release.reship_script("odd(picture,", "odd(picture"),
        "is broken",
    ),
    "a script's operator is changed": (
        lambda release: release.reship_script("1 + 2", "1 - 2"),
        "means something else from line 3",
    ),
    "the manifest leaves out a reference": (
        spoil("css/app.css", references=["img/dot.png"]),
        "the manifest's references ['img/dot.png'] are not those",
    ),
    "the manifest makes up a reference": (
        spoil("css/base.css", references=["img/dot.png"]),
        "are not those of the file, []",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_finds_a_fault(release: Release, fault: str) -> None:
    spoil_release, expected = FAULTS[fault]
    spoil_release(release)
    complaints = release.complaints()
    assert any(expected in complaint for complaint in complaints), complaints


SAME = {
    "white space": ("a , b > c{ color : red ; }", "a,b>c{color:red}"),
    "comments": ("a /* x */ b{/**/margin:0/**/0}", "a b{margin:0 0}"),
    "quotes": ("a{b:url( 'x.png' )}", "a{b:url(x.png)}"),
    "an nth formula": (":nth-child( 2n + 1 ){a:b}", ":nth-child(2n+1){a:b}"),
    "nested rules": ("a{ b:c; &:hover { d:e } }", "a{b:c;&:hover{d:e}}"),
    "a media query": ("@media (a: b) and (c) {d{e:f}}", "@media (a:b)and (c){d{e:f}}"),
    "an encoding": ('@charset "utf-8";a{b:c}', "a{b:c}"),
}

OTHER = {
    "a descendant": ("a :hover{b:c}", "a:hover{b:c}"),
    "a joined name": ("a/**/b{c:d}", "ab{c:d}"),
    "a descendant in a function": (":is(a .b){c:d}", ":is(a.b){c:d}"),
    "an empty custom property": ("a{--on: ;}", "a{--on:;}"),
    "importance": ("a{b:c!important}", "a{b:c}"),
    "the order": ("a{b:c;d:e}", "a{d:e;b:c}"),
    "a string": ("a{content:'a  b'}", "a{content:'a b'}"),
    "a lost rule": ("a{b:c}d{e:f}", "a{b:c}"),
    "a function": ("@media not (a){b{c:d}}", "@media not(a){b{c:d}}"),
}


@pytest.mark.parametrize("case", SAME)
def test_reads_two_spellings_of_a_stylesheet_as_one(case: str) -> None:
    one, other = SAME[case]
    assert checker_css.read(one.encode()).tokens == checker_css.read(other.encode()).tokens


@pytest.mark.parametrize("case", OTHER)
def test_tells_stylesheets_apart(case: str) -> None:
    one, other = OTHER[case]
    assert checker_css.read(one.encode()).tokens != checker_css.read(other.encode()).tokens


def test_finds_every_url_of_a_stylesheet() -> None:
    sheet = checker_css.read(
        b'@import "a.css" print; @import url(b.css);\n'
        b"@font-face { src: url('c.woff2') format('woff2'), URL(d\\).ttf) }\n"
        b'e { background: image-set("f.png" 1x, url(g.png) 2x type("image/png")) }\n'
        b'h { --i: url(j.png); *k: url(l.png); content: "url(m.png)" /* url(n.png) */ }\n'
        b"/*# sourceMappingURL=o.map */\n"
    )
    assert [reference.specifier for reference in sheet.references] == [
        "a.css", "b.css", "c.woff2", "d).ttf", "f.png", "g.png", "j.png", "l.png", "o.map",
    ]  # fmt: skip

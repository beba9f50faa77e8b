"""No input makes a kind crash, lose a name or change what means something, and bad files ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assetpipe.build import Release
from assetpipe.kinds.model import Options
from tests.fuzz.targets import CHECKS, TARGETS
from tests.fuzz.vocabulary import FRAMES, WORDS
from tests.meaning import judge
from tests.node import require_node
from tests.site import Site, flaws

CASES = Path(__file__).parent / "cases"
KINDS = sorted(TARGETS)
SUFFIXES = {
    "css": "css",
    "html": "html",
    "js": "js",
    "json": "json",
    "sourcemap": "map",
    "svg": "svg",
    "webmanifest": "webmanifest",
}

# What a file may be encoded in, and what breaks each encoding.
CODECS = st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-be"])
ODD_BYTES = st.sampled_from(
    [b"", b"", b"", b"", b"\xff", b"\xe9", b"\xed\xa0\x80", b"\xef\xbb\xbf"]
)


def test_every_kind_has_words_and_a_suffix() -> None:
    assert sorted(SUFFIXES) == KINDS
    assert sorted(WORDS) == sorted(FRAMES) == sorted(CHECKS)


@pytest.mark.parametrize("kind", sorted(CHECKS))
@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_words_in_any_order_break_a_property(kind: str, data: st.DataObject) -> None:
    """Files that are nearly of their format: what a transform promises holds for them too."""
    words = data.draw(st.lists(st.sampled_from(WORDS[kind]), max_size=30))
    before, behind = data.draw(st.sampled_from([("", ""), FRAMES[kind]]))
    text = "".join([before, *words, behind]).encode(data.draw(CODECS))
    CHECKS[kind](text + data.draw(ODD_BYTES))


@pytest.mark.parametrize(
    "path", sorted(CASES.rglob("*.*")), ids=lambda path: f"{path.parent.name}: {path.stem}"
)
def test_what_was_found_stays_mended(path: Path) -> None:
    """Each file below ``cases`` once broke a property; its name says how."""
    CHECKS[path.parent.name](path.read_bytes())


def test_scripts_that_were_found_are_the_same_to_acorn(tmp_path: Path) -> None:
    """What our own tokenizer gets wrong, it gets wrong before and after: only acorn can tell."""
    require_node()
    scripts = sorted((CASES / "js").glob("*.js"))
    wrong = {each.path.name: each.difference for each in judge(scripts, tmp_path, forced=True)}
    assert {name: difference for name, difference in wrong.items() if difference} == {}


# Files as they should not be, of every kind, in one build.

NESTED = {
    "css": ("a{", "}"),
    "html": ("<b>", "</b>"),
    "js": ("[", "]"),
    "json": ("[", "]"),
    "sourcemap": ("[", "]"),
    "svg": ("<g>", "</g>"),
    "webmanifest": ('{"icons":', "}"),
}
LINES = {
    "css": "a { b : c } ",
    "html": "<img alt=a> text ",
    "js": "a  =  b / c ; ",
    "json": "1.50 , ",
    "sourcemap": '"AAAA;" , ',
    "svg": "<rect />  ",
    "webmanifest": '{ "sizes" : "1x1" } , ',
}
AROUND = {
    "json": ("[", "0]"),
    "sourcemap": ("[", "0]"),
    "svg": ('<svg xmlns="http://www.w3.org/2000/svg">', "</svg>"),
    "webmanifest": ('{"icons":[', "0]}"),
}
SMALL = {
    "css": "a  {  b : 'é😀'  }",
    "html": "<p title='é😀'>  a  </p>",
    "js": "a  =  'é😀' ; b  =  1",
    "json": '[  "é😀" ,  1  ]',
    "sourcemap": '{  "é😀" :  1  }',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg">  <g id="é😀"  />  </svg>',
    "webmanifest": '{  "name" :  "é😀"  }',
}


def bad_files(kind: str) -> dict[str, bytes]:
    """Return what files of a kind should not hold, by a name for it."""
    opens, closes = NESTED[kind]
    before, behind = AROUND.get(kind, ("", ""))
    line = LINES[kind]
    small = SMALL[kind]
    spoilt = small.encode().replace("é".encode(), b"%b")
    return {
        "empty": b"",
        "only white space": b" \n\t ",
        "every byte": bytes(range(256)),
        "only NUL": bytes(100),
        "NUL": small.replace("é", "\0").encode(),
        "surrogates": spoilt % b"\xed\xa0\x80\xed\xb0\x80",
        "cut off character": small.encode() + b"\xf0\x9f",
        "Latin 1": spoilt.replace("😀".encode(), b"\xe9") % b"\xe9",
        "line separators": small.replace("é", "\u2028\u2029").encode(),
        "old Mac": small.replace("  ", "\r").encode(),
        "byte order mark": small.encode("utf-8-sig"),
        "only a byte order mark": b"\xef\xbb\xbf",
        "two byte order marks": "\ufeff\ufeff".encode() + small.encode(),
        "UTF-16 LE": b"\xff\xfe" + small.encode("utf-16-le"),
        "UTF-16 BE": b"\xfe\xff" + small.encode("utf-16-be"),
        "half a character of UTF-16": b"\xff\xfe" + small.encode("utf-16-le") + b"a",
        "nested": (opens * 100_000 + closes * 100_000).encode(),
        "never closed": (opens * 100_000).encode(),
        "only closed": (closes * 100_000).encode(),
        "one line": (before + line * (2_000_000 // len(line)) + behind).encode(),
    }


@pytest.fixture(scope="module")
def bad_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Build all bad files at once."""
    tree = {
        f"{kind}/{name}.{SUFFIXES[kind]}": data
        for kind in KINDS
        for name, data in bad_files(kind).items()
    }
    return Site(tmp_path_factory.mktemp("bad"), tree, encodings=(), source_maps="off").build()


@pytest.mark.parametrize("kind", KINDS)
def test_bad_files_ship(kind: str, bad_release: Release) -> None:
    """Every file is there, whole, and no longer than its source."""
    assert flaws(bad_release.out) == []
    for name, data in bad_files(kind).items():
        file = f"{kind}/{name}.{SUFFIXES[kind]}"
        shipped = (bad_release.out / bad_release.assets[file].file).read_bytes()
        assert len(shipped) <= len(data), file
        if name.startswith("UTF-16"):
            assert shipped == data, file
        if data and name != "only white space":
            assert shipped, file


def test_warnings_about_bad_files_can_be_read(bad_release: Release) -> None:
    """One a file at most, with its place, and no control character of the file in it."""
    files = [warning.file for warning in bad_release.warnings]
    assert sorted(set(files)) == files
    for warning in bad_release.warnings:
        path = Path(warning.file)
        lines = bad_files(path.parent.name)[path.stem].splitlines() or [b""]
        assert 0 <= warning.line <= len(lines)
        assert (warning.line == 0) == (warning.column == 0)
        assert warning.column <= len(lines[warning.line - 1]) + 1
        assert not warning.message.endswith(".")
        assert "internal error" not in warning.message
        assert str(warning).isprintable()


# A file named `*.map` that is not JSON in UTF-8 may be another program's: it ships without a word.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sourcemap"])
def test_utf_16_ships_untouched_and_is_noted(kind: str) -> None:
    for name, data in bad_files(kind).items():
        if name.startswith("UTF-16"):
            shipped = TARGETS[kind].kind.transform(data, Options())
            assert shipped.body == data
            (note,) = shipped.notes
            assert note.message.startswith("the file is UTF-16"), note
            assert note.hint == "save it as UTF-8"


@pytest.mark.parametrize("kind", KINDS)
def test_any_single_byte_is_a_file(kind: str) -> None:
    for byte in range(256):
        CHECKS[kind](bytes([byte]))
        CHECKS[kind](SMALL[kind].encode() + bytes([byte]))

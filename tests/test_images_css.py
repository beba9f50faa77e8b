"""Stylesheets that offer images in other formats, by ``image-set()``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sourcemap
from hypothesis import given, settings
from hypothesis import strategies as st

from assetpipe.kinds.css import KIND
from assetpipe.kinds.model import SEPARATOR, Options
from tests.pictures import drawing, photo, saved
from tests.site import Site, assets, contents, flaws

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ("tests.browser",)

IMAGES: dict[str, bytes | str] = {
    "a.jpg": saved(photo(400, 300), "JPEG", quality=90),
    "b.png": saved(drawing(400, 300), "PNG", compress_level=0),
    "no.jpg": saved(photo(200, 150), "JPEG", quality=90),
    "c.svg": "<svg/>",
}
WANTED = {
    "formats": ["avif", "webp"],
    "widths": [30],
    "image_set": True,
    "rules": {"no.jpg": {"image_set": False, "widths": [200]}},
}
A = (
    'image-set(url(<a.jpg.400.avif>) type("image/avif"),url(<a.jpg.400.webp>) type("image/webp"),'
    'url(<a.jpg>) type("image/jpeg"))'
)
B = 'image-set(url(<b.png.400.webp>) type("image/webp"),url(<b.png>) type("image/png"))'

OFFERED = {
    "an image": (
        "a{background:url(a.jpg)}",
        f"a{{background:url(<a.jpg>);background:{A}}}",
    ),
    "a drawing": (
        "a{background-image:url(b.png)}",
        f"a{{background-image:url(<b.png>);background-image:{B}}}",
    ),
    "quotes, spaces, letter case": (
        "a { BACKGROUND : URL( 'a.jpg' ) no-repeat ; color: red }",
        f"a {{ BACKGROUND : URL( '<a.jpg>' ) no-repeat;BACKGROUND : {A} no-repeat ; color: red }}",
    ),
    "several layers": (
        "a{background:url(a.jpg),url(c.svg),linear-gradient(rgba(0,0,0,.5),red),url(b.png) left}",
        (
            "a{background:url(<a.jpg>),url(<c.svg>),linear-gradient(rgba(0,0,0,.5),red),"
            f"url(<b.png>) left;background:{A},url(<c.svg>),linear-gradient(rgba(0,0,0,.5),red),"
            f"{B} left}}"
        ),
    ),
    "what is important": (
        "a{background:url(a.jpg)!important}",
        f"a{{background:url(<a.jpg>)!important;background:{A}!important}}",
    ),
    "the last of a block": (
        "a{color:red;background:url(a.jpg)\n}b{}",
        f"a{{color:red;background:url(<a.jpg>);background:{A}\n}}b{{}}",
    ),
    "behind a nested block": (
        "a{b &{color:red}background:url(a.jpg);c:d}",
        f"a{{b &{{color:red}}background:url(<a.jpg>);background:{A};c:d}}",
    ),
    "in at-rules": (
        "@media (x:y){@supports (background:url(x)){a{background:url(a.jpg)}}}",
        (
            "@media (x:y){@supports (background:url(x)){"
            f"a{{background:url(<a.jpg>);background:{A}}}}}}}"
        ),
    ),
    "a comment": (
        "a{/*x*/background/*;*/:/*}*/url(a.jpg)/*!*/;}",
        f"a{{/*x*/background/*;*/:/*}}*/url(<a.jpg>)/*!*/;background/*;*/:/*}}*/{A}/*!*/;}}",
    ),
    "data beside it": (
        'a{background:url(a.jpg),url("data:image/gif;base64,R0lGOw==")}',
        (
            'a{background:url(<a.jpg>),url("data:image/gif;base64,R0lGOw==");'
            f'background:{A},url("data:image/gif;base64,R0lGOw==")}}'
        ),
    ),
    "another site's beside it": (
        "a{background:url(//x.test/y.jpg),url(a.jpg)}",
        f"a{{background:url(//x.test/y.jpg),url(<a.jpg>);background:url(//x.test/y.jpg),{A}}}",
    ),
    "twice the same": (
        "a{background:url(a.jpg),url(a.jpg)}",
        f"a{{background:url(<a.jpg>),url(<a.jpg>);background:{A},{A}}}",
    ),
    "text beyond ASCII elsewhere": (
        "a::after{content:'é'}a{background:url(a.jpg)}",
        f"a::after{{content:'é'}}a{{background:url(<a.jpg>);background:{A}}}",
    ),
}
"""Sheets, and what ships of them unminified, with the names of files for their output files."""

LEFT = {
    "no variants as wide": "a{background:url(c.svg)}",
    "not wanted for this image": "a{background:url(no.jpg)}",
    "a value that is known later": "a{background:var(--x) url(a.jpg)}",
    "a function that is not known": "a{background:cross-fade(url(a.jpg),red)}",
    "a set already": 'a{background:image-set(url(a.jpg) type("image/jpeg"))}',
    "a custom property": "a{--background:url(a.jpg)}",
    "another property": "a{list-style:url(a.jpg)}",
    "a longer name": "a{-webkit-background-image:url(a.jpg)}",
    "a hack for old browsers": "a{*background:url(a.jpg)}",
    "an escape": "a{background:url(a.jpg)\\9}",
    "a query": "a{background:url(a.jpg?x)}",
    "a fragment": "a{background:url(a.jpg),url(c.svg#x)}",
    "a missing file beside it": "a{background:url(a.jpg),url(missing.jpg)}",
    "a selector": "background:url(a.jpg){color:red}",
    "a selector in a block": "a{background:url(a.jpg) b{color:red}}",
    "in brackets": "a{x:(;background:url(a.jpg));y:z}",
    "a bracket that closes another": "a{background:url(a.jpg);x:(]}",
    "at the top": "background:url(a.jpg);",
    "an open block": "a{background:url(a.jpg)",
    "an open bracket": "a{background:url(a.jpg) (;color:red}",
    "a bracket too many": "a{background:url(a.jpg);}}b{background:url(a.jpg)}",
    "an open string": "a{background:url(a.jpg);content:'\n}",
    "in a string": "a{content:'}a{background:url(a.jpg)'}",
    "in a comment": "/*a{background:url(a.jpg)}*/",
    "letters beyond ASCII in it": "a{background:url(a.jpg) é}",
}
"""Sheets that offer nothing, each for its reason."""


def site(folder: Path, sheets: dict[str, str], **options: Any) -> Site:
    options = {"images": WANTED, "minify": False, "missing": "ignore", "encodings": ()} | options
    return Site(folder, {**IMAGES, **sheets}, **options)


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    sheets = {f"{name}.css": text for name, (text, _) in OFFERED.items()}
    sheets |= {f"{name}.css": text for name, text in LEFT.items()}
    made = site(tmp_path_factory.mktemp("css"), sheets)
    assert made.build().warnings == ()
    assert flaws(made.out) == []
    return made


@pytest.mark.parametrize("name", OFFERED)
def test_images_are_offered_in_other_formats(built: Site, name: str) -> None:
    """Behind what every browser understands."""
    assert built.text(f"{name}.css") == built.fill(OFFERED[name][1])


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_certain_is_left_alone(built: Site, name: str) -> None:
    """Names aside, it ships as it is."""
    shipped = re.sub(r"\.[0-9a-f]{12}(?=\.)", "", built.text(f"{name}.css"))
    assert shipped == LEFT[name]


@pytest.mark.parametrize(
    "options", [{"variants": "off"}, {"images": WANTED | {"image_set": False}}]
)
def test_nothing_is_offered_unless_it_is_wanted(tmp_path: Path, options: dict[str, Any]) -> None:
    made = site(tmp_path, {"a.css": "a{background:url(a.jpg)}"}, **options)
    made.build()
    assert "image-set" not in made.text("a.css")


def test_the_manifest_names_what_is_offered(built: Site) -> None:
    """It is published before the sheet, and kept as long."""
    entry = assets(built.out)["an image.css"]
    assert entry["references"] == ["a.jpg", "a.jpg.400.avif", "a.jpg.400.webp"]


@pytest.mark.parametrize("source_maps", ["off", "linked"])
def test_a_sheet_follows_its_images(tmp_path: Path, source_maps: str) -> None:
    """An incremental build is a clean one, also when formats come and go."""
    made = site(
        tmp_path, {"a.css": "a{background:url(a.jpg)}\nb{color:red}"}, source_maps=source_maps
    )
    poor = saved(photo(400, 300), "JPEG", quality=3)
    for data, count in ((None, 2), (poor, 0), (IMAGES["a.jpg"], 2), (IMAGES["no.jpg"], 1)):
        if data is not None:
            made.write("a.jpg", data)
        made.build()
        assert made.text("a.css").count('type("image/') == count + bool(count)
        clean = tmp_path / "clean"
        made.build(out=clean, use_cache=False)
        assert contents(clean).items() <= contents(made.out).items()
        released = [(out / "manifest.json").read_bytes() for out in (clean, made.out)]
        assert released[0] == released[1]


def test_a_map_knows_how_long_it_became(tmp_path: Path) -> None:
    """What is behind it in the line leads to its source."""
    sheet = "a { background: url(a.jpg); color: red }\nb { background: url(b.png); top: 7px }\n"
    made = site(tmp_path, {"a.css": sheet}, minify=True, source_maps="linked")
    made.build()
    text = made.text("a.css").partition("\n")[0]
    assert text.count("image-set") == 2
    file = assets(made.out)["a.css"]["source_map"]
    index = sourcemap.loads((made.out / file).read_text())
    for word in ("color", "top"):
        token = index.lookup(0, text.index(word))
        assert (token.dst_col, sheet.splitlines()[token.src_line][token.src_col :][:3]) == (
            text.index(word),
            word[:3],
        )
    assert json.loads((made.out / file).read_text())["sourcesContent"] == [sheet]


@pytest.mark.parametrize("bundled", [False, True])
def test_a_browser_takes_one_file(tmp_path: Path, browser: Browser, bundled: bool) -> None:
    """That of the best format; in the size of the image itself."""
    sheet = "div { background: url(../img/a.jpg) no-repeat; width: 200px; height: 100px }"
    tree = {"css/a.css": sheet, "img/a.jpg": IMAGES["a.jpg"]}
    bundles = {"all.css": ["css/a.css"]} if bundled else {}
    made = Site(tmp_path, tree, images=WANTED, bundles=bundles)
    made.build()
    folder = (made.out / made.file("all.css" if bundled else "css/a.css")).as_uri()
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition(".")[2]))
    (tmp_path / "page.html").write_text(f'<link rel="stylesheet" href="{folder}"><div></div>')
    page.goto((tmp_path / "page.html").as_uri(), wait_until="networkidle")
    shown = page.evaluate("getComputedStyle(document.querySelector('div')).backgroundImage")
    page.close()
    assert shown.startswith("image-set(")
    assert asked == ["html", "css", "avif"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            ["a{", "}", "background:", "background-image:", "url(a.jpg)", "url('b.png')", ";", "(",
             ")", "[", '"', "'", "/*", "*/", "var(", "\\", " ", "\n", ",", "@media x{", "color:red",
             "é", "rgb(0,0,0)", "#", "!important", "--x:"]
        ),
        max_size=25,
    )
)  # fmt: skip
def test_any_sheet_is_only_added_to(parts: list[str]) -> None:
    """Each place is empty, in order, and behind the declaration that it repeats."""
    text = "".join(parts)
    result = KIND.transform(text.encode(), Options(minify=False, image_set=True))
    plain = KIND.transform(text.encode(), Options(minify=False))
    assert result.body == plain.body
    assert [each for each in result.references if each.role != "images"] == [*plain.references]
    spans = [place for each in result.references for place in (each.start, each.end)]
    assert spans == sorted(spans)
    for each in result.references:
        if each.role == "images":
            first = each.specifier.split(SEPARATOR)[0]
            assert each.start == each.end
            assert result.body[: each.start].rpartition(first.encode())[1]
            behind = result.body[each.end :].lstrip()[:1]
            assert behind in {b";", b"}"}

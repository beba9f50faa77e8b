"""Tags for images: what a template gets in manifest mode and in source mode."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import html5lib
import pytest
import quart
from flask import Blueprint, Flask, render_template_string
from jinja2 import Environment
from markupsafe import Markup
from PIL import Image as Pillow

from assetpipe import Assets, manifest
from assetpipe.errors import AssetpipeError, ConfigError, UnknownAssetError
from assetpipe.flask import AssetPipe
from assetpipe.manifest import Image
from tests.release import describe, output_name, write_release
from tests.site import plant

DOCS = (Path(__file__).parents[1] / "docs/images.md").read_text("utf-8")
PLACEHOLDER = "data:image/webp;base64,UklGRg=="


def named(name: str, suffix: str, *widths: int) -> tuple[str, ...]:
    """Return the names of an image's variants in one format."""
    return tuple(f"{name}.{width}.{suffix}" for width in widths)


def variants(width: int, height: int, *names: str) -> dict[str, Image]:
    """Return what the manifest says of the variants of an image that is so large."""
    sizes = {name: int(name.split(".")[-2]) for name in names}
    return {name: Image(each, round(height * each / width)) for name, each in sizes.items()}


HERO = (
    *named("img/hero.jpg", "avif", 320, 640, 1600),
    *named("img/hero.jpg", "webp", 320, 1600),
    *named("img/hero.jpg", "jpg", 320, 640),
)
LOGO = named("img/logo.png", "webp", 200)
TOWN = (*named("img/town.jpg", "avif", 480, 960), *named("img/town.jpg", "jpg", 480, 960))
SEA = (*named("img/sea.avif", "avif", 400), *named("img/sea.avif", "webp", 800))
NARROW = named("img/narrow.jpg", "avif", 300)
IMAGES: dict[str, Image | None] = {
    "img/hero.jpg": Image(1600, 1200, "#336699", PLACEHOLDER, HERO),
    **variants(1600, 1200, *HERO),
    "img/logo.png": Image(200, 101, "#fff", "", LOGO),
    **variants(200, 101, *LOGO),
    "img/town.jpg": Image(960, 640, "", PLACEHOLDER, TOWN),
    **variants(960, 640, *TOWN),
    "img/sea.avif": Image(800, 600, "", "", SEA),
    **variants(800, 600, *SEA),
    "img/narrow.jpg": Image(900, 10, "", "data:image/svg+xml,<svg a='(\"b\")'/>", NARROW),
    **variants(900, 10, *NARROW),
    "img/lost.jpg": Image(900, 600, "", "", named("img/lost.jpg", "avif", 900)),
    "img/dot.gif": Image(30, 20),
    "img/odd.png": None,
}
FILES = {name: name.encode() for name in IMAGES}


def write_images(out: Path, images: Mapping[str, Image | None] = IMAGES) -> Path:
    """Write a release of images, whose bytes are their names."""
    files = {name: name.encode() for name in images}
    release = write_release(out, files, plain=(), compressed=())
    assets = {name: asset._replace(image=images[name]) for name, asset in release.assets.items()}
    (out / manifest.FILE_NAME).write_bytes(describe(assets)[1])
    return out


@pytest.fixture(name="out", scope="module")
def _out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("release"))


def filled(text: str) -> str:
    """Replace each ``<name>`` of a file by the path of its URL."""
    return re.sub(
        r"<([a-z]+/[^<> ]+\.[^<> ]+)>", lambda name: output_name(name[1], FILES[name[1]]), text
    )


def url(name: str) -> str:
    return f"/static/{output_name(name, FILES[name])}"


def srcset(*names: str) -> str:
    """Return a srcset of variants, which tell their width."""
    return ", ".join(f"{url(name)} {name.split('.')[-2]}w" for name in names)


def shown(assets: Assets, expression: str) -> str:
    """Return what a template shows of an expression."""
    environment = Environment(autoescape=True)
    environment.globals.update(assets.helpers(Markup))
    return environment.from_string("{{ " + expression + " }}").render()


AVIF = srcset(*HERO[:3])
WEBP = srcset(*HERO[3:5])
JPEG = f"{srcset(*HERO[5:])}, {url('img/hero.jpg')} 1600w"
STYLE = f"background:#336699 url({PLACEHOLDER}) center/cover no-repeat"
TAGS: list[tuple[str, str, str]] = [
    ("a picture", "picture_tag('img/hero.jpg', alt='A lake')",
     (f'<picture><source type="image/avif" srcset="{AVIF}" sizes="100vw">'
      f'<source type="image/webp" srcset="{WEBP}" sizes="100vw">'
      f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="100vw"'
      ' width="1600" height="1200" alt="A lake"></picture>')),
    ("a picture of a known width", "picture_tag('img/hero.jpg', alt='', sizes='50vw')",
     (f'<picture><source type="image/avif" srcset="{AVIF}" sizes="50vw">'
      f'<source type="image/webp" srcset="{WEBP}" sizes="50vw">'
      f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="50vw"'
      ' width="1600" height="1200" alt=""></picture>')),
    ("a lazy picture", "picture_tag('img/narrow.jpg', alt='', loading='lazy')",
     (f'<picture><source type="image/avif" srcset="{srcset(*NARROW)}" sizes="100vw">'
      '<img src="/static/<img/narrow.jpg>" width="900" height="10" alt="" loading="lazy">'
      '</picture>')),
    ("a picture as wide as its layout",
     "picture_tag('img/hero.jpg', alt='', loading='lazy', sizes='auto, 100vw')",
     (f'<picture><source type="image/avif" srcset="{AVIF}" sizes="auto, 100vw">'
      f'<source type="image/webp" srcset="{WEBP}" sizes="auto, 100vw">'
      f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="auto, 100vw"'
      ' width="1600" height="1200" alt="" loading="lazy"></picture>')),
    ("a lazy picture of a known width",
     "picture_tag('img/narrow.jpg', alt='', loading='lazy', sizes='9em')",
     (f'<picture><source type="image/avif" srcset="{srcset(*NARROW)}" sizes="9em">'
      '<img src="/static/<img/narrow.jpg>" width="900" height="10" alt="" loading="lazy">'
      '</picture>')),
    ("a picture as wide as its layout in another format alone",
     "picture_tag('img/narrow.jpg', alt='', loading='lazy', sizes='auto, 100vw')",
     (f'<picture><source type="image/avif" srcset="{srcset(*NARROW)}" sizes="auto, 100vw">'
      '<img src="/static/<img/narrow.jpg>" sizes="auto" width="900" height="10" alt=""'
      ' loading="lazy"></picture>')),
    ("nothing to choose", "picture_tag('img/logo.png', alt='', loading='LAZY')",
     (f'<picture><source type="image/webp" srcset="{url(*LOGO)}">'
      '<img src="/static/<img/logo.png>" width="200" height="101" alt="" loading="LAZY">'
      '</picture>')),
    ("variants as wide as the image",
     "picture_tag('img/town.jpg', alt='')",
     (f'<picture><source type="image/avif" srcset="{srcset(*TOWN[:2])}" sizes="100vw">'
      f'<img src="/static/<img/town.jpg>" srcset="{srcset(*TOWN[2:])}" sizes="100vw"'
      ' width="960" height="640" alt=""></picture>')),
    ("the best format is its own", "picture_tag('img/sea.avif', alt='')",
     (f'<picture><source type="image/avif" srcset="{srcset(SEA[0])}, {url("img/sea.avif")} 800w"'
      f' sizes="100vw"><source type="image/webp" srcset="{url(SEA[1])}">'
      f'<img src="/static/<img/sea.avif>" srcset="{srcset(SEA[0])}, {url("img/sea.avif")} 800w"'
      ' sizes="100vw" width="800" height="600" alt=""></picture>')),
    ("a variant that is not there", "picture_tag('img/lost.jpg', alt='')",
     '<picture><img src="/static/<img/lost.jpg>" width="900" height="600" alt=""></picture>'),
    ("no variants", "picture_tag('img/dot.gif', alt='', loading='lazy', sizes='1em')",
     ('<picture><img src="/static/<img/dot.gif>" width="30" height="20" alt="" loading="lazy">'
      '</picture>')),
    ("nothing known", "picture_tag('img/odd.png', alt='', width=3)",
     '<picture><img src="/static/<img/odd.png>" alt="" width="3"></picture>'),
    # Attributes
    ("attributes", "img_tag('img/dot.gif', alt=1, class_='a b', data_x='\"', hidden=True, id=None)",
     ('<img src="/static/<img/dot.gif>" width="30" height="20" alt="1" class="a b"'
      ' data-x="&#34;" hidden>').replace("&#34;", "&quot;")),
    ("a width", "img_tag('img/dot.gif', alt='', width=10)",
     '<img src="/static/<img/dot.gif>" width="10" height="7" alt="">'),
    ("a width as text", "img_tag('img/dot.gif', alt='', width='15')",
     '<img src="/static/<img/dot.gif>" width="15" height="10" alt="">'),
    ("a height", "img_tag('img/dot.gif', alt='', height=1)",
     '<img src="/static/<img/dot.gif>" width="2" height="1" alt="">'),
    ("a width that leaves no height", "img_tag('img/narrow.jpg', alt='', width=9)",
     '<img src="/static/<img/narrow.jpg>" width="9" height="1" alt="">'),
    ("width and height", "img_tag('img/dot.gif', alt='', width=5, height=5)",
     '<img src="/static/<img/dot.gif>" width="5" height="5" alt="">'),
    ("a width that is no number", "img_tag('img/dot.gif', alt='', width='50%')",
     '<img src="/static/<img/dot.gif>" width="50%" alt="">'),
    ("no width", "img_tag('img/dot.gif', alt='', width=None)",
     '<img src="/static/<img/dot.gif>" alt="">'),
    ("CORS on request", "img_tag('img/dot.gif', alt='', crossorigin='anonymous')",
     ('<img src="/static/<img/dot.gif>" width="30" height="20" alt="" crossorigin="anonymous">')),
    # Placeholders
    ("a placeholder", "img_tag('img/hero.jpg', alt='', placeholder=True, sizes='9em')",
     (f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="9em" width="1600" height="1200"'
      f' alt="" style="{STYLE}">')),
    ("a placeholder beside a style of one's own",
     "picture_tag('img/town.jpg', alt='', placeholder=True, style='border:0')",
     (f'<picture><source type="image/avif" srcset="{srcset(*TOWN[:2])}" sizes="100vw">'
      f'<img src="/static/<img/town.jpg>" srcset="{srcset(*TOWN[2:])}" sizes="100vw"'
      f' width="960" height="640" alt="" style="background:url({PLACEHOLDER})'
      ' center/cover no-repeat;border:0"></picture>')),
    ("a placeholder that is not there",
     "img_tag('img/logo.png', alt='', placeholder=True, style='border:0')",
     ('<img src="/static/<img/logo.png>" width="200" height="101" alt="" style="border:0">')),
    ("a placeholder that nobody wants", "img_tag('img/town.jpg', alt='', sizes='1px')",
     (f'<img src="/static/<img/town.jpg>" srcset="{srcset(*TOWN[2:])}" sizes="1px" width="960"'
      ' height="640" alt="">')),
    ("a placeholder that would end its url()",
     "img_tag('img/narrow.jpg', alt='', placeholder=True)",
     ('<img src="/static/<img/narrow.jpg>" width="900" height="10" alt=""'
      ' style="background:url(data:image/svg+xml,%3Csvg%20a=%27%28%22b%22%29%27/%3E)'
      ' center/cover no-repeat">')),
    # <img> alone
    ("an image", "img_tag('img/hero.jpg', alt='')",
     (f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="100vw" width="1600"'
      ' height="1200" alt="">')),
    ("a lazy image", "img_tag('img/hero.jpg', alt='', loading='lazy')",
     (f'<img src="/static/<img/hero.jpg>" srcset="{JPEG}" sizes="100vw" width="1600"'
      ' height="1200" alt="" loading="lazy">')),
    ("a lazy image in other formats",
     "img_tag('img/logo.png', alt='', loading='lazy', sizes='auto')",
     '<img src="/static/<img/logo.png>" width="200" height="101" alt="" loading="lazy">'),
    # Texts
    ("a srcset", "srcset('img/hero.jpg')", JPEG),
    ("a srcset of a format", "srcset('img/hero.jpg', 'webp')", WEBP),
    ("a srcset of its own format", "srcset('img/hero.jpg', format='jpeg')", JPEG),
    ("a srcset of a format that was not kept", "srcset('img/logo.png', 'avif')", ""),
    ("a srcset of one file", "srcset('img/logo.png', 'webp')", f"{url(*LOGO)} 200w"),
    ("a srcset of nothing else", "srcset('img/dot.gif')", "/static/<img/dot.gif> 30w"),
    ("a srcset of what nothing is known of", "srcset('img/odd.png')", "/static/<img/odd.png>"),
    ("a URL", "image_url('img/hero.jpg')", "/static/<img/hero.jpg>"),
    ("a URL of a width", "image_url('img/hero.jpg', width=640)",
     "/static/<img/hero.jpg.640.jpg>"),
    ("a URL of a width in between", "image_url('img/hero.jpg', 641)", "/static/<img/hero.jpg>"),
    ("a URL of a format", "image_url('img/hero.jpg', format='webp')",
     "/static/<img/hero.jpg.1600.webp>"),
    ("a URL of a format and a width", "image_url('img/hero.jpg', width=300, format='avif')",
     "/static/<img/hero.jpg.320.avif>"),
    ("a URL of more than there is", "image_url('img/hero.jpg', width=9999, format='avif')",
     "/static/<img/hero.jpg.1600.avif>"),
    ("a URL of a format that was not kept", "image_url('img/logo.png', 640, 'avif')",
     "/static/<img/logo.png>"),
    ("a URL of a format that was not kept, and a width",
     "image_url('img/town.jpg', 300, 'webp')", "/static/<img/town.jpg.480.jpg>"),
    ("a URL of what nothing is known of", "image_url('img/odd.png', 640, 'avif')",
     "/static/<img/odd.png>"),
    # Preloads
    ("a picture ahead", "preload_tag('img/hero.jpg', fetchpriority='high')",
     (f'<link rel="preload" as="image" type="image/avif" fetchpriority="high"'
      f' imagesizes="100vw" imagesrcset="{AVIF}">')),
    ("a picture of a known width ahead", "preload_tag('img/hero.jpg', imagesizes='50vw')",
     (f'<link rel="preload" as="image" type="image/avif" imagesizes="50vw"'
      f' imagesrcset="{AVIF}">')),
    ("an image ahead", "preload_tag('img/hero.jpg', type='image/jpeg')",
     (f'<link rel="preload" as="image" type="image/jpeg" imagesizes="100vw"'
      f' imagesrcset="{JPEG}">')),
    ("a format ahead that was not kept", "preload_tag('img/town.jpg', type='image/webp')",
     (f'<link rel="preload" as="image" type="image/avif" imagesizes="100vw"'
      f' imagesrcset="{srcset(*TOWN[:2])}">')),
    ("a single file ahead", "preload_tag('img/logo.png', imagesizes='1em')",
     f'<link rel="preload" href="{url(*LOGO)}" as="image" type="image/webp">'),
    ("an image without variants ahead", "preload_tag('img/dot.gif', imagesizes='1em')",
     '<link rel="preload" href="/static/<img/dot.gif>" as="image" type="image/gif">'),
    ("candidates of one's own ahead", "preload_tag('img/hero.jpg', imagesrcset='a 2x')",
     ('<link rel="preload" href="/static/<img/hero.jpg>" as="image" type="image/jpeg"'
      ' imagesrcset="a 2x">')),
    ("an image for a script ahead", "preload_tag('img/hero.jpg', as_='fetch')",
     ('<link rel="preload" href="/static/<img/hero.jpg>" as="fetch" type="image/jpeg"'
      ' crossorigin="anonymous">')),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"), [pytest.param(*rest, id=sentence) for sentence, *rest in TAGS]
)
def test_in_a_template(out: Path, expression: str, expected: str) -> None:
    assert shown(Assets(out), expression) == filled(expected)


@pytest.mark.parametrize("tag", ["picture_tag", "img_tag"])
@pytest.mark.parametrize("name", ["img/hero.jpg", "img/dot.gif"])
def test_images_are_loaded_as_everybody_loads_them(out: Path, tag: str, name: str) -> None:
    """Browsers do not check their integrity, and with CORS they would need a header field."""
    for options in ({}, {"cdn_url": "https://cdn.example.com/"}):
        assets = Assets(out, integrity=True, crossorigin="anonymous", **dict[str, Any](options))
        made = shown(assets, f"{tag}('{name}', alt='') ~ preload_tag('{name}')")
        assert not re.search("integrity|crossorigin", made)
        assert ("https://cdn.example.com/img/" in made) == bool(options)


@pytest.mark.parametrize("tag", ["picture_tag", "img_tag"])
@pytest.mark.parametrize("value", ["\"'<>&`", "</picture><!--", "x\ny", "é\u2028"])
def test_values_stay_in_their_attribute(out: Path, tag: str, value: str) -> None:
    """An independent parser reads back what was given."""
    made = Assets(out).helpers()[tag](
        "img/hero.jpg", alt=value, sizes=value, style=value, placeholder=True, data_x=value
    )
    root = html5lib.parseFragment(str(made), namespaceHTMLElements=False)
    image = root.find(".//img")
    assert image is not None
    assert {name: image.get(name) for name in ("alt", "sizes", "data-x")} == dict.fromkeys(
        ("alt", "sizes", "data-x"), value
    )
    assert image.get("style") == f"{STYLE};{value}"
    assert {source.get("sizes") for source in root.iterfind(".//source")} <= {value}
    assert {"picture", "source", "img", "DOCUMENT_FRAGMENT"} >= {each.tag for each in root.iter()}


@pytest.mark.parametrize("tag", ["picture_tag", "img_tag"])
@pytest.mark.parametrize("attributes", [{}, {"alt": None}, {"alt": True}, {"alt": False}])
def test_alt_is_asked_for(out: Path, tag: str, attributes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r'img/hero\.jpg: has no alt[^"]*alt="" says') as caught:
        Assets(out).helpers()[tag]("img/hero.jpg", **attributes)
    assert isinstance(caught.value, AssetpipeError)


def test_a_missing_variable_is_no_alt(out: Path) -> None:
    """Templates show it as nothing; an empty text has to be written as one."""
    with pytest.raises(ConfigError, match="has no alt"):
        shown(Assets(out), "img_tag('img/dot.gif', alt=captoin)")


@pytest.mark.parametrize("helper", ["picture_tag", "img_tag", "srcset", "image_url"])
def test_an_unknown_name_says_what_was_meant(out: Path, helper: str) -> None:
    """Whatever else may be wrong."""
    with pytest.raises(UnknownAssetError, match=r"did you mean 'img/hero\.jpg'"):
        Assets(out).helpers()[helper]("img/hera.jpg")


def test_an_unknown_name_may_be_shown(out: Path) -> None:
    """Where the app is not strict, as with files that users upload."""
    assets = Assets(out, strict=False)
    tag = '<picture><img src="/static/up/a%20b.jpg" alt=""></picture>'
    assert shown(assets, "picture_tag('up/a b.jpg', alt='')") == tag
    assert shown(assets, "image_url('up/a b.jpg', 640, 'webp')") == "/static/up/a%20b.jpg"


@pytest.mark.parametrize("helper", ["srcset", "image_url"])
@pytest.mark.parametrize("name", ["wepb", "css"])
def test_a_format_that_is_none_is_refused(out: Path, helper: str, name: str) -> None:
    """A format that was not kept is one thing, a slip of the pen another."""
    with pytest.raises(ConfigError, match=f"'{name}' is no format of images"):
        Assets(out).helpers()[helper]("img/hero.jpg", format=name)


# Flask and Quart


def make_app(release: Path | None, **config: object) -> Flask:
    app = Flask("images", static_folder=None)
    mode = {"ASSETPIPE_OUT": release} if release else {"ASSETPIPE_MODE": "source"}
    app.config.update(mode, **config)
    return app


def rendered(app: Flask, template: str) -> str:
    with app.test_request_context():
        return render_template_string(template)


@pytest.mark.parametrize(
    ("config", "base"),
    [
        pytest.param({}, "/static/", id="served by the app"),
        pytest.param({"ASSETPIPE_CDN_URL": "https://cdn.test/a"}, "https://cdn.test/a/", id="CDN"),
        pytest.param({"ASSETPIPE_INTEGRITY": True}, "/static/", id="integrity"),
        pytest.param({"ASSETPIPE_AUTO_RELOAD": True}, "/static/", id="auto reload"),
    ],
)
def test_flask_and_quart(out: Path, config: dict[str, object], base: str) -> None:
    app = make_app(out, **config)
    AssetPipe(app)
    page = "{{ picture_tag('img/town.jpg', alt='<') }}{{ srcset('img/town.jpg', 'avif') }}"
    expected = filled(
        f'<picture><source type="image/avif" srcset="{srcset(*TOWN[:2])}" sizes="100vw">'
        f'<img src="/static/<img/town.jpg>" srcset="{srcset(*TOWN[2:])}" sizes="100vw"'
        f' width="960" height="640" alt="&lt;"></picture>{srcset(*TOWN[:2])}'
    ).replace("/static/", base)
    assert rendered(app, page) == expected
    other = quart.Quart("images", static_folder=None)
    other.config.update(app.config)
    AssetPipe(other)

    async def ask() -> str:
        async with other.test_request_context("/"):
            return await quart.render_template_string(page)

    assert asyncio.run(ask()) == expected


def test_preload_headers(out: Path) -> None:
    """They name a file only if there is nothing to choose: early hints know no window's width."""
    app = make_app(out, ASSETPIPE_PRELOAD_HEADERS=9)
    AssetPipe(app)

    @app.get("/")
    def index() -> str:
        names = ("hero.jpg", "logo.png", "dot.gif")
        tags = "".join(f"{{{{ preload_tag('img/{name}') }}}}" for name in names)
        return render_template_string(tags + "{{ picture_tag('img/town.jpg', alt='') }}")

    assert app.test_client().get("/").headers["Link"] == (
        f'<{url(*LOGO)}>; rel=preload; as=image; type="image/webp", '
        f'<{url("img/dot.gif")}>; rel=preload; as=image; type="image/gif"'
    )


def picture(width: int, height: int, **options: Any) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (width, height)).save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture(name="sources")
def _sources(tmp_path: Path) -> Flask:
    """Return an app in source mode, one of its images in the folder of a blueprint."""
    plant(
        tmp_path,
        {
            "static/a b.png": picture(40, 20),
            "static/broken.png": b"\x89PNG",
            "static/drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"/>',
            "files/log.png": picture(3, 4),
        },
    )
    app = Flask("images", root_path=str(tmp_path))
    app.config["ASSETPIPE_MODE"] = "source"
    AssetPipe(app)
    folder = str(tmp_path / "files")
    app.register_blueprint(
        Blueprint("admin", __name__, static_folder=folder, static_url_path="/of-admin")
    )
    return app


SOURCES: list[tuple[str, str, str]] = [
    ("a picture", "picture_tag('a b.png', alt='', loading='lazy', sizes='9em', placeholder=True)",
     ('<picture><img src="/static/a%20b.png" width="40" height="20" alt="" loading="lazy">'
      "</picture>")),
    ("an image", "img_tag('a b.png', alt='', width=80)",
     '<img src="/static/a%20b.png" width="80" height="40" alt="">'),
    ("an image of a blueprint", "img_tag('admin/log.png', alt='')",
     '<img src="/of-admin/log.png" width="3" height="4" alt="">'),
    ("a drawing", "img_tag('drawing.svg', alt='')",
     '<img src="/static/drawing.svg" width="300" height="75" alt="">'),
    ("a broken image", "img_tag('broken.png', alt='')",
     '<img src="/static/broken.png" alt="">'),
    ("an image that is not there", "picture_tag('none.png', alt='')",
     '<picture><img src="/static/none.png" alt=""></picture>'),
    ("a srcset", "srcset('a b.png')", "/static/a%20b.png 40w"),
    ("a srcset of a format", "srcset('a b.png', 'avif')", ""),
    ("a URL", "image_url('a b.png', 20, 'webp')", "/static/a%20b.png"),
    ("an image ahead", "preload_tag('a b.png', imagesizes='9em')",
     '<link rel="preload" href="/static/a%20b.png" as="image" type="image/png">'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "expected"), [pytest.param(*rest, id=sentence) for sentence, *rest in SOURCES]
)
def test_in_source_mode(sources: Flask, expression: str, expected: str) -> None:
    """The same markup, of the file itself."""
    assert rendered(sources, f"{{{{ {expression} }}}}") == expected


def test_a_source_is_measured_again_when_it_has_changed(sources: Flask, tmp_path: Path) -> None:
    """Its size in bytes or its time tells; as long as they stay, it is not read."""
    page = "{{ img_tag('a b.png', alt='') }}"
    assert 'width="40" height="20"' in rendered(sources, page)
    path = tmp_path / "static/a b.png"
    before = path.stat()
    other = picture(20, 40)
    path.write_bytes(other + bytes(before.st_size - len(other)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert 'width="40" height="20"' in rendered(sources, page)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert 'width="20" height="40"' in rendered(sources, page)
    path.write_bytes(picture(400, 200))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert 'width="400" height="200"' in rendered(sources, page)


def test_in_manifest_mode_no_source_is_measured(tmp_path: Path) -> None:
    """What the release does not say is not known, whatever lies in the static folder."""
    plant(tmp_path / "static", {"odd.png": picture(40, 20)})
    app = Flask("images", root_path=str(tmp_path))
    app.config["ASSETPIPE_OUT"] = write_images(tmp_path / "out", {"a.css": None})
    AssetPipe(app)
    assert rendered(app, "{{ img_tag('odd.png', alt='') }}") == '<img src="/static/odd.png" alt="">'


# The document


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)


def test_the_templates_of_the_document_render(out: Path) -> None:
    """In manifest mode and in source mode; where it says what comes of one, that comes."""
    templates = blocks("jinja")
    for app in (make_app(out), make_app(None)):
        AssetPipe(app)
        assert "<picture>" in rendered(app, "\n".join(templates))
    app = make_app(out)
    AssetPipe(app)
    said = "".join(blocks("html")[0].splitlines())
    pattern = re.escape(said).replace("<hash>", "[0-9a-f]{12}").replace("…", "[^>]*")
    assert re.fullmatch(pattern, rendered(app, templates[0]))


def test_the_document_names_every_helper(out: Path) -> None:
    names = re.findall(r"^\| `(\w+)\(", DOCS, re.MULTILINE)
    assert {*names} <= Assets(out).helpers().keys()
    assert {"picture_tag", "img_tag", "srcset", "image_url"} <= {*names}

"""Tags for images in a browser: what it loads, what it shows until then, and what moves."""

from __future__ import annotations

import base64
import io
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image as Pillow

from assetpipe import Assets, manifest
from assetpipe.dimensions import Size
from assetpipe.manifest import Image
from assetpipe.mediatypes import media_type
from tests.release import describe, write_release
from tests.test_dimensions import DRAWINGS, RASTER, svg

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ("tests.browser",)

WIDTHS = (320, 640, 1280)
COLORS = {"avif": (200, 0, 0), "webp": (0, 130, 0), "jpg": (0, 0, 220)}
YELLOW = (250, 220, 0)
NAME, OTHER = "img/hero.jpg", "img/other.jpg"  # the other one has AVIF variants alone


def encoded(kind: str, size: tuple[int, int], color: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    options: dict[str, Any] = {"speed": 10} if kind == "AVIF" else {}
    Pillow.new("RGB", size, color).save(file, kind, **options)
    return file.getvalue()


def data_url(name: str, data: bytes) -> str:
    return f"data:{media_type(name)};base64,{base64.b64encode(data).decode()}"


class Site:
    """A server of a page and of a release; images may have to wait.

    Attributes:
        page: the page.
        policy: its Content Security Policy.
        gate: closed, it holds back all images.
        requests: what was asked for below ``/static/``, as ``<width>.<suffix>``.
    """

    def __init__(self, out: Path) -> None:
        self.page = ""
        self.policy = ""
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                fields = {"Content-Type": "text/html; charset=utf-8"}
                if path.startswith("/static/"):
                    site.requests.append(short(path))
                    site.gate.wait(10)
                    body = (out / path.removeprefix("/static/")).read_bytes()
                    fields = {"Content-Type": media_type(path), "Cache-Control": "max-age=9"}
                else:
                    body = site.page.encode() if path == "/" else b""
                    if site.policy:
                        fields["Content-Security-Policy"] = site.policy
                self.send_response(200)
                for name, value in {**fields, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self.tags = Assets(out).helpers()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def show(self, body: object, *, head: object = "", style: str = "") -> None:
        """Make a page."""
        style = f"body{{margin:0}}img{{max-width:100%;height:auto}}{style}"
        self.page = (
            f'<!doctype html><meta charset="utf-8"><title>t</title>{head}'
            f'<style nonce="n">{style}</style><body>{body}<p>below</p>'
        )


def short(path: str) -> str:
    """Return what tells a file from the others: width and suffix."""
    return re.sub(r"^.*/(?:hero|other)(?:\.jpg)?\.|\b[0-9a-f]{12}\.", "", path)


@pytest.fixture(name="release", scope="module")
def _release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a release: a file has the colour of its format."""
    out = tmp_path_factory.mktemp("release")
    kinds = {"avif": "AVIF", "webp": "WEBP", "jpg": "JPEG"}
    names = {
        f"{NAME}.{width}.{suffix}": (width, suffix)
        for suffix in COLORS
        for width in WIDTHS
        if (width, suffix) != (1280, "jpg")
    }
    names |= {f"{OTHER}.{width}.avif": (width, "avif") for width in WIDTHS}
    files = {
        name: encoded(kinds[suffix], (width, width // 2), COLORS[suffix])
        for name, (width, suffix) in names.items()
    }
    files |= dict.fromkeys((NAME, OTHER), encoded("JPEG", (1280, 640), COLORS["jpg"]))
    assets = dict(write_release(out, files, plain=(), compressed=()).assets)
    for name, (width, _) in names.items():
        assets[name] = assets[name]._replace(image=Image(width, width // 2))
    placeholder = data_url("a.webp", encoded("WEBP", (16, 8), YELLOW))
    for name in (NAME, OTHER):
        own = tuple(each for each in names if each.startswith(name))
        assets[name] = assets[name]._replace(image=Image(1280, 640, "#fadc00", placeholder, own))
    (out / manifest.FILE_NAME).write_bytes(describe(assets)[1])
    return out


@pytest.fixture(name="site")
def _site(release: Path) -> Iterator[Site]:
    site = Site(release)
    yield site
    site.close()


@pytest.fixture(name="tab")
def _tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a tab in a window of some size."""
    contexts = []

    def tab(width: int = 800, ratio: float = 1) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 600}, device_scale_factor=ratio
        )
        context.set_default_timeout(5000)
        contexts.append(context)
        return context.new_page()

    yield tab
    for context in contexts:
        context.close()


AUTO = {"sizes": "auto, 100vw"}
LOADED = "() => { const i = document.querySelector('img'); return i.complete && i.naturalWidth }"


def without(text: object, *suffixes: str) -> str:
    """Return markup as browsers see it that do not know some formats."""
    kinds = "|".join(media_type(f"a.{suffix}") for suffix in suffixes)
    return re.sub(rf'type="(?:{kinds})"', 'type="image/unknown"', str(text)) if kinds else str(text)


@pytest.mark.parametrize(
    ("width", "ratio", "arguments", "unknown", "expected"),
    [
        pytest.param(600, 1, {}, (), "640.avif", id="the best format"),
        pytest.param(600, 1, {}, ("avif",), "640.webp", id="the next format"),
        pytest.param(600, 1, {}, ("avif", "webp"), "640.jpg", id="its own format"),
        pytest.param(300, 1, {}, (), "320.avif", id="a small window"),
        pytest.param(300, 2, {}, (), "640.avif", id="a dense screen"),
        pytest.param(300, 3, {}, ("avif",), "1280.webp", id="a denser screen"),
        pytest.param(1200, 1, {}, ("avif", "webp"), "jpg", id="a large window"),
        pytest.param(1200, 1, {"sizes": "25vw"}, (), "320.avif", id="a part of the window"),
        pytest.param(1200, 1, {"class_": "narrow"}, (), "1280.avif", id="a narrow column"),
        pytest.param(
            1200, 1, {"class_": "narrow", "loading": "lazy", **AUTO}, (), "320.avif",
            id="a lazy one",
        ),
        pytest.param(
            1200, 1, {"class_": "narrow", "loading": "lazy", **AUTO}, ("avif", "webp"), "320.jpg",
            id="a lazy one in its own format",
        ),
    ],
)  # fmt: skip
def test_one_file_is_loaded(
    site: Site,
    tab: Callable[..., Page],
    width: int,
    ratio: float,
    arguments: dict[str, Any],
    unknown: tuple[str, ...],
    expected: str,
) -> None:
    """The format that the browser knows, in the width that the window and the screen need."""
    tag = site.tags["picture_tag"](NAME, alt="", **arguments)
    site.show(without(tag, *unknown), style=".narrow{width:300px}")
    page = tab(width, ratio)
    page.goto(site.url)
    page.wait_for_function(LOADED)
    assert site.requests == [expected]
    assert short(page.evaluate("document.querySelector('img').currentSrc")) == expected


def test_a_lazy_picture_in_other_formats_alone(site: Site, tab: Callable[..., Page]) -> None:
    """Its ``<img>`` has nothing to choose, and says for its sources how wide it turns out."""
    site.show(
        site.tags["picture_tag"](
            OTHER, alt="", loading="lazy", sizes="auto, 100vw", class_="narrow"
        ),
        style=".narrow{width:300px}",
    )
    page = tab(1200)
    page.goto(site.url)
    page.wait_for_function(LOADED)
    assert site.requests == ["320.avif"]


@pytest.mark.parametrize(
    ("arguments", "width"),
    [
        pytest.param({"sizes": "auto, 100vw"}, 300, id="by its layout"),
        pytest.param({}, 800, id="as wide as the window"),
    ],
)
def test_a_lazy_picture_whose_width_is_auto(
    site: Site, tab: Callable[..., Page], arguments: dict[str, Any], width: int
) -> None:
    """What the document warns of, and what it advises."""
    tag = site.tags["picture_tag"](NAME, alt="", loading="lazy", **arguments)
    site.show(tag, style="img{width:auto}")
    page = tab(800)
    page.goto(site.url)
    page.wait_for_function(LOADED)
    assert page.evaluate("document.querySelector('img').width") == width


INITIATORS = """performance.getEntriesByType('resource')
    .filter(each => each.name.includes('/static/')).map(each => each.initiatorType)"""


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        pytest.param((), "640.avif", id="the best format"),
        pytest.param(("avif",), "640.webp", id="a browser that does not know it"),
    ],
)
def test_a_preload_is_what_is_shown(
    site: Site, tab: Callable[..., Page], unknown: tuple[str, ...], expected: str
) -> None:
    """Nothing is loaded twice, and nothing that is not shown."""
    link = site.tags["preload_tag"](NAME, imagesizes="50vw")
    tag = site.tags["picture_tag"](NAME, alt="", sizes="50vw")
    site.show(without(tag, *unknown), head=without(link, *unknown))
    page = tab(1200)
    page.goto(site.url)
    page.wait_for_function(LOADED)
    assert site.requests == [expected]
    assert page.evaluate(INITIATORS) == (["img"] if unknown else ["link"])


SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(e => e.value)))
        .observe({type: 'layout-shift', buffered: true});
}"""
FRAMES = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))"


@pytest.mark.parametrize(
    ("helper", "arguments", "moves"),
    [
        pytest.param("picture_tag", {}, False, id="a picture"),
        pytest.param("picture_tag", {"loading": "lazy"}, False, id="a lazy picture"),
        pytest.param("img_tag", {"width": 400}, False, id="a width of one's own"),
        pytest.param("img_tag", {"width": None}, True, id="no width and height"),
    ],
)
def test_nothing_moves_when_the_image_comes(
    site: Site, tab: Callable[..., Page], helper: str, arguments: dict[str, Any], moves: bool
) -> None:
    site.show(site.tags[helper](NAME, alt="", **arguments))
    site.gate.clear()
    page = tab()
    page.goto(site.url, wait_until="commit")
    page.wait_for_selector("p")
    page.evaluate(SHIFTS)
    page.evaluate(FRAMES)
    assert not page.evaluate(LOADED)
    site.gate.set()
    page.wait_for_function(LOADED)
    page.evaluate(FRAMES)
    assert bool(page.evaluate("window.shifts.length")) == moves


def color_at(page: Page, x: int, y: int) -> tuple[int, int, int]:
    """Return the colour of a point on the screen."""
    shown = Pillow.open(io.BytesIO(page.screenshot())).convert("RGB")
    red, green, blue = shown.getpixel((x, y))  # type: ignore[misc]
    return red, green, blue


def is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Say whether two colours differ by no more than codecs make of them."""
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=True))


POLICY = re.findall(
    r"^```text\n(.*?)\n```$",
    (Path(__file__).parents[1] / "docs/images.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)[0].replace("style-src 'self'", "style-src 'self' 'nonce-n'")


@pytest.mark.parametrize(
    ("policy", "is_there"),
    [
        pytest.param("", True, id="no policy"),
        pytest.param(POLICY, True, id="the policy of the document"),
        pytest.param("style-src 'nonce-n'; img-src 'self' data:", False, id="no styles"),
    ],
)
def test_the_placeholder_comes_first(
    site: Site, tab: Callable[..., Page], policy: str, is_there: bool
) -> None:
    site.show(site.tags["picture_tag"](NAME, alt="", placeholder=True))
    site.policy = policy
    site.gate.clear()
    page = tab()
    page.goto(site.url, wait_until="commit")
    page.wait_for_selector("p")
    background = page.evaluate("getComputedStyle(document.querySelector('img')).backgroundImage")
    assert background.startswith('url("data:image/webp;base64,') == is_there
    page.evaluate(FRAMES)
    assert is_near(color_at(page, 400, 200), YELLOW if is_there else (255, 255, 255))
    site.gate.set()
    page.wait_for_function(LOADED)
    page.evaluate(FRAMES)
    assert is_near(color_at(page, 400, 200), COLORS["avif"])


NATURAL = """urls => Promise.all(urls.map(url => new Promise(done => {
    const image = new Image();
    image.onload = () => done([image.naturalWidth, image.naturalHeight]);
    image.onerror = () => done(null);
    image.src = url;
})))"""
SUFFIXES = {"AVIF": ".avif", "BMP": ".bmp", "GIF": ".gif", "JPEG": ".jpg", "PNG": ".png",
            "WebP": ".webp", "icon": ".ico", "cursor": ".cur"}  # fmt: skip


def test_the_browser_shows_what_was_measured(tab: Callable[..., Page]) -> None:
    """Each image of the table, of which both say how large it is."""
    images: dict[str, tuple[str, Size | None]] = {}
    for name, data, size in RASTER:
        suffix = next(suffix for word, suffix in SUFFIXES.items() if word in name)
        images[name] = data_url(f"a{suffix}", data), size
    for attributes, size in DRAWINGS:
        images[attributes] = data_url("a.svg", svg(attributes)), size
    found = tab().evaluate(NATURAL, [url for url, _ in images.values()])
    shown = {name: size and Size(*size) for name, size in zip(images, found, strict=True)}
    assert shown == {name: size for name, (_, size) in images.items()}

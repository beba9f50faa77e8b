"""Tags for images, from which browsers choose format and width (WHATWG HTML, 4.8.1 to 4.8.4).

The build tells which other files show the same; what is not known of an image is not said of it,
and its own file always shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from assetpipe.dimensions import measure_file
from assetpipe.errors import ConfigError
from assetpipe.manifest import Asset, Image
from assetpipe.mediatypes import media_type
from assetpipe.serve.tags import named, written

T = TypeVar("T", bound=str)

WHOLE_WINDOW = "100vw"
"""How wide an image is shown if nobody says: what browsers assume without ``sizes``, too."""

_AUTO = re.compile(r"auto(?:,|\Z)", re.IGNORECASE)
_PIXELS = re.compile(r"[1-9][0-9]{0,5}")
# What stands in url() without quotes (CSS Syntax 3, 4.3.6), percent signs being there already.
_URL_SAFE = "%!$&*+,/:;=?@[]~-._#"
_MEASURED = 1024  # images of an app in development whose size is remembered


class Lookup(Protocol):
    """Where assets are, and what a release says of them."""

    def url(self, name: str) -> str:
        """Return the URL of an asset; an unknown name may raise an ``UnknownAssetError``."""

    def asset(self, name: str) -> Asset | None:
        """Return an asset of the release, ``None`` for an unknown name and in source mode."""


class Candidate(NamedTuple):
    """A file that shows the image.

    Attributes:
        url: where it is.
        width: in pixels.
    """

    url: str
    width: int


class Format(NamedTuple):
    """The files that show an image in one format.

    Attributes:
        type: media type.
        candidates: the files, the narrowest first.
        width: of the image itself, in pixels; 0 if unknown.
    """

    type: str
    candidates: tuple[Candidate, ...]
    width: int

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose: one file, as wide as the image."""
        return [each.width for each in self.candidates] == [self.width]

    @property
    def srcset(self) -> str:
        """The candidates as for ``srcset`` (WHATWG HTML, 4.8.4.2.1)."""
        if self.is_fixed:
            return self.candidates[0].url
        return _with_widths(self.candidates)

    def sized(self, sizes: str) -> dict[str, object]:
        """Return the attributes ``srcset`` and, if there is a choice, ``sizes``."""
        return {"srcset": self.srcset, "sizes": None if self.is_fixed else sizes}

    def at_least(self, width: int | None) -> str:
        """Return the URL of the narrowest candidate that is so wide, or else of the widest."""
        wide = (each for each in self.candidates if width is not None and each.width >= width)
        return next(wide, self.candidates[-1]).url


class Choice(NamedTuple):
    """All files that show an image.

    Attributes:
        url: of the image itself.
        image: what it looks like; ``None`` if unknown.
        formats: all formats, the one that is to be preferred first.
        own: the image's own, one of these; it has a file as wide as the image.
    """

    url: str
    image: Image | None
    formats: tuple[Format, ...]
    own: Format

    @property
    def sources(self) -> tuple[Format, ...]:
        """The formats that browsers have to be offered before the image itself."""
        return self.formats[:-1] if self.formats[-1] is self.own else self.formats

    def of_type(self, kind: str) -> Format | None:
        """Return the format of a media type, if the release has it."""
        return next((each for each in self.formats if each.type == kind), None)


@dataclass(frozen=True, slots=True)
class Images(Generic[T]):
    """The functions for images that templates call by the names in ``table``.

    Keyword arguments are attributes of the ``<img>``, as for ``tags.written``; what is given wins
    over what the functions would say themselves. They never say ``integrity``, which browsers do
    not check for images, and ``crossorigin`` only if it is given: an image that is loaded with
    CORS is not shown wherever a server leaves out a header field.

    Attributes:
        site: the assets.
        markup: makes the template engine's safe text of HTML.
        measured: returns what can be seen of an image that no release describes.
    """

    site: Lookup
    markup: Callable[[str], T]
    measured: Callable[[str], Image | None]

    def table(self) -> dict[str, Callable[..., object]]:
        """Return the functions by the name that templates know them by."""
        return {
            "image_url": self.image_url,
            "img_tag": self.img_tag,
            "picture_tag": self.picture_tag,
            "srcset": self.srcset,
        }

    def picture_tag(
        self,
        name: str,
        /,
        *,
        alt: object = None,
        sizes: str | None = None,
        placeholder: bool = False,
        **attributes: object,
    ) -> T:
        """Return the ``<picture>`` of an image, in all formats and widths that the release has.

        It is a ``<picture>`` without other formats, too: what style sheets and scripts see must
        not depend on what was worth keeping, nor on source mode, where there are none.

        Args:
            name: logical name.
            alt: what the image shows, as text; empty for decoration.
            sizes: how wide it is shown; by default as wide as the window. ``auto, 100vw`` of a
                lazy image leaves it to browsers that can tell from the layout, but with ``width:
                auto`` in a style sheet it is 300 pixels wide then (WHATWG HTML, 4.8.4.2.2).
            placeholder: what looks like it from afar stands there until it has come.
            attributes: of the ``<img>``; of width and height, the other one follows from one.

        Raises:
            ConfigError: ``alt`` is missing.
        """
        choice = self.choice(name)
        attributes_ = _img(name, choice, named(attributes), alt, sizes, is_blurred=placeholder)
        shown = sizes or WHOLE_WINDOW
        if _AUTO.match(shown) and attributes_["sizes"] is None:
            # Sources are as wide as the <img> turns out to be only if it says so itself; without
            # a srcset of its own, it may say no more (WHATWG HTML, 4.8.3).
            is_open = any(not each.is_fixed for each in choice.sources)
            attributes_["sizes"] = "auto" if is_open else None
        sources = "".join(
            f"<source{written({'type': each.type, **each.sized(shown)})}>"
            for each in choice.sources
        )
        return self.markup(f"<picture>{sources}<img{written(attributes_)}></picture>")

    def img_tag(
        self,
        name: str,
        /,
        *,
        alt: object = None,
        sizes: str | None = None,
        placeholder: bool = False,
        **attributes: object,
    ) -> T:
        """Return the ``<img>`` of an image, in its own format and all widths of that.

        A browser does not choose formats from a ``srcset``: it takes for granted that it knows
        them. The arguments and errors are those of ``picture_tag``.
        """
        choice = self.choice(name)
        attributes_ = _img(name, choice, named(attributes), alt, sizes, is_blurred=placeholder)
        return self.markup(f"<img{written(attributes_)}>")

    def srcset(self, name: str, format: str | None = None) -> str:  # noqa: A002
        """Return the text of a ``srcset``, each file with its width.

        Args:
            name: logical name.
            format: such as ``"avif"``; by default the image's own.

        Returns:
            The text, which the template engine escapes like any other; empty if the release has
            no such format of the image.

        Raises:
            ConfigError: there is no such format at all.
        """
        choice = self.choice(name)
        offered = choice.of_type(_type(format)) if format else choice.own
        if offered is None:
            return ""
        return _with_widths(offered.candidates) if offered.width else offered.srcset

    def image_url(self, name: str, width: int | None = None, format: str | None = None) -> str:  # noqa: A002
        """Return the URL of the narrowest file that is so wide, or else of the widest.

        Where the release does not have the format, it is that of the image's own: builds keep a
        format only where it saves bytes, so that it may go when the image is replaced by another.

        Args:
            name: logical name.
            width: in pixels; by default the image's own.
            format: such as ``"webp"``; by default the image's own.

        Raises:
            ConfigError: there is no such format at all.
        """
        choice = self.choice(name)
        offered = choice.of_type(_type(format)) if format else None
        return (offered or choice.own).at_least(width)

    def preload(self, name: str, given: Mapping[str, object]) -> dict[str, object]:
        """Return the attributes of the ``<link>`` that has an image loaded ahead of its use.

        It loads what ``picture_tag`` will show in a browser that knows the best format; others
        pass it by for its type. There is no ``href`` beside a choice of widths, as browsers that
        do not know ``imagesrcset`` would load that as well as what they show (Safari before 17.2).

        Args:
            name: logical name.
            given: attributes; a ``type`` chooses another format, if the release has that.
        """
        choice = self.choice(name)
        if not choice.sources and choice.own.is_fixed:
            return {**given, "imagesizes": None}
        offered = choice.of_type(str(given.get("type"))) or choice.formats[0]
        said: dict[str, object] = {"type": offered.type, "imagesizes": None}
        if offered.is_fixed:
            return {**given, **said, "href": offered.candidates[0].url}
        sizes = given.get("imagesizes") or WHOLE_WINDOW
        said |= {"href": None, "imagesrcset": offered.srcset, "imagesizes": sizes}
        return {**given, **said}

    def choice(self, name: str) -> Choice:
        """Return all files that show an image.

        Raises:
            UnknownAssetError: there is no asset of this name, if the site is strict.
        """
        url = self.site.url(name)
        asset = self.site.asset(name)
        image = asset.image if asset else self.measured(name)
        kind = asset.type if asset else media_type(name)
        width = image.width if image else 0
        found: dict[str, list[Candidate]] = {}
        for variant in image.variants if image else ():
            each = self.site.asset(variant)
            if each and each.image:
                candidate = Candidate(self.site.url(variant), each.image.width)
                found.setdefault(each.type, []).append(candidate)
        own = found.setdefault(kind, [])
        if not own or own[-1].width < width:
            own.append(Candidate(url, width))
        formats = {each: Format(each, tuple(files), width) for each, files in found.items()}
        return Choice(url, image, tuple(formats.values()), formats[kind])


def seen(path: Path) -> Image | None:
    """Return what can be seen of a file that no build has looked at: its width and height.

    It is read again only when it has changed.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return _seen(path, status.st_size, status.st_mtime_ns)


@lru_cache(_MEASURED)
def _seen(path: Path, _size: int, _time: int) -> Image | None:
    size = measure_file(path)
    return Image(*size) if size else None


def _with_widths(candidates: Iterable[Candidate]) -> str:
    return ", ".join(f"{url} {width}w" for url, width in candidates)


def _img(
    name: str,
    choice: Choice,
    given: Mapping[str, object],
    alt: object,
    sizes: str | None,
    *,
    is_blurred: bool,
) -> dict[str, object]:
    """Return the attributes of an ``<img>``."""
    # A variable that a template does not have is shown as an empty text, too, but is none.
    if alt is None or isinstance(alt, bool) or not (isinstance(alt, str) or str(alt)):
        raise ConfigError(
            "has no alt, the text for those who do not see the image",
            where=name,
            hint='say what the image shows; alt="" says that it is decoration',
        )
    said: dict[str, object] = {"src": choice.url, "srcset": None, "sizes": None}
    said |= {**_dimensions(choice.image, given), "alt": alt, **given}
    if choice.own.candidates != (Candidate(choice.url, choice.own.width),):
        said |= choice.own.sized(sizes or WHOLE_WINDOW)
    if is_blurred and choice.image and choice.image.placeholder:
        style = given.get("style")
        said["style"] = _background(choice.image) + (f";{style}" if style else "")
    return said


def _dimensions(image: Image | None, given: Mapping[str, object]) -> dict[str, object]:
    """Return width and height; where one is given, the other that follows from it."""
    if image is None:
        return {}
    width, height = image.width, image.height
    return {
        "width": _scaled(width, height, given["height"]) if "height" in given else width,
        "height": _scaled(height, width, given["width"]) if "width" in given else height,
    }


def _scaled(length: int, other: int, given: object) -> int | None:
    """Return a length after the other one became what is given; ``None`` if that is no number."""
    text = str(given)
    return max(round(length * int(text) / other), 1) if _PIXELS.fullmatch(text) else None


def _background(image: Image) -> str:
    color = f"{image.color} " if image.color else ""
    url = quote(image.placeholder, safe=_URL_SAFE)
    return f"background:{color}url({url}) center/cover no-repeat"


def _type(name: str) -> str:
    """Return the media type of a format.

    Raises:
        ConfigError: it is none of an image.
    """
    kind = media_type(f"image.{name}")
    if not kind.startswith("image/"):
        raise ConfigError(
            f"{name!r} is no format of images", hint="formats are named as avif, webp, jpeg, png"
        )
    return kind

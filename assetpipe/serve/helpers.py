"""What templates call: tags for assets, assets inside the page, and hashes for its policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from assetpipe.manifest import Image
from assetpipe.mediatypes import media_type
from assetpipe.serve.images import Images, Lookup
from assetpipe.serve.inline import Piece, csp_hash, piece
from assetpipe.serve.links import Preload
from assetpipe.serve.tags import link_tag, named, script_tag, written

T = TypeVar("T", bound=str)

# The `as` of a preload by media type (WHATWG Fetch, 2.2.5); by its first part where that tells all.
_DESTINATIONS = {
    "application/vnd.ms-fontobject": "font",
    "audio": "audio",
    "font": "font",
    "image": "image",
    "text/css": "style",
    "text/javascript": "script",
    "text/vtt": "track",
    "video": "video",
}
_CHECKED = frozenset({"script", "style"})  # what browsers check the integrity of
# Requested with CORS on any origin (CSS Fonts 4, 4.8.2; WHATWG Fetch, `fetch()`): a preload without
# it would be fetched a second time.
_WITH_CORS = frozenset({"fetch", "font"})
# Attributes of a <link> that may leave the file unneeded: a header would have it loaded anyway.
_CONDITIONS = frozenset({"disabled", "imagesrcset", "media", "rel"})
_SCRIPT_TYPES = frozenset({None, "module", "text/javascript"})


class Site(Lookup, Protocol):
    """What the helpers know of the assets: a release, or in source mode the sources."""

    def names(self, name: str) -> list[str]:
        """Return the name itself, in source mode the members of a bundle."""

    def read(self, name: str) -> bytes:
        """Return the bytes of an asset; raises an ``AssetpipeError`` if they cannot be read."""

    def note_use(self, preload: Preload) -> None:
        """Be told what the page uses, for its ``Link`` header."""


def _unknown(_name: str) -> Image | None:
    return None


@dataclass(frozen=True, slots=True)
class Helpers(Generic[T]):
    """The functions that templates call by the names in ``table``.

    Keyword arguments are attributes of the tag, as for ``tags.written``; what is given wins over
    what the helpers would say themselves.

    Attributes:
        site: the assets.
        markup: makes the template engine's safe text of HTML.
        integrity: tags say the integrity of what they load (W3C SRI), so that nobody can change
            it on its way; of names that change with their bytes only.
        crossorigin: ``anonymous`` or ``use-credentials``: tags load with CORS, but for those of
            images; ``None`` if not.
        is_cross_origin: the assets have another origin than the page, so that integrity needs
            CORS.
        measured: returns what can be seen of an image that no release describes.
    """

    site: Site
    markup: Callable[[str], T]
    integrity: bool = False
    crossorigin: str | None = None
    is_cross_origin: bool = False
    measured: Callable[[str], Image | None] = _unknown

    def table(self) -> dict[str, Callable[..., object]]:
        """Return the functions by the name that templates know them by."""
        return {
            "asset_integrity": self.asset_integrity,
            "asset_url": self.asset_url,
            "csp_hash": self.csp_hash,
            "inline_asset": self.inline_asset,
            "preload_tag": self.preload_tag,
            "script_tag": self.script_tag,
            "stylesheet_tag": self.stylesheet_tag,
            **self._images.table(),
        }

    def asset_url(self, name: str) -> str:
        """Return the URL of an asset, which the template engine escapes like any text."""
        return self.site.url(name)

    def asset_integrity(self, name: str) -> str:
        """Return the integrity of an asset; empty where none holds for long: see ``integrity``."""
        asset = self.site.asset(name)
        return asset.integrity if asset and asset.immutable else ""

    def stylesheet_tag(self, name: str, /, **attributes: object) -> T:
        """Return the ``<link>`` of a stylesheet; in source mode of each member of a bundle."""
        given = named(attributes)
        tags = []
        for each in self.site.names(name):
            url = self.site.url(each)
            said = self._complete(each, "style", {"rel": "stylesheet"}, given)
            if given.keys().isdisjoint(_CONDITIONS):
                self._note(url, "style", said)
            tags.append(link_tag(said.pop("rel"), url, said))
        return self.markup("\n".join(tags))

    def script_tag(self, name: str, /, *, module: bool | None = None, **attributes: object) -> T:
        """Return the ``<script>`` of a script; in source mode of each member of a bundle.

        Args:
            name: logical name.
            module: it is an ECMAScript module; by default if its name ends in ``.mjs``.
            attributes: such as ``defer=True`` and ``async_=True``.
        """
        given = named(attributes)
        tags = []
        for each in self.site.names(name):
            url = self.site.url(each)
            usual: dict[str, object] = {"type": "module"} if _is_module(each, module) else {}
            said = self._complete(each, "script", usual, given)
            if said.get("type") in _SCRIPT_TYPES and not given.get("nomodule"):
                self._note(url, "script", said, module=said.get("type") == "module")
            tags.append(script_tag(url, said))
        return self.markup("\n".join(tags))

    def preload_tag(self, name: str, /, *, module: bool | None = None, **attributes: object) -> T:
        """Return the ``<link>`` that has a file loaded ahead of its use.

        What it is used as (``as_``), its type, and whether it is loaded with CORS follow from its
        media type. Of an image the file that ``picture_tag`` will show is loaded: there
        ``imagesizes`` says what ``sizes`` says to that, and ``type`` chooses another format.

        Args:
            name: logical name.
            module: it is an ECMAScript module, for ``modulepreload``; by default if its name ends
                in ``.mjs``.
            attributes: such as ``fetchpriority="high"``.
        """
        given = named(attributes)
        tags = []
        for each in self.site.names(name):
            url, kind = self.site.url(each), media_type(each)
            destination = str(given.get("as") or _destination(kind))
            usual: dict[str, object] = {"rel": "preload", "href": url}
            is_module = _is_module(each, module)
            if is_module:
                destination, kind, usual["rel"] = "script", "", "modulepreload"
            else:
                usual |= {"as": destination, "type": kind}
            wanted = given
            if destination == "image" and "imagesrcset" not in given:
                wanted = self._images.preload(each, given)
                kind = str(wanted.get("type", kind))
            said = self._complete(each, destination, usual, wanted)
            if given.keys().isdisjoint(_CONDITIONS) and said["href"]:
                self._note(str(said["href"]), destination, said, module=is_module, kind=kind)
            tags.append(f"<link{written(said)}>")
        return self.markup("\n".join(tags))

    def inline_asset(self, name: str, /, *, module: bool | None = None, **attributes: object) -> T:
        """Return an asset as a part of the page; in source mode each member of a bundle.

        A stylesheet becomes a ``<style>``, a script or JSON a ``<script>``, and an SVG document
        the element itself, to which the attributes are added.

        Args:
            name: logical name.
            module: it is an ECMAScript module; by default if its name ends in ``.mjs``.
            attributes: such as ``nonce=…``, which an SVG document gives to the styles in it.

        Raises:
            InputError: it cannot stand inside a page, or would not mean the same there.
        """
        given = named(attributes)
        return self.markup("\n".join(each.html(given) for each in self._pieces(name, module)))

    def csp_hash(self, *names: str, module: bool | None = None) -> str:
        """Return the source expressions that allow what ``inline_asset`` gives of these names.

        They stand in ``style-src`` or ``script-src`` of a ``Content-Security-Policy``, with a
        space between them (CSP Level 3, 2.3.1).

        Raises:
            InputError: see ``inline_asset``.
        """
        pieces = (each for name in names for each in self._pieces(name, module))
        hashes = (csp_hash(text) for each in pieces for text in each.texts)
        return " ".join(dict.fromkeys(hashes))

    @property
    def _images(self) -> Images[T]:
        return Images(self.site, self.markup, self.measured)

    def _complete(
        self, name: str, destination: str, usual: dict[str, object], given: dict[str, object]
    ) -> dict[str, object]:
        """Return the attributes of a tag that loads an asset: usual ones, given ones, checks."""
        said = usual | given
        if given.get("integrity", self.integrity and destination in _CHECKED) is True:
            said["integrity"] = self.asset_integrity(name) or None
        if "crossorigin" not in given:
            is_checked = said.get("integrity") not in (None, False)
            needed = "anonymous" if is_checked and self.is_cross_origin else None
            # An <img> is loaded without CORS, unless its own tag says otherwise.
            usual_here = None if destination == "image" else self.crossorigin
            said["crossorigin"] = "anonymous" if destination in _WITH_CORS else usual_here or needed
        return said

    def _note(
        self,
        url: str,
        destination: str,
        said: dict[str, object],
        *,
        module: bool = False,
        kind: str = "",
    ) -> None:
        crossorigin = said.get("crossorigin")
        self.site.note_use(
            Preload(
                url,
                destination,
                kind,
                crossorigin="anonymous" if crossorigin in (True, "") else str(crossorigin or ""),
                integrity=str(said.get("integrity") or ""),
                module=module,
                nonce=str(said.get("nonce") or ""),
            )
        )

    def _pieces(self, name: str, module: bool | None) -> Iterator[Piece]:
        for each in self.site.names(name):
            asset = self.site.asset(each)
            targets = tuple(self.site.url(target) for target in asset.references) if asset else ()
            yield piece(
                each,
                self.site.read(each),
                self.site.url(each),
                targets,
                module=_is_module(each, module),
            )


def _is_module(name: str, module: bool | None) -> bool:
    return name.lower().endswith(".mjs") if module is None else module


def _destination(kind: str) -> str:
    whole = _DESTINATIONS.get(kind)
    return whole or _DESTINATIONS.get(kind.partition("/")[0], "fetch")

"""The configuration of images: the table ``[tool.assetpipe.images]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from assetpipe.build import parsers
from assetpipe.errors import ConfigError
from assetpipe.globs import matcher

FORMATS = ("avif", "webp", "original")


@dataclass(frozen=True, slots=True)
class ImageRule:
    """How one image is treated.

    Attributes:
        optimize: write it in fewer bytes, with every pixel as it was.
        metadata: keep what cameras and programs have written into it.
        placeholder: work out a placeholder and its dominant colour.
        formats: of which formats to make variants, the best first: ``avif``, ``webp``, or
            ``original``, which is its own.
        widths: how wide the variants are, in pixels; what is narrower is never enlarged.
        avif_quality: of AVIF that loses detail, 1 to 100.
        webp_quality: likewise of WebP.
        jpeg_quality: likewise of JPEG.
        speed: of the AVIF encoder, 0 to 10; slower is smaller.
        lossless: whether variants keep every detail; ``auto`` for drawings, but not photographs.
        negotiate: a server may answer with a variant in the image's place, to who takes its type.
        image_set: stylesheets offer the variants beside the image.
    """

    optimize: bool = True
    metadata: bool = False
    placeholder: bool = True
    formats: tuple[str, ...] = ()
    widths: tuple[int, ...] = (320, 640, 960, 1280, 1920)
    avif_quality: int = 65
    webp_quality: int = 80
    jpeg_quality: int = 80
    speed: int = 6
    lossless: bool | str = "auto"
    negotiate: bool = False
    image_set: bool = False

    @property
    def needs_whole(self) -> bool:
        """Whether there have to be variants as wide as the image."""
        return self.negotiate or self.image_set

    @property
    def quality(self) -> dict[str, int]:
        """The qualities by format."""
        return {"avif": self.avif_quality, "webp": self.webp_quality, "jpeg": self.jpeg_quality}


Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Images:
    """How images are treated.

    Attributes:
        usual: how all are, but for what rules say.
        rules: globs of names, each with the fields of an ``ImageRule`` that differ there; of
            several values the last one counts.
        memory: MiB that working on one image may take.
        timeout: seconds that it may take.
    """

    usual: ImageRule = ImageRule()
    rules: tuple[tuple[str, Values], ...] = ()
    memory: int = 512
    timeout: float = 60.0

    @property
    def makes_variants(self) -> bool:
        """Whether any image may have variants."""
        return bool(self.usual.formats) or any(values.get("formats") for _, values in self.rules)

    @property
    def offers(self) -> bool:
        """Whether stylesheets offer the variants of any image."""
        return self.usual.image_set or any(values.get("image_set") for _, values in self.rules)

    def finder(self) -> Callable[[str], ImageRule]:
        """Return the function from an image's name to its rule."""
        rules = [(matcher([glob]), values) for glob, values in self.rules]

        def find(name: str) -> ImageRule:
            rule = self.usual
            for matches, values in rules:
                if matches(name):
                    rule = replace(rule, **values)
            return rule

        return find


def images(value: Any, place: Callable[..., str], folder: Path) -> Images:
    """Parse the configuration of images.

    Args:
        value: a table of keys, or what this function returned.
        place: what to name in an error about the key that its arguments lead to.
        folder: what relative paths start from; there are none.

    Raises:
        ConfigError: a key is unknown, or a value is wrong.
    """
    if isinstance(value, Images):
        return value
    values = _values(value, place, folder, _USUAL | _LIMITS | {"rules": _table})
    rules = values.pop("rules", {})
    limits = {key: values.pop(key) for key in _LIMITS if key in values}
    return Images(
        ImageRule(**values),
        tuple(
            (glob, _values(table, partial(place, "rules", glob), folder, _USUAL))
            for glob, table in rules.items()
        ),
        **limits,
    )


def _values(
    table: Any, place: Callable[..., str], folder: Path, known: Mapping[str, parsers.Parser]
) -> dict[str, Any]:
    values = {}
    for key, value in _table(table, place(), folder).items():
        where = place(key)
        if key not in known:
            raise parsers.unknown(f"unknown key {key!r}", key, list(known), where)
        try:
            values[key] = known[key](value, where, folder)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error.message}", where=where, hint=error.hint) from None
    return values


def _table(value: Any, where: str, _folder: Path) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise parsers.wrong(value, where, "a table of keys")
    return value


def _formats(value: Any, where: str, folder: Path) -> tuple[str, ...]:
    one = parsers.one_of(FORMATS, "format")
    return tuple(
        dict.fromkeys(one(name, where, folder) for name in parsers.globs(value, where, folder))
    )


def _widths(value: Any, where: str, folder: Path) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise parsers.wrong(value, where, "a list of widths in pixels")
    return tuple(sorted({parsers.count(1)(width, where, folder) for width in value}))


def _lossless(value: Any, where: str, _folder: Path) -> bool | str:
    if isinstance(value, bool):
        return value
    if value != "auto":
        raise parsers.wrong(value, where, 'true, false or "auto"')
    return "auto"


_USUAL: dict[str, parsers.Parser] = {
    "optimize": parsers.boolean,
    "metadata": parsers.boolean,
    "placeholder": parsers.boolean,
    "formats": _formats,
    "widths": _widths,
    "avif_quality": parsers.count(1, 100),
    "webp_quality": parsers.count(1, 100),
    "jpeg_quality": parsers.count(1, 100),
    "speed": parsers.count(0, 10),
    "lossless": _lossless,
    "negotiate": parsers.boolean,
    "image_set": parsers.boolean,
}
_LIMITS: dict[str, parsers.Parser] = {"memory": parsers.count(16), "timeout": parsers.seconds}

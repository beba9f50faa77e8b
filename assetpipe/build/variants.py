"""Variants: images in other formats and widths, each made once for each content and setting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple

from assetpipe.build.cache import Cache, key
from assetpipe.build.config import MIB, Config
from assetpipe.build.images import ImageRule
from assetpipe.build.pool import Pool
from assetpipe.build.workers import LimitError, Limits, Workers
from assetpipe.errors import need
from assetpipe.kinds.image import variants
from assetpipe.kinds.image.files import SUFFIXES
from assetpipe.kinds.image.variants import Encoding, Pixels, UnsuitableError
from assetpipe.kinds.model import Note, Picture
from assetpipe.names import split_suffix

_SECTION = "variant"
_MOST_VARIANTS = 1000  # of one image, to tell their places in the order of all
_PIXEL_COST = 3  # of one pixel, in the unit of encode.cost
_HINT = "for this image, set `formats = []` in a rule of [tool.assetpipe.images]"


class Variant(NamedTuple):
    """An image in another format or width.

    Attributes:
        name: logical name.
        width: in pixels.
        encoding: how it is written.
        entry: its key in the cache.
        is_alternate: a server may answer with it in place of the image.
    """

    name: str
    width: int
    encoding: Encoding
    entry: str = ""
    is_alternate: bool = False


class Made(NamedTuple):
    """A variant that was made.

    Attributes:
        height: in pixels.
        data: its bytes.
    """

    height: int
    data: bytes


Done = Callable[[Mapping[Variant, Made], Sequence[Note]], None]
"""Is told what ships, and what went wrong."""


@dataclass(frozen=True, slots=True)
class _Work:
    """The variants of one image on their way; safe to use from threads.

    Attributes:
        size: bytes of the image itself.
        pixels: how many it has.
        wanted: what may be made.
        read: returns the bytes of the image.
        done: is told of the result.
        own: its format.
        made: what is made; ``None`` for what cannot be.
    """

    size: int
    pixels: int
    wanted: Sequence[Variant]
    read: Callable[[], bytes]
    done: Done
    own: str
    made: dict[Variant, Made | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, variant: Variant, made: Made | None) -> bool:
        """Add what was made; say whether that was all."""
        with self.lock:
            self.made[variant] = made
            return len(self.made) == len(self.wanted)


class Variants:
    """Makes the variants of images, or finds them in the cache.

    Args:
        config: says which are wanted.
        taken: names that variants must leave alone.
        fixed: says of a name whether it stays as it is; such images have no variants.
        cache: keeps what is made, each as soon as it is.
        pool: does the work.
        groups: of the pool, for taking an image apart and for writing one variant, which is the
            more urgent: so as many images are held in memory as there are threads.
        workers: processes to read images in.

    Raises:
        MissingExtraError: variants are wanted, but what makes them is not installed.
    """

    def __init__(
        self,
        config: Config,
        *,
        taken: Collection[str],
        fixed: Callable[[str], bool],
        cache: Cache,
        pool: Pool,
        groups: tuple[int, int],
        workers: Workers,
    ) -> None:
        self._mode = config.variants
        self._find = config.images.finder()
        self._limits = Limits(config.images.memory * MIB, config.images.timeout)
        self._taken = taken
        self._fixed = fixed
        self._cache = cache
        self._pool = pool
        self._scaling, self._encoding = groups
        self._started = count()
        self._workers = workers
        if self._mode != "off" and config.images.makes_variants:
            need("PIL", feature="making variants of images", extra="images")

    def recipe(self, name: str) -> str:
        """Return what decides which variants an image has, beside the image; empty for none."""
        rule = self._rule(name)
        return f"{variants.version()} {rule}" if rule else ""

    def make(
        self,
        name: str,
        picture: Picture,
        digest: str,
        size: int,
        read: Callable[[], bytes],
        done: Done,
    ) -> None:
        """Have the variants of an image made.

        Args:
            name: logical name of the image.
            picture: what it looks like.
            digest: SHA-256 of it.
            size: bytes of it, as it ships.
            read: returns its bytes, when there is room for them.
            done: is told of the result, in any thread, perhaps at once.
        """
        wanted = self.wanted(name, picture, digest)
        if not wanted:
            return
        pixels = picture.width * picture.height
        work = _Work(size, pixels, wanted, read, done, _own_format(name))
        work.made.update((each, made) for each in wanted if (made := self._stored(each)))
        if len(work.made) == len(wanted):
            self._finish(work)
            return
        cost = pixels * _PIXEL_COST
        self._pool.submit(self._scaling, cost, lambda: self._scale(work), name)

    def wanted(self, name: str, picture: Picture, digest: str) -> list[Variant]:
        """Return the variants that an image may have, those of the best format first."""
        rule = self._rule(name)
        if rule is None:
            return []
        suffix, own = split_suffix(name)[1].lower(), _own_format(name)
        chosen = variants.encodings(
            picture,
            own,
            rule.formats,
            quality=rule.quality,
            speed=rule.speed,
            lossless=None if rule.lossless == "auto" else bool(rule.lossless),
        )
        wanted = rule.widths or (picture.width,)
        if rule.needs_whole:
            wanted = (*wanted, picture.width)
        found = [
            Variant(
                f"{name}.{width}{suffix if format_ == own else f'.{format_}'}",
                width,
                encoding,
                is_alternate=rule.negotiate and width == picture.width,
            )
            for format_, encoding in chosen.items()
            for width in variants.widths_for(picture.width, wanted, own=format_ == own)
        ]
        found = [each for each in found if each.name not in self._taken]
        # Narrow ones are scaled from wider ones, so each depends on all.
        all_of_them = variants.version(), digest, repr(_widths(found))
        return [
            each._replace(entry=key(*all_of_them, repr(each.encoding), str(each.width)))
            for each in found
        ]

    def again(self, name: str, picture: Picture, digest: str, data: bytes, variant: str) -> bytes:
        """Return the bytes of one variant, from the cache or by making it again."""
        wanted = self.wanted(name, picture, digest)
        one = next(each for each in wanted if each.name == variant)
        made = self._stored(one)
        if made is None:
            widths = _widths(wanted)
            pixels = self._workers.call_within(self._limits, 1, variants.scaled, data, widths)
            made = self._encode(one, pixels[widths.index(one.width)])
        return made.data

    def _rule(self, name: str) -> ImageRule | None:
        """Return how an image is treated that may have variants."""
        if self._mode == "off" or self._fixed(name):
            return None
        rule = self._find(name)
        if self._mode == "draft":
            rule = replace(rule, speed=variants.DRAFT_SPEED)
        return rule if rule.formats else None

    def _stored(self, variant: Variant) -> Made | None:
        stored = self._cache.get(_SECTION, variant.entry)
        if stored is None:
            return None
        height, _, data = stored.partition(b"\n")
        return Made(int(height), data)

    def _scale(self, work: _Work) -> None:
        widths, data = _widths(work.wanted), work.read()
        try:
            pixels = self._workers.call_within(
                self._limits, work.pixels, variants.scaled, data, widths
            )
        except (LimitError, UnsuitableError) as error:
            work.done({}, [Note(f"has no variants: {error}", hint=_HINT)])
            return
        if not self._pool.has_queued(self._scaling):
            self._workers.rest()  # encoding takes the memory that they hold
        missing = [each for each in work.wanted if each not in work.made]
        first = next(self._started) * _MOST_VARIANTS
        for order, each in enumerate(_in_order(missing), first):
            scaled = pixels[widths.index(each.width)]
            self._pool.submit(
                self._encoding,
                scaled.width * scaled.height * _PIXEL_COST,
                lambda each=each, scaled=scaled: self._add(work, each, scaled),  # type: ignore[misc]
                each.name,
                order=order,
            )

    def _add(self, work: _Work, variant: Variant, pixels: Pixels) -> None:
        made = None
        with suppress(UnsuitableError):  # too large for the format
            made = self._encode(variant, pixels)
        if work.add(variant, made):
            self._finish(work)

    def _encode(self, variant: Variant, pixels: Pixels) -> Made:
        made = Made(pixels.height, variants.encode(pixels, variant.encoding))
        self._cache.put(_SECTION, variant.entry, b"%d\n%b" % made)
        return made

    def _finish(self, work: _Work) -> None:
        sizes: dict[str, dict[int, int]] = {}
        for each in work.wanted:
            made = work.made[each]
            sizes.setdefault(each.encoding.format, {})[each.width] = len(made.data) if made else 0
        whole = {name: found for name, found in sizes.items() if all(found.values())}
        kept = variants.worthwhile(work.size, whole, work.own)
        ships = {
            each: made
            for each in work.wanted
            if each.width in kept.get(each.encoding.format, ()) and (made := work.made[each])
        }
        work.done(ships, ())


def _in_order(wanted: Sequence[Variant]) -> list[Variant]:
    """Return variants in the order to make them in: the largest beside all small ones.

    So no two large ones are made at once, whose memory would add up.
    """
    ascending = sorted(wanted, key=lambda each: (each.encoding.format == "avif", each.width))
    return [*ascending[-1:], *ascending[:-1]]


def _widths(wanted: Sequence[Variant]) -> list[int]:
    return sorted({each.width for each in wanted}, reverse=True)


def _own_format(name: str) -> str:
    return SUFFIXES.get(split_suffix(name)[1].lower(), "")

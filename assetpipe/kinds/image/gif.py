"""GIF: all its frames as they are, without what nobody sees (GIF89a)."""

from __future__ import annotations

from .files import BadImageError

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_COMMENT, _APPLICATION = 0xFE, 0xFF
_SHOWN = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})  # loops, and a profile
_HAS_TABLE, _TABLE_SIZE = 0x80, 0x07


def optimized(data: bytes, *, metadata: bool) -> bytes:
    """Return a GIF file with the same blocks, less comments and what programs have left in it.

    Raises:
        BadImageError: it is cut off, or no block begins where one should.
    """
    at = 13
    if len(data) < at:
        raise BadImageError("it is cut off")
    at += _table(data[10])
    kept = [data[:at]]
    while True:
        start, kind = at, _byte(data, at)
        if kind == _TRAILER:
            kept.append(data[at : at + 1])
            return b"".join(kept)
        if kind == _EXTENSION:
            label = _byte(data, at + 1)
            at = _blocks(data, at + 2)
            is_shown = label != _APPLICATION or data[start + 3 : start + 14] in _SHOWN
            if not metadata and (label == _COMMENT or not is_shown):
                continue
        elif kind == _IMAGE:
            at = _blocks(data, at + 11 + _table(_byte(data, at + 9)))
        else:
            raise BadImageError(f"byte {at:,} begins no block of a GIF")
        kept.append(data[start:at])


def _table(flags: int) -> int:
    """Return the bytes of a table of colours (18 c, 20 c)."""
    return 3 << ((flags & _TABLE_SIZE) + 1) if flags & _HAS_TABLE else 0


def _blocks(data: bytes, at: int) -> int:
    """Return where a sequence of sub-blocks ends (15)."""
    while size := _byte(data, at):
        at += size + 1
    return at + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise BadImageError("it is cut off")
    return data[at]

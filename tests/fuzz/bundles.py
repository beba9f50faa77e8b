"""What holds for joining any texts to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assetpipe.kinds.bundle import CannotBundleError, Joined, Member

_Join = Callable[[Sequence[Member]], Joined]


def check_bundle(join: _Join, data: bytes) -> None:
    """Join the parts of some bytes between escape characters.

    Raises:
        AssertionError: a property does not hold.
    """
    texts = data.decode("utf-8", "replace").split("\x1b")
    members = [Member(f"{number}", text) for number, text in enumerate(texts)]
    try:
        joined = join(members)
    except CannotBundleError as error:
        _stands(error.position, texts[error.member])
        return
    at = 0
    for piece in joined.pieces:
        assert at <= piece.start, "out of order"
        at = piece.start + piece.length
        origin = texts[piece.member][piece.origin : piece.origin + piece.length]
        assert joined.text[piece.start : at] == origin, "another text than its origin"
    assert at <= len(joined.text)
    assert len(joined.maps) == len(members)
    for note in joined.notes:
        _stands(note.position, texts[note.member])


def _stands(position: int, text: str) -> None:
    assert 0 <= position <= len(text), "a place outside of its file"

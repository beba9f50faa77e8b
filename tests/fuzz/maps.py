"""What holds for reading any bytes as a source map, and for leading maps back through others."""

from __future__ import annotations

from assetpipe.kinds.sourcemap.compose import (
    NotASourceMapError,
    SourceMap,
    compose,
    data_url,
    named_by,
    parse,
    render,
    without_machine_paths,
)
from assetpipe.kinds.sourcemap.mappings import decode, encode


def check_map(data: bytes) -> None:
    """Read bytes as a source map, and lead it back through itself.

    Raises:
        AssertionError: a property does not hold.
    """
    text = data.decode("utf-8", "replace")
    named_by(text)
    data_url(text)
    try:
        found = parse(data)
        lines = decode(found.mappings)
    except NotASourceMapError:
        return
    assert decode(encode(lines)) == lines, "other mappings"
    assert parse(render(found)) == found, "another map"
    assert len(without_machine_paths(found.sources)) == len(found.sources)
    _leads_somewhere(compose(found, dict.fromkeys(range(len(found.sources)), found)))
    plain = compose(found, {})
    _leads_somewhere(plain)
    again = compose(plain, {})
    assert (again.mappings, again.sources) == (plain.mappings, plain.sources), "another map"


def _leads_somewhere(found: SourceMap) -> None:
    """Check that all indices of a map are those of something, and that nothing is there in vain."""
    segments = [segment for line in decode(found.mappings) for segment in line]
    assert {segment[1] for segment in segments if len(segment) > 1} == set(
        range(len(found.sources))
    )
    assert {segment[4] for segment in segments if len(segment) > 4} <= set(range(len(found.names)))
    assert len(found.contents) == len(found.sources)
    assert set(found.ignored) <= set(range(len(found.sources)))

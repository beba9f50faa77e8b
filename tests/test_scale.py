"""The minifiers at scale: current releases keep their meaning, and no input is too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from assetpipe.kinds import css, js
from assetpipe.kinds.model import Kind, Options
from tests.corpus import require_tree
from tests.meaning import judge, minified_in
from tests.node import require_node
from tests.oversize import SCRIPTS, SHEETS, Oversize

SIZE = 100_000


def test_current_releases_keep_their_meaning(tmp_path: Path) -> None:
    """Acorn finds the same trees and tinycss2 the same rules, in what hardly shrinks too."""
    require_node()
    tree = require_tree("releases")
    verdicts = judge(minified_in(tree), tmp_path, forced=True)
    assert len({verdict.path.relative_to(tree).parts[0] for verdict in verdicts}) >= 10
    assert [verdict for verdict in verdicts if verdict.refused or verdict.difference] == []
    assert sum(verdict.shipped for verdict in verdicts) < sum(verdict.size for verdict in verdicts)


@pytest.mark.parametrize(
    ("kind", "oversize"),
    [
        pytest.param(kind, oversize, id=f"{kind.name}: {name}")
        for kind, cases in ((js.KIND, SCRIPTS), (css.KIND, SHEETS))
        for name, oversize in cases.items()
    ],
)
def test_no_input_is_too_large_deep_or_odd(kind: Kind, oversize: Oversize) -> None:
    """Anything quadratic would take minutes here, and recursion would end in an error."""
    data = oversize.text(SIZE).encode()
    shipped = kind.transform(data, Options())
    if oversize.refused:
        assert shipped.body == data
        (note,) = shipped.notes
        assert note.line
        assert note.column
    else:
        assert shipped.notes == ()
        assert len(shipped.body) < len(data) * 0.99

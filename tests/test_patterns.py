"""Regular expressions that never go back: they mean the same on every Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import assetpipe
from assetpipe.kinds.patterns import atomic, compiled

KINDS = Path(assetpipe.__file__).parent / "kinds"

REWRITTEN = [
    pytest.param("(?:ab?c)*+", "(?>(?:ab?c)*)", id="any number"),
    pytest.param("(?:ab?c)++d", "(?>(?:ab?c)+)d", id="one or more"),
    pytest.param("(?:ab?c)?+", "(?>(?:ab?c)?)", id="one or none"),
    pytest.param("(?:ab?c){1,3}+", "(?>(?:ab?c){1,3})", id="a few"),
    pytest.param("((?:a|(b)++)*+)", "((?>(?:a|(?>(b)+))*))", id="one in another"),
    pytest.param("[a-z]*+\\w++x?+", "[a-z]*+\\w++x?+", id="single characters stay"),
    pytest.param("(a)*(b)+(c)?(d){2}", "(a)*(b)+(c)?(d){2}", id="others stay"),
    pytest.param("\\(a\\)*+[()]*+[])]++", "\\(a\\)*+[()]*+[])]++", id="no groups at all"),
    pytest.param("(?<=a)(?!b)(?:c)*+", "(?<=a)(?!b)(?>(?:c)*)", id="behind assertions"),
]


@pytest.mark.parametrize(("pattern", "expected"), REWRITTEN)
def test_possessive_groups_become_atomic_ones(pattern: str, expected: str) -> None:
    """Nothing else changes."""
    assert atomic(pattern) == expected
    re.compile(expected)


def test_comments_of_verbose_patterns_hold_no_groups() -> None:
    """Brackets in them open and close nothing."""
    pattern = "(?: a  # :-)\n | b )*+ # (\n c"
    rewritten = atomic(pattern, re.VERBOSE)
    assert re.fullmatch(rewritten, "ababc", re.VERBOSE)
    assert rewritten.count("(?>") == 1


@pytest.mark.parametrize("text", ["aca", "abcaca", "a", "", "acabcab"])
@pytest.mark.parametrize("quantifier", ["*+", "++", "?+", "{1,3}+"])
def test_both_forms_match_alike(text: str, quantifier: str) -> None:
    """Also where a round fails half way, at which Python up to 3.11.4 errs."""
    pattern = f"(?:ab?c){quantifier}"
    spans = [
        found and found.span()
        for found in (compiled(pattern).match(text), re.match(atomic(pattern), text))
    ]
    assert spans[0] == spans[1]
    rounds = re.match(f"(?:ab?c){quantifier[:-1]}", text)
    assert spans[0] == (rounds and rounds.span())


def test_all_patterns_of_the_kinds_go_through_it() -> None:
    """Else a comment would not be seen on a common system's Python."""
    for path in KINDS.rglob("*.py"):
        if path.name != "patterns.py":
            found = re.findall(
                r"\bre\.(?:compile|match|fullmatch|sub)\(\s*+(?!rb)", path.read_text()
            )
            assert found == [], path

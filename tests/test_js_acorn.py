"""Every script of real releases, seen by our tokenizer and by acorn, before and after."""

from __future__ import annotations

import hashlib
import json
from array import array
from pathlib import Path

from assetpipe.kinds.js import KIND, context
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.model import Options
from tests.corpus import require_tree
from tests.node import require_node, run_node

WORDS = {context.NAME, *context.WORDS.values(), *range(context.START, context.KINDS)}


def test_tokens_and_trees_are_acorns(tmp_path: Path) -> None:
    require_node()
    tree = require_tree("medium")
    scripts = [
        path
        for path in sorted(tree.rglob("*.[cm]js")) + sorted(tree.rglob("*.js"))
        if path.is_file()
    ]
    requests = []
    for number, path in enumerate(scripts):
        data = path.read_bytes()
        shipped = KIND.transform(data, Options(minify=".min." not in path.name))
        assert shipped.notes == (), path
        output = tmp_path / f"{number}.js"
        if shipped.body != data:
            output.write_bytes(shipped.body)
        requests.append(
            {"source": str(path), "output": str(output) if shipped.body != data else None}
        )
    text = "".join(json.dumps(request) + "\n" for request in requests)
    answers = [json.loads(line) for line in run_node("tokens_acorn.mjs", text=text).splitlines()]
    wrong = []
    for path, answer in zip(scripts, answers, strict=True):
        name = str(path.relative_to(tree))
        if "error" in answer:
            wrong.append(f"{name}: acorn: {answer['error']}")
        elif answer["difference"] is not None:
            wrong.append(f"{name}: the shipped script differs: {answer['difference']}")
        elif digest(tokenize(path.read_text("utf-8"))) != answer["digest"]:
            wrong.append(f"{name}: other tokens")
    assert not wrong, "\n".join(wrong)


def digest(tokens: Tokens) -> str:
    """Return the digest of all tokens, as ``tokens_acorn.mjs`` makes it."""
    at = len(tokens.pieces[0])
    numbers = array("I")
    astral = any(piece > "\uffff" or not piece.isascii() for piece in tokens.pieces)
    for piece, kind in zip(tokens.pieces[1:], tokens.kinds[1:], strict=True):
        end = at + (len(piece.encode("utf-16-le")) // 2 if astral else len(piece))
        if kind not in context.GAPS:
            numbers.extend((acorn_kind(piece, kind), at, end))
        at = end
    return hashlib.sha256(numbers.tobytes()).hexdigest()


def acorn_kind(piece: str, kind: int) -> int:
    if kind == context.LITERAL:
        return 2
    if kind == context.PRIVATE:
        return 3
    if kind in (context.TEMPLATE, context.TEMPLATE_OPEN):
        return 4
    return 1 if piece[0] in "_$\\" or piece[0].isalpha() or not piece.isascii() else 5

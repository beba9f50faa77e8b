"""Every script of real releases, seen by our tokenizer and by acorn, before and after."""

from __future__ import annotations

import hashlib
import json
from array import array
from pathlib import Path

from assetpipe.kinds.js import KIND, context
from assetpipe.kinds.js.tokens import Tokens, tokenize
from assetpipe.kinds.model import Options
from assetpipe.kinds.text import decode
from tests.corpus import require_tree
from tests.node import require_node, run_node


def test_tokens_and_trees_are_acorns(tmp_path: Path) -> None:
    require_node()
    tree = require_tree("medium")
    scripts = sorted(
        path
        for path in tree.rglob("*.*js")
        if path.suffix in SUFFIXES
        and path.is_file()
        and not path.relative_to(tree).as_posix().startswith(TWINS)
    )
    outputs = [ship(path, tmp_path / f"{number}.js") for number, path in enumerate(scripts)]
    requests = [
        json.dumps({"source": str(source), "output": output and str(output)}) + "\n"
        for source, output in zip(scripts, outputs, strict=True)
    ]
    answers = run_node("tokens_acorn.mjs", text="".join(requests)).splitlines()
    wrong = {
        str(path.relative_to(tree)): problem
        for path, answer in zip(scripts, answers, strict=True)
        if (problem := fault(path, json.loads(answer)))
    }
    assert wrong == {}


SUFFIXES = (".cjs", ".js", ".mjs")
TWINS = (
    "fontawesome/js/all", "swagger-ui/swagger-ui-es-bundle", "three/build/three.webgpu.nodes",
    "three/examples/jsm/libs/draco/gltf/", "video.js/alt/", "video.js/video.cjs",
)  # fmt: skip
"""What says the same as another script beside it, put together for another loader."""


def ship(path: Path, output: Path) -> Path | None:
    """Write what ships of a script if it is not the script itself; return its path."""
    data = path.read_bytes()
    shipped = KIND.transform(data, Options(minify=".min." not in path.name))
    assert shipped.notes == (), path
    if shipped.body == data:
        return None
    output.write_bytes(shipped.body)
    return output


def fault(path: Path, answer: dict[str, str | None]) -> str | None:
    """Return what acorn sees otherwise, or ``None``."""
    if "error" in answer:
        return f"acorn cannot read it: {answer['error']}"
    if answer["difference"] is not None:
        return f"what ships differs: {answer['difference']}"
    tokens = tokenize(decode(path.read_bytes()).chars)
    return None if digest(tokens) == answer["digest"] else "other tokens"


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

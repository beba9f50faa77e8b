"""An independent judge of a release: reads only the files, and shares no code with the build.

It asks whether the release keeps the contract (names are hashes of the bytes, siblings decode to
the file, the manifest tells the truth) and whether the site still works (every URL in a
stylesheet or script leads to the file that its source led to, every script has the syntax tree
of its source, every stylesheet its rules). ``python -m tests.checker SOURCE OUT`` prints what
it finds.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import posixpath
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import brotli
import zstandard

from tests import checker_css
from tests.checker_css import Reference
from tests.node import run_node

SCRIPTS = {".cjs", ".js", ".mjs"}
SHEETS = {".css"}
SUFFIXES = {"br": ".br", "gzip": ".gz", "zstd": ".zst"}
LEAST_SIZE = 500
LARGEST_SHARE = 0.95
LARGEST_WINDOW = 8 << 20
"""What browsers accept of zstd (RFC 9659)."""

# URLs that lead to no file of the tree: absolute ones of every sort, a mere query or fragment.
_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|[/\\?#]|$")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file's source and output side by side.

    Attributes:
        difference: how the output means something else, or ``None``.
        source: references of the source, in order.
        output: references of the output, in order.
    """

    difference: str | None
    source: list[Reference]
    output: list[Reference]


def check(
    source: Path | Mapping[str, Path], out: Path, *, unhashed: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with a release, a sentence each.

    Args:
        source: the source folder, or several by the prefix of their names (``""`` for none).
        out: the output folder.
        unhashed: logical names whose files must keep their names; all others must be hashed.
    """
    sources = _sources({"": source} if isinstance(source, Path) else source)
    try:
        assets: dict[str, Any] = json.loads((out / "manifest.json").read_bytes())["assets"]
    except (OSError, ValueError, KeyError) as error:
        return [f"manifest.json cannot be read: {error!r}."]
    complaints = [f"{name} is not in the manifest." for name in sources if name not in assets]
    complaints += [f"{name} is made of no source." for name in assets if name not in sources]
    graph = {name: asset["references"] for name, asset in assets.items()}
    readable = {}
    for name, asset in assets.items():
        path = out / asset["file"]
        if not path.is_file():
            complaints.append(f"{name}: its file {asset['file']} does not exist.")
            continue
        if name in sources:
            readable[name] = (sources[name], path)
        body = path.read_bytes()
        complaints += (
            f"{name}: {complaint}"
            for complaint in (
                *_check_body(asset, body),
                *_check_name(name, asset, body, kept=name in unhashed, cyclic=_cyclic(name, graph)),
                *_check_siblings(asset, body, out),
            )
        )
    by_file = {asset["file"]: name for name, asset in assets.items()}
    for name, comparison in _compare(readable):
        if comparison.difference:
            complaints.append(f"{name}: {comparison.difference}.")
        complaints += (
            f"{name}: {complaint}"
            for complaint in _check_references(name, assets[name], comparison, sources, by_file)
        )
    return complaints


def _sources(roots: Mapping[str, Path]) -> dict[str, Path]:
    """Return every file of the roots by logical name, dotfiles left out as the contract says."""
    found = {}
    for prefix, root in roots.items():
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") and part != ".well-known" for part in name.split("/"))
            if path.is_file() and not hidden:
                found[posixpath.join(prefix, name)] = path
    return found


def _check_body(asset: Mapping[str, Any], body: bytes) -> Iterator[str]:
    if asset["size"] != len(body):
        yield f"the manifest says {asset['size']} bytes, the file has {len(body)}."
    integrity = f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}"
    if asset["integrity"] != integrity:
        yield f"the manifest's integrity {asset['integrity']} is not that of the file, {integrity}."


def _check_name(
    name: str, asset: Mapping[str, Any], body: bytes, *, kept: bool, cyclic: bool
) -> Iterator[str]:
    file = asset["file"]
    if kept:
        if file != name:
            yield f"it should keep its name, and is {file}."
        return
    if not asset["immutable"]:
        yield "its name is a hash, and yet the manifest does not call it immutable."
    folder, base = posixpath.split(name)
    stem, suffix = posixpath.splitext(base)
    pattern = rf"{re.escape(stem)}\.([0-9a-f]{{12}}){re.escape(suffix)}"
    named = re.fullmatch(pattern, posixpath.basename(file))
    if posixpath.dirname(file) != folder or named is None:
        yield f"its file {file} is not named by it and twelve hexadecimal digits."
    elif not cyclic and named[1] != hashlib.sha256(body).hexdigest()[:12]:
        # The names of a cycle's members depend on one another, so no file's own bytes give them.
        yield f"its file {file} is not named by the hash of its bytes."


def _cyclic(name: str, graph: Mapping[str, list[str]]) -> bool:
    """Say whether a file leads back to itself through its references."""
    seen: set[str] = set()
    waiting = list(graph[name])
    while waiting:
        other = waiting.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            waiting += graph.get(other, ())
    return False


def _check_siblings(asset: Mapping[str, Any], body: bytes, out: Path) -> Iterator[str]:
    for coding, size in asset["encodings"].items():
        file = asset["file"] + SUFFIXES[coding]
        path = out / file
        if not path.is_file():
            yield f"its sibling {file} does not exist."
            continue
        data = path.read_bytes()
        if len(data) != size:
            yield f"the manifest says {size} bytes of {file}, which has {len(data)}."
        if len(body) < LEAST_SIZE or len(data) > LARGEST_SHARE * len(body):
            yield f"{file} saves too little: {len(data)} of {len(body)} bytes."
        try:
            decoded = _decode(coding, data)
        except (brotli.error, zstandard.ZstdError, OSError, EOFError) as error:
            yield f"{file} cannot be decoded: {error}."
            continue
        if decoded != body:
            yield f"{file} decodes to other bytes than the file's."
        if coding == "gzip" and data[3:8] != bytes(5):
            # Flags (a file name among them) and time: both differ by machine (RFC 1952, 2.3).
            yield f"{file} has a time or a file name in its header."


def _decode(coding: str, data: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "br":
        decoded: bytes = brotli.decompress(data)
        return decoded
    decoder = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    return decoder.decompressobj().decompress(data)


def _compare(files: Mapping[str, tuple[Path, Path]]) -> Iterator[tuple[str, Comparison]]:
    """Yield the comparison of each stylesheet and script; the two sorts run side by side."""
    sheets, scripts = (
        {name: paths for name, paths in files.items() if paths[0].suffix.lower() in suffixes}
        for suffixes in (SHEETS, SCRIPTS)
    )
    with ThreadPoolExecutor(1) as aside:
        compared = aside.submit(_compare_scripts, scripts)
        for name, (source, output) in sheets.items():
            yield name, _compare_sheets(source.read_bytes(), output.read_bytes())
        yield from compared.result().items()


def _compare_sheets(source: bytes, output: bytes) -> Comparison:
    before = checker_css.read(source)
    if source == output:
        return Comparison(None, before.references, before.references)
    after = checker_css.read(output)
    difference = None
    if before.tokens != after.tokens:
        same = zip(before.tokens, after.tokens, strict=False)
        at = next((at for at, (one, other) in enumerate(same) if one != other), None)
        if at is None:
            at = min(len(before.tokens), len(after.tokens))
        line = (before.lines or [1])[min(at, len(before.lines) - 1)]
        difference = (
            f"has other rules from line {line} of its source: "
            f"{before.tokens[at : at + 8]} became {after.tokens[at : at + 8]}"
        )
    return Comparison(difference, before.references, after.references)


def _compare_scripts(files: Mapping[str, tuple[Path, Path]]) -> dict[str, Comparison]:
    if not files:
        return {}
    requests = "".join(
        json.dumps({"name": name, "source": str(source), "output": str(output)}) + "\n"
        for name, (source, output) in files.items()
    )
    answers = map(json.loads, run_node("compare.mjs", text=requests).splitlines())
    return {
        answer["name"]: Comparison(
            answer["difference"],
            [Reference(**reference) for reference in answer["source"]],
            [Reference(**reference) for reference in answer["output"]],
        )
        for answer in answers
    }


def _check_references(
    name: str,
    asset: Mapping[str, Any],
    comparison: Comparison,
    sources: Collection[str],
    by_file: Mapping[str, str],
) -> Iterator[str]:
    """Follow each reference of the output, and see that it leads where its source led."""
    in_source, in_output = comparison.source, comparison.output
    if not _maps(in_output):
        # A minified file may leave out its map, which would tell of other lines.
        in_source = [reference for reference in in_source if reference.role != "sourcemap"]
    if len(in_source) != len(in_output):
        yield f"has {len(in_source)} references in its source and {len(in_output)} in its output."
        return
    led_to: set[str] = set()
    for before, after in zip(in_source, in_output, strict=True):
        wanted, tail = _target(name, before)
        if wanted is None or wanted not in sources:
            if after.specifier != before.specifier:
                yield (
                    f"{before.specifier!r} in line {before.line} leads to no file, and yet was "
                    f"made {after.specifier!r}."
                )
            continue
        file, new_tail = _target(asset["file"], after)
        if by_file.get(file or "") != wanted:
            yield (
                f"{before.specifier!r} in line {before.line} means {wanted}, and was made "
                f"{after.specifier!r}, which leads to {file or 'no file'}."
            )
        elif new_tail != tail:
            yield f"{before.specifier!r} in line {before.line} lost its {tail!r}."
        led_to.add(wanted)
    if set(asset["references"]) != led_to:
        yield (
            f"the manifest's references {sorted(asset['references'])} are not those of the "
            f"file, {sorted(led_to)}."
        )


def _maps(references: list[Reference]) -> bool:
    return any(reference.role == "sourcemap" for reference in references)


def _target(referrer: str, reference: Reference) -> tuple[str | None, str]:
    """Return the path below the root that a relative URL leads to, and its query and fragment.

    The path is ``None`` for what is no relative URL, or leads out of the tree.
    """
    url = reference.specifier.strip(" \t\r\n\f")
    bare = reference.role == "module" and not url.startswith(("./", "../"))
    if bare or _ELSEWHERE.match(url):
        return None, ""
    end = min((url.find(mark) for mark in "?#" if mark in url), default=len(url))
    path = posixpath.join(posixpath.dirname(referrer), unquote(url[:end]))
    inside = posixpath.normpath(path)
    leaves = inside == ".." or inside.startswith("../")
    return (None if leaves or path.endswith("/") else inside), url[end:]


def main() -> None:
    """Check the release of one source folder, from the command line."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.checker SOURCE OUT")
    complaints = check(Path(sys.argv[1]), Path(sys.argv[2]))
    print(*complaints, sep="\n", end="\n" if complaints else "")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()

"""Linking: references become relative URLs of final names, and final bytes get their hashes.

A file's name is the hash of its bytes, and its bytes hold the names of the files it refers to:
so a file is named after all that it can see, and a changed leaf renames everything that can
see it, and nothing else. Files that refer to each other in a circle are named as one group.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote, unquote

from assetpipe import names
from assetpipe.build.cache import key
from assetpipe.build.model import Problem, Severity
from assetpipe.build.transforms import Prepared
from assetpipe.kinds.model import SEPARATOR, Reference, Role
from assetpipe.kinds.urls import TAIL_SAFE, is_remote, split_url
from assetpipe.mediatypes import media_type

MAP_SUFFIX = ".map"
"""What a script's or stylesheet's name gets to name its source map."""

_SUGGESTIONS = 100
"""Looking for near names takes time; nobody reads more of them than this."""


def integrity(data: bytes) -> str:
    """Return the subresource integrity of some bytes: ``sha384-<base64>`` (W3C SRI, 3.1)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode()


class Edit(NamedTuple):
    """Bytes ``start`` to ``end`` of a body become ``text``."""

    start: int
    end: int
    text: str


class Linked(NamedTuple):
    """A file under its final name, with its final bytes known by their hashes.

    A named tuple, as each rebuild after an edit makes one of every file.

    Attributes:
        name: logical name.
        file: output file.
        link: hash of all that the final bytes depend on: the body and its edits.
        digest: SHA-256 of the final bytes.
        integrity: ``sha384-…`` of the final bytes.
        size: bytes.
        references: logical names of its targets, sorted.
        whole: no reference is missing.
    """

    name: str
    file: str
    link: str
    digest: str
    integrity: str
    size: int
    references: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Missing:
    """A URL below the public path that names no file: the name, and what it is instead."""

    name: str
    is_folder: bool


class Resolver:
    """Finds the logical name that a URL in a file means, as a browser would (WHATWG URL, 4.4)."""

    def __init__(self, public_path: str, known: Collection[str]) -> None:
        self._public = [segment for segment in public_path.split("/") if segment]
        self._names = known
        self._known: dict[tuple[str, str], str | Missing | None] = {}
        self._folders: dict[str, list[str]] | None = None
        self._bases: dict[str, list[str]] = {}
        self._suggested = 0

    def resolve(self, referrer: str, specifier: str, role: Role) -> str | Missing | None:
        """Return the target's logical name, what is missing, or ``None`` if it is no file of ours.

        Not files of ours are other schemes and hosts, ``#fragment``, bare module specifiers,
        and paths outside the public path.
        """
        if role == "map":
            return referrer + MAP_SUFFIX
        if role == "module" and not specifier.startswith(("./", "../", "/")):
            return None
        folder = referrer.rpartition("/")[0]
        try:
            return self._known[folder, specifier]
        except KeyError:
            found = self._known[folder, specifier] = self._find(folder, specifier)
            return found

    def _find(self, folder: str, specifier: str) -> str | Missing | None:
        path, _ = split_url(specifier)
        if not path or is_remote(path):
            return None
        segments = [] if path[0] == "/" else [*self._public, *filter(None, folder.split("/"))]
        pieces = [unquote(piece) for piece in path.split("/")]
        for piece in pieces:
            if piece == "..":
                del segments[-1:]
            elif piece not in {"", "."}:
                segments.append(piece)
        depth = len(self._public)
        if segments[:depth] != self._public:
            return None
        name = "/".join(segments[depth:])
        is_folder = pieces[-1] in {"", ".", ".."}
        if name in self._names and not is_folder:
            return name
        if not name:
            return Missing(name, is_folder=True)
        return Missing(name, is_folder or name in self._folder_index())

    def suggest(self, referrer: str, missing: Missing, role: Role) -> str:
        """Return what to write instead, as a hint, or nothing where no name is near."""
        in_folder = (
            "files in it get new names: list them under `plain` if a script needs the folder"
        )
        if missing.is_folder and role != "module":
            return in_folder
        self._suggested += 1
        if self._suggested > _SUGGESTIONS:
            return ""
        folders = self._folder_index()
        folder, _, base = missing.name.rpartition("/")
        near = names.nearest(
            missing.name,
            {
                *folders.get(folder, ()),
                *folders.get(missing.name, ()),
                *self._bases.get(base.casefold(), ()),
            },
        )
        if near:
            return f"did you mean {_url(referrer, near, role)}?"
        return in_folder if missing.is_folder else ""

    def _folder_index(self) -> dict[str, list[str]]:
        if self._folders is None:
            self._folders = {}
            for name in self._names:
                folder, _, base = name.rpartition("/")
                self._folders.setdefault(folder, []).append(name)
                self._bases.setdefault(base.casefold(), []).append(name)
                while folder:
                    folder = folder.rpartition("/")[0]
                    if folder in self._folders:
                        break
                    self._folders[folder] = []
        return self._folders


def _url(referrer: str, target: str, role: Role) -> str:
    url = names.relative_url(referrer, target)
    return f"./{url}" if role == "module" and not url.startswith(("./", "../")) else url


Offers = Callable[[str], Sequence[str]]
"""Returns the logical names of what may be shown in place of an image, the best first."""


@dataclass(frozen=True, slots=True)
class _Link:
    """One resolved reference, and all files that it needs."""

    reference: Reference
    targets: tuple[str, ...]


class Linker:
    """Links one set of prepared files.

    Args:
        files: every file by logical name.
        resolver: finds targets; knows the same names.
        fixed: says whether a name stays as it is.
        policy: the ``missing`` policy for a referring file's name.
        place: where a file lies, for messages.
        last: what the last build linked, by logical name, to be used again where it holds.
        kept: the names in ``last`` whose bodies, and all that decides what their references
            lead to, are what they were.
        body: reads a prepared file's bytes.
        offers: what stylesheets offer beside an image.
    """

    def __init__(
        self,
        files: Mapping[str, Prepared],
        resolver: Resolver,
        *,
        fixed: Callable[[str], bool],
        policy: Callable[[str], str],
        place: Callable[[str], str],
        last: Mapping[str, Linked],
        kept: Container[str],
        body: Callable[[Prepared], bytes],
        offers: Offers,
    ) -> None:
        self._files = files
        self._resolver = resolver
        self._fixed = fixed
        self._policy = policy
        self._place = place
        self._last = last
        self._kept = kept
        self._body = body
        self._offers = offers
        self._links: dict[str, list[_Link]] = {}
        self._output: dict[str, str] = {}
        self._integrity: dict[str, str] = {}
        # Files that hold the integrity of others, which changes though a fixed name does not.
        self._checking = {
            name
            for name, file in files.items()
            if any(reference.role == "integrity" for reference in file.references)
        }
        self.problems: list[Problem] = []

    def link(self) -> Iterator[tuple[Linked, bytes | None]]:
        """Yield every file after those it refers to, with its bytes where they had to be made."""
        targets = {name: self._targets(file) for name, file in self._files.items()}
        self._output = {name: name for name in self._files if self._fixed(name)}
        graph = {
            name: [
                target for target in found if target not in self._output or name in self._checking
            ]
            for name, found in targets.items()
            if found
        }
        for group in components(self._files, graph):
            if len(group) > 1 or group[0] in graph.get(group[0], ()):
                self._name_group(group, targets)
            for name in group:
                linked, data = self._reuse(name) or self._finish(self._files[name], targets[name])
                self._integrity[name] = linked.integrity
                yield linked, data

    def final(self, name: str) -> bytes:
        """Return the final bytes of a file that has been linked."""
        file = self._files[name]
        return splice(self._body(file), self._edits(file), file.encoding)

    def _targets(self, file: Prepared) -> tuple[str, ...]:
        if file.name in self._kept:
            return self._last[file.name].references
        links = self._links[file.name] = list(self._resolve(file, report=True))
        return tuple(sorted({target for link in links for target in link.targets}))

    def _resolve(self, file: Prepared, *, report: bool = False) -> Iterator[_Link]:
        for reference in file.references:
            if reference.role == "images":
                images = offered(file, reference, self._resolver, self._offers)
                if images:
                    yield _Link(reference, tuple(chain.from_iterable(images)))
                continue
            target = self._resolver.resolve(file.name, reference.specifier, reference.role)
            if isinstance(target, str):
                yield _Link(reference, (target,))
            elif target is not None and report and reference.role != "integrity":
                self._report(file, reference, target)

    def _report(self, file: Prepared, reference: Reference, missing: Missing) -> None:
        policy = self._policy(file.name)
        if policy == "ignore":
            return
        # A map only helps whoever debugs: that it is missing never stops a release.
        is_error = policy == "error" and reference.role != "sourcemap"
        severity: Severity = "error" if is_error else "warning"
        what = "names a folder, not a file" if missing.is_folder else "matches no file"
        self.problems.append(
            Problem(
                self._place(file.name),
                f'"{reference.specifier}" {what}',
                reference.line,
                reference.column,
                self._resolver.suggest(file.name, missing, reference.role),
                severity,
            )
        )

    def _name_group(self, group: Sequence[str], targets: Mapping[str, Sequence[str]]) -> None:
        """Name files that refer to each other: by the group's hash and their own logical names."""
        members = set(group)
        parts: list[str] = []
        for name in sorted(group):
            parts += [name, self._files[name].digest, str(len(targets[name]))]
            for target in targets[name]:
                parts += [target, "" if target in members else self._output[target]]
                if name in self._checking:
                    parts.append(self._integrity.get(target, ""))
        digest = key(*parts)
        for name in group:
            self._output.setdefault(name, names.fingerprinted(name, key(digest, name)))

    def _reuse(self, name: str) -> tuple[Linked, None] | None:
        """Return what the last build linked, if all that it depends on is as it was."""
        if name not in self._kept:
            return None
        last, output = self._last[name], self._output
        for target in last.references:
            before = self._last[target]
            if output[target] != before.file:
                return None
            if name in self._checking and self._integrity.get(target) != before.integrity:
                return None
        output[name] = last.file
        return last, None

    def _finish(self, file: Prepared, targets: tuple[str, ...]) -> tuple[Linked, bytes | None]:
        edits = self._edits(file)
        last = self._last.get(file.name)
        data, link = None, file.digest
        if edits:
            link = key(file.digest, *(f"{edit.start}-{edit.end}-{edit.text}" for edit in edits))
        if not edits:
            digest, sri, size = file.digest, file.integrity, file.size
        elif last and last.link == link:
            digest, sri, size = last.digest, last.integrity, last.size
        else:
            data = splice(self._body(file), edits, file.encoding)
            digest, sri, size = hashlib.sha256(data).hexdigest(), integrity(data), len(data)
        output = self._output.get(file.name) or names.fingerprinted(file.name, digest)
        self._output[file.name] = output
        return Linked(
            file.name, output, link, digest, sri, size, targets, self._is_whole(file)
        ), data

    def _is_whole(self, file: Prepared) -> bool:
        return not any(
            isinstance(self._resolver.resolve(file.name, each.specifier, each.role), Missing)
            for each in file.references
            if each.role != "images"
        )

    def _edits(self, file: Prepared) -> list[Edit]:
        links = self._links.get(file.name)
        if links is None:
            links = list(self._resolve(file))
        return [edit for link in links if (edit := self._edit(file, link)) is not None]

    def _edit(self, file: Prepared, link: _Link) -> Edit | None:
        reference, target = link.reference, link.targets[0]
        if reference.role == "images":
            images = offered(file, reference, self._resolver, self._offers)
            return image_sets(file, reference, images, self._output.__getitem__)
        if reference.role == "integrity":
            # Of files that refer to each other, neither can hold the hash of the other.
            return Edit(reference.start, reference.end, self._integrity.get(target, ""))
        return edit(file, reference, target, self._output[target], lambda: self._body(file))


def edit(
    file: Prepared, reference: Reference, target: str, output: str, body: Callable[[], bytes]
) -> Edit | None:
    """Return the edit that makes a URL lead to its target's final name, if it must change.

    Args:
        file: the file that refers.
        reference: the URL in it.
        target: logical name of what it leads to.
        output: the target's output file.
        body: returns the bytes of the file that refers.
    """
    path, tail = split_url(reference.specifier)
    if output == target and reference.role != "map" and not path.startswith("/"):
        return None  # the name stays, and so does the URL that leads to it
    url = _url(file.name, output, reference.role)
    quoted = quote(tail, safe=TAIL_SAFE, errors="replace") if tail else ""
    if quoted != tail:
        # A quote or parenthesis in it means what it means (`#svgView(viewBox(…))`): where
        # the author could write it without an escape, it stays.
        written = tail.encode(file.encoding, "replace")
        if body()[reference.start : reference.end].endswith(written):
            return Edit(reference.start, reference.end - len(written), url)
    return Edit(reference.start, reference.end, url + quoted)


def offered(
    file: Prepared, reference: Reference, resolver: Resolver, offers: Offers
) -> list[tuple[str, ...]]:
    """Return what a declaration may show: of each URL the image, then what is offered beside it.

    Nothing where nothing is offered, or one of the URLs leads to no file.

    Args:
        file: the stylesheet.
        reference: the place behind the declaration.
        resolver: finds targets.
        offers: what may be shown in place of an image.
    """
    images: list[tuple[str, ...]] = []
    for specifier in reference.specifier.split(SEPARATOR)[1::2]:
        target = resolver.resolve(file.name, specifier, "url")
        if not isinstance(target, str):
            return []
        images.append((target, *offers(target)))
    return images if any(len(image) > 1 for image in images) else []


def image_sets(
    file: Prepared,
    reference: Reference,
    images: Sequence[Sequence[str]],
    output: Callable[[str], str],
) -> Edit:
    """Return the edit that repeats a declaration with its images in other formats.

    Args:
        file: the stylesheet.
        reference: the place behind the declaration.
        images: what it may show, as ``offered`` returns it.
        output: returns the output file of a target.
    """
    texts = reference.specifier.split(SEPARATOR)[::2]
    parts = [texts[0]]
    for (image, *others), text in zip(images, texts[1:], strict=True):
        parts.append(_url_function(file, output(image)))
        if others:
            choices = ",".join(
                f'{_url_function(file, output(each))} type("{media_type(each)}")'
                for each in (*others, image)
            )
            parts[-1] = f"image-set({choices})"
        parts.append(text)
    return Edit(reference.start, reference.end, f";{''.join(parts)}")


def _url_function(file: Prepared, output: str) -> str:
    return f"url({_url(file.name, output, 'url')})"


def splice(body: bytes, edits: Sequence[Edit], encoding: str) -> bytes:
    """Return the body with the edits made; their text is ASCII, written in the encoding."""
    parts, at = [], 0
    for start, end, text in edits:
        parts += [body[at:start], text.encode(encoding)]
        at = end
    return b"".join([*parts, body[at:]])


def components(
    nodes: Collection[str], graph: Mapping[str, Sequence[str]]
) -> Iterator[Sequence[str]]:
    """Yield the strongly connected components, each after those that it refers to.

    Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972) without
    recursion: chains of imports are longer than Python's stack is deep.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in nodes:
        if root in index:
            continue
        if root not in graph:
            index[root] = -1
            yield [root]
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        work = [(root, iter(graph[root]))]
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    work.append((target, iter(graph.get(target, ()))))
                    break
                if index[target] >= 0:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == index[node]:
                    group: list[str] = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        index[group[-1]] = -1
                    yield group

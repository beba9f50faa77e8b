"""What a document refers to: in attributes, and in the styles, scripts and maps that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from assetpipe.kinds.css.scan import scan
from assetpipe.kinds.html.markup import WHITE, Tag, attributes, fold, tags
from assetpipe.kinds.html.values import Value
from assetpipe.kinds.js.context import Unsure
from assetpipe.kinds.js.references import find, may_refer
from assetpipe.kinds.js.tokens import tokenize
from assetpipe.kinds.json import flaw, strings
from assetpipe.kinds.model import Role
from assetpipe.kinds.patterns import compiled
from assetpipe.kinds.urls import is_local

# The attributes that hold a URL (WHATWG HTML, "attributes" index; `background` is obsolete, but
# what e-mail is made of).
_URLS: Mapping[str, tuple[str, ...]] = {
    "audio": ("src",),
    "body": ("background",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("src",),  # becomes `img`
    "img": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "table": ("background",),
    "td": ("background",),
    "th": ("background",),
    "track": ("src",),
    "video": ("src", "poster"),
}
_SRCSETS = {"image": "srcset", "img": "srcset", "source": "srcset"}
_FOREIGN = frozenset({"feimage", "image", "script", "use"})

# Links to what the document is made of, not to other documents.
_RESOURCES = frozenset(
    {
        "apple-touch-icon",
        "apple-touch-icon-precomposed",
        "apple-touch-startup-image",
        "icon",
        "manifest",
        "mask-icon",
        "modulepreload",
        "prefetch",
        "preload",
        "stylesheet",
    }
)
_JAVASCRIPT = compiled(
    r"(?i)(?:application|text)/(?:x-)?(?:java|ecma)script|text/(?:javascript1\.[0-5]|jscript"
    r"|livescript)"
)

_ASKED = frozenset({*_URLS, *_SRCSETS, *_FOREIGN, "base", "input", "link", "meta", "style"})
_HAS_STYLE = compiled("(?ai)style")
_TEMPLATE = compiled(r"\{[{%#]|<[%?]|\$\{")
_CONTROL_AND_SPACE = "".join(map(chr, range(33)))
_TAIL = compiled("[?#]")
_FOLDER = compiled(r"(?:^|[/\\])\.{0,2}\Z")  # A page of the site, if anything.

# WHATWG HTML, "parse a srcset attribute".
_CANDIDATE = compiled(rf"[{WHITE},]*+([^{WHITE}]++)")
_DESCRIPTORS = compiled(r"(?:[^,(]++|\([^)]*+\)?)*+,?")

_FOREIGN_STYLE = compiled(r"([^<]*+)</|\s*+<!\[CDATA\[((?:[^\]]|\](?!\]>))*+)\]\]>\s*+</")
_CHARSET = compiled(rf"(?i)charset[{WHITE}]*+=[{WHITE}]*+[\"']?+([^\"';{WHITE}]++)")


class Found(NamedTuple):
    """A place that names a file: its position in characters, what stands there, its role."""

    start: int
    end: int
    specifier: str
    role: Role


class Doubt(NamedTuple):
    """Something that is not followed: its position, what it is, and what to do."""

    position: int
    message: str
    hint: str


class Document:
    """All that a document refers to, and what it says of itself.

    Attributes:
        found: its references, in order.
        doubts: what is not followed, in order.
        charset: the encoding that it declares, in lower case; empty if it declares none.
    """

    def __init__(self, chars: str) -> None:
        self._chars = chars
        self.found: list[Found] = []
        self.doubts: list[Doubt] = []
        self.charset = ""
        self._base: Value | None = None
        self._read()

    def _read(self) -> None:
        for tag in tags(self._chars):
            if tag.name in _ASKED or _HAS_STYLE.search(self._chars, tag.start, tag.end):
                self._take(tag, attributes(self._chars, tag.start, tag.end))
        if self._base is not None:
            self._leave_based(self._base)

    def _take(self, tag: Tag, values: Mapping[str, Value]) -> None:
        """Take one start tag."""
        found = [*_files(tag, values)]
        if "style" in values:
            found += _in_style(values["style"])
        self.found += sorted(found)
        if tag.is_foreign:
            if tag.name == "style":
                self._foreign_style(tag)
        elif tag.name == "style":
            if _text(values, "type") in {"", "text/css"}:
                self._style(tag.end, tag.content)
        elif tag.name == "script" and "src" not in values:
            self._script(tag, _text(values, "type"))
        elif tag.name == "base" and self._base is None:
            self._base = values.get("href")
        elif tag.name == "meta" and not self.charset:
            self.charset = _charset(values)

    def _style(self, start: int, end: int) -> None:
        for each in scan(self._chars[start:end]).found:
            if is_local(each.specifier):
                span = start + each.start, start + each.end
                self.found.append(Found(*span, each.specifier, each.role))

    def _foreign_style(self, tag: Tag) -> None:
        """Take the text of a style in SVG, which is markup: without any in it, or one section."""
        text = _FOREIGN_STYLE.match(self._chars, tag.end)
        if text and self._chars[tag.end - 2] != "/":
            self._style(*text.span(text.lastindex or 0))

    def _script(self, tag: Tag, kind: str) -> None:
        text = self._chars[tag.end : tag.content]
        if kind == "importmap":
            self._import_map(text, tag.end)
        elif kind == "module" or not kind or _JAVASCRIPT.fullmatch(kind):
            self._program(text, tag.end, module=kind == "module")

    def _program(self, text: str, start: int, *, module: bool) -> None:
        if not may_refer(text):
            return
        try:
            tokens = tokenize(text, module=module)
        except Unsure as unsure:
            self.doubts.append(
                Doubt(
                    start + unsure.position,
                    f"not followed, for it is not certain what this means: {unsure.reason}",
                    "mend the script, or move it to a file of its own",
                )
            )
            return
        starts = [*accumulate(map(len, tokens.pieces), initial=start)]
        for hit in find(tokens, worker=False):
            if hit.is_local() and hit.role != "worker":
                inside = starts[hit.piece] + 1, starts[hit.piece + 1] - 1
                self.found.append(Found(*inside, hit.specifier, hit.role))

    def _import_map(self, text: str, start: int) -> None:
        """Take the URLs of an import map (WHATWG HTML, 8.1.6.2, "import maps")."""
        broken = flaw(text)
        if broken:
            place = start + broken.position
            self.doubts.append(
                Doubt(place, f"the import map is not valid JSON: {broken.reason}", "mend it")
            )
            return
        for string in strings(text, 3):
            part, *inner = string.path or ("",)
            role: Role = "module"
            url = string.value
            if part == "integrity" and len(inner) == 1:
                if not string.is_name:
                    role, url = "integrity", inner[0] or ""
            elif not (part == "imports" and len(inner) == 1) and not (
                part == "scopes" and 1 <= len(inner) <= 2
            ):
                continue
            if url.startswith(("/", "./", "../")) and not url.endswith("/") and is_local(url):
                self.found.append(Found(start + string.start, start + string.end, url, role))

    def _leave_based(self, base: Value) -> None:
        """Leave out the references that ``<base>`` leads elsewhere."""
        url = base.text.strip(_CONTROL_AND_SPACE)
        if _TAIL.split(url)[0] in {"", ".", "./"}:
            return
        if self.found:
            # Those that begin with a slash, too: what is written for them would be relative.
            self.found.clear()
            self.doubts.append(
                Doubt(
                    base.start,
                    "the document's URLs are not followed, for <base> leads them elsewhere",
                    "remove it, or list the files under `plain`",
                )
            )
            self.doubts.sort()


def _text(values: Mapping[str, Value], name: str) -> str:
    """Return an attribute that is a keyword: trimmed, in lower case; empty if there is none."""
    return fold(values[name].text.strip(_CONTROL_AND_SPACE)) if name in values else ""


def _files(tag: Tag, values: Mapping[str, Value]) -> Iterator[Found]:
    """Yield the URLs in the attributes of a tag, but those in its style."""
    urls: tuple[str, ...] = ()
    srcset = ""
    if tag.is_foreign:
        if tag.name in _FOREIGN:
            urls = ("href", "xlink:href")
    elif tag.name == "link":
        if not _RESOURCES.isdisjoint(_text(values, "rel").split()):
            urls, srcset = ("href",), "imagesrcset"
    elif tag.name == "input":
        urls = ("src",) if _text(values, "type") == "image" else ()
    else:
        urls, srcset = _URLS.get(tag.name, ()), _SRCSETS.get(tag.name, "")
    for name in urls:
        if name in values:
            found = [*_url(values[name], 0, len(values[name].text))]
            yield from found
            if found and tag.name in {"link", "script"} and "integrity" in values:
                yield from _integrity(values["integrity"], found[0].specifier)
    if srcset in values:
        yield from _srcset(values[srcset])


def _url(value: Value, start: int, end: int) -> Iterator[Found]:
    """Yield a URL that is part of a value, without its query and fragment: these stay."""
    text = value.text[start:end]
    url = text.strip(_CONTROL_AND_SPACE)
    if not is_local(url) or _TEMPLATE.search(url):
        return
    start += text.index(url)
    path = _TAIL.split(url, maxsplit=1)[0]
    if not _FOLDER.search(path):
        yield Found(value.at(start), value.at(start + len(path)), path, "url")


def _integrity(value: Value, specifier: str) -> Iterator[Found]:
    """Yield the integrity of a script or stylesheet; an empty one checks nothing."""
    if value.text.strip() and not _TEMPLATE.search(value.text):
        yield Found(value.at(0), value.at(len(value.text)), specifier, "integrity")


def _srcset(value: Value) -> Iterator[Found]:
    if _TEMPLATE.search(value.text):
        return
    at = 0
    while candidate := _CANDIDATE.match(value.text, at):
        url = candidate[1].rstrip(",")
        yield from _url(value, candidate.start(1), candidate.start(1) + len(url))
        at = candidate.end()
        if url == candidate[1]:
            descriptors = _DESCRIPTORS.match(value.text, at)
            at = descriptors.end() if descriptors else at


def _in_style(value: Value) -> Iterator[Found]:
    """Yield the URLs of a ``style`` attribute."""
    if _TEMPLATE.search(value.text):
        return
    for each in scan(value.text).found:
        if each.role != "url" or not is_local(each.specifier):
            continue
        path = _TAIL.split(each.specifier, maxsplit=1)[0]
        tail = each.specifier[len(path) :]
        if value.text.endswith(tail, each.start, each.end):
            span = value.at(each.start), value.at(each.end - len(tail))
            yield Found(*span, path, "url")
        else:
            yield Found(value.at(each.start), value.at(each.end), each.specifier, "url")


def _charset(values: Mapping[str, Value]) -> str:
    """Return the encoding that a ``meta`` declares, in lower case."""
    if "charset" in values:
        return _text(values, "charset")
    if _text(values, "http-equiv") == "content-type" and "content" in values:
        declared = _CHARSET.search(values["content"].text)
        return fold(declared[1]) if declared else ""
    return ""

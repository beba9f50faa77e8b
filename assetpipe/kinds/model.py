"""What a format's code takes and gives: bytes and options in, bytes and references out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Role = Literal["url", "import", "module", "worker", "sourcemap", "map", "integrity", "images"]
"""How a reference is used.

``url``: any URL relative to the file (CSS ``url()``, JavaScript ``new URL(…, import.meta.url)``);
``import``: a stylesheet's ``@import``; ``module``: an ECMAScript module specifier, where a name
without ``./`` is not a URL; ``worker``: ``importScripts``; ``sourcemap``: ``sourceMappingURL`` as
the author wrote it; ``map``: the empty place for the URL of the file's own new source map;
``integrity``: what stands there is not a URL, but the integrity (W3C SRI) of the file that the
specifier names; ``images``: the empty place behind a declaration of CSS, for the same with images
in other formats, the specifier being that declaration with ``SEPARATOR`` on either side of each
URL.
"""

SEPARATOR = "\0"

SourceMaps = Literal["off", "linked", "hidden"]
"""What becomes of source maps: none are made; made and named by the code; made, but not named."""


class Reference(NamedTuple):
    """One place in a body that names another file.

    A named tuple, as a tree holds tens of thousands, and every rebuild reads them all.

    Attributes:
        start: byte offset in the body of the first byte that names the file (inside the quotes).
        end: byte offset in the body behind the last such byte.
        specifier: what stands there, escapes of the format resolved: a URL reference.
        role: how it is used.
        line: line in the *source*, from 1.
        column: column in the *source*, from 1, in characters.
    """

    start: int
    end: int
    specifier: str
    role: Role
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Note:
    """A warning about one file, at a place in its source (``line`` 0: about the whole file).

    Attributes:
        message: what is wrong, one sentence without a final full stop.
        line: from 1.
        column: from 1, in characters.
        hint: what to do.
        file: another file that it is about, as a person would write its path.
    """

    message: str
    line: int = 0
    column: int = 0
    hint: str = ""
    file: str = ""


WORTHWHILE = 0.99
"""What would keep more than this share of its size was minified before, and stays as it is."""

UTF_16 = Note("the file is UTF-16: shipped unminified", hint="save it as UTF-8")
"""What a file in an encoding of two bytes a character is told of."""


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """What an image's transform may depend on besides the bytes.

    Attributes:
        memory: bytes that working on one image may take; what would take more ships untouched.
        metadata: keep what cameras and programs have written into it, such as the place where a
            photograph was taken; orientation and colour profiles are always kept as they matter.
        placeholder: work out a placeholder and the dominant colour.
        suffix: of its name, in lower case, which its content should not contradict.
    """

    memory: int = 512 << 20
    metadata: bool = False
    placeholder: bool = True
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """All that a transform may depend on besides the bytes: part of the cache key.

    Attributes:
        minify: write the smallest equal program; ``False`` for ``*.min.*`` and on request.
        minifier: what writes scripts smaller: ``assetpipe``, or another one and its version.
        module: the file's name says that it is an ECMAScript module (``.mjs``).
        worker: the file is configured to be a worker, so ``importScripts`` counts.
        source_maps: whether a way back to the source is kept.
        made: the build itself made the source, of something else, so that a way back is kept even
            if the body is the source.
        image: for images alone.
        image_set: for stylesheets alone: leave places for images in other formats.
    """

    minify: bool = True
    minifier: str = "assetpipe"
    module: bool = False
    worker: bool = False
    source_maps: SourceMaps = "off"
    made: bool = False
    image: ImageOptions | None = None
    image_set: bool = False


@dataclass(frozen=True, slots=True)
class Minified:
    """A script as another minifier wrote it.

    Attributes:
        code: the script.
        mappings: its mappings to the source, encoded as in a source map (ECMA-426), index 0 being
            the source; empty unless asked for.
        names: what the indices of names in ``mappings`` stand for.
    """

    code: str
    mappings: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapped:
    """The way back from a changed body to its source (ECMA-426).

    Attributes:
        mappings: the mappings of the body, encoded as in a source map; index 0 is the source.
        names: what the indices of names in ``mappings`` stand for.
        places: of each of the body's references the line and column behind its last character,
            both from 0, the column in UTF-16 code units: what linking moves begins there.
        url: the source map that the source itself names; empty if it names none.
        line: line of that URL in the source, from 1.
        column: its column, from 1, in characters.
    """

    mappings: str
    names: tuple[str, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    url: str = ""
    line: int = 0
    column: int = 0


class Picture(NamedTuple):
    """What an image looks like.

    Attributes:
        width: in pixels, as it is shown: with its orientation applied.
        height: likewise.
        color: its dominant colour, ``#rrggbb``; empty if unknown.
        placeholder: a small ``data:`` URL that looks like it; empty where one can see through it.
        is_photo: it looks like a photograph, so that formats which lose detail suit it.
        is_still: it has a single frame.
    """

    width: int
    height: int
    color: str = ""
    placeholder: str = ""
    is_photo: bool = False
    is_still: bool = True


@dataclass(frozen=True, slots=True)
class Transformed:
    """The result of one file's transform.

    Attributes:
        body: the bytes to ship, references still as the author wrote them.
        references: in order of ``start``, never overlapping.
        notes: warnings.
        encoding: the Python codec in which ASCII text must be spliced into ``body``
            (``"utf-8"``, ``"utf-16-le"``, ``"utf-16-be"``, or ``"latin-1"`` for any other
            ASCII-compatible encoding). Only ``"utf-8"`` is announced as ``charset``.
        mapped: the way back to the source, where source maps are wanted and the body is not, or
            after linking may not be, the source's own bytes.
        picture: what it looks like, if it is an image that could be read.
    """

    body: bytes
    references: tuple[Reference, ...] = ()
    notes: tuple[Note, ...] = ()
    encoding: str = "utf-8"
    mapped: Mapped | None = None
    picture: Picture | None = None


class Kind(Protocol):
    """One format. ``version`` is part of the cache key: it names the code and its libraries."""

    name: str

    def version(self) -> str:
        """Return the version of the code and of the libraries that it uses."""

    def transform(self, data: bytes, options: Options) -> Transformed:
        """Transform one file's bytes. Never raises for bad input: it ships untouched, noted."""


@runtime_checkable
class Adopter(Kind, Protocol):
    """A format for which another program may do the minifying."""

    def adopt(self, data: bytes, options: Options, minified: Minified) -> Transformed:
        """Make the result of what another minifier wrote, as far as that can be trusted."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compiler made of a file.

    Attributes:
        data: the result.
        source_map: its source map; empty if there is none. The paths in it are relative to the
            folder of the file that was compiled, or absolute.
        needs: paths of the other files that were read: when one changes, the result is made anew.
    """

    data: bytes
    source_map: bytes = b""
    needs: tuple[str, ...] = ()


class CompileError(Exception):
    """A compiler does not accept a file.

    Attributes:
        message: what is wrong.
        path: the file to mend, which may be one that was imported.
        line: from 1; 0 if unknown.
        column: from 1; 0 if unknown.
    """

    def __init__(self, message: str, path: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message, path, line, column)
        self.message = message
        self.path = path
        self.line = line
        self.column = column


class Compiler(Protocol):
    """A format that becomes another one, which goes on from there as if its author had written it.

    Unlike a kind it may read other files, for its language has imports.

    Attributes:
        name: of the format, for messages.
        produces: suffix of the format it becomes, such as ``.css``.
    """

    name: str
    produces: str

    def version(self) -> str:
        """Return the version of the code and of the compiler that it uses."""

    def is_partial(self, name: str) -> bool:
        """Say whether a file, by its name, only serves to be imported and does not ship itself."""

    def compile(self, path: str, data: bytes) -> Compiled:
        """Compile one file.

        Args:
            path: where it lies, for imports relative to it.
            data: its bytes.

        Raises:
            CompileError: it, or a file that it imports, has an error.
        """

"""esbuild, an optional program that writes JavaScript smaller: it also shortens local names.

One process of it serves a whole build, by the protocol that its own npm package speaks to it:
packets on standard input and output, many requests at a time. Where esbuild is not wanted or
cannot read a file, ``assetpipe.kinds.js`` does the work alone.

It keeps the names that a classic script shares with others, those that a module exports, import
specifiers, ``import.meta``, legal comments in their places, ASCII as ASCII, and the names that a
direct ``eval`` or ``with`` can see. It is told to bring in no syntax that the source does without,
as a site may serve older browsers.

What no renaming minifier keeps: ``name`` of functions and classes, and their text. Code that reads
parameter names out of it, such as AngularJS without annotations, must stay as it is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

from assetpipe.errors import ConfigError, OutsideError
from assetpipe.kinds.js.lexical import LINE_END
from assetpipe.kinds.model import Minified
from assetpipe.kinds.text import Lines

_OLDEST = (0, 18, 0)  # the first release that the tests were run with
_PATIENCE = 60.0  # seconds; a megabyte takes esbuild a tenth of one
_GRACE = 2.0  # seconds
_LARGEST_PACKET = 1 << 29
_DEEPEST_VALUE = 16
_SAID = 500  # bytes of what it wrote to standard error
_HINT = 'build again; if it stays so, install another release, or set minifier = "assetpipe"'

_FLAGS = (
    "--loader=js",
    "--target=esnext",
    "--tree-shaking=false",
    # Else a call that the author marked as pure goes, if its result is not used.
    "--ignore-annotations",
    # A file is not inside a <script>. Without this, String.raw`</script>` would need a helper
    # function, which a classic script shares with all others.
    "--supported:inline-script=false",
    "--log-level=silent",
    "--log-limit=1",
)

# Syntax that shortens code, and what a source that has it must hold. A match in a string does no
# harm; but none may be missed, as esbuild translates what it finds of a feature that is disallowed.
_SYNTAX = (
    ("nullish-coalescing", re.compile(r"\?\?")),
    ("optional-catch-binding", re.compile(r"\bcatch\s*+[{/]")),
    ("optional-chain", re.compile(r"\?\.")),
    ("template-literal", re.compile("`")),
    ("unicode-escapes", re.compile(r"\\u\{")),
)

# A script without any of this may be older than ES2015, and then `{x: x}` must not become `{x}`.
# esbuild reports methods and computed names that it may not use; the shorthand is the same but for
# `__proto__`.
_ES2015 = re.compile(r"=>|`|\b(?:class|const|export|import|let|__proto__)\b")
_NO_SHORTHAND = "--supported:object-extensions=false"

_U32 = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Refused:
    """A script that esbuild cannot read; line and column from 1, in characters, 0 if unknown."""

    message: str
    line: int = 0
    column: int = 0


def find(configured: str, folder: Path) -> str:
    """Return the path of esbuild: as configured, installed for the project, or on ``PATH``.

    The project's own comes first, as it is the same on every machine.

    Args:
        configured: the option ``minifier_path``.
        folder: the project's; npm may have installed it there or in any folder above.

    Raises:
        ConfigError: it is in none of these places.
    """
    if configured:
        if found := shutil.which(configured):
            return found
        raise ConfigError(
            f"there is no program {configured}",
            where="minifier_path",
            hint="give the path of the esbuild program, or remove the option to have it searched",
        )
    folder = folder.absolute()
    places = [*(str(up / "node_modules" / ".bin") for up in (folder, *folder.parents)), None]
    for place in places:
        if found := shutil.which("esbuild", path=place):
            return found
    raise ConfigError(
        'minifier = "esbuild" needs the program esbuild, which was not found',
        where="minifier",
        hint="run: npm install --save-dev esbuild; or install your system's package of it, "
        "or name the program in `minifier_path`",
    )


def version(path: str) -> str:
    """Return the version of the program.

    Raises:
        OutsideError: it does not run, is not esbuild, or is too old.
    """
    process = _start([path, "--version"], subprocess.DEVNULL)
    with process:
        try:
            said = process.communicate(timeout=_PATIENCE)[0].decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            said = ""
        finally:
            _end(process, grace=0)
    number = re.match(r"(\d++)\.(\d++)\.(\d++)(?![^-+])", said)
    if number is None or process.returncode:
        raise OutsideError(
            f"{path} does not tell its version as esbuild does, but {said[:200]!r}",
            hint="if it is not esbuild, name the right program in `minifier_path`",
        )
    if tuple(map(int, number.groups())) < _OLDEST:
        raise OutsideError(
            f"{path} is esbuild {said}, which is too old",
            hint=f"install {'.'.join(map(str, _OLDEST))} or newer",
        )
    return said


class Esbuild:
    """An esbuild process, started by the first request; safe to use from many threads."""

    def __init__(self, path: str, version: str, *, patience: float = _PATIENCE) -> None:
        """Prepare, but start nothing.

        Args:
            path: what ``find`` returned.
            version: what ``version`` returned; the service refuses to work for any other.
            patience: seconds without any answer after which the process counts as stuck.
        """
        self._path, self.version, self._patience = path, version, patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._packets: SimpleQueue[bytes | None] = SimpleQueue()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._asked = 0
        self._answered = 0
        self._failure = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._failure = self._failure or "esbuild was asked after its end"
        if self._process is None or self._complaints is None:
            return
        self._packets.put(None)
        _end(self._process, grace=0 if error else _GRACE)
        for thread in self._threads:
            thread.join()
        self._complaints.close()

    def minify(self, code: str, *, module: bool, source_map: bool) -> Minified | Refused:
        """Return the script made smaller, or why that cannot be.

        Args:
            code: the script, without a byte order mark.
            module: it is a module by its name, so strict even if it neither imports nor exports.
            source_map: whether the mappings are wanted.

        Raises:
            OutsideError: esbuild does not start, died, is stuck, or does not speak its protocol.
        """
        flags = [
            *_FLAGS,
            # What was ASCII works under any charset, which a server might announce or not.
            f"--charset={'ascii' if code.isascii() else 'utf8'}",
            f"--sourcefile=source.{'mjs' if module else 'js'}",
        ]
        try:
            # First only without comments, to see what syntax there is.
            plain = self._ask(code, [*flags, "--legal-comments=none"])
            if refused := _refusal(plain, code):
                return refused
            flags += (
                f"--supported:{name}=false"
                for name, mark in _SYNTAX
                if not (mark.search(code) and mark.search(plain["code"]))
            )
            if not _ES2015.search(plain["code"]):
                known = self._ask(code, [*flags, _NO_SHORTHAND])
                flags += () if known["errors"] else (_NO_SHORTHAND,)
            flags += ["--minify", "--legal-comments=inline"]
            text = code
            if source_map:
                flags += ["--sourcemap=external", "--sources-content=false"]
                # esbuild would read a map that the source names and lead to the source's source.
                # The last name counts, and this one leads nowhere.
                text += "\n//# sourceMappingURL=none"
            answer = self._ask(text, flags)
            if refused := _refusal(answer, code):
                return refused
            smaller: str = answer["code"].removesuffix("\n")
            if not source_map:
                return Minified(smaller)
            mapped = json.loads(answer["map"])
            return Minified(smaller, mapped["mappings"], tuple(mapped["names"]))
        except (KeyError, TypeError, AttributeError, ValueError):
            raise self._fail(f"esbuild {self.version} gave an answer of an unknown form") from None

    def _ask(self, code: str, flags: list[str]) -> dict[str, Any]:
        request = {"command": "transform", "flags": flags, "inputFS": False, "input": code.encode()}
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            if self._failure:
                raise OutsideError(self._failure, hint=_HINT)
            if self._process is None:
                self._begin()
            number = self._asked
            self._asked += 1
            self._waiting[number] = answer
            self._packets.put(_packet(number, request))
        while True:
            answered = self._answered
            try:
                return answer.result(timeout=self._patience)
            except TimeoutError:
                if self._answered == answered:
                    raise self._fail(
                        f"esbuild has not answered for {self._patience:.0f} seconds"
                    ) from None

    def _begin(self) -> None:
        with ExitStack() as unless_started:
            complaints = unless_started.enter_context(tempfile.TemporaryFile())
            self._process = _start([self._path, f"--service={self.version}"], complaints)
            unless_started.pop_all()
        self._complaints = complaints
        # One thread for each direction: both pipes may be full at the same time, and a request
        # must not wait for ever on one that esbuild has stopped reading.
        self._threads = [
            threading.Thread(target=target, args=(self._process,), daemon=True)
            for target in (self._send, self._receive)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            with process.stdin as pipe:
                while (packet := self._packets.get()) is not None:
                    pipe.write(packet)
                    pipe.flush()
        except OSError:
            return  # the other thread sees the end, and says why

    def _receive(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            with process.stdout as pipe:
                if _read_packet(pipe) != self.version.encode():
                    raise ValueError
                while True:
                    number, answer = _answer(_read_packet(pipe))
                    with self._lock:
                        self._answered += 1
                        waiting = self._waiting.pop(number)
                    waiting.set_result(answer)
        except EOFError:
            self._fail(f"esbuild ended with status {_end(process, _GRACE)}")
        except (LookupError, ValueError):
            self._fail("esbuild does not speak the protocol of its version")

    def _fail(self, message: str) -> OutsideError:
        """End the process and fail all requests; the first reason counts."""
        assert self._process is not None  # noqa: S101 - something was asked
        assert self._complaints is not None  # noqa: S101
        _end(self._process, grace=0)
        with self._lock:
            if not self._failure:
                self._complaints.seek(0)
                said = self._complaints.read(_SAID).decode(errors="replace").split()
                self._failure = ": ".join(filter(None, (message, " ".join(said))))
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_exception(OutsideError(self._failure, hint=_HINT))
        return OutsideError(self._failure, hint=_HINT)


def _refusal(answer: dict[str, Any], code: str) -> Refused | None:
    if "error" in answer:
        return Refused(answer["error"])
    if not answer["errors"]:
        return None
    error = answer["errors"][0]
    place = error["location"]
    if place is None:
        return Refused(error["text"])
    start = 0
    for _ in range(place["line"] - 1):
        end = LINE_END.search(code, start)
        if end is None:
            break
        start = end.end()
    # The column counts bytes of UTF-8.
    before = code[start : start + place["column"]].encode()[: place["column"]]
    return Refused(error["text"], *Lines(code).at(start + len(before.decode(errors="ignore"))))


# The process. It leads a group of its own: what npm installs may be a script that starts the real
# program, and both must end. And Ctrl-C reaches the caller alone, who decides what it means.


def _start(command: list[str], complaints: IO[bytes] | int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the program that the user chose
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
    except OSError as error:
        raise OutsideError(
            f"{command[0]} does not start: {error.strerror}",
            hint="install esbuild again, or name another in `minifier_path`",
        ) from error


def _end(process: subprocess.Popen[bytes], grace: float) -> int:
    """Wait for the end, or bring it about after ``grace`` seconds; return the status."""
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        if sys.platform == "win32":
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


# A packet is its length, then a number (twice the request's, and one more in an answer), then a
# value, which begins with a byte that tells its type. All numbers are unsigned, 32 bits,
# little-endian.


class _Type(IntEnum):
    NULL, BOOL, NUMBER, STRING, BYTES, LIST, TABLE = range(7)


def _packet(number: int, value: Any) -> bytes:
    parts = [b"", _U32.pack(number << 1)]
    _write(value, parts)
    parts[0] = _U32.pack(sum(map(len, parts)))
    return b"".join(parts)


def _write(value: Any, parts: list[bytes]) -> None:
    match value:
        case bool():
            parts.append(bytes((_Type.BOOL, value)))
        case str():
            parts += bytes((_Type.STRING,)), *_sized(value.encode())
        case bytes():
            parts += bytes((_Type.BYTES,)), *_sized(value)
        case list():
            parts += bytes((_Type.LIST,)), _U32.pack(len(value))
            for item in value:
                _write(item, parts)
        case dict():
            parts += bytes((_Type.TABLE,)), _U32.pack(len(value))
            for key, item in value.items():
                parts += _sized(key.encode())
                _write(item, parts)


def _sized(data: bytes) -> tuple[bytes, bytes]:
    return _U32.pack(len(data)), data


def _read_packet(pipe: IO[bytes]) -> bytes:
    """Return the next packet without its length.

    Raises:
        EOFError: the pipe ended before.
        ValueError: no packet is that large.
    """
    head = pipe.read(_U32.size)
    if len(head) < _U32.size:
        raise EOFError
    size = _U32.unpack(head)[0]
    if size > _LARGEST_PACKET:
        raise ValueError
    packet = pipe.read(size)
    if len(packet) < size:
        raise EOFError
    return packet


def _answer(packet: bytes) -> tuple[int, dict[str, Any]]:
    """Return the number of the request, and the answer to it.

    Raises:
        ValueError: the packet is not an answer.
    """
    reader = _Reader(packet)
    number, is_answer = divmod(reader.number(), 2)
    value = reader.value()
    if not (is_answer and isinstance(value, dict) and reader.at == len(packet)):
        raise ValueError
    return number, value


class _Reader:
    """Reads the values of a packet; ``ValueError`` where there is none."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self.at = 0

    def value(self, depth: int = 0) -> Any:
        if depth > _DEEPEST_VALUE:
            raise ValueError
        match _Type(self._take(1)[0]):
            case _Type.NULL:
                return None
            case _Type.BOOL:
                return self._take(1) != b"\0"
            case _Type.NUMBER:
                return self.number()
            case _Type.STRING:
                return self._text()
            case _Type.BYTES:
                return self._take(self.number())
            case _Type.LIST:
                return [self.value(depth + 1) for _ in range(self.number())]
            case _Type.TABLE:
                return {self._text(): self.value(depth + 1) for _ in range(self.number())}

    def number(self) -> int:
        return int.from_bytes(self._take(4), "little")

    def _text(self) -> str:
        return self._take(self.number()).decode()

    def _take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > len(self._packet):
            raise ValueError
        return self._packet[start : self.at]

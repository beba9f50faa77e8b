"""The loop: build, wait until something changes, build again.

The first finished write begins a build at once. If more changes before it is done, such as the
other files of a ``git checkout``, it is given up; what else comes is waited for, and all is built
once. So there is no fixed wait before the first answer, and one release for each save.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from assetpipe.build import Config, Memory, Problem, Release, build
from assetpipe.build.cache import Cache, opened
from assetpipe.build.config import MIB
from assetpipe.build.output import Output
from assetpipe.build.sources import seen
from assetpipe.dev.address import Notice
from assetpipe.dev.command import Command
from assetpipe.dev.pages import Pages
from assetpipe.dev.scope import News, Scope
from assetpipe.errors import AssetpipeError, ConfigError
from assetpipe.globs import DEFAULT_IGNORE, matcher
from assetpipe.live import releases
from assetpipe.live.messages import Fault, State, Update
from assetpipe.live.watcher import Changed, Watcher, merge
from assetpipe.manifest import FILE_NAME, HISTORY, load

DRAFT: Mapping[str, Any] = {"minify": False, "encodings": [], "variants": "off"}
"""What the development profile sets, unless flags say otherwise."""

_IDLE = 1.0  # seconds without a change, after which there is time to tidy up
_LONGEST = 0.5  # seconds for which a build is given up when more changes
_GLANCE = 0.25  # seconds between looks at the command beside it
_REST = 5.0  # seconds in which Ctrl-C is heard on every system
_MOST_RELEASES = 16  # that this process made, before all but the last few are removed
_KEPT_RELEASES = 4
_PLACE = re.compile(r"(:\d+)+\Z")


class Ended(KeyboardInterrupt):
    """A signal wants the process to end, Ctrl-C among them.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _OutdatedError(Exception):
    """Something changed while it was built."""


_Outcome = Release | AssetpipeError | _OutdatedError


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A build that came to an end.

    Attributes:
        changed: what had changed, as people read it; nothing for the first build.
        release: what came of it.
        config: what was built.
        seconds: from the moment that the change was noticed.
        fresh: the warnings that the build before did not have.
    """

    changed: tuple[str, ...]
    release: Release
    config: Config
    seconds: float
    fresh: tuple[Problem, ...]


class Reporter(Protocol):
    """Tells people what happens."""

    def listening(self, url: str) -> None:
        """Tell where the watch process can be reached."""

    def building(self, done: int, total: int, what: str) -> None:
        """Tell how far a build is; see ``assetpipe.build.Progress``."""

    def waiting(self) -> None:
        """Tell that another build holds the output folder."""

    def built(self, rebuild: Rebuild) -> None:
        """Tell of a build."""

    def failed(self, error: AssetpipeError, changed: tuple[str, ...]) -> None:
        """Tell why there is no new release."""

    def reloaded(self, changed: tuple[str, ...]) -> None:
        """Tell that pages load again for what is no source."""

    def noted(self, text: str) -> None:
        """Tell something worth knowing."""


class Watch:
    """One run of the watch process.

    Args:
        configure: reads the configuration; called again when its file has changed.
        project: the folder with the configuration file.
        reporter: tells people.
        pages: tells browsers.
        command: what runs beside it.
        poll: look at the files again and again, instead of having the system tell.

    Raises:
        ConfigError: the configuration is wrong.
    """

    def __init__(
        self,
        configure: Callable[[], Config],
        project: Path,
        reporter: Reporter,
        pages: Pages,
        command: Command,
        *,
        poll: bool = False,
    ) -> None:
        self._configure = configure
        self._project = project
        self._reporter = reporter
        self._pages = pages
        self._command = command
        self._poll = poll
        self._config = configure()
        self._needs: Mapping[str, str] = {}  # what compilers read, and how it was
        self._scope = Scope(self._config, project, lambda: self._needs)
        self._watcher = self._new_watcher()
        self._notice = Notice()
        self._is_misconfigured = False
        self._memory = Memory()
        self._files: releases.Files | None = None  # as pages know them
        self._missed: frozenset[tuple[str, str]] = frozenset()
        self._release: Release | None = None
        self._shown = ""  # id of the release that pages know
        self._there: frozenset[str] = frozenset()  # ids of releases of others
        self._made: list[str] = []
        self._ended = 0  # the signal that came
        self._is_starting = False

    def end(self, number: int) -> None:
        """End the run from a handler of signals; what is raised there may be lost.

        Raises:
            Ended: unless a program is just being started, which would be left behind.
        """
        self._ended = number
        if not self._is_starting:
            raise Ended(number)

    def run(self) -> int:
        """Watch until the command ends; return its exit status.

        Raises:
            ConfigError: there is nothing to watch, or the command cannot be started.
            Ended: a signal came; the command has ended, too.
        """
        try:
            with self._pages:
                return self._run()
        except Ended as ended:
            self._command.stop(is_told=ended.number == signal.SIGINT)
            raise
        except BaseException:
            self._command.stop(is_told=False)
            raise
        finally:
            self._watcher.stop()
            self._notice.remove()
            with suppress(AssetpipeError):
                self._save()

    def _run(self) -> int:
        self._notice.put(self._pages.url, self._config)
        self._show()
        if self._shown:
            self._start()  # it takes longer than the build, and has a release to show
        self._reporter.listening(self._pages.url)
        self._watcher.start()
        self._begin()
        self._start()
        # What is there by now stays, and need not be looked at again and again.
        gc.freeze()
        is_tidy, last = False, time.monotonic()
        while (status := self._command.poll()) is None:
            if self._ended:
                raise Ended(self._ended)
            if self._watcher.wait(self._patience(is_tidy=is_tidy)):
                self._answer(self._watcher.take())
                is_tidy, last = False, time.monotonic()
            elif not is_tidy and time.monotonic() - last > _IDLE:
                with suppress(AssetpipeError):  # the next build will meet it, too
                    self._tidy()
                self._look_back()
                is_tidy = True
        return status

    def _start(self) -> None:
        """Start the command, whatever signal comes meanwhile."""
        self._is_starting = True
        try:
            self._command.start()
        finally:
            self._is_starting = False
        if self._ended:
            raise Ended(self._ended)

    def _patience(self, *, is_tidy: bool) -> float:
        """Return how long to wait for a change, in seconds."""
        if self._command:
            return _GLANCE
        return _REST if is_tidy else _IDLE

    def _begin(self) -> None:
        """Build for the first time."""
        started = time.perf_counter()
        outcome = self._attempt(self._scope.read(()), may_end=False)
        if isinstance(outcome, ConfigError):
            raise outcome
        self._finish(outcome, (), started)
        self._recall()

    def _answer(self, changed: Iterable[Changed]) -> None:
        """Build what changed, once, and tell what came of it."""
        started = time.perf_counter()
        everything: dict[str, Changed] = {}
        merge(everything, changed)
        while (news := self._scope.read(everything.values())).build:
            may_end = time.perf_counter() - started < _LONGEST
            outcome = self._attempt(news, may_end=may_end)
            if isinstance(outcome, Release) or not may_end:
                break
            # More changed meanwhile; or what is wrong is that half of it is still to come.
            self._watcher.settle()
            more = self._watcher.take()
            if not more and not isinstance(outcome, _OutdatedError):
                break
            merge(everything, more)
        else:
            if news.names:
                self._reporter.reloaded(news.names)
            return
        self._finish(outcome, news.names, started)

    def _finish(self, outcome: _Outcome, names: tuple[str, ...], started: float) -> None:
        if isinstance(outcome, Release):
            self._announce(outcome, names, time.perf_counter() - started)
        elif isinstance(outcome, AssetpipeError):
            self._fail(outcome, names)

    def _attempt(self, news: News, *, may_end: bool) -> _Outcome:
        """Build; with ``may_end``, not to the end if anything changes meanwhile."""

        def progress(done: int, total: int, what: str) -> None:
            if may_end and self._watcher.pending:
                raise _OutdatedError
            self._reporter.building(done, total, what)

        try:
            if news.config or self._is_misconfigured:
                self._is_misconfigured = True
                self._reconfigure()
                self._is_misconfigured = False
            return build(
                self._config,
                progress=progress,
                waiting=self._reporter.waiting,
                memory=self._memory,
            )
        except (AssetpipeError, _OutdatedError) as error:
            return error

    def _announce(self, release: Release, names: tuple[str, ...], seconds: float) -> None:
        last, self._release = self._release, release
        before, self._files = self._files, self._memory.files()
        self._need(self._memory.needs())
        if self._shown not in ("", release.id):
            self._pages.released(
                releases.update(before, self._files, release.id)
                if before is not None
                else releases.difference(self._config.out, self._shown, release.id)
                or Update((), release.id, is_reload=True)
            )
        self._shown = release.id
        self._pages.tell(State(release.id, (), tuple(map(str, release.warnings))))
        known = frozenset(last.warnings) if last else frozenset()
        fresh = tuple(each for each in release.warnings if each not in known)
        self._reporter.built(Rebuild(names, release, self._config, seconds, fresh))
        if release.id not in self._there:
            self._made = [*(each for each in self._made if each != release.id), release.id]

    def _fail(self, error: AssetpipeError, names: tuple[str, ...]) -> None:
        file = os.path.abspath(_PLACE.sub("", error.where or ""))
        # Before anybody is told: then it is mended.
        if error.where and os.path.isfile(file):  # a compiler may have read it from anywhere
            self._need({**self._needs, file: seen(file)})
        release = self._release
        fault = Fault(error.where or "", error.message, error.hint or "")
        warnings = tuple(map(str, release.warnings)) if release else ()
        self._pages.tell(State(release.id if release else None, (fault,), warnings))
        self._reporter.failed(error, names)

    # What is watched.

    def _need(self, files: Mapping[str, str]) -> None:
        """Watch files that builds have read, each with the signature that it had."""
        self._needs = files
        self._watcher.follow((*self._scope.config_files, *files))

    def _new_watcher(self) -> Watcher:
        config = self._config
        return Watcher(
            self._scope.folders,
            ignored=matcher([*DEFAULT_IGNORE, *config.ignore]),
            exclude=(config.out, config.cache),
            files=(*self._scope.config_files, *self._needs),
            poll=self._poll,
            heard=self._hear,
            note=self._reporter.noted,
        )

    def _hear(self, changed: Sequence[Changed]) -> None:
        """Tell pages at once what needs no build."""
        news = self._scope.read(changed)
        if news.pages:
            self._pages.reload()
        elif news.sources:
            self._pages.saved(news.sources)

    def _reconfigure(self) -> None:
        """Take up the configuration as it is now.

        Raises:
            ConfigError: it is wrong; the earlier one stays.
        """
        config = self._configure()
        if config == self._config:
            return
        self._config, last = config, self._config
        self._scope = Scope(config, self._project, lambda: self._needs)
        if config.out != last.out or config.public_path != last.public_path:
            self._show()
        if _watched(config) != _watched(last):
            self._watcher.stop()
            self._watcher = self._new_watcher()
            self._watcher.start()

    def _show(self) -> None:
        """Show what is in the output folder, and say which release that is."""
        out = self._config.out
        self._pages.show(out, self._config.public_path)
        self._shown, self._made, self._files = "", [], None
        self._there = frozenset(path.stem for path in (out / HISTORY).glob("*.json"))
        with suppress(AssetpipeError):
            self._shown = load(out / FILE_NAME).release
            self._pages.tell(State(self._shown))

    def _look_back(self) -> None:
        """Build again if what compilers read was changed before it could be watched."""
        now = {path: seen(path) for path in self._needs}
        missed = frozenset((path, now[path]) for path in now if now[path] != self._needs[path])
        if missed - self._missed:
            self._answer([Changed(os.path.basename(path), path) for path, _ in missed])
        self._missed = missed

    # What the next process needs, and what nobody needs any more.

    def _recall(self) -> None:
        """Remember what the last build left, if it was not one of this process."""
        with self._cache() as cache, suppress(AssetpipeError):
            self._memory.load(cache, self._config)
        self._files = self._memory.files()
        self._need({**self._memory.needs(), **self._needs})

    def _save(self) -> None:
        with self._cache() as cache:
            self._memory.save(cache)

    def _cache(self) -> AbstractContextManager[Cache]:
        config = self._config
        return opened(config.cache, enabled=config.use_cache, limit=config.cache_limit * MIB)

    def _tidy(self) -> None:
        self._save()
        self._notice.put(self._pages.url, self._config)
        if len(self._made) > _MOST_RELEASES:
            output = Output(self._config.out)
            with output.locked(self._config.lock_timeout, self._reporter.waiting, discard=False):
                output.forget(self._made[:-_KEPT_RELEASES])
            self._made = self._made[-_KEPT_RELEASES:]
        gc.collect()


def _watched(config: Config) -> tuple[object, ...]:
    return config.roots, config.reload, config.ignore, config.out, config.cache

"""Live reload of an app in debug: its own stream, and the tag in its pages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

import flask
from flask import Flask, Response

from assetpipe.errors import ConfigError, ManifestError
from assetpipe.flask.config import LIVE_PREFIX, manifest_path, mode
from assetpipe.flask.mounts import folders, is_built, template_folders
from assetpipe.live import wsgi
from assetpipe.live.messages import Change, Kind, State, Update, kind_of
from assetpipe.live.page import SIGN, Tagged, is_whole, nonce
from assetpipe.live.releases import difference
from assetpipe.live.stream import Stream
from assetpipe.live.watcher import Changed, Watcher
from assetpipe.manifest import load
from assetpipe.names import url_path
from assetpipe.serve.project import configured, is_configured, is_url, project_folder
from assetpipe.serve.tags import script_tag

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VARIABLE = "ASSETPIPE_WATCH"
_FILE_NAME = "watch.json"
_CACHE = ".assetpipe_cache"
_URL = re.compile(r"https?://[^\s\"'<>]+")
_MAP_SUFFIX = ".map"
_ERRORS = 400  # and above


class Live:
    """Live reload of one app.

    Args:
        app: the app.
        is_served: the app answers requests for its stream; otherwise there is live reload only
            beside a watch process.
    """

    def __init__(self, app: Flask, *, is_served: bool) -> None:
        self._app = app
        self._process = _WatchProcess(app)
        self._own = _OwnStream(app)
        self._is_served = is_served
        self._is_warned = False
        self._application = wsgi.application(
            {"source": self._own.get, "manifest": self._own.get},
            cross_origin=False,
            warn=self._warn,
        )

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request below the prefix."""
        path = environ["PATH_INFO"].removeprefix(LIVE_PREFIX)
        return self._application({**environ, "PATH_INFO": path}, start_response)

    def tag(self, attributes: Mapping[str, object]) -> str:
        """Return the tag of the script; empty where there is nothing that it could listen to.

        Args:
            attributes: more of its attributes.
        """
        places = [self._process.url()]
        if self._is_served:
            root = flask.request.script_root if flask.has_request_context() else ""
            places.append(url_path(root) + LIVE_PREFIX)
            self._own.start()
        places = [place for place in places if place]
        if not places:
            return ""
        said = {"data-streams": " ".join(places), "data-mode": mode(self._app), "async": True}
        # From the app itself, if it can: its pages may have to take scripts from nowhere else.
        return script_tag(places[-1] + wsgi.SCRIPT, {**said, **attributes})

    def insert(self, response: Response) -> Response:
        """Put the tag into a response that is a whole page, and has none."""
        if not _is_page(response):
            return response
        policies = response.headers.getlist("Content-Security-Policy")
        tag = self.tag({"nonce": nonce(policies)}).encode()
        if response.is_sequence:
            page = response.get_data()
            if is_whole(page) and SIGN not in page:
                response.set_data(page + tag)
            return response
        body: Iterable[bytes] = response.response  # type: ignore[assignment]
        tagged = Tagged(body, body if response.direct_passthrough else response.iter_encoded(), tag)
        if response.content_length is not None:
            response.content_length += tagged.promise()
        response.response = tagged
        return response

    def close(self) -> None:
        """End what it does in the background, and all its streams."""
        self._own.close()

    def _warn(self, text: str) -> None:
        if not self._is_warned:
            self._is_warned = True
            self._app.logger.warning(text)


def _is_page(response: Response) -> bool:
    """Say whether a response may be a page that is shown as it is sent."""
    return (
        response.mimetype == "text/html"
        and (response.status_code == 200 or response.status_code >= _ERRORS)
        and "Content-Encoding" not in response.headers
        and not response.headers.get("Content-Disposition", "").startswith("attachment")
        and not response.cache_control.immutable
    )


class _WatchProcess:
    """The watch process beside an app, if one runs.

    Args:
        app: the app.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._files = _announcements(project_folder(Path(app.root_path)))
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def url(self) -> str:
        """Return where it listens; empty if none is known."""
        places = (os.environ.get(_VARIABLE, ""), *map(self._read, self._files))
        return next((place.rstrip("/") for place in places if _URL.fullmatch(place)), "")

    def _read(self, file: Path) -> str:
        """Return what a file says, read again only when it is another one."""
        try:
            status = os.stat(file)
        except OSError:
            return ""
        signature = status.st_mtime_ns, status.st_size, status.st_ino
        known, url = self._known.get(file, ((), ""))
        if known != signature:
            url = ""
            with suppress(Exception):  # whatever it holds, pages go on
                document = json.loads(file.read_bytes())
                url = document["url"].strip() if self._is_ours(document["out"]) else ""
            self._known[file] = signature, url
        return url

    def _is_ours(self, out: str) -> bool:
        """Say whether what is built in a folder is what the app uses."""
        app = self._app
        if mode(app) == "source":
            return True
        own = manifest_path(app).parent
        is_remote = is_url(app.config.get("ASSETPIPE_MANIFEST"))
        return not is_remote and os.path.realpath(out) == os.path.realpath(own)


def _announcements(project: Path) -> list[Path]:
    """Return the files in which a watch process says where it listens."""
    cache: object = _CACHE
    with suppress(ConfigError):
        cache, _ = configured(project, "cache", _CACHE)
    # Without a configuration, it runs wherever it was started.
    places = [project] if is_configured(project) else [project, Path.cwd()]
    return [place / str(cache) / _FILE_NAME for place in dict.fromkeys(places)]


class _OwnStream:
    """What changes in the folders of an app, and in its release, told by the app itself.

    Args:
        app: the app.
    """

    def __init__(self, app: Flask) -> None:
        self._log = app.logger
        self._uses_sources = uses_sources = mode(app) == "source"
        is_remote = is_url(app.config.get("ASSETPIPE_MANIFEST"))
        static = [each.path for each in folders(app) if is_built(app, each)] if uses_sources else []
        self._static = tuple(os.path.realpath(folder) + os.sep for folder in static)
        self._manifest = None if uses_sources or is_remote else manifest_path(app)
        self._release: str | None = None
        self._stream = Stream(self._difference)
        self._watcher = Watcher(
            [*static, *template_folders(app)],
            files=[str(self._manifest)] if self._manifest else [],
            heard=self._hear,
            note=app.logger.warning,
        )
        self._lock = Lock()
        self._is_started = False
        self._is_ready = Event()

    def start(self) -> None:
        """Begin to watch, unless that has begun; it does not wait for it."""
        with self._lock:
            is_first, self._is_started = not self._is_started, True
        if is_first:
            Thread(target=self._begin, name="assetpipe-live", daemon=True).start()

    def get(self) -> Stream:
        """Return the stream, once everything was looked at."""
        self.start()
        self._is_ready.wait()
        return self._stream

    def close(self) -> None:
        """Watch no more, and end the stream."""
        self._stream.close()
        if self._is_started:
            self._is_ready.wait()
        self._watcher.stop()

    def _begin(self) -> None:
        try:
            self._watcher.start()
            self._release = self._read_release()
            self._stream.tell(State(self._current()))
        except Exception:  # noqa: BLE001 - whatever it is, pages go on
            self._log.exception("there is no live reload: the files cannot be watched")
        finally:
            self._is_ready.set()

    def _hear(self, changed: Sequence[Changed]) -> None:
        files = [each for each in changed if not each.name.endswith(_MAP_SUFFIX)]
        changes = tuple(
            Change(each.name, self._kind(each)) for each in files if not self._is_manifest(each)
        )
        if changes:
            self._stream.send(Update(changes, self._current()))
        if any(map(self._is_manifest, files)):
            self._look_at_release()

    def _kind(self, changed: Changed) -> Kind:
        is_file = changed.path.startswith(self._static) and not changed.removed
        return kind_of(changed.name) if is_file else "other"

    def _is_manifest(self, changed: Changed) -> bool:
        return self._manifest is not None and changed.path == str(self._manifest)

    def _current(self) -> str | None:
        """Return what stands for the files as they are now."""
        return self._watcher.state if self._uses_sources else self._release

    # The release.

    def _look_at_release(self) -> None:
        last, release = self._release, self._read_release()
        if release is None or release == last:
            return
        self._release = release
        update = self._difference(last, release) if last else None
        self._stream.send(update or Update((), release, is_reload=True))

    def _read_release(self) -> str | None:
        """Return the id of the current release; ``None`` where there is none, or it is broken."""
        with suppress(ManifestError):
            return load(self._manifest).release if self._manifest else None
        return None

    def _difference(self, old: str, new: str) -> Update | None:
        return difference(self._manifest.parent, old, new) if self._manifest else None

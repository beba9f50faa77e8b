"""A release that lies elsewhere: its manifest over HTTP or from an object store, read at start.

The app that uses it has no files of its own; browsers get them from a CDN. What it needs to know
is one manifest, so the last good one is kept on disk for a start while the network is down.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import ssl
import tempfile
import zlib
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPException, HTTPMessage, responses
from pathlib import Path
from threading import Thread
from typing import IO, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import assetpipe
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, ManifestError, OutsideError
from assetpipe.manifest import HISTORY, STATE, STATE_SCHEMA, Asset, Manifest, load, loads
from assetpipe.names import url_path

MOST = 64 << 20
"""Bytes of the largest manifest that is read; one of 100,000 assets has 30 million."""

# What of a URL names an object, after the target that it lies at.
_KEY = re.compile(rf"({re.escape(STATE)}|{re.escape(HISTORY)}/[^/]*\.json|[^/]*\.json)?\Z")
_RELEASE = re.compile(r"[0-9a-f]+")
_REDIRECTS = 5

# There is no folder at all below it, on any system.
_NOWHERE = Path(os.devnull)

T = TypeVar("T")

_LOG = logging.getLogger("assetpipe")


class Remote:
    """A release at a URL.

    Args:
        url: of a target that was published to (``https://cdn.example.com/static/``,
            ``s3://bucket/prefix``, ``gs://`` or ``az://``), or of a manifest there
            (``.../manifest.json``).
        timeout: seconds that reading the manifest may take in all.
        copy: file that keeps the last good manifest; by default one in the user's cache folder,
            named after the URL.

    Raises:
        ConfigError: the URL is none that can be read.

    Attributes:
        name: the URL as people read it, without what may be a secret.
        is_remote: always.
        copy: where the last good manifest is kept.
    """

    is_remote = True

    def __init__(self, url: str, *, timeout: float, copy: Path | None = None) -> None:
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigError(f"the URL of the manifest is none: {error}", hint="mend it") from None
        if not parts.netloc:
            raise ConfigError("the URL of the manifest names no host", hint="add one, after ://")
        if "@" in parts.netloc:
            # They would be in every page that names a file.
            raise ConfigError(
                "the URL of the manifest holds a user name or a password",
                hint="remove it; for a private bucket write s3://, gs:// or az://",
            )
        path, self._key = _split(parts.path)
        self._is_http = parts.scheme in ("http", "https")
        self._base = f"{parts.scheme}://{parts.netloc}{path}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._timeout = timeout
        self._bodies: dict[str, bytes] = {}
        self.name = f"{self._base}{self._key}"
        self.copy = copy or _default_copy(self.name)

    def base(self, cdn_url: str | None) -> str:
        """Return the CDN's base; by default where the release lies, if browsers can read that.

        Raises:
            ConfigError: they cannot.
        """
        if cdn_url or self._is_http:
            return cdn_url or self._base
        raise ConfigError(
            f"browsers cannot read {self._base}",
            hint="set ASSETPIPE_CDN_URL (of Flask) or cdn_url (of Assets) to the URL below which "
            "they see it",
        )

    def signature(self) -> tuple[int, ...]:
        """Return always the same: a release elsewhere is read once."""
        return ()

    def served(self, manifest: Manifest) -> tuple[Path, Manifest]:
        """Return what of the release lies on this machine: nothing."""
        return _NOWHERE, Manifest(manifest.release, {})

    def load(self) -> Manifest:
        """Read the manifest; where that fails, the last good one, with a warning in the log.

        Raises:
            ManifestError: neither can be read.
            ConfigError: the store cannot be asked as configured.
        """
        try:
            data, manifest = self.fetch()
        except ManifestError as error:
            kept = self._last_good(error)
            _LOG.warning(
                "the last good release, %s, is used, from %s: %s", kept.release, self.copy, error
            )
            return kept
        self._keep(data)
        return manifest

    def fetch(self) -> tuple[bytes, Manifest]:
        """Read the manifest where it lies; return its bytes, too.

        Raises:
            ManifestError: it cannot be read.
            ConfigError: the store cannot be asked as configured.
        """
        try:
            return _within(self._timeout, self._read_manifest, self.name)
        except OutsideError as error:
            raise ManifestError(error.message, where=error.where, hint=error.hint) from None

    def read(self, asset: Asset) -> bytes:
        """Return the bytes of an asset, which are fetched once, and checked.

        Raises:
            OutsideError: they cannot be fetched, or are not what the manifest says.
        """
        if asset.file not in self._bodies:
            where = f"{self._base}{asset.file}"
            data = _within(self._timeout, lambda: self._reader()(asset.file), where)
            if f"sha384-{b64encode(hashlib.sha384(data).digest()).decode()}" != asset.integrity:
                raise OutsideError(
                    "is not the file that the manifest describes",
                    where=where,
                    hint="publish the release again, and clear the CDN's cache",
                )
            self._bodies[asset.file] = data
        return self._bodies[asset.file]

    def _read_manifest(self) -> tuple[bytes, Manifest]:
        read = self._reader()
        data = read(self._key or STATE)
        current = _current(data, self._key, where=self.name)
        if current is None:
            return data, loads(data, where=self.name)
        key = f"{HISTORY}/{current}.json"
        data, where = read(key), f"{self._base}{key}"
        manifest = loads(data, where=where)
        if manifest.release != current:
            raise ManifestError(
                f"is the manifest of release {manifest.release}",
                where=where,
                hint="publish the release again",
            )
        return data, manifest

    def _reader(self) -> Callable[[str], bytes]:
        """Return what reads an object by its key."""
        if self._is_http:
            # Each wait may end later than all of it has to, which says so by itself.
            patience = 2 * self._timeout
            return lambda key: _get(f"{self._base}{url_path(key)}", self._query, patience)
        from assetpipe.objectstore import open_store  # imports what only some apps have

        store = open_store(Destination(target=self._base, timeout=self._timeout, retries=1))

        def read(key: str) -> bytes:
            stored = store.read(key)
            if stored is None:
                raise _not_there(f"{self._base}{key}", "is not there")
            return stored.data

        return read

    def _last_good(self, error: ManifestError) -> Manifest:
        try:
            return load(self.copy)
        except ManifestError as other:
            raise ManifestError(
                f"{error.message}; nor can the last good copy be used: {other.where}: "
                f"{other.message}",
                where=error.where,
                hint=error.hint,
            ) from None

    def _keep(self, data: bytes) -> None:
        with suppress(OSError):
            if self.copy.read_bytes() == data:
                return
        try:
            self.copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Its own file each: several processes may start at once.
            handle, temporary = tempfile.mkstemp(prefix=".manifest-", dir=self.copy.parent)
            try:
                with open(handle, "wb") as file:
                    file.write(data)
                os.replace(temporary, self.copy)
            except OSError:
                os.unlink(temporary)
                raise
        except OSError as error:
            _LOG.warning(
                "%s: no copy of the manifest can be kept here: %s; the app cannot start while %s "
                "is not reached; name a file that it may write as the copy",
                self.copy,
                error.strerror,
                self.name,
            )


def _split(path: str) -> tuple[str, str]:
    """Split the path of a URL into that of the target, with a slash at its end, and a key."""
    match = _KEY.search(path)
    key = match[0] if match else ""
    folder = path.removesuffix(key)
    return folder.rstrip("/") + "/", key


def _default_copy(name: str) -> Path:
    # Not where all users may write: who can put a manifest there decides what pages load.
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        cache = Path(os.path.expanduser("~"), ".cache")
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return cache / "assetpipe" / f"manifest-{digest}.json"


def _current(data: bytes, key: str, *, where: str) -> str | None:
    """Return the current release, if the data is the state of a target."""
    try:
        document: Any = json.loads(data)
        if key not in ("", STATE) and "current" not in document:
            return None
        current: str = document["current"]
        if document["schema"] > STATE_SCHEMA:
            problem = f"has schema {document['schema']}; this assetpipe reads up to {STATE_SCHEMA}"
        elif _RELEASE.fullmatch(current):
            return current
        else:
            problem = "names no current release"
    except (KeyError, TypeError, ValueError) as error:
        problem = f"is not the state of a target: {error!r}"
    raise ManifestError(
        problem,
        where=where if key else f"{where}{STATE}",
        hint="run `assetpipe publish` to this target first, or name the manifest's own URL",
    )


def _within(seconds: float, work: Callable[[], T], where: str) -> T:
    """Return what work gives, in time.

    In a thread of its own: nothing else limits how long a name is looked up, or the sum of all
    the little waits of a slow answer. One that is given up ends by itself.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)

    Thread(target=run, name="assetpipe-remote", daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        raise OutsideError(
            f"has not answered within {seconds:g} seconds",
            where=where,
            hint="check the network, or allow more time",
        ) from None


class _Redirects(HTTPRedirectHandler):
    """A few redirections, none of them to where others may listen."""

    max_redirections = _REDIRECTS

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("https", req.type):
            fp.close()
            raise URLError(f"it redirects to {scheme}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _get(url: str, query: str, timeout: float) -> bytes:
    """Fetch a small file.

    Raises:
        OutsideError: it cannot be fetched whole.
    """
    fields = {
        "Accept-Encoding": "gzip",
        "Cache-Control": "no-cache",
        "User-Agent": f"assetpipe/{assetpipe.__version__}",
    }
    request = Request(url + query, headers=fields)  # noqa: S310 - the caller's, http or https
    try:
        with build_opener(_Redirects).open(request, timeout=timeout) as response:
            data: bytes = response.read(MOST + 1)
            is_whole = not response.length
            coding = response.headers.get("Content-Encoding", "").lower()
    except HTTPError as error:
        error.close()
        if error.code < 400:
            raise OutsideError("redirects too often", where=url, hint="mend the URL") from None
        phrase = responses.get(error.code, "")
        raise _not_there(url, f"answers {error.code} {phrase}".rstrip()) from None
    except (OSError, HTTPException, ValueError) as error:
        raise OutsideError(
            f"cannot be fetched: {_reason(error)}",
            where=url,
            hint="check the URL, and whether this machine reaches it",
        ) from error
    if coding == "gzip":
        inflater = zlib.decompressobj(wbits=31)
        try:
            data = inflater.decompress(data, MOST + 1)
        except zlib.error:
            data = b""
        is_whole = is_whole and inflater.eof
    if len(data) > MOST:
        raise OutsideError(f"has more than {MOST} bytes", where=url, hint="check the URL")
    if not is_whole:
        raise OutsideError("breaks off in the middle", where=url, hint="start the app again")
    return data


def _not_there(where: str, problem: str) -> OutsideError:
    return OutsideError(
        problem,
        where=where,
        hint="run `assetpipe publish` to this target first, or mend the URL",
    )


def _reason(error: BaseException) -> str:
    """Say in words why a request failed."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__

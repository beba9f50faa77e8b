"""Verifying: a release as browsers get it, asked of the server or CDN that they ask."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from assetpipe.errors import MissingExtraError, OutsideError, need
from assetpipe.headers import FOREVER, REVALIDATE, Policy
from assetpipe.manifest import Asset, Manifest
from assetpipe.names import fingerprinted, url_path
from assetpipe.publish.client import Answer, Client, ClientError
from assetpipe.publish.state import KEY

SAMPLE = 200
"""How many assets are asked for, unless all are."""

_LARGEST = 10
_YEAR = 31_536_000
_MONTH = 30 * 86_400
_SHORT = 3600  # seconds for which what may change, or may come to be, is kept without much harm

# What browsers load with CORS from another origin: fonts always, scripts as modules or with
# `integrity` (CSS Fonts 4, 4.8.2; WHATWG HTML, 8.1.4.2).
_WITH_CORS = re.compile(r"font/|text/javascript|text/css")
# What browsers refuse under another type (WHATWG Fetch, 3.6; HTML, 8.1.4.2; WebAssembly Web API).
_STRICT_TYPES = re.compile(r"text/javascript|text/css|application/wasm")
_HTML = re.compile(rb"\s*<(?:!doctype html|html|head|body)\b", re.IGNORECASE)

Severity = Literal["wrong", "remark"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        file: below the URL.
        what: is the matter with it, the rest of a sentence.
        why: it matters, and what to do; the same for the same matter.
        severity: ``wrong`` breaks pages or makes them slow; a ``remark`` need not be minded.
    """

    file: str
    what: str
    why: str
    severity: Severity = "wrong"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        url: below which was asked.
        release: its id.
        checked: how many assets were asked for.
        total: how many there are.
        findings: in the order of their files.
    """

    url: str
    release: str
    checked: int
    total: int
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        return all(finding.severity == "remark" for finding in self.findings)


def verify(
    manifest: Manifest,
    url: str,
    *,
    count: int | None = SAMPLE,
    timeout: float = 30.0,
    connections: int = 16,
    origin: str = "https://example.com",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Report:
    """Ask for the files of a release, as browsers do, and look at every answer.

    Args:
        manifest: the release.
        url: below which its files are, ``http`` or ``https``.
        count: how many assets to ask for; ``None`` for all.
        timeout: seconds to wait for a server to answer, or to go on.
        connections: requests at once.
        origin: of the pages that load the files, for the field ``Origin``.
        progress: is told how many assets are done, and of how many.

    Raises:
        ConfigError: the URL is none that can be asked.
        OutsideError: the server cannot be reached.
    """
    names = sample(manifest.assets, count)
    findings: list[Finding] = []
    with Client(url, timeout=timeout, fields={"Origin": origin}) as client:
        try:
            findings += _absent(client, manifest)
        except ClientError as error:
            raise OutsideError(
                f"cannot be reached: {error}",
                where=client.url,
                hint="check the URL, and whether this machine has a network",
            ) from error
        findings += _state(client)
        check = partial(_check, client, Policy(manifest.headers), origin)
        pool = ThreadPoolExecutor(connections)
        try:
            results = pool.map(check, names, (manifest.assets[name] for name in names))
            for done, found in enumerate(results, 1):
                findings += found
                progress(done, len(names))
        finally:
            pool.shutdown(cancel_futures=True)  # where somebody has stopped it
    if brotli() is None:
        findings.append(
            Finding(
                "",
                "Brotli was not asked for",
                'the package brotli is not installed; run: pip install "assetpipe[build]"',
                "remark",
            )
        )
    return Report(client.url, manifest.release, len(names), len(manifest.assets), tuple(findings))


def sample(assets: Mapping[str, Asset], count: int | None) -> list[str]:
    """Choose assets, the same for the same release, sorted by name.

    One of each type, the largest, and what keeps its name come first, up to half of the sample
    for the last; the others are evenly spread.
    """
    names = sorted(assets)
    if count is None or len(names) <= count:
        return names
    types = {assets[name].type: name for name in reversed(names)}
    largest = sorted(names, key=lambda name: (-assets[name].size, name))[:_LARGEST]
    plain = [name for name in names if not assets[name].immutable]
    chosen = dict.fromkeys([*sorted(types.values()), *largest, *_spread(plain, count // 2)])
    rest = [name for name in names if name not in chosen]
    chosen.update(dict.fromkeys(_spread(rest, count - len(chosen))))
    return sorted(list(chosen)[:count])


def _spread(names: Sequence[str], count: int) -> list[str]:
    if count >= len(names):
        return list(names)
    return [names[position * len(names) // count] for position in range(max(count, 0))]


def brotli() -> Any:
    """Return the library that reads Brotli, or ``None``."""
    try:
        return need("brotli", feature="asking for Brotli", extra="build")
    except MissingExtraError:
        return None


# One asset.


def _check(client: Client, policy: Policy, origin: str, name: str, asset: Asset) -> list[Finding]:
    """Return what is the matter with an asset."""
    file = asset.file
    accepted = ("br", "gzip") if brotli() else ("gzip",)
    try:
        plain = client.get(url_path(file), "identity")
        found = [*_refusal(file, asset, plain)]
        if found:
            return found
        small = client.get(url_path(file), ", ".join(accepted))
    except ClientError as error:
        why = "pages wait for it in vain: look at the server's log, and ask again"
        return [Finding(file, f"cannot be fetched: {error}", why)]
    expected = policy.fields(name, asset.type, FOREVER if asset.immutable else REVALIDATE)
    usual = Policy().fields(name, asset.type, FOREVER if asset.immutable else REVALIDATE)
    found += _identity(file, asset, plain)
    found += _encoded(file, asset, plain, small, accepted)
    for field, value in expected:
        is_ruled = (field, value) not in usual
        if field == "Content-Type":
            found += _type(file, value, plain)
        elif field == "Cache-Control" and is_ruled:
            found += _ruled_caching(file, value, plain)
        elif field == "Cache-Control":
            found += (_forever if asset.immutable else _revalidated)(file, plain)
        elif field == "Access-Control-Allow-Origin" and not is_ruled:
            found += _cors(file, asset, origin, plain)
        elif plain.field(field) != value:
            found.append(_field(file, field, value, plain.field(field), is_ruled=is_ruled))
    return found


def _refusal(file: str, asset: Asset, answer: Answer) -> Iterator[Finding]:
    """Yield what is wrong where the file did not come."""
    status = answer.status
    if status in (301, 302, 303, 307, 308):
        target = answer.field("Location") or "nowhere"
        yield Finding(
            file,
            f"is redirected to {target}",
            "every visitor waits for one more answer, and URLs of other origins may be refused: "
            "verify (and use) the URL that it leads to, or mend the redirection",
        )
    elif status == 403:
        yield Finding(
            file,
            "is forbidden (403)",
            "the object may not be read by everyone, or it is missing: object stores answer 403 "
            "for a missing key to whoever may not list; publish again, and check the bucket's "
            "policy",
        )
    elif status in (404, 410):
        yield Finding(
            file,
            f"is not there ({status})",
            "pages of this release ask for it: publish again with --check, or mend the URL",
        )
    elif status != 200:
        why = "a browser gets no file: look at the server's or the CDN's log"
        yield Finding(file, f"is answered with status {status}", why)
    elif _is_fallback(asset, answer):
        yield Finding(
            file,
            "is answered with an HTML page",
            "the server sends a page in place of what it does not have, with status 200: publish "
            "again, and let the fallback of the single-page app leave this path alone",
        )


def _is_fallback(asset: Asset, answer: Answer) -> bool:
    return (
        asset.type.partition(";")[0] not in ("text/html", "application/xhtml+xml")
        and _media_type(answer.field("Content-Type")) == "text/html"
        and _HTML.match(answer.body) is not None
    )


def _identity(file: str, asset: Asset, plain: Answer) -> Iterator[Finding]:
    """Yield what is wrong with the bytes that come without compression."""
    coding = plain.coding
    body = plain.body
    if coding:
        yield Finding(
            file,
            f"is sent as {coding} to who accepts only identity",
            "programs that cannot decode it get rubbish: let the server choose by "
            "Accept-Encoding, or store the file uncompressed",
        )
        body = _decoded(body, coding) or b""
    if _is(asset, body):
        return
    for inner in ("gzip", "br"):
        if _is(asset, _decoded(body, inner)):
            yield Finding(
                file,
                f"is compressed ({inner}) and does not say so",
                "browsers take the compressed bytes for the file: set Content-Encoding, or store "
                "the file uncompressed",
            )
            return
    size = f"has other content ({len(body)} bytes, and not {asset.size})"
    if not asset.immutable:
        yield Finding(
            file,
            size if len(body) != asset.size else "has other content of the same length",
            "it is of another release: publish again, or clear the CDN's cache of it",
        )
    else:
        yield Finding(
            file,
            size if len(body) != asset.size else "has other content of the same length",
            "something changed it on its way, and browsers refuse it where a tag has its "
            "integrity: switch off the CDN's minifying and image optimizing, and publish again",
        )


def _encoded(
    file: str, asset: Asset, plain: Answer, small: Answer, accepted: Sequence[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the bytes that come compressed."""
    coding = small.coding
    wanted = [size for each, size in asset.encodings.items() if each in ("br", "gzip")]
    if small.status != 200:
        why = "browsers ask like this: look at the server's or the CDN's log"
        yield Finding(file, f"is answered with status {small.status} where compressed", why)
    elif not coding:
        if wanted and _is(asset, small.body):
            yield Finding(
                file,
                f"is sent uncompressed, {asset.size - min(wanted):,} bytes more than needed",
                "each visitor waits for them: switch on compression at the CDN, or publish the "
                "precompressed files to a server that sends them",
                "remark",
            )
        elif _is(asset, plain.body) and not _is(asset, small.body):
            why = "it depends on Accept-Encoding what browsers get: clear the CDN's cache"
            yield Finding(file, "has other content where compression is accepted", why)
    elif coding not in accepted:
        why = "browsers that did not accept it get rubbish: let the server choose by the field"
        yield Finding(file, f"is sent as {coding}, which was not accepted", why)
    else:
        yield from _decodes(file, asset, small)
    if plain.status == small.status == 200 and plain.coding != coding:
        varying = [each for each in (plain, small) if not each.varies_by("Accept-Encoding")]
        if varying:
            yield Finding(
                file,
                "depends on Accept-Encoding, and has no Vary: Accept-Encoding",
                "a cache on the way may give compressed bytes to who cannot read them, or the "
                "other way round: add the field",
            )


def _decodes(file: str, asset: Asset, small: Answer) -> Iterator[Finding]:
    body = _decoded(small.body, small.coding)
    if body is None:
        why = "browsers show an error in place of it: publish again, and clear the CDN's cache"
        yield Finding(file, f"is no {small.coding}, though it says so", why)
    elif not _is(asset, body):
        if any(_is(asset, _decoded(body, inner)) for inner in ("gzip", "br")):
            yield Finding(
                file,
                "is compressed twice",
                "browsers decode it once, and take what is left for the file: let either the "
                "server or the CDN compress",
            )
        else:
            why = "browsers get another file than the release has: clear the CDN's cache of it"
            yield Finding(file, f"has other content as {small.coding}", why)


def _type(file: str, expected: str, answer: Answer) -> Iterator[Finding]:
    actual = answer.field("Content-Type")
    if _normal_type(actual) == _normal_type(expected):
        return
    what = f"has the type {actual or 'of nothing'}, and not {expected}"
    if _media_type(actual) != _media_type(expected) and _STRICT_TYPES.match(expected):
        why = (
            "browsers refuse scripts, modules and stylesheets of another type: publish again, "
            "which sends it, or set the type at the server"
        )
    elif _media_type(actual) != _media_type(expected):
        why = "browsers may show or save it as something else: set the type at the server"
    else:
        why = "letters beyond ASCII may be shown wrong: set the charset at the server"
    yield Finding(file, what, why)


def _forever(file: str, answer: Answer) -> Iterator[Finding]:
    """Yield what keeps a hashed file from being kept."""
    text = answer.field("Cache-Control")
    said = _directives(text)
    age = _seconds(said, "max-age")
    what = f"has Cache-Control: {text}" if text else "has no Cache-Control"
    if {"no-store", "no-cache", "private"} & said.keys() or age < _MONTH:
        yield Finding(
            file,
            what,
            "its name changes with its bytes, so that it could be kept for ever; now browsers "
            f"ask for it again and again: send {FOREVER[1]}",
        )
    elif age < _YEAR or "immutable" not in said:
        why = f"some browsers ask again when a page is reloaded: send {FOREVER[1]}"
        yield Finding(file, what, why, "remark")


def _revalidated(file: str, answer: Answer) -> Iterator[Finding]:
    """Yield what keeps an old version of a plain file in use."""
    text = answer.field("Cache-Control")
    said = _directives(text)
    if {"no-store", "no-cache"} & said.keys():
        return
    age = _seconds(said, "max-age")
    if not text or "max-age" not in said:
        yield Finding(
            file,
            f"has Cache-Control: {text}" if text else "has no Cache-Control",
            "its name stays the same, and browsers guess how long to keep it (RFC 9111, 4.2.2): "
            "send no-cache",
        )
    elif age:
        yield Finding(
            file,
            f"has Cache-Control: {text}",
            f"its name stays the same: browsers use the old one that long after a deploy: "
            f"send {REVALIDATE[1]}",
            "wrong" if age > _SHORT else "remark",
        )


def _ruled_caching(file: str, expected: str, answer: Answer) -> Iterator[Finding]:
    text = answer.field("Cache-Control")
    if _directives(text) != _directives(expected):
        yield _field(file, "Cache-Control", expected, text, is_ruled=True)


def _cors(file: str, asset: Asset, origin: str, answer: Answer) -> Iterator[Finding]:
    actual = answer.field("Access-Control-Allow-Origin")
    needs = _WITH_CORS.match(asset.type) is not None
    if actual not in ("*", origin):
        yield Finding(
            file,
            f"has Access-Control-Allow-Origin: {actual}"
            if actual
            else "has no Access-Control-Allow-Origin",
            "from another origin, browsers refuse fonts, modules, and all that is checked by its "
            "integrity: allow it in the CORS rules of the bucket or CDN"
            if needs
            else "scripts of another origin cannot read it: allow it in the CORS rules of the "
            "bucket or CDN",
            "wrong" if needs else "remark",
        )
    elif actual != "*" and not answer.varies_by("Origin"):
        yield Finding(
            file,
            "allows the origin that asks, and has no Vary: Origin",
            "a cache may give one origin's answer to another, which browsers refuse: add the "
            "field, or allow *",
            "wrong" if needs else "remark",
        )


def _field(file: str, field: str, expected: str, actual: str, *, is_ruled: bool) -> Finding:
    """Return that a field is not as it should be."""
    what = f"has {field}: {actual}" if actual else f"has no {field}"
    if is_ruled:
        why = "the configuration of the build has a rule for it: send what it says"
        return Finding(file, f"{what}, and not {expected}", why)
    return Finding(file, what, f"{_REASONS[field]}: send {field}: {expected}", "remark")


_REASONS = {
    "X-Content-Type-Options": "browsers may take it for another type than it has",
    "Cross-Origin-Resource-Policy": "isolated pages (COEP) of other origins cannot load it",
    "Timing-Allow-Origin": "pages of other origins cannot measure how long it takes",
}


# What is not there.


def _absent(client: Client, manifest: Manifest) -> Iterator[Finding]:
    """Yield what is wrong with the answer for a name that does not exist."""
    digest = hashlib.sha256(f"missing from {manifest.release}".encode()).hexdigest()
    file = fingerprinted("assetpipe-missing.js", digest)
    answer = client.get(url_path(file), "identity")
    if answer.status not in (403, 404, 410):
        page = " with an HTML page" if _HTML.match(answer.body) else ""
        yield Finding(
            file,
            f"does not exist, and is answered{page} with status {answer.status}",
            "in place of a missing script browsers get something else, and caches keep it: answer "
            "404 below this path",
        )
        return
    if answer.status == 403:
        yield Finding(
            file,
            "does not exist, and is answered with 403",
            "a missing file looks like one that may not be read: allow the CDN to list the bucket",
            "remark",
        )
    said = _directives(answer.field("Cache-Control"))
    kept = max(_seconds(said, "max-age"), _seconds(said, "s-maxage"))
    if kept > _SHORT and not {"no-store", "no-cache"} & said.keys():
        yield Finding(
            file,
            f"does not exist, and that is kept for {kept} seconds",
            "a file that is asked for a moment before it is published stays missing that long: "
            "send no-store with errors",
        )


def _state(client: Client) -> Iterator[Finding]:
    try:
        answer = client.get(KEY, "identity")
    except ClientError:
        return
    if answer.status == 200 and b'"schema"' in answer.body:
        yield Finding(
            KEY,
            "is public",
            "it says who published which revision, and when; an app that reads its manifest from "
            "this URL needs it, others do not: set record = false, or keep it from being read",
            "remark",
        )


# Bytes and fields.


def _is(asset: Asset, body: bytes | None) -> bool:
    """Say whether this is the file."""
    if body is None or len(body) != asset.size:
        return False
    digest = b64encode(hashlib.sha384(body).digest()).decode()
    return f"sha384-{digest}" == asset.integrity


def _decoded(body: bytes, coding: str) -> bytes | None:
    """Decode a body; ``None`` where it cannot be decoded."""
    if coding == "gzip":
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return None
    library = brotli()
    if coding != "br" or library is None:
        return None
    try:
        return bytes(library.decompress(body))
    except library.error:
        return None


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _normal_type(text: str) -> list[str]:
    return sorted(re.sub(r'[\s"]', "", text).lower().split(";"))


def _directives(text: str) -> dict[str, str]:
    """Parse ``Cache-Control`` (RFC 9111, 5.2): values by directive."""
    parts = (part.partition("=") for part in text.lower().split(","))
    return {name.strip(): value.strip().strip('"') for name, _, value in parts if name.strip()}


def _seconds(directives: Mapping[str, str], name: str) -> int:
    value = directives.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0

"""A CloudFront Function that asks the bucket for the file that fits a request best.

That is the precompressed sibling of a file, or an image in another format.

A name that is not in the bucket breaks a site, so the function knows exactly which files have
siblings: by suffix and whole fingerprint, or by path. A file that it does not know, such as one of
another release, is asked for as it is. Names that do not change with their bytes never get a
sibling, because the one in the bucket may be that of an earlier release.

What does not fit into a function fits into a key value store.

Source: Amazon's documentation of CloudFront Functions (event structure, JavaScript runtime 2.0,
quotas) and of CloudFront KeyValueStore (quotas, the format of an import from S3).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from assetpipe.errors import InputError
from assetpipe.manifest import Asset, Manifest
from assetpipe.names import (
    HASH_LENGTH,
    SIBLING_SUFFIXES,
    is_fingerprinted,
    split_suffix,
    url_path,
)

FUNCTION_LIMIT = 10_240
"""Bytes of a function: "Maximum function size"."""

STORE_LIMIT = 5_000_000
"""Bytes of a file that a store is filled from."""

KEY_LIMIT = 512
"""Characters of a key of a store."""

PAIR_LIMIT = 1024
"""Bytes of a key of a store and its value together."""

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_HEAD = """\
// {about}
// A function for viewer requests, runtime cloudfront-js-2.0; docs/edge.md says how to set it up.
// Publish the release with encodings = "siblings" first, then this{use}.
"""

_CHOOSE = """\
function weights(field) {
  var found = {};
  field.toLowerCase().split(',').forEach(function (element) {
    var parts = element.split(';');
    var coding = parts.shift().trim();
    var weight = parts.join(';').trim() || 'q=1';
    if (coding && /^q=(0(\\.[0-9]{0,3})?|1(\\.0{0,3})?)$/.test(weight)) {
      found[coding === 'x-gzip' ? 'gzip' : coding] = Number(weight.slice(2));
    }
  });
  return found;
}

// The first of the best: a coding that is not named, identity aside, is not wanted.
function choose(field, codings) {
  var found = weights(field);
  var best = '';
  var most = 'identity' in found ? found.identity : '*' in found ? found['*'] : 0.0005;
  codings.forEach(function (coding) {
    var weight = coding in found ? found[coding] : '*' in found ? found['*'] : 0;
    if (weight > most || (weight === most && weight && !best)) {
      best = coding;
      most = weight;
    }
  });
  return best;
}

function accepted(request, name) {
  var field = request.headers[name];
  if (!field || (request.method !== 'GET' && request.method !== 'HEAD')) return '';
  return (field.multiValue || [field]).map(function (line) { return line.value; }).join(',');
}

function encoded(request, codings) {
  var coding = codings && choose(accepted(request, 'accept-encoding'), codings.split(','));
  return request.uri + (coding ? SUFFIXES[coding] : '');
}

function file(uri) {
  if (uri.slice(0, PREFIX.length) !== PREFIX) return '';
  try {
    return decodeURIComponent(uri.slice(PREFIX.length));
  } catch (error) {
    return '';
  }
}
"""

_INSTEAD = """
// The usual type and, with their types, what may be sent instead, the best first.
function instead(field, others) {
  if (!others[0]) return '';
  var found = weights(field);
  var most = [others[0], others[0].split('/')[0] + '/*', '*/*'].filter(function (type) {
    return type in found;
  }).map(function (type) { return found[type]; })[0] || 0;
  var best = '';
  for (var at = 1; at < others.length; at += 2) {
    var weight = others[at] in found ? found[others[at]] : 0;
    if (weight > most || (weight === most && weight && !best)) {
      best = others[at + 1];
      most = weight;
    }
  }
  return best;
}

function typed(request, others) {
  var other = instead(accepted(request, 'accept'), others);
  return other && PREFIX + other;
}
"""

_INLINE = """\
// Files that have siblings: codings in the order of their sizes, suffix, fingerprints.
var HASHED = {hashed};
// The same by whole names.
var NAMED = {named};

// Twelve hexadecimal digits as eight of base 64.
function pack(hash) {{
  var text = '';
  for (var at = 0; at < 12; at += 3) {{
    var value = parseInt(hash.slice(at, at + 3), 16);
    text += DIGITS[value >> 6] + DIGITS[value & 63];
  }}
  return text;
}}

function holds(packed, wanted) {{
  var at = packed.indexOf(wanted);
  while (at > 0 && at % 8) at = packed.indexOf(wanted, at + 1);
  return at >= 0;
}}

function siblings(name) {{
  for (var codings in NAMED) {{
    if (NAMED[codings].indexOf(name) >= 0) return codings;
  }}
  var match = /\\.([0-9a-f]{{12}})(\\.[^./]+)?$/.exec(name);
  if (!match) return '';
  var wanted = pack(match[1]);
  for (var each = 0; each < HASHED.length; each++) {{
    if (HASHED[each][1] === (match[2] || '') && holds(HASHED[each][2], wanted)) {{
      return HASHED[each][0];
    }}
  }}
  return '';
}}

function handler(event) {{
  var request = event.request;
  request.uri = {typed}encoded(request, siblings(file(request.uri)));
  return request;
}}
"""

_OTHERS = """
// Images: name and type of each, then types and paths of what may be sent instead.
var OTHERS = {others};

function others(name) {{
  for (var each = 0; each < OTHERS.length; each++) {{
    if (OTHERS[each][0] === name) return OTHERS[each].slice(1);
  }}
  return [''];
}}
"""

_STORED = """\
import cf from 'cloudfront';

const store = cf.kvs();

async function handler(event) {
  const request = event.request;
  const name = file(request.uri);
  if (!name) return request;
  try {
    const known = (await store.get(name)).split('\\t');
    request.uri = typed(request, known.slice(1)) || encoded(request, known[0]);
  } catch (error) {
    return request;
  }
  return request;
}
"""


def cloudfront(release: Manifest, *, prefix: str, stored: bool = False, about: str) -> str:
    """Return a CloudFront Function.

    Args:
        release: what was published with its siblings.
        prefix: of its URLs, with a slash at either end.
        stored: look siblings up in the key value store that is associated with the function.
        about: a line that says what this was made from.

    Raises:
        InputError: the function would be larger than CloudFront takes.
    """
    use = ", and fill its store with what --data prints" if stored else ""
    text = _HEAD.format(about=about, use=use)
    if stored:
        text += _STORED.partition("\n")[0] + "\n"
    text += f"\nvar PREFIX = {json.dumps(prefix)};\nvar SUFFIXES = {_object(SIBLING_SUFFIXES)};\n"
    if stored:
        text += "\n" + _CHOOSE + _INSTEAD + _STORED.partition("\n")[2]
    else:
        hashed, named = _known(release)
        rows = [
            [asset.file, *others]
            for asset in _never_changing(release)
            if (others := _others(release, asset))
        ]
        text += f"var DIGITS = '{_DIGITS}';\n"
        typed = "typed(request, others(file(request.uri))) || " if rows else ""
        text += _INLINE.format(hashed=hashed, named=named, typed=typed) + "\n" + _CHOOSE
        if rows:
            text += _OTHERS.format(others=_rows(rows)) + _INSTEAD
    size = len(text.encode())
    if size > FUNCTION_LIMIT:
        raise InputError(
            f"the function would have {size:,} bytes; CloudFront takes {FUNCTION_LIMIT:,}",
            where="cloudfront",
            hint="export with --key-value-store, which holds the names instead, or publish with "
            'encodings = "identity" and leave compression to CloudFront',
        )
    return text


def key_value_store(release: Manifest) -> str:
    """Return the content of the store, as CloudFront imports it from a bucket.

    Raises:
        InputError: it would be larger than CloudFront takes.
    """
    entries = sorted(
        (asset.file, value)
        for asset in _never_changing(release)
        if (value := _value(release, asset)) and len(asset.file) <= KEY_LIMIT
    )
    lines = ",\n".join(_compact({"key": key, "value": value}) for key, value in entries)
    text = f'{{"data":[\n{lines}\n]}}\n'
    size = len(text.encode())
    if size > STORE_LIMIT:
        raise InputError(
            f"the store would be filled from {size:,} bytes; CloudFront takes {STORE_LIMIT:,}",
            where="cloudfront",
            hint='publish with encodings = "identity" and leave compression to CloudFront',
        )
    return text


def _never_changing(release: Manifest) -> Iterator[Asset]:
    return (asset for asset in release.assets.values() if asset.immutable)


def _codings(asset: Asset) -> tuple[str, ...]:
    """Return the codings of an asset's siblings, the smallest first."""
    known = {c: size for c, size in asset.encodings.items() if c in SIBLING_SUFFIXES}
    return tuple(sorted(known, key=lambda coding: (known[coding], coding)))


def _others(release: Manifest, asset: Asset) -> list[str]:
    """Return an asset's type, then types and paths of what may be sent in its place."""
    others = [
        text
        for other in release.alternates(asset)
        if other.immutable
        for text in (other.type, url_path(other.file))
    ]
    return [asset.type, *others] if others else []


def _value(release: Manifest, asset: Asset) -> str:
    """Return what the store holds of an asset; empty for nothing."""
    codings = ",".join(_codings(asset))
    value = "\t".join([codings, *_others(release, asset)])
    return value if len(f"{asset.file}{value}".encode()) <= PAIR_LIMIT else codings


def _known(release: Manifest) -> tuple[str, str]:
    """Return what has siblings: by codings, suffix and fingerprint, and by codings and name."""
    by_print: defaultdict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    named: defaultdict[str, list[str]] = defaultdict(list)
    for asset in _never_changing(release):
        codings = _codings(asset)
        stem, suffix = split_suffix(asset.file)
        if is_fingerprinted(asset.file):
            by_print[suffix, stem[-HASH_LENGTH:]].add(codings)
        elif codings:
            named[",".join(codings)].append(asset.file)
    hashed: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (suffix, fingerprint), found in by_print.items():
        # Equal contents have equal siblings; should it ever be otherwise, none is safe.
        if len(found) == 1 and (codings := next(iter(found))):
            hashed[",".join(codings), suffix].append(_packed(fingerprint))
    rows = [[codings, suffix, "".join(sorted(p))] for (codings, suffix), p in hashed.items()]
    return (
        _rows(rows),
        _object({codings: sorted(files) for codings, files in sorted(named.items())}),
    )


def _packed(fingerprint: str) -> str:
    groups = (int(fingerprint[at : at + 3], 16) for at in range(0, HASH_LENGTH, 3))
    return "".join(_DIGITS[value >> 6] + _DIGITS[value & 63] for value in groups)


def _rows(rows: Iterable[list[str]]) -> str:
    return "[" + ",\n".join(map(_compact, sorted(rows))) + "]"


def _object(value: Mapping[str, object]) -> str:
    return _compact(dict(value))


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""The media types of static files: one table, the same on every machine.

The standard library's ``mimetypes`` reads the machine's own tables, so the same file gets
different types on different hosts; this table never asks the machine.
Sources: the IANA media types registry; RFC 9239 (``text/javascript``); RFC 8081 (fonts);
WHATWG MIME Sniffing (fonts, WebAssembly); W3C Web Application Manifest.
"""

from __future__ import annotations

from assetpipe.names import split_suffix

DEFAULT = "application/octet-stream"

_TYPES = {
    # text
    ".css": "text/css",
    ".csv": "text/csv",
    ".htm": "text/html",
    ".html": "text/html",
    ".ics": "text/calendar",
    ".js": "text/javascript",
    ".cjs": "text/javascript",
    ".mjs": "text/javascript",
    ".log": "text/plain",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".text": "text/plain",
    ".txt": "text/plain",
    ".vcf": "text/vcard",
    ".vtt": "text/vtt",
    # structured text
    ".atom": "application/atom+xml",
    ".geojson": "application/geo+json",
    ".gpx": "application/gpx+xml",
    ".json": "application/json",
    ".json5": "application/json5",
    ".jsonld": "application/ld+json",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".map": "application/json",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".topojson": "application/json",
    ".toml": "application/toml",
    ".webmanifest": "application/manifest+json",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
    ".xsl": "application/xslt+xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    # images
    ".apng": "image/apng",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".cur": "image/vnd.microsoft.icon",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".ico": "image/vnd.microsoft.icon",
    ".jfif": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".jxl": "image/jxl",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    # fonts
    ".eot": "application/vnd.ms-fontobject",
    ".otf": "font/otf",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    # audio and video
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mid": "audio/midi",
    ".midi": "audio/midi",
    ".mkv": "video/matroska",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    # models, documents, archives, programs
    ".7z": "application/x-7z-compressed",
    ".br": DEFAULT,
    ".bz2": "application/x-bzip2",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gz": "application/gzip",
    ".jar": "application/java-archive",
    ".mtl": "model/mtl",
    ".obj": "model/obj",
    ".pdf": "application/pdf",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rar": "application/vnd.rar",
    ".stl": "model/stl",
    ".tar": "application/x-tar",
    ".tgz": "application/gzip",
    ".usdz": "model/vnd.usdz+zip",
    ".wasm": "application/wasm",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xz": "application/x-xz",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}

SUFFIXES = tuple(_TYPES)
"""Suffixes of names, in lower case with their dot, that tell a type."""

_NAMED = {
    # Files that the web asks for by a fixed name without a telling suffix.
    "apple-app-site-association": "application/json",
}

_COMPRESSED = {
    suffix
    for suffix, media_type in _TYPES.items()
    if media_type.startswith(("audio/", "image/", "video/"))
    and suffix not in {".bmp", ".cur", ".ico", ".mid", ".midi", ".svg", ".tif", ".tiff", ".wav"}
} | {
    ".7z", ".br", ".bz2", ".docx", ".epub", ".gz", ".jar", ".pdf", ".pptx", ".rar", ".tgz",
    ".usdz", ".woff", ".woff2", ".xlsx", ".xz", ".zip", ".zst",
}  # fmt: skip


def media_type(name: str) -> str:
    """Return the media type of a file name, without parameters."""
    base = name.rpartition("/")[2]
    return _NAMED.get(base) or _TYPES.get(split_suffix(name)[1].lower(), DEFAULT)


def content_type(name: str, *, utf8: bool) -> str:
    """Return the ``Content-Type`` of a file: its media type, for UTF-8 text with the charset.

    ``utf8`` says whether the bytes are UTF-8. A text in any other encoding gets no charset: the
    header would win over its own ``@charset`` (CSS Syntax 3, 3.2) or its document's encoding.
    """
    kind = media_type(name)
    return f"{kind}; charset=utf-8" if utf8 and kind.startswith("text/") else kind


def is_text(name: str) -> bool:
    """Say whether the type is ``text/*``, whose encoding is part of the content type."""
    return media_type(name).startswith("text/")


def is_compressed(name: str) -> bool:
    """Say whether the format is compressed already, so that gzip or Brotli gain nothing."""
    return split_suffix(name)[1].lower() in _COMPRESSED

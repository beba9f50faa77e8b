"""A destination: where a release is published to, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assetpipe.errors import ConfigError

SCHEMES = ("s3", "gs", "az", "file", "memory")
"""Schemes of targets: Amazon S3 and what speaks its language, Google, Azure, a folder, a test."""

HOUR = 3600.0
DAY = 24 * HOUR

_SINGLE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where to publish to, and how: the keys of ``[tool.assetpipe.publish.NAME]``.

    Attributes:
        target: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://container/prefix``,
            ``file:///folder``, or a plain path.
        url: URL below which browsers see the target; what ``verify`` asks.
        encodings: ``siblings`` puts the precompressed files as objects of their own; ``identity``
            leaves compression to the CDN; empty for ``siblings`` in folders, else ``identity``.
        endpoint_url: the service to talk to, where it is not the provider's own.
        region: of the bucket.
        profile: section of the AWS configuration to take credentials from.
        role_arn: AWS role to assume.
        addressing: ``path`` or ``virtual``, where the bucket's name goes in S3 requests; empty
            for ``virtual`` at AWS, else ``path``.
        checksums: ``sha256`` to send one with every object, ``off``; empty for ``sha256`` at AWS,
            else ``off``, as not every other service takes them.
        acl: canned access control list of every object; none is sent where empty.
        invalidate: what to tell of replaced files: ``cloudfront:ID``, ``command:PROGRAM ...``, or
            the name of an installed plug-in, a colon, and its argument.
        allow: globs of logical names to publish though they look like secrets.
        record: write down who published which revision.
        keep: releases that ``prune`` keeps at least, the current one included.
        younger_than: seconds since its publishing up to which ``prune`` keeps a release.
        grace: seconds that ``prune`` waits between marking and deleting.
        max_delete: share of all objects, from 0 to 1, above which ``prune`` refuses to delete.
        connections: requests at once.
        retries: how often to repeat a request that failed by the service's or the network's fault.
        timeout: seconds for one request.
    """

    target: str
    url: str = ""
    encodings: str = ""
    endpoint_url: str = ""
    region: str = ""
    profile: str = ""
    role_arn: str = ""
    addressing: str = ""
    checksums: str = ""
    acl: str = ""
    invalidate: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    record: bool = True
    keep: int = 5
    younger_than: float = 30 * DAY
    grace: float = HOUR
    max_delete: float = 0.5
    connections: int = 64
    retries: int = 4
    timeout: float = 60.0

    @property
    def scheme(self) -> str:
        """The scheme of the target; ``file`` for a plain path.

        Raises:
            ConfigError: nothing can be published there.
        """
        if not self.target.strip():
            raise ConfigError(
                "the target is empty", where="TARGET", hint="a variable in the command may be unset"
            )
        single = _SINGLE_SLASH.match(self.target)
        if single and single[1].lower() in SCHEMES:
            raise ConfigError(
                f"{self.target!r} has one slash after its scheme",
                where="TARGET",
                hint=f"did you mean {single[1]}://{self.target[single.end() :]}?",
            )
        match = _SCHEME.match(self.target)
        # A single letter is a Windows drive.
        scheme = match[1].lower() if match else "file"
        if scheme not in SCHEMES:
            raise ConfigError(
                f"cannot publish to {self.target!r}",
                where="TARGET",
                hint="known are s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, "
                "file:///folder and plain paths",
            )
        return scheme

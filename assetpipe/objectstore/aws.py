"""Amazon's side: endpoints, regions, credentials, and what only boto3 can do."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, OutsideError, need
from assetpipe.objectstore import failures

DEFAULT_REGION = "us-east-1"

_ROLE_SESSION = "assetpipe"
# Credentials are asked for again after this long; botocore renews its own at least ten minutes
# before they end (botocore.credentials.RefreshableCredentials), so none ends in use.
_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Service:
    """An S3 service, and how it wants to be spoken to.

    Attributes:
        endpoint: URL of the service, without the bucket.
        region: what requests are signed for.
        is_amazon: it is Amazon's own.
        virtual: the bucket's name goes in the host's, not in the path.
    """

    endpoint: str
    region: str
    is_amazon: bool
    virtual: bool

    def bucket_endpoint(self, bucket: str) -> str:
        """Return the URL that the bucket's requests go to, without the bucket where in the path."""
        scheme, _, host = self.endpoint.partition("://")
        return f"{scheme}://{bucket}.{host}" if self.virtual else self.endpoint


def service(destination: Destination, bucket: str) -> Service:
    """Return the service that an ``s3`` target is at.

    What the configuration leaves open, the environment may say: ``AWS_ENDPOINT_URL_S3``,
    ``AWS_ENDPOINT_URL``, ``AWS_REGION``, ``AWS_DEFAULT_REGION``; last, the profile names a region.

    Raises:
        ConfigError: the endpoint is no URL, or there is no such profile.
        MissingExtraError: boto3 is needed and not installed.
    """
    endpoint = destination.endpoint_url or _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    host = _host(endpoint) if endpoint else ""
    region = known_region(destination)
    if not region and endpoint:
        region = "auto" if host.endswith(".r2.cloudflarestorage.com") else DEFAULT_REGION
    if not region:
        region = session(destination).region_name or DEFAULT_REGION
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    is_amazon = not endpoint or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    # No certificate covers a name with dots below the service's host.
    virtual = destination.addressing or ("virtual" if is_amazon and "." not in bucket else "path")
    url = endpoint.rstrip("/") or f"https://s3.{region}.{domain}"
    return Service(url, region, is_amazon, virtual == "virtual")


def known_region(destination: Destination) -> str:
    """Return the region that the configuration or the environment names, or an empty string."""
    return destination.region or _environment("AWS_REGION", "AWS_DEFAULT_REGION")


def _environment(*names: str) -> str:
    return next((value for name in names if (value := os.environ.get(name))), "")


def _host(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        host = None
    if host is None:
        raise ConfigError(
            f"{endpoint!r} is no URL of a service",
            where="endpoint_url",
            hint="write it as https://host or http://host:port",
        )
    return host


class Credentials:
    """A provider of credentials for obstore, from a session of boto3 or from the environment.

    Attributes:
        failure: why there were none when they were last asked for.
    """

    def __init__(self, destination: Destination) -> None:
        """Find the credentials, as nothing can be done without.

        Raises:
            OutsideError: there are none, or they have run out; the hint says how to get some.
            MissingExtraError: boto3 is needed and not installed.
        """
        self.failure: OutsideError | None = None
        self._names = destination.profile, destination.role_arn
        self._frozen: Callable[[], Any] | None = None
        if not _is_in_environment(destination):
            _boto3()
            with failures.of_credentials(*self._names):
                found = session(destination).get_credentials()
                if found is None:
                    raise failures.no_credentials(destination.profile)
                self._frozen = found.get_frozen_credentials
                self._frozen()

    def __call__(self) -> dict[str, Any]:
        """Return the credentials that are good for the next minutes."""
        if self._frozen is None:
            return {
                "access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
                "secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
                "token": os.environ.get("AWS_SESSION_TOKEN") or None,
                "expires_at": None,
            }
        try:
            with failures.of_credentials(*self._names):
                frozen = self._frozen()
                self.failure = None
        except OutsideError as error:
            self.failure = error
            raise
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _LIFETIME,
        }


def _is_in_environment(destination: Destination) -> bool:
    # What boto3 would find first, too, without the quarter of a second that importing it takes.
    is_chosen = bool(destination.profile or destination.role_arn)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return not is_chosen and all(os.environ.get(name) for name in names)


class _Assumed:
    """What botocore asks for the credentials of a session: those of a role."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def session(destination: Destination) -> Any:
    """Return a session of boto3 with the credentials and the region of a destination.

    Credentials that end are renewed for as long as the session is used.

    Raises:
        OutsideError: the profile does not exist or cannot be read.
        MissingExtraError: boto3 is not installed.
    """
    boto3 = _boto3()
    core = import_module("botocore.session")
    profile, region = destination.profile or None, known_region(destination) or None
    with failures.of_credentials(destination.profile, destination.role_arn):
        own = core.Session(profile=profile)
        if destination.role_arn:
            role = _assume(core.Session(profile=profile), destination.role_arn, region)
            own.register_component("credential_provider", role)
        return boto3.Session(botocore_session=own, region_name=region)


def _boto3() -> ModuleType:
    return need("boto3", feature="publishing with AWS credentials", extra="publish")


def _assume(basis: Any, role_arn: str, region: str | None) -> _Assumed:
    module = import_module("botocore.credentials")
    region = region or basis.get_config_variable("region") or DEFAULT_REGION
    source = basis.get_credentials()
    if source is None:
        raise failures.no_credentials(basis.profile or "")
    fetcher = module.AssumeRoleCredentialFetcher(
        partial(basis.create_client, region_name=region),
        source,
        role_arn,
        extra_args={"RoleSessionName": _ROLE_SESSION},
    )
    return _Assumed(
        module.DeferredRefreshableCredentials(
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
    )


def client(destination: Destination, at: Service) -> Any:
    """Return boto3's client of a service, for what obstore cannot do.

    Raises:
        OutsideError: there are no credentials.
        MissingExtraError: boto3 is not installed.
    """
    own = session(destination)
    config = import_module("botocore.config").Config(
        s3={"addressing_style": "virtual" if at.virtual else "path"},
        retries={"mode": "standard", "total_max_attempts": destination.retries + 1},
        connect_timeout=destination.timeout,
        read_timeout=destination.timeout,
        max_pool_connections=destination.connections,
        # Not every other service takes the checksums that botocore sends by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with failures.of_credentials(destination.profile, destination.role_arn):
        return own.client("s3", endpoint_url=at.endpoint, region_name=at.region, config=config)

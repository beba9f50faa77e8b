"""The store over obstore: one shape for every service, and sentences for what goes wrong."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, InputError, OutsideError, need
from assetpipe.headers import Headers
from assetpipe.objectstore import aws, failures
from assetpipe.objectstore.location import Location, locate
from assetpipe.objectstore.model import ConflictError, Store, Stored, UnconditionalError, Version

_PARAMETERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
}
STORABLE = frozenset(_PARAMETERS)
"""Names, in lower case, of the header fields that objects can have."""

_Result = TypeVar("_Result")

# Up to here an upload is one request, which leaves nothing behind when it fails.
_WHOLE = 32 * 1024 * 1024  # bytes
_PART = 8 * 1024 * 1024  # bytes
_CONNECTING = 10.0  # seconds
# obstore signs a request once and repeats it as it is; signatures age.
_RETRYING = 290.0  # seconds
_FIRST_PAUSE = 0.1  # seconds, three times as long after each attempt
_LONGEST_PAUSE = 15.0  # seconds


def open_store(destination: Destination) -> Store:
    """Return the store of a destination that is no folder; find its credentials.

    Raises:
        ConfigError: the target, the endpoint or another setting is wrong.
        OutsideError: there are no credentials.
        MissingExtraError: obstore is not installed, or boto3 where it is needed.
    """
    location = locate(destination)
    if location.scheme == "s3":
        return _AmazonStore(destination, location)
    amazons = ("acl", "addressing", "checksums", "profile", "region", "role_arn")
    for name in amazons:
        if getattr(destination, name):
            raise ConfigError(f"{name} is for s3:// targets only", where=name, hint="remove it")
    return _ObjectStore(destination, location)


class _ObjectStore:
    """The objects of a bucket below a prefix. Its methods may be called from many threads."""

    is_local = False

    def __init__(self, destination: Destination, location: Location) -> None:
        """Make the clients: nothing is asked of the service yet."""
        self.name = location.name
        self._destination = destination
        self._location = location
        self._obstore = need(
            "obstore", feature=f"publishing to {location.scheme}://", extra="publish"
        )
        self._stores = need("obstore.store", feature="object storage", extra="publish")
        exceptions = need("obstore.exceptions", feature="object storage", extra="publish")
        self._base_error: type[Exception] = exceptions.BaseError
        self._conflicts = (exceptions.AlreadyExistsError, exceptions.PreconditionError)
        # Repeating is done here: obstore does not repeat all that it could, and the swap that it
        # repeats may be its own. Only the parts of a large object are left to it.
        acl = {"x-amz-acl": destination.acl} if destination.acl else {}
        self._objects = self._client(0, {})
        self._puts = self._client(0, acl) if acl else self._objects
        # In memory every client would be a store of its own.
        is_near = location.scheme == "memory"
        self._parts = self._objects if is_near else self._client(destination.retries, acl)

    def read(self, key: str) -> Stored | None:
        """Return an object; ``None`` where there is none."""
        path = self._path(key)

        def get() -> tuple[bytes, Any]:
            got = self._obstore.get(self._objects, path)
            return bytes(got.bytes()), got.meta

        with self._failing("read", key):
            try:
                data, meta = self._repeated(get)
            except FileNotFoundError as error:
                if failures.is_bucket_missing(error):
                    raise
                return None
        return Stored(data, (meta["e_tag"], meta["version"]))

    def put(self, key: str, data: bytes, fields: Headers) -> None:
        """Store an object, whole or not at all, replacing what is there."""
        path, attributes = self._path(key), _attributes(fields)
        with self._failing("put", key):
            if len(data) > _WHOLE:
                self._obstore.put(self._parts, path, data, attributes=attributes, chunk_size=_PART)
            else:
                self._repeated(
                    lambda: self._obstore.put(
                        self._puts, path, data, attributes=attributes, use_multipart=False
                    )
                )

    def put_fields(self, key: str, fields: Headers) -> bool:
        """Say that the store cannot replace header fields only."""
        return False

    def swap(self, key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        """Replace an object if it still is in a version; ``None`` if there still is none.

        A request whose answer got lost may have been carried out. Repeating it blindly would
        find the object changed, by ourselves; so after each failure the object is looked at.

        Raises:
            ConflictError: it is not.
            UnconditionalError: the service does not know conditional writes.
        """
        for attempt in range(self._destination.retries + 1):
            with self._failing("swap", key):
                try:
                    return self._swap(key, data, fields, version)
                except self._base_error as error:
                    if failures.is_unconditional(error):
                        raise UnconditionalError(key) from None
                    if not failures.is_passing(error):
                        raise
                    _pause(attempt)
                    there = self.read(key)
                    if there is not None and there.data == data:
                        return there.version
                    if attempt == self._destination.retries:
                        raise
                    if (there.version if there else None) != version:
                        raise ConflictError(key) from None
        raise AssertionError

    def _swap(self, key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        mode: Any = "create"
        if version is not None:
            named = zip(("e_tag", "version"), version, strict=True)
            mode = {name: value for name, value in named if value is not None}
            if not mode:
                raise OutsideError(
                    "the service gave the object neither an entity tag nor a version",
                    where=self._location.where(key),
                    hint="without one, two publishes at once could overwrite each other: "
                    "update the service, or use another",
                )
        try:
            done = self._obstore.put(
                self._puts,
                self._path(key),
                data,
                attributes=_attributes(fields),
                mode=mode,
                use_multipart=False,
            )
        except (*self._conflicts, FileNotFoundError) as error:
            if failures.is_bucket_missing(error):
                raise
            raise ConflictError(key) from None
        return done["e_tag"], done["version"]

    def sizes(self) -> dict[str, int]:
        """List all objects: bytes by key, in no particular order."""
        with self._failing("list"):
            return self._repeated(self._list)

    def _list(self) -> dict[str, int]:
        prefix = self._location.prefix
        found = self._obstore.list(self._objects, prefix or None, chunk_size=1000)
        return {
            entry["path"].removeprefix(prefix): entry["size"] for chunk in found for entry in chunk
        }

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects; one that is not there is no error."""
        if keys:
            workers = min(self._destination.connections, len(keys))
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(self._delete, sorted(keys)))

    def _delete(self, key: str) -> None:
        with self._failing("delete", key):
            try:
                self._repeated(lambda: self._obstore.delete(self._objects, self._path(key)))
            except FileNotFoundError as error:
                if failures.is_bucket_missing(error):
                    raise

    def _repeated(self, act: Callable[[], _Result]) -> _Result:
        """Do what may be done twice, again as long as its failure may pass."""
        for attempt in range(self._destination.retries):
            try:
                return act()
            except self._base_error as error:
                if not failures.is_passing(error):
                    raise
                _pause(attempt)
        return act()

    def _path(self, key: str) -> str:
        return self._location.prefix + key

    def _client(self, retries: int, headers: dict[str, str]) -> Any:
        scheme, bucket = self._location.scheme, self._location.bucket
        if scheme == "memory":
            return self._stores.MemoryStore()
        endpoint = self._destination.endpoint_url
        options = self._options(endpoint, retries, headers)
        with self._opening():
            if scheme == "gs":
                base = {"base_url": endpoint.rstrip("/")} if endpoint else {}
                return self._stores.GCSStore(bucket, **base, **options)
            base = {"endpoint": endpoint.rstrip("/")} if endpoint else {}
            return self._stores.AzureStore(container_name=bucket, **base, **options)

    def _options(self, endpoint: str, retries: int, headers: dict[str, str]) -> dict[str, Any]:
        timeout = self._destination.timeout
        return {
            "client_options": {
                # Named though they are the defaults, as obstore looks for them in the environment.
                "allow_http": endpoint.startswith("http://"),
                "allow_invalid_certificates": False,
                "connect_timeout": timedelta(seconds=min(timeout, _CONNECTING)),
                "default_headers": headers,
                "pool_max_idle_per_host": str(self._destination.connections),
                "timeout": timedelta(seconds=timeout),
            },
            "retry_config": {
                "max_retries": retries,
                "retry_timeout": timedelta(seconds=min(timeout * (retries + 1), _RETRYING)),
            },
        }

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Turn what obstore says of settings that it finds into a sentence."""
        try:
            yield
        except self._base_error as error:
            raise failures.of_settings(error, self._scene("")) from None

    @contextmanager
    def _failing(self, operation: failures.Operation, key: str = "") -> Iterator[None]:
        """Turn what obstore raises into a sentence."""
        try:
            yield
        except (self._base_error, FileNotFoundError) as error:
            raise self._explained(error, operation, key) from None
        except ValueError as error:
            if "Could not parse path" not in str(error):
                raise
            raise InputError(
                "cannot be the name of an object",
                where=self._location.where(key),
                hint="rename the file: names must have no control characters",
            ) from None

    def _explained(self, error: Exception, operation: failures.Operation, key: str) -> OutsideError:
        return failures.explain(failures.answer_of(error), operation, self._scene(key))

    def _scene(self, key: str) -> failures.Scene:
        endpoint = self._destination.endpoint_url
        return failures.Scene(self._location, key, endpoint=endpoint)


def _attributes(fields: Headers) -> dict[str, str]:
    # Spelled otherwise, a field would become metadata of the user's own.
    return {name.title(): value for name, value in fields}


def _pause(attempt: int) -> None:
    # Not all at the same time again: the service may have failed for just that.
    longest = min(_FIRST_PAUSE * 3**attempt, _LONGEST_PAUSE)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - nobody gains by guessing it


class _AmazonStore(_ObjectStore):
    """A bucket at Amazon, or at one of the many services that speak its language."""

    def __init__(self, destination: Destination, location: Location) -> None:
        self._service = aws.service(destination, location.bucket)
        self._credentials = aws.Credentials(destination)
        self._lock = Lock()
        super().__init__(destination, location)

    def put_fields(self, key: str, fields: Headers) -> bool:
        """Replace an object's header fields by copying it onto itself; say whether it could be."""
        bucket, path = self._location.bucket, self._path(key)
        values = {_PARAMETERS[name.lower()]: value for name, value in fields}
        if self._destination.acl:
            values["ACL"] = self._destination.acl  # a copy does not keep that of its source
        client = self._boto()
        try:
            with failures.of_boto(self._scene(key), "copy"):
                client.copy_object(
                    Bucket=bucket,
                    Key=path,
                    CopySource={"Bucket": bucket, "Key": path},
                    MetadataDirective="REPLACE",
                    **values,
                )
        except failures.ImpossibleError:
            return False
        return True

    def delete(self, keys: Collection[str]) -> None:
        """Delete objects, a thousand in a request; one that is not there is no error."""
        paths = [self._path(key) for key in sorted(keys)]
        with self._failing("delete"):
            self._repeated(lambda: self._obstore.delete(self._objects, paths))

    def _client(self, retries: int, headers: dict[str, str]) -> Any:
        bucket, at = self._location.bucket, self._service
        endpoint = at.bucket_endpoint(bucket)
        wanted = self._destination.checksums or ("sha256" if at.is_amazon else "off")
        checksums = {"checksum_algorithm": "sha256"} if wanted == "sha256" else {}
        if not checksums and os.environ.get("AWS_CHECKSUM_ALGORITHM"):
            raise ConfigError(
                "the environment asks for checksums, which are off for this target",
                where="AWS_CHECKSUM_ALGORITHM",
                hint='unset it, or say `checksums = "sha256"`',
            )
        with self._opening():
            return self._stores.S3Store(
                bucket,
                credential_provider=self._credentials,
                region=at.region,
                virtual_hosted_style_request=at.virtual,
                # Named though they are the defaults, as obstore looks for all in the environment.
                endpoint=endpoint,
                aws_endpoint_url_s3=endpoint,
                conditional_put="etag",
                s3_express=False,
                skip_signature=False,
                unsigned_payload=False,
                **checksums,
                **self._options(endpoint, retries, headers),
            )

    def _explained(self, error: Exception, operation: failures.Operation, key: str) -> OutsideError:
        # What kept the credentials from being renewed says more than the request that lacked them.
        return self._credentials.failure or super()._explained(error, operation, key)

    def _scene(self, key: str) -> failures.Scene:
        return failures.Scene(
            self._location,
            key,
            endpoint=self._service.endpoint,
            region=self._service.region,
            is_amazon=self._service.is_amazon,
            profile=self._destination.profile,
            acl=self._destination.acl,
        )

    def _boto(self) -> Any:
        with self._lock:
            return self._boto_client

    @cached_property
    def _boto_client(self) -> Any:
        return aws.client(self._destination, self._service)

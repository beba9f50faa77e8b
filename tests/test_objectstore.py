"""Stores of objects: one contract, what goes over the wire, and a sentence for every failure."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest

from assetpipe.destination import Destination
from assetpipe.errors import AssetpipeError, ConfigError, InputError, OutsideError
from assetpipe.objectstore import STORABLE, ConflictError, Store, open_store
from assetpipe.objectstore.aws import Credentials, service, session
from assetpipe.objectstore.model import UnconditionalError
from assetpipe.publish.folder import FolderStore
from tests.faults import BROKEN, BUSY, DENIED, Answer, Choose, Fault, Faults, every, nth
from tests.site import clean_environment
from tests.weed import ACCESS_KEY, SECRET_KEY, SHARED, Weed

FIELDS = (("Content-Type", "text/css; charset=utf-8"), ("Cache-Control", "no-cache"))
DATE = "Sat, 01 Jan 2000 00:00:00 GMT"
ODD_KEYS = (
    "a b.css",
    "100%.css",
    "a%20b.css",
    "a+b.css",
    "ü/é.css",
    "#.css",
    "?q=1&r=2",
    "<a> & 'b' \"c\"",
    "~$!*(){}[]:;@=,^`|",
    ".hidden",
    "deep/er/and/deep/er",
)


def contract_of_weed(request: pytest.FixtureRequest) -> Store:
    """Return an empty store in SeaweedFS, below a prefix that is itself odd."""
    cloud: Weed = request.getfixturevalue("cloud")
    return open_store(cloud.destination(f"s3://{SHARED}/{cloud.prefix()}/pre fix/50%+ü/"))


def contract_of_memory(request: pytest.FixtureRequest) -> Store:
    """Return an empty store in memory."""
    return open_store(Destination(target="memory:///"))


def contract_of_folder(request: pytest.FixtureRequest) -> Store:
    """Return an empty folder as a store."""
    folder: Path = request.getfixturevalue("tmp_path")
    return FolderStore(folder / "target")


STORES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "weed": contract_of_weed,
    "memory": contract_of_memory,
    "folder": contract_of_folder,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each sort."""
    return STORES[request.param](request)


def content(store: Store, key: str) -> bytes | None:
    """Return the content of an object, if there is one."""
    stored = store.read(key)
    return stored.data if stored else None


# The contract: what holds in every store.


def test_what_is_put_is_read_and_listed(store: Store) -> None:
    """The last put counts; an object may be empty."""
    store.put("css/app.css", b"old, and longer", FIELDS)
    store.put("css/app.css", b"new", FIELDS)
    store.put("empty", b"", FIELDS)
    assert content(store, "css/app.css") == b"new"
    assert content(store, "empty") == b""
    assert store.sizes() == {"css/app.css": 3, "empty": 0}


def test_what_is_not_there(store: Store) -> None:
    """It reads as nothing, is not listed, and can be deleted."""
    assert store.read("missing") is None
    assert store.sizes() == {}
    store.delete(["missing", "gone/too"])
    store.delete([])


@pytest.mark.parametrize("store", ["weed", "memory"], indirect=True)
def test_deleting_takes_what_is_named_and_no_more(store: Store) -> None:
    """Missing ones among them do not stop it."""
    for key in ("a", "b", "b/c", "bb"):
        store.put(key, b"1", FIELDS)
    store.delete(["b", "missing", "a"])
    assert store.sizes() == {"b/c": 1, "bb": 1}


def test_odd_names(store: Store) -> None:
    """A key is taken as it is, whatever a file name may hold."""
    for key in ODD_KEYS:
        store.put(key, key.encode(), FIELDS)
    assert set(store.sizes()) == set(ODD_KEYS)
    assert {key: content(store, key) for key in ODD_KEYS} == {key: key.encode() for key in ODD_KEYS}
    store.delete(ODD_KEYS)
    assert store.sizes() == {}


@pytest.mark.parametrize("store", ["weed", "memory"], indirect=True)
@pytest.mark.parametrize("key", ["tab\there", "line\nbreak"])
def test_names_that_no_store_takes(store: Store, key: str) -> None:
    """A control character is refused with the name."""
    with pytest.raises(InputError, match="cannot be the name of an object"):
        store.put(key, b"1", FIELDS)


def test_a_service_that_knows_no_conditional_writes_says_so(cloud: Weed, proxy: Faults) -> None:
    """It is no failure: whoever swaps has to do without."""
    store = open_store(cloud.destination(f"s3://{SHARED}/{cloud.prefix()}", endpoint_url=proxy.url))
    proxy.choose = lambda request: (
        Answer(501, xml("NotImplemented")) if "if-none-match" in request.fields else None
    )
    with pytest.raises(UnconditionalError):
        store.swap("state", b"1", FIELDS, None)
    proxy.choose = lambda _: None
    assert content(store, "state") is None


def test_swapping(store: Store) -> None:
    """Only who knows the current version replaces it; each replacing gives the next."""
    first = store.swap("state", b"1", FIELDS, None)
    second = store.swap("state", b"2", FIELDS, first)
    stored = store.read("state")
    assert stored is not None
    assert stored == (b"2", second)
    third = store.swap("state", b"3", FIELDS, stored.version)
    assert content(store, "state") == b"3"
    assert len({first, second, third}) == 3


def test_swapping_what_somebody_else_changed(store: Store) -> None:
    """The object stays as the other left it, be it new, changed or gone."""
    first = store.swap("state", b"1", FIELDS, None)
    with pytest.raises(ConflictError):
        store.swap("state", b"mine", FIELDS, None)
    # The same bytes again are somebody else's all the same.
    with pytest.raises(ConflictError):
        store.swap("state", b"1", FIELDS, None)
    store.swap("state", b"2", FIELDS, first)
    with pytest.raises(ConflictError):
        store.swap("state", b"mine", FIELDS, first)
    assert content(store, "state") == b"2"
    store.delete(["state"])
    with pytest.raises(ConflictError):
        store.swap("state", b"mine", FIELDS, first)
    assert store.read("state") is None


def test_of_many_who_swap_one_wins(store: Store) -> None:
    """Every version is followed by one other, however many try at once."""
    version = None
    for turn in range(2):

        def attempt(number: int, turn: int = turn, version: Any = version) -> bytes:
            data = f"{turn}.{number}".encode()
            try:
                store.swap("state", data, FIELDS, version)
            except ConflictError:
                return b""
            return data

        with ThreadPoolExecutor(3) as pool:
            winners = set(pool.map(attempt, range(3))) - {b""}
        stored = store.read("state")
        assert stored is not None
        assert winners == {stored.data}
        version = stored.version


def test_more_objects_than_a_page_holds(store: Store) -> None:
    """Services list and delete a thousand at a time."""
    keys = [f"many/{number}.txt" for number in range(1_050)]
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda key: store.put(key, b"1", FIELDS), keys))
    assert store.sizes() == dict.fromkeys(keys, 1)
    store.delete(keys)
    assert store.sizes() == {}


def test_many_threads_may_use_one_store(store: Store) -> None:
    """Each gets what it asked for."""

    def round_trip(number: int) -> bool:
        data = os.urandom(1_000 + number)
        store.put(f"{number}", data, FIELDS)
        return content(store, f"{number}") == data

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(round_trip, range(64)))


# Over the wire: what a service gets to see.


@pytest.fixture
def prefix(cloud: Weed) -> str:
    """Return the prefix, in the shared bucket, of nothing yet."""
    return cloud.prefix()


@pytest.fixture
def bucket(cloud: Weed) -> str:
    """Return the name of an empty bucket."""
    return cloud.bucket()


def test_objects_have_their_header_fields(cloud: Weed, bucket: str) -> None:
    """All that an object can have, as an independent client sees them."""
    fields = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Disposition": 'attachment; filename="a.js"',
        "Content-Encoding": "br",
        "Content-Language": "de",
        "Content-Type": "text/javascript; charset=utf-8",
    }
    assert {name.lower() for name in fields} == STORABLE
    store = open_store(cloud.destination(f"s3://{bucket}"))
    store.put("a.js", b"1", tuple(fields.items()))
    found = cloud.head(bucket, "a.js")["ResponseMetadata"]["HTTPHeaders"]
    assert {name: found[name.lower()] for name in fields} == fields


def test_header_fields_are_replaced_without_the_content(cloud: Weed, bucket: str) -> None:
    """Those that are not given go; the content stays, and is not sent."""
    with Faults(cloud.url) as proxy:
        store = open_store(cloud.destination(f"s3://{bucket}/p", endpoint_url=proxy.url))
        store.put("ü +%.css", b"x" * 1_000, (*FIELDS, ("Content-Encoding", "br")))
        assert store.put_fields("ü +%.css", (("Content-Type", "text/plain"),))
        assert not store.put_fields("missing.css", FIELDS)
        copies = [request for request in proxy.requests if "x-amz-copy-source" in request.fields]
    assert [int(request.fields.get("content-length", "0")) for request in copies] == [0, 0]
    fields = cloud.head(bucket, "p/ü +%.css")["ResponseMetadata"]["HTTPHeaders"]
    assert fields["content-type"] == "text/plain"
    assert not {"cache-control", "content-encoding"} & set(fields)
    assert cloud.body(bucket, "p/ü +%.css") == b"x" * 1_000


def test_memory_cannot_replace_header_fields() -> None:
    """So that the caller puts the object again."""
    store = open_store(Destination(target="memory:///"))
    store.put("a", b"1", FIELDS)
    assert not store.put_fields("a", FIELDS)
    assert not store.is_local


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_object_is_where_a_browser_asks(cloud: Weed, prefix: str, key: str) -> None:
    """At the URL of the key, percent-encoded once."""
    open_store(cloud.destination(f"s3://{SHARED}/{prefix}/50%/")).put(key, key.encode(), FIELDS)
    url = cloud.signed_url(SHARED, f"{prefix}/50%/{key}")
    expected = f"{cloud.url}/{SHARED}/{prefix}/50%25/{quote(key, safe='/~')}"
    assert url.partition("?")[0] == expected
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == key.encode()


def test_keys_are_below_the_prefix_only(cloud: Weed, bucket: str) -> None:
    """What others have in the bucket is neither listed nor deleted."""
    for key in ("app.css", "site", "sites/app.css", "site/app.css"):
        cloud.client.put_object(Bucket=bucket, Key=key, Body=b"1")
    store = open_store(cloud.destination(f"s3://{bucket}//site//"))
    assert store.sizes() == {"app.css": 1}
    store.delete(["app.css"])
    assert cloud.keys(bucket) == {"app.css", "site", "sites/app.css"}


def test_a_large_object_goes_in_parts(cloud: Weed, bucket: str) -> None:
    """From 32 MiB on; smaller ones in one request, which leaves nothing behind."""
    data = bytes(33 << 20)
    with Faults(cloud.url) as proxy:
        store = open_store(cloud.destination(f"s3://{bucket}", endpoint_url=proxy.url))
        store.put("large", data, FIELDS)
        parts = proxy.count("PUT")
        store.put("whole", data[: 32 << 20], FIELDS)
        assert proxy.count("PUT") == parts + 1 > 2
    assert cloud.body(bucket, "large") == data
    assert cloud.head(bucket, "large")["CacheControl"] == "no-cache"


CHECKSUMS = {
    "asked for": ({"checksums": "sha256"}, True),
    "off": ({"checksums": "off"}, False),
    "off by default elsewhere than at Amazon": ({}, False),
}


@pytest.mark.parametrize(("settings", "sent"), CHECKSUMS.values(), ids=CHECKSUMS)
def test_checksums(cloud: Weed, bucket: str, settings: dict[str, Any], sent: bool) -> None:
    """One is sent with each object where wanted, and the service keeps it."""
    with Faults(cloud.url) as proxy:
        target = cloud.destination(f"s3://{bucket}", endpoint_url=proxy.url, **settings)
        open_store(target).put("a", b"hello", FIELDS)
    checksum = base64.b64encode(hashlib.sha256(b"hello").digest()).decode() if sent else None
    assert proxy.requests[0].fields.get("x-amz-checksum-sha256") == checksum
    assert cloud.head(bucket, "a").get("ChecksumSHA256") == checksum


def test_no_access_control_list_unless_asked_for(cloud: Weed, bucket: str) -> None:
    """It goes with what writes an object, and with nothing else."""
    for acl in ("", "public-read"):
        with Faults(cloud.url) as proxy:
            target = cloud.destination(f"s3://{bucket}", endpoint_url=proxy.url, acl=acl)
            store = open_store(target)
            store.put("a", b"1", FIELDS)
            store.put_fields("a", FIELDS)
            stored = store.read("a")
            assert stored is not None
            store.swap("a", b"2", FIELDS, stored.version)
            store.sizes()
            store.delete(["a"])
        sent = [(request.method, request.fields.get("x-amz-acl", "")) for request in proxy.requests]
        puts = [("PUT", acl), ("PUT", acl), ("GET", ""), ("PUT", acl)]
        assert sent == [*puts, ("GET", ""), ("POST", "")]


def test_the_environment_does_not_contradict(
    cloud: Weed, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What obstore would take from it by itself is not taken where we know better."""
    for name, value in {
        "AWS_ALLOW_HTTP": "false",
        "AWS_BUCKET": "other",
        "AWS_CONDITIONAL_PUT": "disabled",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_REGION": "eu-north-1",
        "AWS_S3_EXPRESS": "true",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_UNSIGNED_PAYLOAD": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with Faults(cloud.url) as proxy:
        target = cloud.destination(f"s3://{bucket}", endpoint_url=proxy.url, region="us-east-1")
        store = open_store(target)
        store.swap("a", b"1", FIELDS, None)
        assert store.put_fields("a", FIELDS)
    assert [request.path.partition("?")[0] for request in proxy.requests] == [f"/{bucket}/a"] * 2
    for request in proxy.requests:
        assert "/us-east-1/s3/" in request.fields["authorization"]
    expected = hashlib.sha256(b"1").hexdigest()
    assert proxy.requests[0].fields["x-amz-content-sha256"] == expected


def test_checksums_that_the_environment_forces(cloud: Weed, monkeypatch: Any) -> None:
    """They cannot be turned off for obstore, so the contradiction is an error."""
    monkeypatch.setenv("AWS_CHECKSUM_ALGORITHM", "SHA256")
    with pytest.raises(ConfigError, match="AWS_CHECKSUM_ALGORITHM"):
        open_store(cloud.destination("s3://bucket"))


SERVICES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "amazon": ({"region": "eu-west-1"}, {}, "https://b.s3.eu-west-1.amazonaws.com eu-west-1"),
    "a region of the environment": (
        {},
        {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"},
        "https://b.s3.eu-west-2.amazonaws.com eu-west-2",
    ),
    "the other one": (
        {},
        {"AWS_DEFAULT_REGION": "eu-west-3"},
        "https://b.s3.eu-west-3.amazonaws.com eu-west-3",
    ),
    "no region at all": ({}, {}, "https://b.s3.us-east-1.amazonaws.com us-east-1"),
    "China": (
        {"region": "cn-north-1"},
        {},
        "https://b.s3.cn-north-1.amazonaws.com.cn cn-north-1",
    ),
    "amazon, by path": (
        {"region": "eu-west-1", "addressing": "path"},
        {},
        "https://s3.eu-west-1.amazonaws.com eu-west-1",
    ),
    "a name with a dot": (
        {"region": "eu-west-1", "target": "s3://b.example"},
        {},
        "https://s3.eu-west-1.amazonaws.com eu-west-1",
    ),
    "R2": (
        {"endpoint_url": "https://1.r2.cloudflarestorage.com/"},
        {},
        "https://1.r2.cloudflarestorage.com auto",
    ),
    "Spaces": (
        {"endpoint_url": "https://fra1.digitaloceanspaces.com", "addressing": "virtual"},
        {},
        "https://b.fra1.digitaloceanspaces.com us-east-1",
    ),
    "an endpoint of the environment": (
        {},
        {"AWS_ENDPOINT_URL_S3": "http://a:1", "AWS_ENDPOINT_URL": "http://b:1"},
        "http://a:1 us-east-1",
    ),
    "the other": ({}, {"AWS_ENDPOINT_URL": "http://b:1"}, "http://b:1 us-east-1"),
    "the configuration goes before": (
        {"endpoint_url": "http://c:1", "region": "x"},
        {"AWS_ENDPOINT_URL_S3": "http://a:1", "AWS_REGION": "y"},
        "http://c:1 x",
    ),
    "a faster door of amazon": (
        {"endpoint_url": "https://s3-accelerate.amazonaws.com", "region": "eu-west-1"},
        {},
        "https://b.s3-accelerate.amazonaws.com eu-west-1",
    ),
}


@pytest.mark.parametrize(("settings", "environment", "expected"), SERVICES.values(), ids=SERVICES)
def test_where_requests_go(
    no_credentials: None,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    environment: dict[str, str],
    expected: str,
) -> None:
    """The endpoint with the bucket where it belongs, and the region."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    destination = Destination(**{"target": "s3://b/p", **settings})  # type: ignore[arg-type]
    bucket = destination.target.split("/")[2]
    found = service(destination, bucket)
    assert f"{found.bucket_endpoint(bucket)} {found.region}" == expected


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no bucket": ({"target": "s3://"}, "names no bucket"),
    "no bucket, but a prefix": ({"target": "gs:///prefix"}, "names no bucket"),
    "no valid bucket": ({"target": "s3://a b/c"}, "names no bucket"),
    "a prefix that climbs": ({"target": "s3://bucket/../other"}, "not a prefix"),
    "a prefix of two lines": ({"target": "s3://bucket/a\nb"}, "not a prefix"),
    "an endpoint without scheme": ({"endpoint_url": "localhost:8333"}, "no URL of a service"),
    "an endpoint of another scheme": ({"endpoint_url": "ftp://host"}, "no URL of a service"),
    "an access control list elsewhere": ({"target": "gs://b", "acl": "private"}, "for s3://"),
    "a profile elsewhere": ({"target": "az://b", "profile": "p"}, "for s3://"),
    "no account": ({"target": "az://b"}, "AZURE_STORAGE_ACCOUNT_NAME"),
}


@pytest.mark.parametrize(("settings", "expected"), WRONG.values(), ids=WRONG)
def test_settings_that_are_wrong(cloud: Weed, settings: dict[str, str], expected: str) -> None:
    """They are found before anything is asked."""
    with pytest.raises(ConfigError) as caught:
        open_store(Destination(**{"target": "s3://bucket", **settings}))  # type: ignore[arg-type]
    assert expected in str(caught.value)


# When something goes wrong.

PASSING: dict[str, Fault] = {
    "busy": Answer(503, BUSY.body),
    "broken": BROKEN,
    "too many": Answer(429),
    "too slow": Answer(400, "<Error><Code>RequestTimeout</Code></Error>"),
    "reset": "reset",
    "reset in the request": "reset in the request",
    "reset after": "reset after",
    "truncated": "truncated",
}
OPERATIONS: dict[str, tuple[Callable[[Store, Any], object], str]] = {
    "put": (lambda store, _: store.put("a", b"new" * 99, FIELDS), "PUT"),
    "put_fields": (lambda store, _: store.put_fields("a", FIELDS), "PUT"),
    "read": (lambda store, _: store.read("a"), "GET"),
    "swap": (lambda store, version: store.swap("a", b"new", FIELDS, version), "PUT"),
    "sizes": (lambda store, _: store.sizes(), "GET"),
    "delete": (lambda store, _: store.delete(["a"]), "POST"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(cloud: Weed, prefix: str, fault: str, operation: str) -> None:
    """One failure of the network or the service changes nothing about the outcome."""
    act, method = OPERATIONS[operation]
    clean = open_store(cloud.destination(f"s3://{SHARED}/{prefix}"))
    clean.put("a", b"old" * 99, FIELDS)
    stored = clean.read("a")
    assert stored is not None
    with Faults(cloud.url) as proxy:
        store = open_store(cloud.destination(f"s3://{SHARED}/{prefix}", endpoint_url=proxy.url))
        proxy.choose = nth(1, PASSING[fault], method=method)
        outcome = act(store, stored.version)
        assert proxy.count() > 1 or fault == "truncated"
    expected: dict[str, tuple[object, bytes | None]] = {
        "put": (None, b"new" * 99),
        "put_fields": (True, b"old" * 99),
        "read": (stored, b"old" * 99),
        "swap": (None, b"new"),
        "sizes": ({"a": 297}, b"old" * 99),
        "delete": (None, None),
    }
    if operation == "swap":
        after = clean.read("a")
        expected["swap"] = after and after.version, b"new"
    assert (outcome, content(clean, "a")) == expected[operation]


def test_swapping_unheard_is_no_conflict_with_oneself(cloud: Weed, prefix: str) -> None:
    """The first is done but never answered: it is found to be done, once."""
    with Faults(cloud.url) as proxy:
        store = open_store(cloud.destination(f"s3://{SHARED}/{prefix}", endpoint_url=proxy.url))
        proxy.choose = nth(1, "reset after", method="PUT")
        version = store.swap("state", b"mine", FIELDS, None)
        assert [request.method for request in proxy.requests] == ["PUT", "GET"]
    assert store_version(cloud, prefix) == (b"mine", version)


def test_swapping_unheard_while_somebody_else_did(cloud: Weed, prefix: str) -> None:
    """The failed one is not tried over the other's."""
    other = open_store(cloud.destination(f"s3://{SHARED}/{prefix}"))

    def choose(request: Any) -> Fault | None:
        if request.number == 1:
            other.swap("state", b"other", FIELDS, None)
            return "reset"
        return None

    with Faults(cloud.url) as proxy:
        store = open_store(cloud.destination(f"s3://{SHARED}/{prefix}", endpoint_url=proxy.url))
        proxy.choose = choose
        with pytest.raises(ConflictError):
            store.swap("state", b"mine", FIELDS, None)
        assert proxy.count("PUT") == 1
    assert content(other, "state") == b"other"


def store_version(cloud: Weed, prefix: str) -> tuple[bytes, tuple[str, None]]:
    """Return the content and the version of the state, as an independent client sees it."""
    return cloud.body(SHARED, f"{prefix}/state"), (
        cloud.head(SHARED, f"{prefix}/state")["ETag"],
        None,
    )


def xml(code: str, message: str = "", more: str = "") -> str:
    """Return the body of an error as Amazon writes it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{more}"
        "<RequestId>XQWV7K</RequestId><HostId>+p1=</HostId></Error>"
    )


DENIED_BY_POLICY = xml(
    "AccessDenied",
    "User: arn:aws:iam::1:user/ci is not authorized to perform: s3:PutObjectAcl on resource: "
    "&quot;arn:aws:s3:::bucket/p/a&quot; because no identity-based policy allows it",
)
MALFORMED = xml(
    "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the region 'us-east-1' is wrong; "
    "expecting 'eu-central-1'",
    "<Region>eu-central-1</Region>",
)
CHECKSUM_HEADER = "The algorithm type you specified in x-amz-checksum- header is invalid."

EVERYWHERE = ("put", "sizes", "put_fields")

# Answer, operations, words of the message, words of the hint.
SENTENCES: dict[str, tuple[Answer, tuple[str, ...], str, str]] = {
    "no leave to read": (DENIED, ("read",), "s3:GetObject", "arn:aws:s3:::bucket/p/*"),
    "no leave to read, or not there": (DENIED, ("read",), "s3:ListBucket", "looks forbidden"),
    "no leave to put": (DENIED, ("put", "swap"), "s3:PutObject", '"Action": ["s3:PutObject"]'),
    "no leave to list": (DENIED, ("sizes",), "s3:ListBucket", '"Resource": "arn:aws:s3:::bucket"'),
    "no leave to delete": (DENIED, ("delete",), "s3:DeleteObject", "arn:aws:s3:::bucket/p/*"),
    "no leave to copy": (DENIED, ("put_fields",), "s3:PutObject", "s3:GetObject"),
    "no leave, and told what for": (
        Answer(403, DENIED_BY_POLICY),
        ("put", "swap", "put_fields"),
        "s3:PutObjectAcl",
        '"Action": ["s3:PutObjectAcl"]',
    ),
    "no leave, without a word": (Answer(403), ("put",), "s3:PutObject", "arn:aws:s3:::bucket/p/*"),
    "one of a batch": (
        Answer(
            200,
            "<DeleteResult><Error><Key>p/a</Key><Code>AccessDenied</Code>"
            "<Message>Access Denied</Message></Error></DeleteResult>",
        ),
        ("delete",),
        "s3:DeleteObject",
        "arn:aws:s3:::bucket/p/*",
    ),
    "no bucket": (
        Answer(404, xml("NoSuchBucket")),
        EVERYWHERE,
        "there is no bucket bucket",
        "create it",
    ),
    "another region, named": (
        Answer(400, MALFORMED),
        EVERYWHERE,
        "eu-central-1",
        'region = "eu-central-1"',
    ),
    "another region, moved": (
        Answer(301, xml("PermanentRedirect"), {"x-amz-bucket-region": "eu-central-1"}),
        EVERYWHERE,
        "in the region",
        "region",
    ),
    "another region, with a location": (
        Answer(400, xml("IllegalLocationConstraintException")),
        EVERYWHERE,
        "not in the region us-east-1",
        "aws s3api get-bucket-location --bucket bucket",
    ),
    "a wrong clock": (
        Answer(403, xml("RequestTimeTooSkewed")),
        EVERYWHERE,
        "clock",
        "fifteen minutes",
    ),
    "an old session": (Answer(400, xml("ExpiredToken")), EVERYWHERE, "expired", "aws sso login"),
    "another old session": (
        Answer(400, xml("TokenRefreshRequired")),
        EVERYWHERE,
        "expired",
        "sso login",
    ),
    "an unknown key": (
        Answer(403, xml("InvalidAccessKeyId")),
        EVERYWHERE,
        "does not know",
        "KEY_ID",
    ),
    "a wrong secret": (
        Answer(403, xml("SignatureDoesNotMatch")),
        EVERYWHERE,
        "secret key",
        "SECRET",
    ),
    "a wrong token": (Answer(400, xml("InvalidToken")), EVERYWHERE, "token", "AWS_SESSION_TOKEN"),
    "unauthorized": (Answer(401), EVERYWHERE, "does not take the credentials", "log"),
    "busy": (BUSY, EVERYWHERE, "fewer requests", "`connections`"),
    "too many": (Answer(429), ("put", "read", "delete"), "fewer requests", "`connections`"),
    "broken": (BROKEN, EVERYWHERE, "failed (status 500)", "try again later"),
    "not implemented": (Answer(501, xml("NotImplemented")), ("put", "delete"), "does not know", ""),
    "another checksum": (Answer(400, xml("BadDigest")), ("put",), "checksum", '"off"'),
    "yet another checksum": (
        Answer(400, xml("XAmzContentSHA256Mismatch")),
        ("put",),
        "checksum",
        'checksums = "off"',
    ),
    "no checksums": (
        Answer(400, xml("InvalidRequest", CHECKSUM_HEADER)),
        ("put",),
        "checksum",
        'checksums = "off"',
    ),
    "no access control lists": (
        Answer(400, xml("AccessControlListNotSupported")),
        ("put", "put_fields", "swap"),
        "does not take access control lists",
        "remove `acl`",
    ),
    "anything else": (
        Answer(418, xml("Teapot", "short &amp; stout")),
        ("put", "read", "swap", "sizes", "put_fields"),
        "the store answered: Teapot: short & stout",
        "",
    ),
    "no object store at all": (Answer(200, "<html>"), ("put", "swap", "sizes"), "answered", ""),
}
CASES = [
    pytest.param(answer, operation, message, hint, id=f"{name}-{operation}")
    for name, (answer, operations, message, hint) in SENTENCES.items()
    for operation in operations
]


@pytest.fixture(scope="module")
def proxy(weed: Weed) -> Iterator[Faults]:
    """Return a proxy for tests that need no requests of their own."""
    with Faults(weed.url, patience=0.4) as running:
        yield running


def complaint(act: Callable[[], object]) -> AssetpipeError:
    """Return the error that something ends with; it is fit to be shown."""
    with pytest.raises(AssetpipeError) as caught:
        act()
    text = str(caught.value)
    assert "Debug source" not in text
    assert not {"<?xml", "<Error>"} & set(re.split(r"(<[^<>]+>)", text))
    assert len(text.splitlines()) <= 2
    return caught.value


@pytest.mark.parametrize(("answer", "operation", "message", "hint"), CASES)
def test_sentences(
    cloud: Weed, proxy: Faults, answer: Answer, operation: str, message: str, hint: str
) -> None:
    """Every failure says what is wrong, where, and what to do."""
    proxy.choose = every(answer)
    target = cloud.destination("s3://bucket/p", endpoint_url=proxy.url, retries=0)
    store = open_store(target)
    error = complaint(lambda: OPERATIONS[operation][0](store, ('"1"', None)))
    assert isinstance(error, OutsideError)
    has_key = operation not in {"sizes", "delete"}
    assert error.where == ("s3://bucket/p/a" if has_key else "s3://bucket/p")
    assert message in error.message
    assert hint in (error.hint or "")


def test_the_policy_of_a_sentence_is_one(cloud: Weed, proxy: Faults) -> None:
    """It can be pasted: JSON, with the ARN of the user's own partition, bucket and prefix."""
    proxy.choose = every(DENIED)
    target = cloud.destination(
        "s3://bucket/p", endpoint_url=proxy.url, retries=0, region="cn-north-1", acl="public-read"
    )
    hint = complaint(lambda: open_store(target).put("a", b"1", FIELDS)).hint or ""
    assert json.loads(hint[hint.index("{") :]) == {
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:PutObjectAcl"],
        "Resource": "arn:aws-cn:s3:::bucket/p/*",
    }


ELSEWHERE: dict[str, tuple[str, Answer, str, str]] = {
    "Google's leave": ("gs", DENIED, "storage.objects.create", "roles/storage.objectAdmin"),
    "Google's bucket": ("gs", Answer(404, xml("NoSuchBucket")), "no bucket bucket", "create it"),
    "Google's login": ("gs", Answer(401, xml("AuthenticationRequired")), "credentials", "gcloud"),
    "Azure's leave": (
        "az",
        Answer(403, xml("AuthorizationPermissionMismatch")),
        "not allowed to write",
        "Storage Blob Data Contributor",
    ),
    "Azure's container": ("az", Answer(404, xml("ContainerNotFound")), "no bucket", "create it"),
    "Azure's login": ("az", Answer(403, xml("AuthenticationFailed")), "credentials", "AZURE_"),
}


@pytest.fixture
def elsewhere(no_credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what Google's and Azure's stores want in the environment."""
    account = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"key").decode())


@pytest.mark.parametrize(("scheme", "answer", "message", "hint"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_sentences_for_google_and_azure(
    proxy: Faults, elsewhere: None, scheme: str, answer: Answer, message: str, hint: str
) -> None:
    """Cures are those of the service."""
    proxy.choose = every(answer)
    target = Destination(target=f"{scheme}://bucket/p", endpoint_url=proxy.url, retries=0)
    store = open_store(target)
    error = complaint(lambda: store.put("a", b"1", FIELDS))
    assert error.where == f"{scheme}://bucket/p/a"
    assert message in error.message
    assert hint in (error.hint or "")
    with pytest.raises(OutsideError):
        store.sizes()


@pytest.mark.parametrize("scheme", ["gs", "az"])
def test_what_google_and_azure_are_asked(elsewhere: None, weed: Weed, scheme: str) -> None:
    """Conditions are those that the service has; a missing object is deleted in peace."""
    fields = {"ETag": '"tag"', "x-goog-generation": "7", "Last-Modified": DATE}
    with Faults(weed.url) as proxy:
        proxy.choose = every(Answer(200, "", fields))
        target = Destination(target=f"{scheme}://bucket/p", endpoint_url=proxy.url, retries=0)
        store = open_store(target)
        version = store.swap("a", b"1", FIELDS, None)
        store.swap("a", b"2", FIELDS, version)
        assert not store.put_fields("a", FIELDS)
        first, second = (request.fields for request in proxy.requests)
        if scheme == "gs":
            proxy.choose = every(Answer(404, xml("NoSuchKey")))
            store.delete(["a", "b"])
            assert proxy.count("DELETE") == 2
    kind = "content-type" if scheme == "gs" else "x-ms-blob-content-type"
    assert first[kind] == "text/css; charset=utf-8"
    if scheme == "gs":
        assert version == ('"tag"', "7")
        assert first["x-goog-if-generation-match"] == "0"
        assert second["x-goog-if-generation-match"] == "7"
    else:
        assert first["if-none-match"] == "*"
        assert second["if-match"] == '"tag"'


def test_an_object_without_version_is_not_swapped(cloud: Weed, proxy: Faults) -> None:
    """Asking without a condition would overwrite whatever is there."""
    proxy.choose = every(Answer(200, "state", {"Last-Modified": DATE}))
    store = open_store(cloud.destination("s3://bucket/p", endpoint_url=proxy.url))
    stored = store.read("a")
    assert stored is not None
    before = proxy.count("PUT")
    error = complaint(lambda: store.swap("a", b"1", FIELDS, stored.version))
    assert "neither an entity tag nor a version" in error.message
    assert proxy.count("PUT") == before


UNREACHED: dict[str, tuple[Choose, dict[str, Any], str]] = {
    "nobody there": (every("reset"), {"endpoint_url": "http://127.0.0.1:9"}, "nothing answers"),
    "no such name": (every("reset"), {"endpoint_url": "http://store.invalid"}, "no server"),
    "too slow": (every("slow"), {"timeout": 0.2}, "did not answer in time"),
    "broken off": (every("reset"), {}, "broke off"),
    "broken off in the request": (every("reset in the request"), {}, "broke off"),
    "never answered": (every("reset after"), {}, "broke off"),
}


@pytest.mark.parametrize("operation", ["put", "swap", "sizes", "put_fields"])
@pytest.mark.parametrize(("choose", "settings", "expected"), UNREACHED.values(), ids=UNREACHED)
def test_a_service_out_of_reach(
    cloud: Weed,
    proxy: Faults,
    choose: Choose,
    settings: dict[str, Any],
    expected: str,
    operation: str,
) -> None:
    """A failure of the network is told from one of the service."""
    proxy.choose = choose
    own = {"endpoint_url": proxy.url, "retries": 0} | settings
    store = open_store(cloud.destination("s3://bucket/p", **own))
    error = complaint(lambda: OPERATIONS[operation][0](store, ('"1"', None)))
    assert isinstance(error, OutsideError)
    if (operation, expected) == ("put_fields", "no server"):
        expected = "nothing answers"  # boto3 does not tell the two apart
    assert expected in error.message


def test_encryption_with_a_server_that_has_none(cloud: Weed) -> None:
    """A URL with the wrong scheme is the usual reason."""
    url = cloud.url.replace("http:", "https:")
    store = open_store(cloud.destination("s3://bucket", endpoint_url=url, retries=0))
    assert "does not speak TLS" in complaint(lambda: store.read("a")).message


def test_a_body_that_breaks_off(cloud: Weed, bucket: str) -> None:
    """Half an object is never taken for one."""
    with Faults(cloud.url) as proxy:
        target = cloud.destination(f"s3://{bucket}", endpoint_url=proxy.url, retries=0)
        store = open_store(target)
        store.put("a", b"x" * 100_000, FIELDS)
        proxy.choose = every("truncated")
        assert "broke off" in complaint(lambda: store.read("a")).message


def test_a_bucket_that_is_not_there(cloud: Weed) -> None:
    """It is not taken for one without objects."""
    store = open_store(cloud.destination("s3://no-such-bucket/p", retries=0))
    for act in (lambda: store.read("a"), store.sizes, lambda: store.delete(["a"])):
        assert complaint(act).message == "there is no bucket no-such-bucket"


def test_credentials_that_the_service_does_not_know(
    cloud: Weed, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key and secret are told apart."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = open_store(cloud.destination(f"s3://{bucket}"))
    assert "secret key does not belong" in complaint(lambda: store.read("a")).message
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    store = open_store(cloud.destination(f"s3://{bucket}"))
    assert "does not know the access key" in complaint(lambda: store.read("a")).message


# Whose credentials.


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave the process without credentials; return the AWS configuration, for some to be put."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config"


def key_used(proxy: Faults, **settings: Any) -> str:
    """Return the id of the access key that a request is signed with, and its region."""
    own: dict[str, Any] = {"endpoint_url": proxy.url, "retries": 0} | settings
    proxy.choose = every(DENIED)
    store = open_store(Destination(target="s3://bucket", **own))
    complaint(lambda: store.read("a"))
    _, _, credential = proxy.requests[-1].fields["authorization"].partition("Credential=")
    key, _, region, *_ = credential.split("/")
    return f"{key} {region}"


PROFILES = """
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = secret
region = eu-west-1
[profile ci]
aws_access_key_id = AKIACI
aws_secret_access_key = secret
[profile process]
credential_process = sh -c 'echo broken >&2; exit 1'
[profile half]
aws_access_key_id = AKIAHALF
[profile sso]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 1
sso_role_name = r
"""
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret"}
CREDENTIALS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "of the environment": ({}, ENVIRONMENT, "AKIAENV us-east-1"),
    "of the default profile": ({}, {}, "AKIADEFAULT us-east-1"),
    "of a profile": ({"profile": "ci"}, {}, "AKIACI us-east-1"),
    "of a profile that is chosen": ({"profile": "ci"}, ENVIRONMENT, "AKIACI us-east-1"),
    "of a profile of the environment": ({}, {"AWS_PROFILE": "ci"}, "AKIACI us-east-1"),
    "of the environment, with a profile": (
        {},
        ENVIRONMENT | {"AWS_PROFILE": "ci"},
        "AKIAENV us-east-1",
    ),
    "half of them in the environment": (
        {},
        {"AWS_SECRET_ACCESS_KEY": "secret"},
        "AKIADEFAULT us-east-1",
    ),
}


@pytest.mark.parametrize(
    ("settings", "environment", "expected"), CREDENTIALS.values(), ids=CREDENTIALS
)
def test_credentials(
    proxy: Faults,
    no_credentials: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    environment: dict[str, str],
    expected: str,
) -> None:
    """The same as boto3 would find; a token that belongs to others is not mixed in."""
    no_credentials.write_text(PROFILES)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    key = expected.partition(" ")[0]
    if key != "AKIAENV":
        monkeypatch.setenv("AWS_SESSION_TOKEN", "of something else")
    assert key_used(proxy, **settings) == expected
    assert "x-amz-security-token" not in proxy.requests[-1].fields
    found = session(Destination(target="s3://bucket", **settings)).get_credentials()  # type: ignore[arg-type]
    assert found.access_key == key


def test_the_region_of_a_profile(no_credentials: Path) -> None:
    """It counts where nothing else is said."""
    no_credentials.write_text(PROFILES)
    assert service(Destination(target="s3://bucket"), "bucket").region == "eu-west-1"
    told = Destination(target="s3://bucket", region="eu-west-2")
    assert service(told, "bucket").region == "eu-west-2"


def test_a_session_token(
    proxy: Faults, no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary credentials of the environment have three parts."""
    for name, value in {**ENVIRONMENT, "AWS_SESSION_TOKEN": "token"}.items():
        monkeypatch.setenv(name, value)
    assert key_used(proxy) == "AKIAENV us-east-1"
    assert proxy.requests[-1].fields["x-amz-security-token"] == "token"


def test_credentials_of_the_environment_need_no_boto3() -> None:
    """Importing it takes a quarter of a second."""
    script = (
        "import sys; from assetpipe.objectstore import open_store;"
        "from assetpipe.destination import Destination;"
        "open_store(Destination(target='s3://bucket', endpoint_url='http://127.0.0.1:9'));"
        "print('boto3' in sys.modules, 'botocore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=clean_environment() | ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.stdout, done.stderr) == ("False False\n", "")


MISSING: dict[str, tuple[dict[str, str], type[AssetpipeError], str, str]] = {
    "no such profile": ({"profile": "nope"}, ConfigError, "no such profile", "list-profiles"),
    "an expired login": ({"profile": "sso"}, OutsideError, "expired", "login --profile sso"),
    "a program that fails": ({"profile": "process"}, OutsideError, "broken", "profile"),
    "half of a profile": ({"profile": "half"}, OutsideError, "credentials", "profile"),
}


@pytest.mark.parametrize(("settings", "kind", "message", "hint"), MISSING.values(), ids=MISSING)
def test_credentials_that_cannot_be_had(
    no_credentials: Path,
    settings: dict[str, str],
    kind: type[AssetpipeError],
    message: str,
    hint: str,
) -> None:
    """The reason is told before anything is sent."""
    no_credentials.write_text(PROFILES)
    target = Destination(target="s3://bucket", region="eu-west-1", **settings)  # type: ignore[arg-type]
    error = complaint(lambda: open_store(target))
    assert type(error) is kind
    assert error.where == f"profile {settings['profile']}"
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize("role_arn", ["", "arn:aws:iam::1:role/r"])
def test_no_credentials_at_all(no_credentials: Path, role_arn: str) -> None:
    """All ways to give some are named."""
    target = Destination(target="s3://bucket", region="eu-west-1", role_arn=role_arn)
    error = complaint(lambda: open_store(target))
    assert error.message == "there are no credentials for AWS"
    for word in ("AWS_ACCESS_KEY_ID", "`profile`", "aws sso login"):
        assert word in (error.hint or "")


@pytest.mark.parametrize("package", ["boto3", "obstore"])
def test_a_package_that_is_not_installed(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """The error says how to get it."""
    monkeypatch.setitem(sys.modules, package, None)
    if package == "obstore":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    target = Destination(target="s3://bucket", region="eu-west-1")
    error = complaint(lambda: open_store(target))
    assert f"needs the package {package}" in error.message
    assert "assetpipe[publish]" in (error.hint or "")


class TokenService:
    """Stands for AWS STS: gives each who asks other credentials, which end soon."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.refuses = False
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                service.asked.append(parse_qs(body))
                answer = service.answer()
                self.send_response(403 if service.refuses else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self) -> bytes:
        """Return the answer to AssumeRole."""
        if self.refuses:
            return (
                b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>"
                b"not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
            )
        end = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>ASIA{len(self.asked)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>"
        ).encode()

    def __enter__(self) -> TokenService:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def sts(no_credentials: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenService]:
    """Return a token service, which boto3 knows, and whose customer we are."""
    with TokenService() as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", service.url)
        for name, value in ENVIRONMENT.items():
            monkeypatch.setenv(name, value)
        yield service


ROLE = "arn:aws:iam::123456789012:role/publisher"


def test_a_role_is_assumed(proxy: Faults, sts: TokenService) -> None:
    """Requests are signed with its credentials, those of other services as well."""
    assert key_used(proxy, role_arn=ROLE).startswith("ASIA")
    assert proxy.requests[-1].fields["x-amz-security-token"] == "t"
    assert sts.asked[0]["RoleArn"] == [ROLE]
    found = session(Destination(target="s3://bucket", role_arn=ROLE)).get_credentials()
    assert found.get_frozen_credentials().access_key.startswith("ASIA")


def test_credentials_are_renewed(sts: TokenService) -> None:
    """A publish may take longer than they last; what keeps them from being renewed is told."""
    credentials = Credentials(Destination(target="s3://bucket", role_arn=ROLE))
    assert len({credentials()["access_key_id"] for _ in range(3)}) == 3
    sts.refuses = True
    with pytest.raises(OutsideError, match="sts:AssumeRole"):
        credentials()
    assert credentials.failure is not None
    sts.refuses = False
    credentials()
    assert credentials.failure is None


def test_a_role_that_may_not_be_assumed(sts: TokenService) -> None:
    """The role is named, and what it needs."""
    sts.refuses = True
    error = complaint(lambda: open_store(Destination(target="s3://bucket", role_arn=ROLE)))
    assert error.where == ROLE
    assert "cannot assume the role: AccessDenied" in error.message
    assert "trust policy" in (error.hint or "")


def test_the_server_takes_what_the_tests_sign_with(cloud: Weed) -> None:
    """Else every test above could pass for the wrong reason."""
    assert (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]) == (
        ACCESS_KEY,
        SECRET_KEY,
    )

"""Invalidations at Amazon CloudFront.

Sources: Amazon CloudFront Developer Guide, "What you need to know when invalidating files"
(paths, wildcards, 4,000 characters), "Concurrent invalidation request maximum" (3,000 files and,
apart from them, 15 wildcards in progress) and "Amazon CloudFront pricing" (1,000 paths a month are
free, then 0.005 USD for each; a wildcard is one path, whatever it covers).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from assetpipe.destination import Destination
from assetpipe.errors import OutsideError, need
from assetpipe.objectstore import aws, failures

FILES = 1000
"""Paths of single files in one invalidation: what a month gives free, a third of the quota."""

WILDCARDS = 15
"""Paths that end with a wildcard: the quota of a distribution."""

WAITS = (1, 2, 4, 8, *(15,) * 19)
"""Seconds to wait before each repetition; five minutes in all, as invalidations end in one."""

_FEATURE = "invalidating at CloudFront"
_LONGEST = 4000
_ID = re.compile(r"[A-Z0-9]{8,20}")
_BUSY = {
    "InternalError",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyInvalidationsInProgress",
    "TooManyRequestsException",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_DENIED = {"AccessDenied", "AccessDeniedException"}

# RFC 1738, 2.2 calls the rest unsafe; CloudFront wants those percent-encoded, and no others.
_SAFE = "/-._$+!'(),;:@&="
# Encoded in the URLs that pages get from a release, though RFC 1738 needs it for none of them.
_EITHER_WAY = "'(),&"
# No path can name these: a star is the wildcard, and a tilde is not supported in either spelling.
_NOT_NAMED = re.compile(rb"[*~]")


def is_distribution(text: str) -> bool:
    """Say whether a text may be the id of a distribution, such as ``E2QWRUHAPOMQZL``."""
    return _ID.fullmatch(text) is not None


def create(
    distribution: str,
    paths: Collection[str],
    reference: str,
    destination: Destination,
    *,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Have a distribution forget paths, and return the id of the invalidation.

    Accepted is enough: CloudFront ends by itself what it has begun. The same paths with the same
    reference are the same invalidation, however often they are sent.

    Args:
        distribution: its id.
        paths: URL paths, percent-encoded.
        reference: names what made the paths out of date; no two publishes may share one.
        destination: whose credentials to use.
        wait: waits for a number of seconds.

    Raises:
        OutsideError: CloudFront did not accept it.
        MissingExtraError: boto3 is not installed.
    """
    batch = _batch(collapse(paths), reference)
    client = _client(destination)
    exceptions = need("botocore.exceptions", feature=_FEATURE, extra="publish")
    for seconds in (*WAITS, None):
        with failures.of_credentials(destination.profile, destination.role_arn):
            try:
                answer = client.create_invalidation(
                    DistributionId=distribution, InvalidationBatch=batch
                )
            except exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                # Assuming a role is a request of its own.
                if error.operation_name != "CreateInvalidation" or code in _EXPIRED:
                    raise
                if code not in _BUSY or seconds is None:
                    raise _explained(error, distribution, destination) from None
            except exceptions.HTTPClientError as error:
                raise OutsideError(
                    f"CloudFront cannot be reached: {str(error).partition(chr(10))[0]}",
                    where=f"cloudfront:{distribution}",
                    hint="look at the network, and publish again, which only tells the CDN",
                ) from None
            else:
                return str(answer["Invalidation"]["Id"])
        wait(seconds)
    raise AssertionError  # the last round returns or raises


def _client(destination: Destination) -> Any:
    core = need("botocore.config", feature=_FEATURE, extra="publish")

    config = core.Config(
        retries={"mode": "standard", "total_max_attempts": destination.retries + 1},
        connect_timeout=destination.timeout,
        read_timeout=destination.timeout,
    )
    return aws.session(destination).client("cloudfront", config=config)


def _batch(paths: tuple[str, ...], reference: str) -> dict[str, Any]:
    # CloudFront refuses a reference that it knows with other paths, such as those that another
    # version of this module makes of the same files.
    digest = hashlib.sha256(json.dumps(paths).encode()).hexdigest()
    return {
        "Paths": {"Quantity": len(paths), "Items": list(paths)},
        "CallerReference": f"{reference}-{digest[:16]}",
    }


def _explained(error: Any, distribution: str, destination: Destination) -> OutsideError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    where = f"cloudfront:{distribution}"
    if code in _DENIED:
        statement = {
            "Effect": "Allow",
            "Action": "cloudfront:CreateInvalidation",
            "Resource": f"arn:aws:cloudfront::*:distribution/{distribution}",
        }
        return OutsideError(
            "not allowed to invalidate: cloudfront:CreateInvalidation is missing",
            where=where,
            hint=f"allow it by the policy {json.dumps(statement)}",
        )
    if code == "NoSuchDistribution":
        whose = f"the account of the profile {destination.profile}"
        account = whose if destination.profile else "the account of the credentials"
        return OutsideError(
            f"there is no such distribution in {account}",
            where=where,
            hint="`aws cloudfront list-distributions` lists those that there are",
        )
    if code in _BUSY:
        return OutsideError(
            f"CloudFront is busy, after {sum(WAITS) // 60} minutes of retries ({code})",
            where=where,
            hint="publish again later, which sends what was not invalidated",
        )
    return OutsideError(f"CloudFront answered: {code}: {message}", where=where)


def collapse(paths: Collection[str]) -> tuple[str, ...]:
    """Return the invalidation paths that cover URL paths, within CloudFront's quotas.

    Up to 1,000 are named one by one. More become folders with a wildcard, as deep as 15 of them
    suffice, those with the most files first; in the end, one for everything.

    Args:
        paths: URL paths, percent-encoded.
    """
    named = sorted({spelling for path in paths for spelling in _spellings(path)})
    deepest = max((path.count("/") for path in named), default=0)
    for depth in range(deepest, 0, -1):
        folders = Counter(_folder(path, depth) for path in named).most_common(WILDCARDS)
        for count in range(len(folders) + 1):
            chosen = {f"{folder}*" for folder, _ in folders[:count]}
            found = _outermost({*named, *chosen})
            wildcards = sum(path.endswith("*") for path in found)
            if wildcards <= WILDCARDS and len(found) - wildcards <= FILES:
                return tuple(found)
    return ("/*",) if named else ()


def _spellings(path: str) -> set[str]:
    """Return the invalidation paths for a URL path: what browsers ask for, as CloudFront writes it.

    A path that cannot be named becomes a wildcard that ends before what is in the way.
    """
    data = unquote_to_bytes(path)
    spellings = {quote(data, safe=_SAFE), quote(data, safe=_SAFE.translate(_NO_EITHER_WAY))}
    barrier = _NOT_NAMED.search(data)
    if barrier:
        spellings = {f"{spelling}*" for spelling in _spellings(quote(data[: barrier.start()]))}
    return {
        spelling
        if len(spelling) <= _LONGEST
        else f"{spelling[: spelling.rindex('/', 0, _LONGEST)]}/*"
        for spelling in spellings
    }


_NO_EITHER_WAY = str.maketrans("", "", _EITHER_WAY)


def _folder(path: str, depth: int) -> str:
    """Return the folder of a path, its first segments only: ``/a/b/c`` is in ``/a/b/``, ``/a/``."""
    return "/".join(path.split("/")[:-1][:depth]) + "/"


def _outermost(paths: set[str]) -> list[str]:
    """Return paths, sorted, without those that a wildcard among them covers."""
    found: list[str] = []
    cover = None
    # What a wildcard covers follows it without a gap.
    for path in sorted(paths, key=lambda path: (path.removesuffix("*"), not path.endswith("*"))):
        if cover is None or not path.startswith(cover):
            found.append(path)
            if path.endswith("*"):
                cover = path.removesuffix("*")
    return found

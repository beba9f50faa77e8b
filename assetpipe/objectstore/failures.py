"""What a store's failures mean: a sentence for each, with the place and the cure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from importlib import import_module
from typing import Any, Literal

from assetpipe.errors import AssetpipeError, ConfigError, OutsideError
from assetpipe.objectstore.location import Location

Operation = Literal["read", "put", "swap", "list", "delete", "copy"]


class ImpossibleError(Exception):
    """The object is not there, or the service does not know the operation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a failed request.

    Attributes:
        status: HTTP status; 0 where there was no answer.
        code: the service's own name of the error (S3: ``<Code>``), or an empty string.
        message: the service's or the client's own words.
        region: where the bucket is, if the service said so.
        cause: what the client knows besides, never shown.
    """

    status: int
    code: str
    message: str
    region: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a request went, and with what: all that a sentence may have to name."""

    location: Location
    key: str
    endpoint: str = ""
    region: str = ""
    is_amazon: bool = False
    profile: str = ""
    acl: str = ""


_TAIL = "\n\nDebug source:"
_STATUS = re.compile(r"status code: (\d{3})")
_DELETE_CODE = re.compile(r"\(code: (\w+)\)")
_REGION = re.compile(r"expecting '([a-z0-9-]+)'")
_ACTION = re.compile(r"not authorized to perform:? (s3:\w+)")
# All that obstore says of Amazon's 301, whose body it does not read.
_REDIRECTED = "redirect without LOCATION"
# Google's and Azure's credentials are obstore's own business, down to asking the machine's host.
_NO_LOGIN = "Error performing token request"
# Durations differ from run to run, and pages are for browsers.
_NOISE = re.compile(r"^Generic \w+ error: | in [\d.]+(?:ns|µs|ms|s)\b|: <.*")


def answer_of(error: Exception) -> Answer:
    """Return what an exception of obstore tells; it tells all of it in its text."""
    text, _, cause = str(error).partition(_TAIL)
    status = _STATUS.search(text)
    code = _element("Code", text)
    if not code and (found := _DELETE_CODE.search(text)):
        code = found[1]
    message = _element("Message", text) or _NOISE.sub("", text.partition("\n")[0])
    region = _element("Region", text)
    if not region and (expected := _REGION.search(unescape(text))):
        region = expected[1]
    return Answer(int(status[1]) if status else 0, code, message, region, cause)


def _element(name: str, text: str) -> str:
    found = re.search(rf"<{name}>\s*([^<]*?)\s*</{name}>", text)
    return unescape(found[1]) if found else ""


def is_bucket_missing(error: Exception) -> bool:
    """Say whether an object was not found because its bucket was not."""
    return answer_of(error).code in _NO_BUCKET


def is_passing(error: Exception) -> bool:
    """Say whether a request that failed may succeed when it is repeated."""
    answer = answer_of(error)
    if not answer.status:
        return _transport(answer) in {"timeout", "broken", "refused"}
    if answer.code == "RequestTimeout":  # a 400 of Amazon's: what was sent came too slowly
        return True
    return answer.status == 429 or (answer.status >= 500 and answer.status != 501)


def is_unconditional(error: Exception) -> bool:
    """Say whether the service does not know conditional writes."""
    answer = answer_of(error)
    return answer.status == 501 or answer.code == "NotImplemented"


_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "InsufficientAccountPermissions",
}
_BUSY = {"SlowDown", "ServiceUnavailable", "ServerBusy", "TooManyRequests", "RequestLimitExceeded"}
_UNAUTHENTICATED = {"AuthenticationFailed", "AuthenticationRequired", "InvalidAuthenticationInfo"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
    "TemporaryRedirect",
}
_CHECKSUM = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"}
_CHECKSUM |= {"XAmzContentSHA256Mismatch"}

# Message and hint by the service's own name of the error.
_CODES = {
    "AccessControlListNotSupported": (
        "the bucket does not take access control lists",
        "remove `acl` from the configuration: the bucket's policy decides who may read",
    ),
    "AccountProblem": ("there is a problem with the account", "look at the provider's console"),
    "EntityTooLarge": ("the object is too large for the service", "publish it in another way"),
    "InvalidAccessKeyId": (
        "the service does not know the access key",
        "look at AWS_ACCESS_KEY_ID, or at the profile: it may be of another service, or deleted",
    ),
    "InvalidBucketName": ("the bucket's name is not a valid one", "look at the target"),
    "InvalidObjectState": (
        "the object is archived and cannot be read",
        "restore it, or take the storage class out of the bucket's lifecycle rules",
    ),
    "InvalidToken": (
        "the session token is not a valid one",
        "unset AWS_SESSION_TOKEN, or log in again: key, secret and token belong together",
    ),
    "KeyTooLongError": ("the name is too long for the service", "shorten the file's name"),
    "QuotaExceeded": ("the quota is used up", "look at the provider's console"),
    "RequestTimeout": (
        "the service did not get the request in time",
        "try again, or with fewer `connections`",
    ),
    "RequestTimeTooSkewed": (
        "the clock of this machine is wrong, so the service refuses its signatures",
        "set the clock; services allow it to be fifteen minutes off",
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key",
        "look at AWS_SECRET_ACCESS_KEY, or at the profile: it may be cut off or quoted",
    ),
}

_TRANSPORT = {
    "name": ("there is no server of this name", "look at `endpoint_url` and at the network"),
    "refused": (
        "nothing answers at {endpoint}",
        "look at `endpoint_url`; is the service running?",
    ),
    "certificate": (
        "the certificate of {endpoint} cannot be trusted",
        "look at `endpoint_url`; a certificate of your own must be known to the system",
    ),
    "protocol": (
        "{endpoint} does not speak TLS",
        "write the endpoint with http://, if the service is to be used without encryption",
    ),
    "timeout": (
        "the service did not answer in time",
        "try again; `timeout` sets the seconds for one request",
    ),
    "broken": (
        "the connection broke off",
        "try again; what was sent before is there already",
    ),
}


def _transport(answer: Answer) -> str:
    """Return which failure of the network it was, or an empty string."""
    cause = answer.cause
    for kind, signs in (
        ("name", ("dns error",)),
        ("protocol", ("InvalidContentType", "InvalidMessage")),
        ("certificate", ("InvalidCertificate", "certificate")),
        ("timeout", ("kind: Timeout", "TimedOut")),
        ("refused", ("ConnectionRefused", "NetworkUnreachable", "HostUnreachable")),
        ("broken", ("HttpError", "reqwest::Error", "hyper::Error", "ConnectionReset")),
    ):
        if any(sign in cause for sign in signs):
            return kind
    return ""


def explain(answer: Answer, operation: Operation, scene: Scene) -> OutsideError:
    """Return the sentence for a failed request."""
    message, hint = _explanation(answer, operation, scene)
    return OutsideError(message, where=scene.location.where(scene.key), hint=hint)


def of_settings(error: Exception, scene: Scene) -> ConfigError:
    """Return the sentence for a store that cannot even be opened."""
    is_s3 = scene.location.scheme == "s3"
    return ConfigError(
        f"cannot open the store: {answer_of(error).message}",
        where=scene.location.name,
        hint="look at what the environment has for AWS_" if is_s3 else _sign_in(scene),
    )


def _explanation(answer: Answer, operation: Operation, scene: Scene) -> tuple[str, str | None]:
    code, bucket = answer.code, scene.location.bucket
    if code in _CODES:
        return _CODES[code]
    if code in _NO_BUCKET:
        return f"there is no bucket {bucket}", "create it, or look at the target's spelling"
    if code in _WRONG_REGION or answer.status in {301, 307} or _REDIRECTED in answer.message:
        return _wrong_region(answer, scene)
    if code in _UNAUTHENTICATED or answer.status == 401:
        return "the service does not take the credentials", _sign_in(scene)
    if _NO_LOGIN in answer.message:
        return "there are no credentials", _sign_in(scene)
    if code in _EXPIRED:
        return "the session has expired", _log_in(scene.profile)
    if code in _DENIED:
        return _denied(answer, operation, scene)
    if code in _CHECKSUM or (code == "InvalidRequest" and "checksum" in answer.message.lower()):
        hint = 'try again; if it goes on, the service does not take checksums: `checksums = "off"`'
        return "the service found another checksum than was sent", hint
    if answer.status == 501 or code == "NotImplemented":
        return "the service does not know this operation", None
    if code in _BUSY or answer.status in {429, 503}:
        hint = "try again later, or with fewer `connections`; what was sent is there already"
        return "the service asks for fewer requests", hint
    if answer.status >= 500:
        hint = "try again later; what was sent before is there already"
        return f"the service failed (status {answer.status})", hint
    if answer.status == 403:
        return _denied(answer, operation, scene)
    if kind := _transport(answer):
        sentence, cure = _TRANSPORT[kind]
        return sentence.format(endpoint=scene.endpoint or "the service"), cure
    named = f"{code}: {answer.message}" if code else answer.message
    return f"the store answered: {named}", None


def _wrong_region(answer: Answer, scene: Scene) -> tuple[str, str]:
    bucket = scene.location.bucket
    if answer.region:
        message = f"the bucket is in the region {answer.region}, not in {scene.region}"
        return message, f'say `region = "{answer.region}"`, or set AWS_REGION'
    ask = f"aws s3api get-bucket-location --bucket {bucket}"
    return f"the bucket is not in the region {scene.region}", f"say `region`; `{ask}` tells it"


def _log_in(profile: str) -> str:
    command = f"aws sso login --profile {profile}" if profile else "aws sso login"
    return f"run `{command}`, or get new temporary credentials"


def _sign_in(scene: Scene) -> str:
    return {
        "gs": "run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS "
        "to a key file, or GOOGLE_BEARER_TOKEN to what `gcloud auth print-access-token` prints",
        "az": "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or "
        "AZURE_STORAGE_SAS_KEY",
    }.get(scene.location.scheme, _log_in(scene.profile))


_S3_ACTIONS: dict[Operation, tuple[str, ...]] = {
    "read": ("s3:GetObject", "s3:ListBucket"),
    "put": ("s3:PutObject",),
    "swap": ("s3:PutObject",),
    "copy": ("s3:GetObject", "s3:PutObject"),
    "list": ("s3:ListBucket",),
    "delete": ("s3:DeleteObject",),
}
_GS_PERMISSIONS: dict[Operation, str] = {
    "read": "storage.objects.get",
    "put": "storage.objects.create and storage.objects.delete",
    "swap": "storage.objects.create and storage.objects.delete",
    "list": "storage.objects.list",
    "delete": "storage.objects.delete",
}
_VERBS: dict[Operation, str] = {
    "read": "read",
    "put": "write",
    "swap": "write",
    "list": "list the objects",
    "delete": "delete",
    "copy": "change header fields",
}


def _denied(answer: Answer, operation: Operation, scene: Scene) -> tuple[str, str]:
    bucket, verb = scene.location.bucket, _VERBS[operation]
    if scene.location.scheme == "gs":
        return (
            f"not allowed to {verb}: {_GS_PERMISSIONS.get(operation, 'a permission')} is missing",
            f"grant the role roles/storage.objectAdmin on the bucket {bucket}",
        )
    if scene.location.scheme == "az":
        hint = f"assign the role Storage Blob Data Contributor on the container {bucket}"
        return f"not allowed to {verb}", hint
    told = _ACTION.search(answer.message)
    actions = (told[1],) if told else _S3_ACTIONS.get(operation, ())
    if scene.acl and operation in {"put", "swap", "copy"} and not told:
        actions += ("s3:PutObjectAcl",)
    message = f"not allowed to {verb}: {' or '.join(actions)} is missing"
    way = "allow it by the policy" if scene.is_amazon else "let the key do it; as a policy of AWS:"
    hint = f"{way} {_policy(actions, scene)}"
    if "s3:ListBucket" in actions and operation == "read":
        hint += "; without s3:ListBucket an object that is not there looks forbidden"
    return message, hint


def _policy(actions: tuple[str, ...], scene: Scene) -> str:
    """Return the statements that allow actions, as one line of JSON.

    Source: Amazon S3 User Guide, "Policies and permissions": objects and buckets are different
    resources, and a statement's actions must fit its resource.
    """
    partition = "aws"
    for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if scene.region.startswith(start):
            partition = name
    arn = f"arn:{partition}:s3:::{scene.location.bucket}"
    on_bucket = [action for action in actions if action == "s3:ListBucket"]
    on_objects = [action for action in actions if action != "s3:ListBucket"]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": names, "Resource": resource}
        for names, resource in (
            (on_objects, f"{arn}/{scene.location.prefix}*"),
            (on_bucket, arn),
        )
        if names
    ]
    return json.dumps(statements if len(statements) > 1 else statements[0])


@contextmanager
def of_boto(scene: Scene, operation: Operation) -> Iterator[None]:
    """Turn what boto3 raises on a request into a sentence.

    Raises:
        ImpossibleError: the object is not there, or the service cannot do this.
    """
    exceptions = import_module("botocore.exceptions")
    try:
        yield
    except exceptions.ClientError as error:
        answer = _answer_of_boto(error)
        if answer.code in {"NoSuchKey", "NotImplemented", "404"} or answer.status == 501:
            raise ImpossibleError from None
        raise explain(answer, operation, scene) from None
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        sign = next((sign for name, sign in _BOTO_SIGNS.items() if _is_a(error, name)), "HttpError")
        raise explain(Answer(0, "", str(error), cause=sign), operation, scene) from None
    except exceptions.BotoCoreError as error:
        raise _of_credentials(error, scene.profile, "") from None


@contextmanager
def of_credentials(profile: str, role_arn: str = "") -> Iterator[None]:
    """Turn what boto3 raises while it looks for credentials into a sentence."""
    exceptions = import_module("botocore.exceptions")
    try:
        yield
    except exceptions.BotoCoreError as error:
        raise _of_credentials(error, profile, role_arn) from None
    except exceptions.ClientError as error:
        answer = _answer_of_boto(error)
        if answer.code in _EXPIRED:
            raise OutsideError(
                "the session has expired", where=_place(profile), hint=_log_in(profile)
            ) from None
        raise OutsideError(
            f"cannot assume the role: {answer.code}: {answer.message}",
            where=role_arn or _place(profile),
            hint="the role's trust policy must allow sts:AssumeRole to these credentials, and "
            "they need leave for it, too",
        ) from None


def no_credentials(profile: str) -> OutsideError:
    """Return the error for credentials that are nowhere."""
    return OutsideError(
        "there are no credentials for AWS",
        where=_place(profile),
        hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a `profile`; "
        f"for single sign-on, {_log_in(profile)}",
    )


_EXPIRED_LOGIN = ("UnauthorizedSSOTokenError", "SSOError", "TokenRetrievalError")
_UNREADABLE = ("ConfigParseError", "ConfigNotFound", "InvalidConfigError")
_BOTO_SIGNS = {
    "SSLError": "certificate",
    "ConnectTimeoutError": "TimedOut",
    "ReadTimeoutError": "TimedOut",
    "EndpointConnectionError": "ConnectionRefused",
}


def _of_credentials(error: Exception, profile: str, role_arn: str) -> AssetpipeError:
    where = _place(profile)
    if _is_a(error, "ProfileNotFound"):
        return ConfigError(
            "there is no such profile",
            where=where,
            hint="`aws configure list-profiles` lists those that there are",
        )
    if _is_a(error, "NoCredentialsError"):
        return no_credentials(profile)
    if _is_a(error, *_EXPIRED_LOGIN):
        return OutsideError("the login has expired", where=where, hint=_log_in(profile))
    if _is_a(error, *_UNREADABLE):
        return ConfigError(str(error), where=where, hint="mend the configuration of AWS")
    hint = "look at the profile, and at the network" if profile else "look at the network"
    return OutsideError(
        f"cannot get credentials: {str(error).partition(chr(10))[0]}",
        where=role_arn or where,
        hint=hint,
    )


def _place(profile: str) -> str | None:
    return f"profile {profile}" if profile else None


def _is_a(error: Exception, *names: str) -> bool:
    # By name, as botocore is imported for those only who need it.
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _answer_of_boto(error: Any) -> Answer:
    told = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    region = told.get("Region") or meta.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
    status = int(meta.get("HTTPStatusCode", 0))
    return Answer(status, told.get("Code") or "", told.get("Message") or "", region)

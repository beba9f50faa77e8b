"""Invalidation: who is told of replaced files, in which words, and what happens if it fails."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetpipe.destination import Destination
from assetpipe.errors import AssetpipeError, ConfigError, MissingExtraError, OutsideError
from assetpipe.names import url_path
from assetpipe.publish import cloudfront
from assetpipe.publish import invalidate as module
from assetpipe.publish.cloudfront import FILES, WAITS, WILDCARDS, collapse, create
from assetpipe.publish.invalidate import Invalidation, check, invalidate
from tests.site import plant

CDN = Destination(target="s3://bucket/assets", url="https://cdn.example.com/static")
REQUEST = Invalidation.of("r1", ["robots.txt", "a b.css"], url=CDN.url, reference="ref")
ID = "E2QWRUHAPOMQZL"


# --- what is out of date


@pytest.mark.parametrize(
    ("url", "key", "paths"),
    [
        pytest.param("", "robots.txt", ["/robots.txt"], id="no url"),
        pytest.param("https://c.example", "robots.txt", ["/robots.txt"], id="a host"),
        pytest.param("https://c.example/s/", "a/b.css", ["/s/a/b.css"], id="a path"),
        pytest.param("/s", "b.css", ["/s/b.css"], id="a path alone"),
        pytest.param("https://c.example", "é (1).css", ["/%C3%A9%20%281%29.css"], id="encoded"),
        pytest.param("https://c.example", "index.html", ["/", "/index.html"], id="the root"),
        pytest.param("", "a/index.html", ["/a/", "/a/index.html"], id="a folder"),
        pytest.param("", "my-index.html", ["/my-index.html"], id="no folder"),
    ],
)
def test_paths_are_those_of_urls(url: str, key: str, paths: list[str]) -> None:
    """The target's own prefix is no part of them; a folder has two names."""
    request = Invalidation.of("r1", [key], url=url, reference="ref")
    assert list(request.paths) == paths
    host = url.startswith("https:")
    assert list(request.urls) == [f"https://c.example{path}" for path in paths if host]


# --- rules


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param("cloudfront", "no rule", id="no argument"),
        pytest.param(":x", "no rule", id="no name"),
        pytest.param("cloudfront:", "not the id", id="no distribution"),
        pytest.param("cloudfront:d1.cloudfront.net", "E2QWRUHAPOMQZL", id="a domain"),
        pytest.param("command:", "no program", id="no program"),
        pytest.param(
            "command:no-such-program-here x", "no-such-program-here", id="unknown program"
        ),
        pytest.param("command:sh 'x", "cannot be read", id="an open quote"),
        pytest.param("cloudfont:X", "did you mean cloudfront", id="misspelt"),
        pytest.param("zzz:X", "known are: cloudfront, command", id="unknown"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_begins(rule: str, words: str) -> None:
    """The error names the rule and the cure."""
    with pytest.raises(ConfigError, match="invalidate") as caught:
        check((f"command:{sys.executable}", rule))
    assert words in str(caught.value).replace("Known", "known")


def test_boto3_is_asked_for_before_anything_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    check((f"cloudfront:{ID}",))
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingExtraError, match=r"assetpipe\[publish\]"):
        check((f"cloudfront:{ID}",))


def test_nothing_to_tell_is_told_to_nobody() -> None:
    """A release without plain names costs nothing."""
    request = Invalidation.of("r1", [], url="", reference="ref")
    assert invalidate(("command:false",), request, destination=CDN) == ()


def test_one_failure_does_not_keep_the_others_from_being_told(tmp_path: Path) -> None:
    """All rules are carried out, then the first failure is reported."""
    rules = (script("raise SystemExit(3)"), script(f"open({str(tmp_path / 'told')!r}, 'w')"))
    with pytest.raises(OutsideError, match="status 3"):
        invalidate(rules, REQUEST, destination=CDN)
    assert (tmp_path / "told").exists()


# --- commands


def script(code: str) -> str:
    """Return the rule that runs a piece of Python."""
    return f"command:{shlex.join([sys.executable, '-c', code])}"


def test_a_command_gets_one_object(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On its standard input; what it prints does not get into what we print."""
    out = tmp_path / "a file"
    code = f"import sys; print('noise'); open({str(out)!r}, 'w').write(sys.stdin.read())"
    (words,) = invalidate((script(code),), REQUEST, destination=CDN)
    assert words.endswith("was told of 2 paths")
    assert json.loads(out.read_text()) == {
        "release": "r1",
        "paths": ["/static/a%20b.css", "/static/robots.txt"],
        "urls": [
            "https://cdn.example.com/static/a%20b.css",
            "https://cdn.example.com/static/robots.txt",
        ],
        "reference": "ref",
    }
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("raise SystemExit(7)", "failed with status 7", id="a status"),
        pytest.param("import sys; sys.exit('a\\nno key\\n')", "status 1: no key", id="last line"),
        pytest.param(
            "import os; os.write(2, b'\\x1b[31mred\\xff\\n'); os._exit(1)", "[31mred", id="escapes"
        ),
        pytest.param("import time; time.sleep(60)", "more than 0.5 seconds", id="too slow"),
        pytest.param(
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])\n"
            "time.sleep(60)",
            "more than 0.5 seconds",
            id="too slow, with a child",
        ),
    ],
)
def test_a_command_that_fails(code: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are told, without what a terminal would act on."""
    if "sleep" in code:
        monkeypatch.setattr(module, "PATIENCE", 0.5)
    with pytest.raises(OutsideError) as caught:
        invalidate((script(code),), REQUEST, destination=CDN)
    assert words in caught.value.message
    assert caught.value.message.isprintable()


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    """What a shell would act on is an argument like any other."""
    out = tmp_path / "arguments"
    code = f"import sys; open({str(out)!r}, 'w').write(repr(sys.argv[1:]))"
    rule = f"{script(code)} $HOME ';' '*' `id` \"a b\""
    invalidate((rule,), REQUEST, destination=CDN)
    assert out.read_text() == repr(["$HOME", ";", "*", "`id`", "a b"])


def test_a_command_need_not_read(tmp_path: Path) -> None:
    """Even if it is told more than a pipe holds."""
    keys = [f"{number}.txt" for number in range(20_000)]
    request = Invalidation.of("r1", keys, url="", reference="ref")
    assert invalidate((script("pass"),), request, destination=CDN)


# --- plug-ins

Install = Callable[[str], None]


@pytest.fixture(name="install")
def _install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a package whose invalidator ``purger`` is some code."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def install(code: str) -> None:
        plant(folder, {
            "purger_plugin.py": code,
            "purger-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: purger\nVersion: 1\n",
            "purger-1.dist-info/entry_points.txt":
                "[assetpipe.invalidators]\npurger = purger_plugin:purge\n",
        })  # fmt: skip

    yield install
    sys.modules.pop("purger_plugin", None)


def test_a_plug_in_is_called(install: Install, tmp_path: Path) -> None:
    """With the rule's argument, colons and all, and the request."""
    out = tmp_path / "called"
    install(
        "def purge(argument, request):\n"
        "    from pathlib import Path\n"
        f"    Path({str(out)!r}).write_text(f'{{argument}} {{request.paths}}')\n"
    )
    check(("purger:zone:1",))
    (words,) = invalidate(("purger:zone:1",), REQUEST, destination=CDN)
    assert words == "purger:zone:1 was told of 2 paths"
    assert out.read_text() == f"zone:1 {REQUEST.paths}"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        pytest.param("purge = 1", ConfigError, "not callable", id="not callable"),
        pytest.param("import no_such_module", ConfigError, "no_such_module", id="import"),
        pytest.param("", ConfigError, "cannot be loaded", id="empty"),
        pytest.param("def purge(a, r): 1 / 0", OutsideError, "ZeroDivision", id="defect"),
        pytest.param(
            "from assetpipe.errors import OutsideError\n"
            "def purge(a, r): raise OutsideError('no zone', hint='make one')",
            OutsideError,
            "no zone\n  make one",
            id="its own error",
        ),
    ],
)
def test_a_plug_in_that_fails(
    install: Install, code: str, kind: type[AssetpipeError], words: str
) -> None:
    """It is named; a plug-in that cannot be used is found before anything begins."""
    install(code)
    with pytest.raises(kind) as caught:
        check(("purger:x",)) if kind is ConfigError else invalidate(
            ("purger:x",), REQUEST, destination=CDN
        )
    assert words in str(caught.value)


def test_a_misspelt_plug_in_is_suggested(install: Install) -> None:
    """With all that there are."""
    install("def purge(a, r): ...")
    with pytest.raises(ConfigError, match=r"did you mean purger\? Known are: .*command, purger"):
        check(("purgr:x",))


# --- CloudFront: paths


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("/a.css", ["/a.css"], id="plain"),
        pytest.param("/a%20b.css", ["/a%20b.css"], id="a space"),
        pytest.param("/%C3%A9.css", ["/%C3%A9.css"], id="not ASCII"),
        pytest.param("/%c3%a9.css", ["/%C3%A9.css"], id="lower case"),
        pytest.param("/a$!+;=:@.css", ["/a$!+;=:@.css"], id="safe"),
        pytest.param("/%61.css", ["/a.css"], id="needlessly encoded"),
        pytest.param("/a%28b%29.css", ["/a%28b%29.css", "/a(b).css"], id="parentheses"),
        pytest.param("/a%22b.css", ["/a%22b.css"], id="a quote"),
        pytest.param("/a/b*c.css", ["/a/b*"], id="a star"),
        pytest.param("/a/b%2Ac.css", ["/a/b*"], id="a star, encoded"),
        pytest.param("/a/~b/c.css", ["/a/*"], id="a tilde"),
        pytest.param("/(/~", ["/%28/*", "/(/*"], id="a tilde after parentheses"),
        pytest.param("/a/" + "x" * 3997, ["/a/" + "x" * 3997], id="4,000 characters"),
        pytest.param("/a/" + "x" * 3998, ["/a/*"], id="4,001 characters"),
    ],
)
def test_paths_are_spelt_as_cloudfront_wants(path: str, found: list[str]) -> None:
    """What cannot be named is covered by a wildcard; what has two spellings is sent in both."""
    assert sorted(collapse([path])) == sorted(found)


def files(folder: str, count: int) -> list[str]:
    """Return paths in a folder."""
    return [f"{folder}{number:05}.txt" for number in range(count)]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        pytest.param([], [], id="none"),
        pytest.param(files("/", FILES), files("/", FILES), id="as many as are free"),
        pytest.param(files("/a/", FILES + 1), ["/a/*"], id="one folder"),
        pytest.param(
            [*files("/a/b/", FILES), *files("/a/", 20)], ["/a/b/*", *files("/a/", 20)],
            id="the largest folder",
        ),
        pytest.param(
            [path for n in range(15) for path in files(f"/a/{n:02}/", 200)],
            None, id="fifteen folders",
        ),
        pytest.param(
            [path for n in range(40) for path in files(f"/a/{n:02}/", 200)], ["/a/*"],
            id="too many folders",
        ),
        pytest.param(
            [path for n in range(40) for path in files(f"/{n:02}/", 200)], ["/*"],
            id="nothing in common",
        ),
        pytest.param([f"/a/{n:02}~.txt" for n in range(15)], [f"/a/{n:02}*" for n in range(15)],
            id="as many wildcards as there may be"),
        pytest.param([f"/a/{n:02}~.txt" for n in range(16)], ["/a/*"], id="too many wildcards"),
        pytest.param(["/a~", "/ab.txt", "/b.txt"], ["/a*", "/b.txt"], id="covered already"),
    ],
)  # fmt: skip
def test_many_paths_become_few(paths: list[str], found: list[str] | None) -> None:
    """The most files that few folders cover become wildcards, the rest is named."""
    done = collapse(paths)
    if found is not None:
        assert sorted(done) == sorted(found)
    assert len(done) <= FILES + WILDCARDS
    assert covered(paths, done)


def covered(paths: list[str], by: tuple[str, ...]) -> bool:
    """Say whether invalidation paths cover all URL paths."""
    return all(
        any(path.startswith(one[:-1]) if one.endswith("*") else path == one for one in by)
        for path in paths
    )


@given(st.data())
def test_every_path_is_covered_within_the_quotas(data: st.DataObject) -> None:
    """Whatever the names, and however many there are."""
    segment = st.text("ab*~é(", min_size=1, max_size=3)
    name = st.lists(segment, min_size=1, max_size=4).map("/".join)
    paths = [f"/{url_path(key)}" for key in data.draw(st.lists(name, max_size=30))]
    limits = data.draw(st.tuples(st.integers(0, 5), st.integers(1, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloudfront, "FILES", limits[0])
        patch.setattr(cloudfront, "WILDCARDS", limits[1])
        done = collapse(paths)
        assert done == collapse(paths[::-1]), "a repetition must be the same invalidation"
    assert covered(paths, done)
    wildcards = [path for path in done if path.endswith("*")]
    assert len(wildcards) <= limits[1]
    assert len(done) - len(wildcards) <= limits[0]
    assert not any("*" in path[:-1] or "~" in path for path in done)


# --- CloudFront: requests


@pytest.fixture(name="aws")
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of a CloudFront that is not Amazon's."""
    moto = pytest.importorskip("moto", reason="the package moto is not installed")
    boto3 = pytest.importorskip("boto3", reason="the package boto3 is not installed")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with moto.mock_aws():
        yield boto3.client("cloudfront", region_name="us-east-1")


@pytest.fixture(name="distribution")
def _distribution(aws: Any) -> str:
    origin = {
        "Id": "o",
        "DomainName": "bucket.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0}
    made = aws.create_distribution(
        DistributionConfig={
            "CallerReference": "ref",
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behaviour
            | {"ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}},
            "Comment": "",
            "Enabled": True,
        }
    )
    return str(made["Distribution"]["Id"])


def test_a_distribution_forgets_paths(aws: Any, distribution: str) -> None:
    """CloudFront has the invalidation that the report names, with these paths."""
    rules = (f"cloudfront:{distribution}",)
    check(rules)
    (words,) = invalidate(rules, REQUEST, destination=CDN)
    identity = words.rpartition(" ")[2]
    found = aws.get_invalidation(DistributionId=distribution, Id=identity)["Invalidation"]
    assert found["InvalidationBatch"]["Paths"] == {
        "Quantity": 2,
        "Items": ["/static/a%20b.css", "/static/robots.txt"],
    }


def test_a_reference_names_paths(aws: Any, distribution: str) -> None:
    """The same paths have the same one, so that a repetition is none; others have another."""
    for paths in (["/a", "/b"], ["/b", "/a"], ["/a"]):
        create(distribution, paths, "ref", CDN)
    listed = aws.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    sent = [
        aws.get_invalidation(DistributionId=distribution, Id=item["Id"])["Invalidation"]
        for item in listed
    ]
    references = {
        tuple(item["InvalidationBatch"]["Paths"]["Items"]):
            item["InvalidationBatch"]["CallerReference"]
        for item in sent
    }  # fmt: skip
    assert len(sent) == 3
    assert len(set(references.values())) == 2
    assert all(reference.startswith("ref-") for reference in references.values())


def test_an_unknown_distribution_is_named(aws: Any) -> None:
    """With the command that lists those that there are."""
    with pytest.raises(OutsideError, match="no such distribution") as caught:
        invalidate((f"cloudfront:{ID}",), REQUEST, destination=CDN)
    assert caught.value.where == f"cloudfront:{ID}"
    assert "list-distributions" in str(caught.value)


class Answers:
    """A client that fails with these codes before it accepts, and the seconds waited between."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, client: Any, codes: list[str]) -> None:
        stub = pytest.importorskip("botocore.stub", reason="the package boto3 is not installed")

        self.waited: list[float] = []
        self.stub = stub.Stubber(client)
        for code in codes:
            self.stub.add_client_error("create_invalidation", code, f"words of {code}", 400)
        batch = {"Paths": {"Quantity": 1, "Items": ["/a"]}, "CallerReference": "ref"}
        accepted = {"Id": "I1", "Status": "InProgress", "CreateTime": 0, "InvalidationBatch": batch}
        self.stub.add_response("create_invalidation", {"Location": "", "Invalidation": accepted})
        self.stub.activate()
        monkeypatch.setattr(cloudfront, "_client", lambda _: client)

    def create(self) -> str:
        return create(ID, ["/a"], "ref", CDN, wait=self.waited.append)


@pytest.mark.parametrize(
    "code", ["TooManyInvalidationsInProgress", "Throttling", "ServiceUnavailable"]
)
def test_a_busy_service_is_asked_again(
    code: str, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time later, within five minutes."""
    answers = Answers(monkeypatch, aws, [code] * 3)
    assert answers.create() == "I1"
    assert answers.waited == [1, 2, 4]
    assert list(WAITS) == sorted(WAITS)
    assert 290 <= sum(WAITS) <= 310


def test_patience_ends(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how long was waited, and that a publish sends it again."""
    answers = Answers(monkeypatch, aws, ["TooManyInvalidationsInProgress"] * (len(WAITS) + 1))
    with pytest.raises(OutsideError, match=r"5 minutes.*TooManyInvalidations") as caught:
        answers.create()
    assert answers.waited == list(WAITS)
    assert "publish again" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDenied", '"Action": "cloudfront:CreateInvalidation"'),
        ("AccessDenied", f'"Resource": "arn:aws:cloudfront::*:distribution/{ID}"'),
        ("NoSuchDistribution", "no such distribution"),
        ("ExpiredToken", "expired"),
        ("InvalidArgument", "words of InvalidArgument"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence(
    code: str, words: str, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the cure, and nothing is repeated."""
    answers = Answers(monkeypatch, aws, [code])
    with pytest.raises(OutsideError) as caught:
        answers.create()
    assert words in str(caught.value)
    assert answers.waited == []


def test_missing_credentials_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As for the store itself."""
    pytest.importorskip("boto3", reason="the package boto3 is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(OutsideError, match="no credentials"):
        create(ID, ["/a"], "ref", CDN)

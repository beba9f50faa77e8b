"""Secrets: what is refused before anything is published, and what is not."""

from __future__ import annotations

import base64
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assetpipe.errors import InputError
from assetpipe.publish.secrets import LISTED, check, find

WORD = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + "234567"
DASHED = f"{WORD}-_"


def some(alphabet: str, length: int, seed: int = 1) -> str:
    """Return random characters, the same ones in every run."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


def pem(label: str = "PRIVATE KEY", ending: str = "\n", fields: str = "") -> str:
    """Return a key in PEM, its lines with an ending, as a program's text may hold it."""
    body = base64.b64encode(random.Random(2).randbytes(200)).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return ending.join([f"-----BEGIN {label}-----", *([fields] if fields else []), *lines])


# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "PEM": pem(),
    "PEM of PKCS 1": pem("RSA PRIVATE KEY"),
    "PEM of an elliptic curve": pem("EC PRIVATE KEY"),
    "PEM of OpenSSH": pem("OPENSSH PRIVATE KEY"),
    "PEM, encrypted": pem("ENCRYPTED PRIVATE KEY"),
    "PEM with fields": pem("RSA PRIVATE KEY", fields="Proc-Type: 4,ENCRYPTED\nDEK-Info: A,1F\n"),
    "PEM in a JSON string": pem(ending="\\n"),
    "PEM in a JSON string in a source map": pem(ending="\\\\n"),
    "PEM with line ends of Windows": pem(ending="\r\n"),
    "PEM joined by a script": pem(ending='",\n  "'),
    "OpenPGP": pem("PGP PRIVATE KEY BLOCK", fields="Version: 1\n"),
    "AWS access key": "AKIA" + some(UPPER, 16),
    "AWS temporary key": "ASIA" + some(UPPER, 16),
    "AWS secret key in an ini file": "aws_secret_access_key = " + some(WORD + "+/", 40),
    "AWS secret key in the environment": "AWS_SECRET_ACCESS_KEY=" + some(WORD + "+/", 40),
    "AWS secret key in a script": "secretAccessKey:'" + some(WORD + "+/", 40) + "'",
    "AWS secret key in a JSON string": 'secret_access_key\\": \\"' + some(WORD + "+/", 40),
    "GitHub, personal": "ghp" + "_" + some(WORD, 36),
    "GitHub, OAuth": "gho" + "_" + some(WORD, 36),
    "GitHub, of a user": "ghu" + "_" + some(WORD, 36),
    "GitHub, of a server": "ghs" + "_" + some(WORD, 36),
    "GitHub, refreshing": "ghr" + "_" + some(WORD, 76),
    "GitHub, fine-grained": "github" + "_pat_" + some(WORD, 22) + "_" + some(WORD, 59, 2),
    "GitLab": "glpat" + "-" + some(DASHED, 20),
    "Slack, bot": "xoxb" + "-123456789012-1234567890123-" + some(WORD, 24),
    "Slack, person": "xoxp" + "-123456789012-123456789012-123456789012-" + some("0123abcdef", 32),
    "Slack, webhook": "https://hooks.slack.com" + "/services/T01234ABC/B01234ABC/" + some(WORD, 24),
    "Stripe": "sk" + "_live_" + some(WORD, 24),
    "Stripe, restricted": "rk" + "_live_" + some(WORD, 99),
    "npm": "npm" + "_" + some(WORD, 36),
    "PyPI": "pypi" + "-AgEIcHlwaS5vcmc" + some(DASHED, 150),
    "SendGrid": "SG" + "." + some(DASHED, 22) + "." + some(DASHED, 43, 2),
    "Anthropic": "sk" + "-ant-api03-" + some(DASHED, 93) + "AA",
    "OpenAI": "sk" + "-proj-" + some(WORD, 74) + "T3BlbkFJ" + some(WORD, 74, 2),
    "OpenAI, short": "sk" + "-" + some(WORD, 20) + "T3BlbkFJ" + some(WORD, 20, 2),
    "Azure Storage": "AccountKey=" + base64.b64encode(random.Random(3).randbytes(64)).decode(),
    "Google service account": '{"private_key": "' + pem(ending="\\n") + '"}',
}

HARMLESS = {
    "a header of PEM without a key": 'const HEAD = "-----BEGIN PRIVATE KEY-----", N = "\\n";',
    "a header in a regular expression": "/-----BEGIN PRIVATE KEY-----[^-]+-----END/.test(x)",
    "a public key": pem("PUBLIC KEY"),
    "a certificate": pem("CERTIFICATE"),
    "a browser key of Google": "AIza" + some(WORD, 35),
    "a publishable key of Stripe": "pk_live_" + some(WORD, 24),
    "a test key of Stripe": "sk_test_" + some(WORD, 24),
    "the example of AWS": "AKIAIOSFODNN7EXAMPLE",
    "the secret example of AWS": "secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "an access key's charset": "AKIA" + "0189018901890189",
    "base64 of zeros": "AKIA" + "A" * 60,
    "base64 that begins like an access key": "AKIA" + some(UPPER, 16) + "ab+/" * 5,
    "an access key within base64": some(WORD, 30) + "AKIA" + some(UPPER, 16) + some(WORD, 30),
    "a placeholder": "ghp_" + "x" * 36 + " sk_live_" + "X" * 24,
    "an environment variable's name": "npm_config_user_agent npm_package_version ghp_token",
    "a class of CSS": ".sk-ant-design-button-primary-large-and-more-so-it-is-long{color:red}",
    "an address of Slack": "https://hooks.slack.com/services/T000/B000/XXXX",
    "a name without a value": "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in SECRETS.items()])
@pytest.mark.parametrize("around", ["{}", "a = '{}';\n", "x\r\n\té{}", "a\\n{}\\n", "token_{} "])
def test_a_secret_is_found_whatever_is_around_it(text: str, around: str) -> None:
    """At a file's start and end, in strings, after escapes."""
    found = find("js/app.js", around.format(text).encode())
    assert found is not None
    assert text[:20] not in found.what, "an error must not tell it"


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HARMLESS.items()])
def test_what_is_public_is_not_refused(text: str) -> None:
    """Keys that are public by design, examples, placeholders, and code that handles keys."""
    assert find("js/app.js", text.encode()) is None


@given(
    before=st.text(max_size=200),
    after=st.text(max_size=200),
    kind=st.sampled_from(sorted(SECRETS)),
)
def test_a_secret_is_found_anywhere_in_any_text(before: str, after: str, kind: str) -> None:
    """Its place is where it begins, in lines and characters."""
    text = SECRETS[kind]
    lines = before.split("\n")
    found = find("a.txt", f"{before} {text} {after}".encode())
    assert found is not None
    assert found.line == len(lines)
    assert len(lines[-1]) + 2 <= found.column <= len(lines[-1]) + 20


@given(st.binary(max_size=2000) | st.text(max_size=1000).map(str.encode))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    """No random text or binary is taken for a secret."""
    assert find("a.txt", data) is None


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_in_random_base64(seed: int) -> None:
    """A megabyte of base64, as data URLs and source maps hold it."""
    generator = random.Random(seed)
    assert find("a.map", base64.b64encode(generator.randbytes(1_000_000))) is None
    assert find("a.map", base64.urlsafe_b64encode(generator.randbytes(1_000_000))) is None


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        ".env.production",
        "css/.htpasswd",
        ".git/config",
        ".npmrc",
        ".well-known/.env",
        "keys/id_rsa",
        "ID_ED25519",
        "server.p12",
        "a/server.PFX",
        "release.jks",
        "debug.keystore",
        "credentials",
        "_netrc",
        "wp-config.php",
        "wp-config.php.bak",
        "terraform.tfstate",
        "db.sqlite3",
    ],
)
def test_a_name_may_tell(name: str) -> None:
    """Hidden files, key stores and passwords are refused whatever they hold."""
    found = find(name, b"")
    assert found is not None
    assert found.where == name


@pytest.mark.parametrize(
    "name",
    [
        ".well-known/security.txt",
        "js/credentials.js",
        "img/id_rsa.svg",
        "keys/public.pem",
        "a..b/c.js",
        "data/app.sqlite",
        "deck.key",
        "js/.well-known/assetlinks.json",
    ],
)
def test_a_name_may_be_harmless(name: str) -> None:
    """Names that pages ask for are not refused."""
    assert find(name, b"x") is None


@pytest.mark.parametrize(
    ("name", "searched"),
    [
        ("a.svg", True),
        ("a.pem", True),
        ("unknown.suffix", True),
        ("none", True),
        ("a.ttf", False),
        ("a.png", False),
        ("a.ico", False),
        ("a.wasm", False),
        ("a.js.br", False),
        ("a.mp4", False),
    ],
)
def test_only_what_may_be_text_is_searched(name: str, searched: bool) -> None:
    """Images, sounds, fonts and what is compressed hold no text."""
    assert (find(name, SECRETS["GitLab"].encode()) is not None) is searched


def test_the_first_secret_is_named() -> None:
    """Of several in a file, the one that is read first."""
    text = f"\n{SECRETS['npm']}\n{SECRETS['AWS access key']}\n{SECRETS['Stripe']}"
    found = find("a.js", text.encode())
    assert found is not None
    assert (found.where, found.what) == ("a.js:2:1", "holds what looks like an npm token")


def test_a_secret_later_than_a_false_alarm_is_found() -> None:
    """What only begins like one hides none."""
    text = f"npm_config ghp_x AKIA {pem()[:27]}\n npm_token {SECRETS['npm']}"
    found = find("a.js", text.encode())
    assert found is not None
    assert found.where == "a.js:2:12"


def test_an_error_names_places_and_cures() -> None:
    """All places, both cures, and no secret."""
    token = SECRETS["GitHub, personal"]
    files = [("js/a.js", f"x = 1;\n  é = '{token}'".encode()), (".env", b""), ("b.js", b"fine")]
    with pytest.raises(InputError) as caught:
        check(files)
    text = str(caught.value)
    assert caught.value.where == "js/a.js:2:8"
    assert "GitHub token" in text
    assert ".env: is hidden" in text
    assert "revoke" in text
    assert 'allow = ["js/a.js"]' in text
    assert "--allow js/a.js" in text
    assert token[:8] not in text


def test_what_is_allowed_is_published() -> None:
    """A glob says that a finding is a false alarm."""
    files = [("js/a.js", SECRETS["npm"].encode()), (".nojekyll", b"")]
    check(files, allow=("js/*.js", ".nojekyll"))
    with pytest.raises(InputError, match=r"\.nojekyll"):
        check(files, allow=("*.js",))


def test_a_flood_of_findings_is_cut() -> None:
    """The first ones are listed, the rest is counted."""
    with pytest.raises(InputError) as caught:
        check((f"{number:02}/.env", b"") for number in range(LISTED + 5))
    text = str(caught.value)
    assert f"{LISTED - 1:02}/.env" in text
    assert f"{LISTED:02}/.env" not in text
    assert "and 5 more" in text

"""A release that lies elsewhere: what an app starts with, whatever the network does."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask, render_template_string

from assetpipe import Assets
from assetpipe.cli.flask import commands
from assetpipe.errors import ConfigError, ManifestError, OutsideError
from assetpipe.flask import AssetPipe
from assetpipe.manifest import HISTORY, STATE, load
from assetpipe.objectstore.model import Stored
from assetpipe.serve import remote as module
from assetpipe.serve.release import place
from assetpipe.serve.remote import Remote
from tests.origin import Answering, Reply, serving
from tests.place import Place
from tests.release import SITE, output_name, write_release
from tests.site import CODE, clean_environment
from tests.weed import Weed

APP = output_name("css/app.css", SITE["css/app.css"])


class Target:
    """What lies at a URL, by path; a test changes it."""

    def __init__(self, folder: Path) -> None:
        self.release = write_release(folder).release
        self.key = f"{HISTORY}/{self.release}.json"
        self.manifest = (folder / self.key).read_bytes()
        self.objects = {
            f"/static/{path.relative_to(folder).as_posix()}": path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        self.set_state(current=self.release)
        self.asked: list[str] = []

    def set_state(self, **fields: object) -> None:
        state = {"schema": 1, "current": "", "releases": []} | fields
        self.objects[f"/static/{STATE}"] = json.dumps(state).encode()

    def __call__(self, path: str, fields: Mapping[str, str]) -> Reply:
        self.asked.append(path)
        body = self.objects.get(path)
        return Reply(404) if body is None else Reply(body=body)


@pytest.fixture(name="target")
def _target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Return a target with a release; nothing of the user's own cache folder is touched."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FLASK_RUN_FROM_CLI", raising=False)
    return Target(tmp_path / "target")


def make_app(url: str, **config: Any) -> Flask:
    app = Flask("site", static_folder=None)
    app.config.update({"ASSETPIPE_MANIFEST": url} | config)
    AssetPipe(app)
    return app


def url_of(app: Flask, name: str = "css/app.css") -> str:
    with app.test_request_context():
        return app.url_for("static", filename=name)


# Where a release is found.


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("static/", id="the target"),
        pytest.param("static", id="without a slash"),
        pytest.param(f"static/{STATE}", id="its state"),
        pytest.param("static/manifest.json", id="a manifest"),
        pytest.param("static/<key>", id="that of one release"),
        pytest.param("static/?token=a", id="with a query"),
    ],
)
def test_a_release_is_found(target: Target, path: str) -> None:
    """By the URL of a target, or of a manifest; its files have URLs below the target."""
    with serving(target) as url:
        app = make_app(url + path.replace("<key>", target.key))
        assert url_of(app) == f"{url}static/{APP}"
        assert url_of(app, "nothing.css") == "/static/nothing.css"
    assert len(target.asked) <= 2


def test_the_manifest_is_read_once_when_the_app_starts(target: Target) -> None:
    """The state, then the manifest; no request asks for either again."""
    with serving(target) as url:
        app = make_app(f"{url}static/")
        assert target.asked == [f"/static/{STATE}", f"/static/{target.key}"]
    app.config["ASSETPIPE_AUTO_RELOAD"] = True
    assert url_of(app) == url_of(app)
    assert len(target.asked) == 2


def test_a_cdn_may_be_named(target: Target) -> None:
    """URLs lead there, whatever the manifest was read from."""
    with serving(target) as url:
        app = make_app(f"{url}static/", ASSETPIPE_CDN_URL="https://cdn.example.com/a")
    assert url_of(app) == f"https://cdn.example.com/a/{APP}"


def test_the_app_serves_none_of_the_files(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    """It has none, and looks for none: all is missing, and nobody keeps that."""
    with serving(target) as url:
        client = make_app(f"{url}static/").test_client()
    for file in (APP, "css/app.css", "robots.txt", "manifest.json"):
        answer = client.get(f"/static/{file}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
    assert not caplog.records


def test_templates_have_their_helpers(target: Target) -> None:
    """Tags of another origin, with integrity; what is inlined is fetched once, and checked."""
    page = "{{ stylesheet_tag('css/app.css') }}{{ inline_asset('css/app.css') }}"
    with serving(target) as url:
        app = make_app(f"{url}static/", ASSETPIPE_INTEGRITY=True)
        for _ in range(2):
            with app.test_request_context():
                text = render_template_string(page)
    assert f'<link rel="stylesheet" href="{url}static/{APP}" integrity="sha384-' in text
    assert 'crossorigin="anonymous"' in text
    assert "<style>.app{color:red}" in text
    assert target.asked.count(f"/static/{APP}") == 1


def test_what_is_inlined_is_what_the_manifest_says(target: Target) -> None:
    """Nobody can put something else into a page."""
    target.objects[f"/static/{APP}"] = b".evil{}"
    with serving(target) as url:
        app = make_app(f"{url}static/")
        with app.test_request_context(), pytest.raises(OutsideError, match="is not the file"):
            render_template_string("{{ inline_asset('css/app.css') }}")


def test_other_frameworks_have_it_too(target: Target, tmp_path: Path) -> None:
    """``Assets`` takes the URL in place of the folder."""
    with serving(target) as url:
        assets = Assets(f"{url}static/", manifest_copy=tmp_path / "copy.json")
        assert assets.read("css/app.css") == SITE["css/app.css"]
    assert assets.url("css/app.css") == f"{url}static/{APP}"
    assert 'crossorigin="anonymous"' in str(
        assets.helpers()["preload_tag"]("css/app.css", crossorigin="anonymous")
    )
    assert (tmp_path / "copy.json").read_bytes() == target.manifest
    with pytest.raises(ManifestError, match="cannot be fetched"):
        Assets(f"{url}static/", manifest_copy=tmp_path / "none.json")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/static/", "s3://bucket/static"])
def test_source_mode_asks_for_nothing(url: str) -> None:
    """Development and tests need no network, and no CDN."""
    app = make_app(url, ASSETPIPE_MODE="source")
    with app.test_request_context():
        page = render_template_string("{{ stylesheet_tag('css/app.css') }}")
    assert page == '<link rel="stylesheet" href="/static/css/app.css">'


def test_gzip_is_understood(target: Target) -> None:
    """Manifests are large, and compress well."""

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        assert fields["Accept-Encoding"] == "gzip"
        return Reply(fields={"Content-Encoding": "gzip"}, body=gzip.compress(target.objects[path]))

    with serving(answer) as url:
        assert url_of(make_app(f"{url}static/")) == f"{url}static/{APP}"


def test_redirections_are_followed(target: Target) -> None:
    """A few of them."""

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        if not path.startswith("/static/"):
            return Reply(302, {"Location": f"/static{path}"})
        return target(path, fields)

    with serving(answer) as url:
        assert url_of(make_app(url)) == f"{url}{APP}"


class Bucket:
    """A store that has what a target has."""

    def __init__(self, target: Target) -> None:
        self._objects = target.objects

    def read(self, key: str) -> Stored | None:
        data = self._objects.get(f"/static/{key}")
        return None if data is None else Stored(data, (None, None))


@pytest.mark.parametrize(
    "url", ["s3://bucket/static", "gs://bucket/static/", f"az://bucket/static/{STATE}"]
)
def test_a_bucket_is_read(target: Target, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """By the same keys; browsers need a URL of their own."""
    opened = []

    def open_store(destination: Any) -> Bucket:
        opened.append(destination.target)
        return Bucket(target)

    monkeypatch.setattr("assetpipe.objectstore.open_store", open_store)
    app = make_app(url, ASSETPIPE_CDN_URL="https://cdn.example.com/")
    assert url_of(app) == f"https://cdn.example.com/{APP}"
    assert opened == [f"{url[:2]}://bucket/static/"]
    with pytest.raises(ConfigError, match=f"browsers cannot read {url[:2]}://bucket/static/"):
        make_app(url)
    del target.objects[f"/static/{target.key}"]
    with pytest.raises(ManifestError, match="is not there"):
        Remote(url, timeout=5).fetch()


@pytest.mark.parametrize("form", ["bucket", "URL"])
def test_what_was_published_is_what_the_app_uses(
    cloud: Weed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """From a real store, by its credentials or as everybody sees it."""
    out = tmp_path / "out"
    write_release(out)
    bucket = cloud.bucket()
    Place(cloud.destination(f"s3://{bucket}/static")).publish(out)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", cloud.url)
    if form == "bucket":
        app = make_app(f"s3://{bucket}/static", ASSETPIPE_CDN_URL="https://cdn.example.com/")
    else:
        cloud.open_to_all(bucket)
        url = f"{cloud.url}/{bucket}/static/"
        app = make_app(url, ASSETPIPE_CDN_URL="https://cdn.example.com/")
    file = load(out / "manifest.json").assets["css/app.css"].file
    assert url_of(app) == f"https://cdn.example.com/{file}"


# What goes wrong.


def broken(**changes: bytes | None) -> Any:
    def change(target: Target) -> Answering:
        for key, data in changes.items():
            path = {"state": STATE, "manifest": target.key}[key]
            target.objects[f"/static/{path}"] = data or b""
            if data is None:
                del target.objects[f"/static/{path}"]
        return target

    return change


def stated(**fields: object) -> Any:
    def change(target: Target) -> Answering:
        target.set_state(**fields)
        return target

    return change


def always(reply: Reply) -> Any:
    return lambda _: lambda *_: reply


def truncated(target: Target) -> Answering:
    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        reply = target(path, fields)
        reply.fields["Content-Length"] = str(len(reply.body) + 1)
        return reply

    return answer


def slow(target: Target) -> Answering:
    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        time.sleep(3)
        return target(path, fields)

    return answer


def other_release(target: Target) -> Answering:
    target.objects[f"/static/{HISTORY}/0123.json"] = target.manifest
    target.set_state(current="0123")
    return target


def too_large(target: Target) -> Answering:
    body = gzip.compress(b" " * (module.MOST + 1), 1)
    return lambda *_: Reply(fields={"Content-Encoding": "gzip"}, body=body)


PAGE = Reply(body=b"<!doctype html>")
FAILURES = [
    pytest.param(always(Reply(404)), "answers 404 Not Found", id="nothing published"),
    pytest.param(always(Reply(403)), "answers 403 Forbidden", id="not public"),
    pytest.param(always(Reply(500)), "answers 500 Internal", id="broken server"),
    pytest.param(always(Reply(0)), "cannot be fetched", id="closed connection"),
    pytest.param(always(PAGE), "is not the state of a target", id="HTML page"),
    pytest.param(always(Reply(302, {"Location": "/"})), "redirects too often", id="loop"),
    pytest.param(
        always(Reply(302, {"Location": "ftp://example.com/"})), "redirects to ftp", id="ftp"
    ),
    pytest.param(always(Reply(fields={"Content-Encoding": "gzip"}, body=b"x")), "breaks off",
                 id="no gzip"),
    pytest.param(truncated, "breaks off in the middle", id="truncated"),
    pytest.param(slow, "has not answered within 0.5 seconds", id="slow"),
    pytest.param(too_large, "has more than 67108864 bytes", id="too large"),
    pytest.param(stated(current=""), "names no current release", id="none current"),
    pytest.param(stated(current="../x"), "names no current release", id="no release"),
    pytest.param(stated(current=7), "is not the state", id="a number"),
    pytest.param(stated(schema=2), "has schema 2; this assetpipe reads up to 1", id="newer state"),
    pytest.param(broken(state=b"[]"), "is not the state", id="a list"),
    pytest.param(broken(manifest=None), "answers 404", id="no manifest"),
    pytest.param(broken(manifest=b"{}"), "is not a manifest", id="no manifest inside"),
    pytest.param(broken(manifest=b'{"schema": 99}'), "has schema 99", id="newer manifest"),
    pytest.param(other_release, "is the manifest of release", id="another release"),
]  # fmt: skip


@pytest.mark.parametrize(("failure", "message"), FAILURES)
def test_the_last_good_copy_is_used(
    target: Target, failure: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning that says what failed; without a copy the app does not start."""
    answers: list[Answering] = [target]

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        return answers[-1](path, fields)

    with serving(answer) as url:
        make_app(f"{url}static/")
        assert not caplog.records
        answers.append(failure(target))
        started = time.monotonic()
        app = make_app(f"{url}static/", ASSETPIPE_MANIFEST_TIMEOUT=0.5 if failure is slow else 5)
        assert time.monotonic() - started < 2
        assert url_of(app) == f"{url}static/{APP}"
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("assetpipe", logging.WARNING)
        assert re.search(rf"the last good release, {target.release}, .*{message}", record.message)
        Remote(f"{url}static/", timeout=5).copy.unlink()
        with pytest.raises(ManifestError, match=f"{message}.*nor can the last good copy be used"):
            make_app(f"{url}static/", ASSETPIPE_MANIFEST_TIMEOUT=0.5 if failure is slow else 5)


def test_a_broken_copy_is_no_copy(target: Target, tmp_path: Path) -> None:
    """The error names both."""
    copy = tmp_path / "copy.json"
    copy.write_bytes(target.manifest[:100])
    error = r"answers 500.*copy\.json: is not JSON"
    with serving(lambda *_: Reply(500)) as url, pytest.raises(ManifestError, match=error):
        make_app(f"{url}static/", ASSETPIPE_MANIFEST_COPY=copy)


def test_a_server_that_trickles_is_not_waited_for(target: Target) -> None:
    """The limit is one of the whole: each byte in time is not enough."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(12):
                time.sleep(0.1)
                connection.sendall(b" ")

    thread = Thread(target=trickle)
    thread.start()
    started = time.monotonic()
    with listener, pytest.raises(ManifestError, match="has not answered within"):
        Remote(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.4).fetch()
    assert time.monotonic() - started < 1
    thread.join()


def test_secrets_of_the_url_are_told_nobody(target: Target) -> None:
    """A query may be a signature."""
    with serving(lambda *_: Reply(403)) as url, pytest.raises(ManifestError) as caught:
        make_app(f"{url}static/?X-Signature=0123abcd")
    assert "0123abcd" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("https://me:secret@cdn.example.com/", ConfigError, "holds a user name or a password"),
        ("https:///static/", ConfigError, "names no host"),
        ("https://[::1/static/", ConfigError, "the URL of the manifest is none"),
        ("http://127.0.0.1:port/", ManifestError, "cannot be fetched: nonnumeric port"),
        ("http://127.0.0.1:9/a b/", ManifestError, "cannot be fetched: URL can't contain"),
        ("http://127.0.0.1:9/é/", ManifestError, "cannot be fetched: 'ascii' codec"),
        ("http://127.0.0.1:9/", ManifestError, "cannot be fetched: Connection refused"),
    ],
)
def test_a_url_that_cannot_be_asked_is_an_error(
    target: Target, url: str, error: type[Exception], message: str
) -> None:
    """The app does not start, and says why."""
    with pytest.raises(error, match=message):
        make_app(url)


@pytest.mark.parametrize(
    "config",
    [
        {"ASSETPIPE_MANIFEST": "ftp://cdn.example.com/"},
        {"ASSETPIPE_MANIFEST": "cdn.example.com://x"},
        {"ASSETPIPE_MANIFEST_TIMEOUT": 0},
        {"ASSETPIPE_MANIFEST_TIMEOUT": "5"},
        {"ASSETPIPE_MANIFEST_TIMEOUT": True},
        {"ASSETPIPE_MANIFEST_COPY": 5},
    ],
)
def test_a_wrong_setting_is_an_error(config: dict[str, Any]) -> None:
    """As for every other key."""
    app = Flask("site")
    app.config.update(config)
    with pytest.raises(ConfigError, match=next(iter(config))):
        AssetPipe(app)


# The copy.


def test_the_copy_lies_in_the_users_cache_folder(target: Target, tmp_path: Path) -> None:
    """One for each URL; nobody else can write it, and an unchanged one is left alone."""
    with serving(target) as url:
        make_app(f"{url}static/")
        (copy,) = (tmp_path / "cache/assetpipe").iterdir()
        assert re.fullmatch(r"manifest-[0-9a-f]{16}\.json", copy.name)
        assert copy.read_bytes() == target.manifest
        if os.name == "posix":
            assert copy.parent.stat().st_mode & 0o777 == 0o700
            assert copy.stat().st_mode & 0o777 == 0o600
        before = copy.stat().st_ino, copy.stat().st_mtime_ns
        make_app(f"{url}static/")
        assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == before
        make_app(f"{url}static/manifest.json")
    assert len([*copy.parent.iterdir()]) == 2


def test_without_a_cache_folder_it_lies_in_that_of_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A relative ``XDG_CACHE_HOME`` has no meaning (XDG Base Directory Specification)."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        remote = Remote("https://cdn.example.com/", timeout=5)
        assert remote.copy.parent == tmp_path / ".cache/assetpipe"


def test_a_copy_may_be_named(target: Target, tmp_path: Path) -> None:
    """A relative path starts at the project's folder."""
    with serving(target) as url:
        app = Flask("site", root_path=str(tmp_path / "shop"), static_folder=None)
        (tmp_path / "shop").mkdir()
        (tmp_path / "pyproject.toml").write_text("")
        app.config["ASSETPIPE_MANIFEST"] = f"{url}static/"
        app.config["ASSETPIPE_MANIFEST_COPY"] = "instance/last.json"
        AssetPipe(app)
    assert load(tmp_path / "instance/last.json").release == target.release


def test_a_copy_that_cannot_be_written_is_no_error(
    target: Target, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning says that the next start depends on the network; nothing is left behind."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder/copy.json").mkdir(parents=True)
    with serving(target) as url:
        for copy in ("file/copy.json", "folder/copy.json"):
            app = make_app(f"{url}static/", ASSETPIPE_MANIFEST_COPY=tmp_path / copy)
            assert url_of(app) == f"{url}static/{APP}"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all("no copy of the manifest can be kept" in each.message for each in caplog.records)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["copy.json"]


def test_processes_may_start_at_once(target: Target, tmp_path: Path) -> None:
    """Each has the release, and the copy is whole whenever somebody looks."""
    script = (
        "import sys, assetpipe\n"
        "for _ in range(20): assets = assetpipe.Assets(sys.argv[1], manifest_copy=sys.argv[2])\n"
        "print(assets.url('css/app.css'))"
    )
    copy = tmp_path / "copy.json"
    flipped = iter([target.manifest, target.manifest + b"\n"] * 1000)

    def answer(path: str, fields: Mapping[str, str]) -> Reply:
        if path == f"/static/{target.key}":
            return Reply(body=next(flipped))
        return target(path, fields)

    with serving(answer) as url:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script, f"{url}static/", copy],
                env=clean_environment(), cwd=CODE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(3)
        ]  # fmt: skip
        while any(process.poll() is None for process in processes):
            if copy.exists():
                assert load(copy).release == target.release
        outputs = [process.communicate()[0] for process in processes]
    assert outputs == [f"{url}static/{APP}\n"] * 3
    assert [path.name for path in tmp_path.iterdir() if "manifest" in path.name] == []


# The command line.


@contextmanager
def doctor(app: Flask) -> Iterator[tuple[int, str]]:
    done = app.test_cli_runner().invoke(commands, ["doctor"])
    yield done.exit_code, done.output


def test_the_doctor_knows(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the release is; what is wrong with it, and what the app does in the meantime."""
    with serving(target) as url:
        app = make_app(f"{url}static/")
        with doctor(app) as (status, text):
            assert f"The release {target.release} at {url}static/ has 6 assets." in text
            assert f"URLs lead to {url}static/; the app serves no files itself." in text
            assert "A new release is seen when the app is started again." in text
            assert status == 0
        done = app.test_cli_runner().invoke(commands, ["doctor", f"{url}static/{APP}"])
        assert "is hashed: it is css/app.css of the current release" in done.output
    with doctor(app) as (status, text):
        assert "cannot be fetched: Connection refused" in text
        assert f"Until then the app uses release {target.release}, from " in text
        assert status == 1


def test_the_command_line_starts_without_a_release(
    target: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is how people build and publish the first one: the app logs an error, and goes on."""
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    with serving(lambda *_: Reply(404)) as url:
        app = make_app(f"{url}static/")
        assert "answers 404" in caplog.text
        with doctor(app) as (status, text):
            assert (status, "answers 404" in text) == (1, True)
        with app.test_request_context(), pytest.raises(ManifestError, match="answers 404"):
            app.url_for("static", filename="css/app.css")


def test_apps_with_files_of_their_own_load_nothing_of_it(tmp_path: Path) -> None:
    """An HTTP client would double the time that importing the extension takes."""
    write_release(tmp_path)
    script = (
        "import sys, flask; stock = set(sys.modules)\n"
        f"import assetpipe; assetpipe.Assets({str(tmp_path)!r}).url('css/app.css')\n"
        "import assetpipe.flask\n"
        "print(*(set(sys.modules) - stock))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True
    )
    loaded = set(done.stdout.split())
    assert "assetpipe.serve.release" in loaded, done.stderr
    assert not loaded & {"assetpipe.serve.remote", "urllib.request", "assetpipe.objectstore"}


def test_a_path_is_no_url(tmp_path: Path) -> None:
    """Whatever it looks like."""
    for path in ("https:/x", "manifest.json", Path("s3:/x"), tmp_path):
        assert not place(path).is_remote

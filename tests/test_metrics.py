"""Metrics: what is counted, exactly, whichever process counts and whichever is asked."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

import assetpipe
from assetpipe.errors import ManifestError, MissingExtraError
from assetpipe.manifest import FILE_NAME
from assetpipe.serve.assets import Assets
from assetpipe.serve.counts import BYTES, SORTS, SWITCH, URL_FOUND, Counts, slot
from assetpipe.serve.metrics import AssetCollector
from tests.http.servers import free_port, started
from tests.node import unavailable
from tests.release import SITE, output_name, sibling, write_release

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "metrics.md").read_text("utf-8")
RULES = (DOCS / "alerts.yml").read_text("utf-8")

APP = f"/static/{output_name('css/app.css', SITE['css/app.css'])}"  # has siblings
LOG = f"/static/{output_name('admin/log.css', SITE['admin/log.css'])}"  # has none
PLAIN = "/static/robots.txt"
GONE = "/static/css/app.0123456789ab.css"

Scrape = Mapping[str, float]
"""The value of each series, as the text format writes it: ``name{label="value"}``."""


def parse(text: str) -> Scrape:
    """Read the text format; prometheus_client's parser knows it, not our code."""
    return {
        sample.name
        + (f"{{{labels}}}" if (labels := ",".join(_labels(sample.labels))) else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _labels(labels: Mapping[str, str]) -> list[str]:
    return [f'{name}="{value}"' for name, value in sorted(labels.items())]


def exposed(counts: Counts) -> str:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(AssetCollector(counts))
    return generate_latest(registry).decode()


def scrape(counts: Counts) -> Scrape:
    return parse(exposed(counts))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample release."""
    folder = tmp_path_factory.mktemp("release")
    write_release(folder)
    return folder


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where processes count together."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setenv(SWITCH, str(folder))
    return folder


@dataclass(frozen=True)
class Case:
    """What somebody does, and which series rise by how much.

    Attributes:
        sentence: what the case shows.
        path: asked for.
        headers: of the request.
        method: of the request.
        rises: by series; no other one may change.
    """

    sentence: str
    path: str
    rises: Mapping[str, int]
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"


def answered(code: int, encoding: str = "identity", length: int = 0) -> Mapping[str, int]:
    labels = f'{{code="{code}",encoding="{encoding}"}}'
    rises = {f"assetpipe_responses_total{labels}": 1}
    return rises | ({f"assetpipe_response_bytes_total{labels}": length} if length else {})


def fixed(code: int) -> Mapping[str, int]:
    return {f'assetpipe_fingerprinted_responses_total{{code="{code}"}}': 1}


def compressible(encoding: str) -> Mapping[str, int]:
    return {f'assetpipe_compressible_responses_total{{encoding="{encoding}"}}': 1}


SIZE = len(SITE["css/app.css"])
BR, GZIP = (len(sibling("css/app.css", coding)) for coding in ("br", "gzip"))
ETAG = {"If-None-Match": "*"}

CASES = [
    Case("a hashed name, encoded", APP,
         {**answered(200, "br", BR), **fixed(200), **compressible("br")},
         {"Accept-Encoding": "gzip, br"}),
    Case("a hashed name, in another encoding", APP,
         {**answered(200, "gzip", GZIP), **fixed(200), **compressible("gzip")},
         {"Accept-Encoding": "gzip"}),
    Case("what could be encoded, for who accepts nothing", APP,
         {**answered(200, "identity", SIZE), **fixed(200), **compressible("identity")}),
    Case("what cannot be encoded", LOG,
         {**answered(200, "identity", len(SITE["admin/log.css"])), **fixed(200)}),
    Case("a hashed name, known already", APP, {**answered(304, "br"), **fixed(304)},
         {"Accept-Encoding": "br", **ETAG}),
    Case("a plain file", PLAIN,
         {**answered(200, "identity", len(SITE["robots.txt"])), **compressible("identity")}),
    Case("a plain file, known already, is nothing strange", PLAIN, answered(304), ETAG),
    Case("the logical name of a hashed file is a plain one", "/static/css/app.css",
         {**answered(200, "identity", SIZE), **compressible("identity")}),
    Case("a part is no sign of a lost Accept-Encoding", APP,
         {**answered(206, "identity", 10), **fixed(206)}, {"Range": "bytes=0-9"}),
    Case("a part that is not there", APP, {**answered(416), **fixed(416)},
         {"Range": "bytes=9999-"}),
    Case("a condition that does not hold", APP, {**answered(412), **fixed(412)},
         {"If-Match": '"other"'}),
    Case("HEAD has no bytes", APP, {**answered(200, "br"), **fixed(200), **compressible("br")},
         {"Accept-Encoding": "br"}, "HEAD"),
    Case("another method", APP, answered(405), {}, "DELETE"),
    Case("a hashed name of no release", GONE, {**answered(404), **fixed(404)}),
    Case("a name without a hash that is missing", "/static/css/none.css", answered(404)),
    Case("a hash in a folder is none", "/static/a.0123456789ab/none.css", answered(404)),
    Case("letters beyond f are no hash", "/static/css/app.0123456789ag.css", answered(404)),
    Case("thirteen digits are no hash", "/static/css/app.0123456789abc.css", answered(404)),
    Case("what the app answers is not counted", "/other", {}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_a_request_is_counted(out: Path, case: Case) -> None:
    """Exactly the series change that the request concerns."""
    assets = Assets(out)
    client = Client(assets.wsgi())
    client.get(APP)  # the release is loaded
    before = scrape(assets.counts)
    client.open(case.path, method=case.method, headers=dict(case.headers)).close()
    after = scrape(assets.counts)
    rises = {name: after[name] - before.get(name, 0) for name in after}
    assert {name: rise for name, rise in rises.items() if rise} == case.rises


def test_all_answers_add_up(out: Path) -> None:
    """The totals are what the client got, answer by answer."""
    assets = Assets(out)
    client = Client(assets.wsgi())
    answers, sent = Counter[str](), Counter[str]()
    for _ in range(3):
        for case in CASES:
            response = client.open(case.path, method=case.method, headers=dict(case.headers))
            if case.path.startswith("/static/"):
                encoding = response.headers.get("Content-Encoding", "identity")
                if response.status_code != 304:  # does not say which encoding the client has
                    key = f'{{code="{response.status_code}",encoding="{encoding}"}}'
                    answers[f"assetpipe_responses_total{key}"] += 1
                    sent[f"assetpipe_response_bytes_total{key}"] += len(response.data)
            response.close()
    told = scrape(assets.counts)
    assert {name: told[name] for name in answers} == answers
    assert {name: told[name] for name in sent} == sent


def test_look_ups_and_loads_are_counted(tmp_path: Path) -> None:
    """URLs by result; manifests by result, and what the last one was."""
    release = write_release(tmp_path)
    assets = Assets(tmp_path, strict=False, auto_reload=True)
    for name in ("css/app.css", "robots.txt", "none.css"):
        assets.url(name)
    told = scrape(assets.counts)
    assert told['assetpipe_url_lookups_total{result="found"}'] == 2
    assert told['assetpipe_url_lookups_total{result="unknown"}'] == 1
    assert told['assetpipe_manifest_loads_total{result="success"}'] == 1
    assert told['assetpipe_manifest_loads_total{result="failure"}'] == 0
    assert told["assetpipe_manifest_assets"] == len(release.assets)
    assert 0 < told["assetpipe_manifest_load_seconds"] < 10
    info = f'assetpipe_build_info{{release="{release.release}",version="{assetpipe.__version__}"}}'
    assert told[info] == 1

    (tmp_path / FILE_NAME).write_text("broken")
    assets.url("css/app.css")
    broken = scrape(assets.counts)
    assert broken['assetpipe_manifest_loads_total{result="failure"}'] == 1
    assert broken[info] == 1

    newer = write_release(tmp_path, {"robots.txt": b"new"})
    assets.url("robots.txt")
    told = scrape(assets.counts)
    assert told["assetpipe_manifest_assets"] == 1
    assert [name for name in told if "build_info" in name] == [
        info.replace(release.release, newer.release)
    ]


def test_before_the_first_load() -> None:
    """Nothing is said of a release, and what alerts wait for is zero."""
    assert scrape(Counts()) == {
        f"assetpipe_{name}": 0
        for name in (
            'fingerprinted_responses_total{code="200"}',
            'fingerprinted_responses_total{code="304"}',
            'fingerprinted_responses_total{code="404"}',
            'compressible_responses_total{encoding="identity"}',
            'url_lookups_total{result="found"}',
            'url_lookups_total{result="unknown"}',
            'manifest_loads_total{result="success"}',
            'manifest_loads_total{result="failure"}',
        )
    }


def test_a_release_that_was_never_there_is_a_failure(tmp_path: Path) -> None:
    """The first load counts, too."""
    assets = Assets(tmp_path)
    with pytest.raises(ManifestError):
        assets.url("css/app.css")
    assert scrape(assets.counts)['assetpipe_manifest_loads_total{result="failure"}'] == 1


def test_every_sort_of_answer_has_a_place_of_its_own() -> None:
    """No two share a place, their bytes included; whatever is not told apart shares one."""
    places = [place + offset for place in SORTS.values() for offset in (0, BYTES)]
    assert len(set(places)) == len(places)
    assert slot(200, "br") != slot(200, "br", True) != slot(200, "br", True, True)
    assert slot(418, "br") == slot(503, "br") != slot(503, "gzip")
    assert slot(200, "compress") == slot(200, "dcb") != slot(206, "dcb")
    counts = Counts()
    counts.values[slot(418, "dcb")] += 1
    assert scrape(counts)['assetpipe_responses_total{code="other",encoding="other"}'] == 1


@pytest.mark.parametrize("folder", [pytest.param("", id="array"), pytest.param(".", id="file")])
def test_threads_lose_no_count(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that are switched as often as possible count exactly."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("without a global interpreter lock counts may be lost, as documented")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(SWITCH, folder)
    interval = sys.getswitchinterval()
    counts = Counts()

    def work() -> None:
        for _ in range(20_000):
            counts.values[URL_FOUND] += 1

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert counts.values[URL_FOUND] == 80_000


def test_the_extra_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=re.escape('pip install "assetpipe[metrics]"')):
        AssetCollector(Counts())


# Several processes


def run(shared: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script that counts in a folder; ``counts``, ``place`` and ``total()`` are there."""
    prelude = """
        import os, signal, sys
        from assetpipe.serve.counts import Counts, slot
        place = slot(200, "br")
        counts = Counts()
        def total():
            return counts.totals().values[place]
        def fork(work):
            child = os.fork()
            if child:
                return os.waitpid(child, 0)
            work()
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(prelude) + textwrap.dedent(script)],
        env=os.environ | {SWITCH: str(shared), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


FORKS = [
    (
        "the sum is over parent and child",
        """
        counts.values[place] += 1
        def work():
            counts.values[place] += 10
            print(total())
        fork(work)
        print(total())
        """,
        "11 11",
    ),
    (
        "a child begins at zero",
        """
        counts.values[place] += 5
        fork(lambda: print(counts.values[place]))
        """,
        "0",
    ),
    (
        "a grandchild counts, too",
        """
        def work():
            counts.values[place] += 10
            def deeper():
                counts.values[place] += 100
            fork(deeper)
            counts.values[place] += 1000
        fork(work)
        counts.values[place] += 1
        print(total())
        """,
        "1111",
    ),
    (
        "children that live one after another leave one file",
        """
        def work():
            counts.values[place] += 1
        for _ in range(20):
            fork(work)
        print(total(), len(os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
        """,
        "20 2",
    ),
    (
        "children that live at once do not share a file",
        """
        hold, go = os.pipe()
        children = []
        for _ in range(5):
            child = os.fork()
            if not child:
                os.close(go)
                for _ in range(10_000):
                    counts.values[place] += 1
                os.read(hold, 1)  # until the parent closes the other end
                os._exit(0)
            children.append(child)
        os.close(go)
        for child in children:
            os.waitpid(child, 0)
        print(total(), len(os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
        """,
        "50000 6",
    ),
    (
        "a parent that is gone is not missed",
        """
        counts.values[place] += 1
        reader, writer = os.pipe()
        if not os.fork():
            os.close(writer)
            if not os.fork():
                os.read(reader, 1)  # until the first of them closes the other end
                counts.values[place] += 10
                counts = Counts()
                print(total())
                sys.stdout.flush()
            os._exit(0)
        os.wait()
        os.close(writer)
        """,
        "11",
    ),
    (
        "what a dead process served is served no more",
        """
        def work():
            counts.note_load(assets=1, seconds=0.1, release="old")
            counts.values[place] += 1
            print(*(load.release for load in counts.totals().loads))
        counts.note_load(assets=2, seconds=0.1, release="new")
        fork(work)
        print(*(load.release for load in counts.totals().loads))
        """,
        "old new",
    ),
    (
        "a forked process has the release of its parent",
        """
        counts.note_load(assets=2, seconds=0.1, release="abc")
        fork(lambda: print(*(load.release for load in counts.totals().loads)))
        """,
        "abc",
    ),
    (
        "a parent that serves nothing is not asked for its release",
        """
        counts.note_load(assets=1, seconds=0.1, release="old")
        def work():
            counts.note_load(assets=2, seconds=0.1, release="new")
            print(*(load.release for load in counts.totals().loads))
        fork(work)
        """,
        "new",
    ),
    (
        "a parent that serves is",
        """
        counts.note_load(assets=1, seconds=0.1, release="old")
        counts.values[place] += 1
        def work():
            counts.note_load(assets=2, seconds=0.1, release="new")
            print(*(load.release for load in counts.totals().loads))
        fork(work)
        """,
        "new old",
    ),
]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


@needs_fork
@pytest.mark.parametrize(
    ("script", "printed"), [pytest.param(*rest, id=name) for name, *rest in FORKS]
)
def test_forked_processes(shared: Path, script: str, printed: str) -> None:
    """Each counts by itself, all are added up, and the killed ones are not forgotten."""
    done = run(shared, script)
    assert (done.stderr, done.stdout.split()) == ("", printed.split())


def test_a_new_process_counts_on(shared: Path) -> None:
    """What earlier processes have counted stays; none of the counters ever falls."""
    script = "counts.values[place] += 1; print(total())"
    assert [run(shared, script).stdout for _ in range(3)] == ["1\n", "2\n", "3\n"]
    assert len(list(shared.iterdir())) == 1


def test_a_new_process_has_no_release_of_the_dead(shared: Path) -> None:
    """It takes over the counts of the file, but not what was loaded."""
    run(shared, "counts.note_load(assets=1, seconds=1, release='old'); counts.values[place] += 1")
    assert run(shared, "print(total(), counts.totals().loads)").stdout == "1 []\n"


def test_several_sets_in_one_process_are_added_up(shared: Path) -> None:
    """Two apps of one process count in two files."""
    one, two = Counts(), Counts()
    one.values[slot(200, "br")] += 1
    two.values[slot(200, "br")] += 2
    assert scrape(one) == scrape(two)
    assert scrape(one)['assetpipe_responses_total{code="200",encoding="br"}'] == 3


def test_foreign_files_do_not_disturb(shared: Path) -> None:
    """Not those of prometheus_client, and not those of a version with other counters."""
    (shared / "counter_123.db").write_bytes(b"x" * 100)
    (shared / "assetpipe_0.counts").write_bytes(b"x" * 100)
    counts = Counts()
    counts.values[slot(200, "br")] += 1
    assert counts.totals().values[slot(200, "br")] == 1
    assert (shared / "assetpipe_0.counts").read_bytes() == b"x" * 100


def test_a_folder_that_was_emptied(shared: Path) -> None:
    """A process goes on to count, and to tell what it has counted."""
    counts, other = Counts(), Counts()
    for path in shared.iterdir():
        path.unlink()
    newcomer = Counts()
    for each in (counts, other, newcomer):
        each.values[slot(200, "br")] += 1
    assert counts.totals().values[slot(200, "br")] == 2  # its own, and the newcomer's


def test_a_folder_that_is_not_there(
    shared: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site starts all the same, and says so in its log."""
    monkeypatch.setenv(SWITCH, str(shared / "none"))
    counts = Counts()
    counts.values[slot(200, "br")] += 1
    assert counts.totals().values[slot(200, "br")] == 1
    assert f"{shared / 'none'}: nothing is counted there: No such file" in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is noticed at the start, and not as a signal that ends the process when it counts."""
    (shared / "assetpipe_0.counts").symlink_to("/dev/full")
    counts = Counts()
    counts.values[slot(200, "br")] += 1
    assert "nothing is counted there: No space left" in caplog.text


# The examples of the documents, with real servers


def section(heading: str) -> tuple[str, list[str]]:
    """Return the program and the command below a heading of the page."""
    text = re.split(rf"^## {heading}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    [program] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    [command] = re.findall(r"^```sh\nexport .*\n(.*)\n```$", text, re.MULTILINE)
    return program, shlex.split(command)


class Site:
    """The example of a section, as it runs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, int, bytes]:
        """Ask by a connection of its own, so that any worker may answer.

        Returns:
            The process that answered, the status code and the content.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return int(response.headers["X-Process"]), response.status, response.read()
        finally:
            connection.close()

    def get_all(self, requests: Sequence[tuple[str, Mapping[str, str]]]) -> tuple[set[int], int]:
        """Ask several at a time, until each of three workers has answered some.

        Returns:
            The workers, and how often all requests were made.
        """
        workers, rounds, deadline = set[int](), 0, time.monotonic() + 30
        with ThreadPoolExecutor(8) as pool:
            while len(workers) < 3 and time.monotonic() < deadline:
                workers.update(pid for pid, *_ in pool.map(lambda each: self.get(*each), requests))
                rounds += 1
        return workers, rounds


SPIES = {
    "Flask": """
from shop import app as documented

def app(environ, start_response):
    time.sleep(0.01)
    def start(line, headers, *rest):
        return start_response(line, [*headers, ("X-Process", str(os.getpid()))], *rest)
    return documented(environ, start)
""",
    "ASGI": """
from shop import app as documented

async def app(scope, receive, send):
    async def spy(message):
        if message["type"] == "http.response.start":
            time.sleep(0.01)
            message["headers"] = [*message["headers"], (b"x-process", b"%d" % os.getpid())]
        await send(message)
    await documented(scope, receive, spy)
""",
}
"""In front of the example: what tells which process answers, and leaves time to others."""


@contextmanager
def example(heading: str, options: Sequence[str], folder: Path) -> Iterator[Site]:
    """Run the example below a heading of the page, as it stands but for further options."""
    program, command = section(heading)
    release = folder / "build/static"
    write_release(release)
    (folder / "shop.py").write_text(program.replace('"build/static"', repr(str(release))))
    (folder / "spied.py").write_text("import os, time\n" + SPIES[heading])
    (folder / "counts").mkdir()
    port = free_port()
    words = [word.replace("8000", str(port)).replace("shop:", "spied:") for word in command]
    environment = {SWITCH: str(folder / "counts"), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    with started([*words, *options], port, environment):
        yield Site(port)


@needs_fork
@pytest.mark.parametrize(
    ("heading", "options", "files"),
    [
        pytest.param("Flask", [], 3, id="Flask"),
        pytest.param("Flask", ["--preload"], 4, id="Flask, loaded before forking"),
        pytest.param("ASGI", [], 3, id="ASGI"),
    ],
)
def test_workers_are_added_up(
    tmp_path: Path, heading: str, options: Sequence[str], files: int
) -> None:
    """Requests to any worker are in the sum that any worker tells, also after one was killed."""
    requests = [(APP, {"Accept-Encoding": "br"})] * 4 + [(LOG, {})] * 2 + [(GONE, {})]
    each_round = {
        'assetpipe_responses_total{code="200",encoding="br"}': 4,
        'assetpipe_response_bytes_total{code="200",encoding="br"}': 4 * BR,
        'assetpipe_responses_total{code="200",encoding="identity"}': 2,
        'assetpipe_responses_total{code="404",encoding="identity"}': 1,
        'assetpipe_fingerprinted_responses_total{code="404"}': 1,
    }
    with example(heading, options, tmp_path) as site:
        workers, rounds = site.get_all(requests)
        assert check(site, each_round, rounds) <= workers
        victim = min(workers)
        os.kill(victim, signal.SIGKILL)
        others, more = site.get_all(requests)
        assert victim not in others
        check(site, each_round, rounds + more)
        assert len(list((tmp_path / "counts").iterdir())) == files


def check(site: Site, each_round: Mapping[str, int], rounds: int) -> set[int]:
    """Check that every process tells the same; return those that were asked."""
    asked = set()
    for pid, status, body in (site.get("/metrics") for _ in range(8)):
        told = parse(body.decode())
        assert status == 200
        assert {name: told[name] for name in each_round} == {
            name: value * rounds for name, value in each_round.items()
        }
        assert len([name for name in told if "build_info" in name]) == 1
        asked.add(pid)
    return asked


# The alerts


def promtool(*arguments: str | Path, text: str | None = None) -> None:
    """Run promtool in the folder of the documents; the test fails if it finds fault."""
    program = shutil.which("promtool")
    if program is None:
        unavailable("needs promtool")
    done = subprocess.run(
        [program, *arguments], cwd=DOCS, input=text, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_exposed_follows_the_conventions(out: Path) -> None:
    """Promtool finds nothing to complain of in names, types and help texts."""
    assets = Assets(out)
    Client(assets.wsgi()).get(APP).close()
    promtool("check", "metrics", text=exposed(assets.counts))


def test_alert_rules_are_valid() -> None:
    """Promtool can read them."""
    promtool("check", "rules", "alerts.yml")


def test_alerts_fire_when_they_should() -> None:
    """Each on its sign, none on what is normal; promtool runs them on made-up series."""
    promtool("test", "rules", "alerts_test.yml")


ALERTS = re.findall(r"- alert: (\w+)", RULES)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_explained_and_tested(alert: str) -> None:
    """The page lists it, and one case of the tests sees it fire."""
    assert f"| `{alert}` |" in PAGE
    assert f'alertname="{alert}", alertstate="firing"' in (DOCS / "alerts_test.yml").read_text()


def test_the_page_lists_exactly_the_metrics_there_are(out: Path) -> None:
    """The table has each metric that is exposed with its labels, and no other."""
    assets = Assets(out)
    Client(assets.wsgi()).get(APP).close()
    there = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(exposed(assets.counts))
        for sample in family.samples
    }
    rows = re.findall(r"^\| `(assetpipe_\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == there
    assert set(re.findall(r"\bassetpipe_\w+", RULES)) <= there.keys()

"""Publishing: what is put where, in which order, and what survives a failure."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from assetpipe import manifest
from assetpipe.destination import Destination
from assetpipe.errors import ConfigError, InputError, ManifestError, OutsideError
from assetpipe.headers import Headers
from assetpipe.objectstore.model import Version
from assetpipe.publish import Put, open_store, publish, releases, rollback
from assetpipe.publish.folder import folder_of
from assetpipe.publish.state import KEY, Attempt
from tests.faults import Faults
from tests.place import Place, moment
from tests.release import SITE, write_release
from tests.site import command, contents, plant
from tests.weed import Weed

MakePlace = Callable[..., Place]
STORES = ("folder", "memory", "seaweedfs")


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new target of each kind."""
    if request.param == "folder":
        return Place(Destination(target=str(tmp_path / "target")))
    if request.param == "memory":
        return Place(Destination(target="memory:///", encodings="siblings"))
    weed: Weed = request.getfixturevalue("cloud")
    return Place(weed.destination(f"s3://{weed.bucket()}/some/prefix", encodings="siblings"))


def make(out: Path, **changes: bytes) -> Path:
    """Write a release anew, with changes by file name."""
    shutil.rmtree(out, ignore_errors=True)
    names = {name.replace("/", "_").replace(".", "_"): name for name in SITE}
    write_release(out, {**SITE, **{names[key]: body for key, body in changes.items()}})
    return out


def by_reason(puts: tuple[Put, ...]) -> dict[str, str]:
    return {put.key: put.reason for put in puts}


def test_a_release_arrives_whole(place: Place, tmp_path: Path) -> None:
    """The target holds every file of the release, byte for byte, and calls it current."""
    out = make(tmp_path / "out")
    done = place.publish(out)
    assert place.flaws(out) == []
    assert place.assets() == {file for file in contents(out) if "manifest" not in file} - {
        f"{manifest.HISTORY}/{done.release}.json"
    }
    assert (done.unchanged, done.previous) == (0, "")


def test_publishing_again_puts_nothing(place: Place, tmp_path: Path) -> None:
    """A release that is current is left alone."""
    out = make(tmp_path / "out")
    place.publish(out)
    before = place.state
    done = place.publish(out, minutes=1)
    assert (done.puts, done.unchanged) == ((), 10)
    assert place.state == before


def test_only_what_changed_is_put(place: Place, tmp_path: Path) -> None:
    """After a change only the changed files are put, with reasons, and fixed names go last."""
    out = tmp_path / "out"
    place.publish(make(out))
    done = place.publish(make(out, css_app_css=b"a{}", robots_txt=b"User-agent: +\n" * 40))
    reasons = by_reason(done.puts)
    assert sorted(reasons.values()) == ["content differs", "new", "new", "new"]
    assert reasons["robots.txt"] == "content differs"
    assert [put.key for put in done.puts][-1] == "robots.txt"
    assert place.flaws(out) == []


def test_a_release_that_only_lacks_a_file_is_another(place: Place, tmp_path: Path) -> None:
    """Nothing has to be put, and the release is current all the same."""
    out = tmp_path / "out"
    place.publish(make(out))
    shutil.rmtree(out)
    write_release(out, {name: body for name, body in SITE.items() if "admin" not in name})
    done = place.publish(out, minutes=1)
    assert done.puts == ()
    assert place.flaws(out) == []
    assert [record.release for record in place.state.releases] == [done.previous, done.release]


def test_files_of_earlier_releases_stay(place: Place, tmp_path: Path) -> None:
    """Pages from before the deploy still find their files."""
    out = tmp_path / "out"
    place.publish(make(out))
    before = place.assets()
    place.publish(make(out, css_app_css=b"a{}"))
    assert before <= place.assets()


def test_a_dry_run_writes_nothing(place: Place, tmp_path: Path) -> None:
    """A dry run names what would be put, and leaves the target as it is."""
    out = make(tmp_path / "out")
    done = place.publish(out, dry_run=True)
    assert len(done.puts) == 10
    assert place.store.sizes() == {}
    place.publish(out)
    before = place.store.sizes()
    assert len(place.publish(make(out, css_app_css=b"a{}"), dry_run=True).puts) == 3
    assert place.store.sizes() == before


def test_compressed_files_go_before_those_they_are_made_from(tmp_path: Path) -> None:
    """An edge that sees the identity sees its siblings, too; the largest of a step goes first."""
    done = Place(Destination(target="memory:///", encodings="siblings")).publish(
        make(tmp_path / "out"), dry_run=True
    )
    steps = [(put.plain, not put.is_sibling) for put in done.puts]
    assert steps == sorted(steps)
    identities = [put.size for put in done.puts if not put.plain and not put.is_sibling]
    assert identities == sorted(identities, reverse=True)


def test_a_bucket_gets_identities_only_by_default(tmp_path: Path) -> None:
    """What a CDN compresses itself is not put three times."""
    place = Place(Destination(target="memory:///"))
    out = make(tmp_path / "out")
    assert len(place.publish(out).puts) == len(SITE)
    assert not any(key.endswith((".br", ".gz")) for key in place.assets())


def test_other_encodings_are_another_publish(tmp_path: Path) -> None:
    """Changing what is put of a release is seen, though the release is the same."""
    place = Place(Destination(target="memory:///"))
    out = make(tmp_path / "out")
    place.publish(out)
    done = place.publish(out, minutes=1, encodings="siblings")
    assert {put.key.rpartition(".")[2] for put in done.puts} == {"br", "gz"}
    assert len(place.state.releases) == 1


def headers(out: Path, rules: Mapping[str, Mapping[str, str]]) -> Path:
    """Give the release of an output folder other header fields."""
    release = manifest.load(out / manifest.FILE_NAME)
    lines = [manifest.line(name, asset) for name, asset in sorted(release.assets.items())]
    rendered = tuple((glob, tuple(fields.items())) for glob, fields in rules.items())
    (out / manifest.FILE_NAME).write_bytes(manifest.render(lines, rendered)[1])
    return out


def test_objects_have_their_header_fields(cloud: Weed, tmp_path: Path) -> None:
    """Type, encoding, how long to keep it, and what is configured, as another client sees them."""
    bucket = cloud.bucket()
    rules = {"**": {"X-Team": "web", "Content-Language": "de"}, "robots.txt": {"Cache-Control": ""}}
    out = headers(make(tmp_path / "out"), rules)
    place = Place(cloud.destination(f"s3://{bucket}", encodings="siblings"))
    assert place.publish(out).edge == ("X-Team",)
    style = next(key for key in place.assets() if key.startswith("css/app") and "css" in key[-3:])
    seen = cloud.head(bucket, style)
    assert seen["ContentType"] == "text/css; charset=utf-8"
    assert seen["CacheControl"] == "public, max-age=31536000, immutable"
    assert seen["ContentLanguage"] == "de"
    assert "ContentEncoding" not in seen
    compressed = cloud.head(bucket, f"{style}.gz")
    assert (compressed["ContentEncoding"], compressed["ContentType"]) == (
        "gzip",
        "text/css; charset=utf-8",
    )
    assert cloud.head(bucket, f"{style}.br")["ContentEncoding"] == "br"
    assert "CacheControl" not in cloud.head(bucket, "robots.txt")
    place.publish(make(tmp_path / "out"), minutes=1)
    assert cloud.head(bucket, "robots.txt")["CacheControl"] == "no-cache"
    assert cloud.head(bucket, KEY)["CacheControl"] == "no-cache"


def test_a_change_of_header_fields_alone_is_seen(cloud: Weed, tmp_path: Path) -> None:
    """The fields are replaced where they differ, and the body stays where it is."""
    bucket = cloud.bucket()
    place = Place(cloud.destination(f"s3://{bucket}"))
    out = make(tmp_path / "out")
    place.publish(out)
    changed = headers(out, {"css/*": {"Content-Language": "fr"}})
    with Faults(cloud.url) as proxy:
        seen = Place(replace(place.destination, endpoint_url=proxy.url))
        done = seen.publish(changed, minutes=1)
    styles = [request for request in proxy.requests if "/css/" in request.path]
    assert styles
    assert all("x-amz-copy-source" in request.fields for request in styles)
    assert set(by_reason(done.puts).values()) == {"header fields differ"}
    assert {put.key.partition("/")[0] for put in done.puts} == {"css"}
    for put in done.puts:
        assert cloud.head(bucket, put.key)["ContentLanguage"] == "fr"
        assert cloud.head(bucket, put.key)["ContentType"] == "text/css; charset=utf-8"
    assert place.flaws(out) == []


def test_what_a_secret_looks_like_is_never_put(place: Place, tmp_path: Path) -> None:
    """Nothing at all is sent; a false alarm can be allowed."""
    out = tmp_path / "out"
    token = b"const token = 'ghp_" + b"a1B2c3D4e5F6" * 3 + b"'"
    write_release(out, {"js/deploy.js": token, "css/a.css": b"a{}"})
    with pytest.raises(InputError, match=r"js/deploy\.js"):
        place.publish(out)
    assert place.store.sizes() == {}
    place.publish(out, allow=("js/deploy.js",))
    assert place.flaws(out) == []


def test_a_hidden_source_map_is_not_published(place: Place, tmp_path: Path) -> None:
    """Only what the manifest lists as an asset is put."""
    out = make(tmp_path / "out")
    (out / "js.map").write_bytes(b"{}")
    place.publish(out)
    assert "js.map" not in place.assets()


def test_a_damaged_output_folder_is_refused(place: Place, tmp_path: Path) -> None:
    """A file that is not what the manifest describes is named; the release does not count."""
    out = make(tmp_path / "out")
    victim = next((out / "css").glob("app.*.css"))
    victim.write_bytes(victim.read_bytes().replace(b"red", b"RED"))
    with pytest.raises(InputError, match="not the file that the manifest describes") as caught:
        place.publish(out)
    assert caught.value.where == str(victim)
    assert place.store.sizes() == {}
    victim.unlink()
    with pytest.raises(InputError, match="not the file that the manifest describes"):
        place.publish(out)


def test_a_damaged_compressed_file_is_refused(place: Place, tmp_path: Path) -> None:
    """The manifest knows its size only, but that it does."""
    out = make(tmp_path / "out")
    victim = next((out / "css").glob("app.*.css.br"))
    victim.write_bytes(b"x")
    with pytest.raises(InputError, match="not the file that the manifest describes"):
        place.publish(out, encodings="siblings")
    assert place.store.sizes() == {}


def test_a_torn_file_of_a_folder_is_mended(tmp_path: Path) -> None:
    """A copy that broke off once does not stay so, whatever its name says of its content."""
    out, target = make(tmp_path / "out"), tmp_path / "target"
    place = Place(Destination(target=str(target)))
    place.publish(out)
    victim = next((target / "css").glob("app.*.css"))
    victim.write_bytes(victim.read_bytes()[:100])
    (put,) = place.publish(out).puts
    assert (target / put.key, put.reason) == (victim, "size differs")
    assert place.flaws(out) == []


@pytest.mark.parametrize("lost", [manifest.FILE_NAME, KEY])
def test_what_a_folder_lost_of_its_own_is_mended(tmp_path: Path, lost: str) -> None:
    """The manifest that servers read, and the state, are made again."""
    out, target = make(tmp_path / "out"), tmp_path / "target"
    place = Place(Destination(target=str(target)))
    place.publish(out)
    (target / lost).unlink()
    place.publish(out, minutes=1)
    assert place.flaws(out) == []
    assert contents(out).items() <= contents(target).items()


def test_a_published_folder_is_what_servers_expect(tmp_path: Path) -> None:
    """Its manifest is the current release's, after a rollback, too."""
    out, target = tmp_path / "out", tmp_path / "target"
    place = Place(Destination(target=str(target)))
    place.publish(make(out))
    first = (out / manifest.FILE_NAME).read_bytes()
    assert (target / manifest.FILE_NAME).read_bytes() == first
    place.publish(make(out, css_app_css=b"a{}"))
    assert (target / manifest.FILE_NAME).read_bytes() == (out / manifest.FILE_NAME).read_bytes()
    rollback(place.store)
    assert (target / manifest.FILE_NAME).read_bytes() == first


# What a publish that ended half way leaves behind.


def break_at(
    place: Place, position: int, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> pytest.MonkeyPatch:
    """Let the n-th request of the place's store fail, before or after it is done."""
    left = position

    def wrap(method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                if done:
                    method(*arguments)
                raise OutsideError("the network is down", where="the cable")
            return method(*arguments)

        return call

    for name in ("read", "put", "swap", "sizes"):
        monkeypatch.setattr(place.store, name, wrap(getattr(place.store, name)), raising=False)
    return monkeypatch


@pytest.mark.parametrize("done", [False, True], ids=["before it is done", "the answer is lost"])
@pytest.mark.parametrize("place", ["folder", "memory"], indirect=True)
def test_a_failure_at_any_request_leaves_the_last_release(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    """Nothing is deleted, the pointer stays, and the next publish puts only what is missing."""
    for position in range(1, 100):
        folder = tmp_path / str(position)
        here = Place(
            Destination(
                target=place.destination.target if place.destination.scheme == "memory"
                else str(folder / "target"),
                encodings="siblings",
                connections=1,
            )
        )  # fmt: skip
        first = make(folder / "first")
        here.publish(first)
        old = here.store.sizes()
        out = make(folder / "out", css_app_css=b"a{}" * 90, robots_txt=b"new")
        every = {put.key for put in here.publish(out, dry_run=True).puts}
        with monkeypatch.context() as patch:
            break_at(here, position, patch, done=done)
            try:
                here.publish(out, minutes=1)
            except OutsideError:
                ended = False
            else:
                ended = True
        if ended:
            break
        assert old.keys() <= here.store.sizes().keys()
        swapped = here.state.current == manifest.load(out / manifest.FILE_NAME).release
        assert not swapped or done, "the pointer moved"
        put_before = every & here.assets() - {"robots.txt"}
        again = here.publish(out, minutes=2)
        assert here.flaws(out) == []
        if not swapped:
            again_put = {put.key for put in again.puts}
            assert again_put - {"robots.txt"} == every - put_before - {"robots.txt"}
        assert here.publish(out, minutes=3).puts == ()
    assert position > 9


@pytest.mark.parametrize(
    ("wrote", "reason"),
    [
        pytest.param(b"half a deploy", "size differs", id="another size"),
        pytest.param(SITE["robots.txt"][::-1], "unfinished publish", id="the same size"),
        pytest.param(SITE["robots.txt"], None, id="the same"),
    ],
)
def test_a_plain_file_of_a_dead_publish_does_not_stay(
    tmp_path: Path, wrote: bytes, reason: str | None
) -> None:
    """What a publish that died wrote under a fixed name is found, though no release names it."""
    place = Place(Destination(target="memory:///"))
    out = make(tmp_path / "out")
    place.publish(out)
    place.store.put("robots.txt", wrote, ())
    state = place.state
    dead = Attempt("f" * 16, "missing", "dead", moment().at, "bob", ("robots.txt",))
    rewrite(place, attempts=(*state.attempts, dead))
    expected = {"robots.txt": reason} if reason else {}
    assert by_reason(place.publish(out, minutes=1).puts) == expected
    assert place.flaws(out) == []


def rewrite(place: Place, **changes: object) -> None:
    """Change the state behind everybody's back."""
    state = replace(place.state, **changes)  # type: ignore[arg-type]
    place.store.put(KEY, state.render(), ())


def make_few(out: Path, **files: bytes) -> Path:
    """Write a release of files with fixed names, and one with a fingerprint."""
    shutil.rmtree(out, ignore_errors=True)
    plain = {f"{name}.txt": body for name, body in files.items()}
    write_release(out, {**plain, "a.css": b"a{}"}, plain=tuple(plain), compressed=())
    return out


def die_after(place: Place, key: str, out: Path, minutes: float) -> None:
    """Let a publish of a release die right after it has put an object."""

    class Killed(BaseException):
        pass

    whole = place.store.put

    def put(name: str, data: bytes, fields: Headers) -> None:
        whole(name, data, fields)
        if name == key:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.store, "put", put, raising=False)
        with pytest.raises(Killed):
            place.publish(out, minutes=minutes)


DAYS = 24 * 60


@pytest.mark.parametrize("kind", ["folder", "memory"])
@pytest.mark.parametrize("between", ["a prune", "another release", "nothing"])
def test_what_a_dead_publish_wrote_is_never_forgotten(
    tmp_path: Path, kind: str, between: str
) -> None:
    """Also when its attempt is: the next release with that name puts it right."""
    target = str(tmp_path / "target") if kind == "folder" else "memory:///"
    place = Place(Destination(target=target, connections=1))
    first = make_few(tmp_path / "first", zz=b"old", other=b"1")
    second = make_few(tmp_path / "second", zz=b"new", other=b"2")
    place.publish(first)
    die_after(place, "zz.txt", second, minutes=1)
    assert place.content("zz.txt") == b"new"
    if between == "a prune":
        place.prune(2 * DAYS, keep=9)
        assert not place.state.attempts
    elif between == "another release":
        place.publish(make_few(tmp_path / "third", other=b"3"), minutes=2 * DAYS)
        assert not place.state.attempts
    place.publish(first, minutes=3 * DAYS)
    assert place.flaws(first) == []
    assert not place.state.doubtful
    assert place.publish(first, minutes=3 * DAYS).puts == ()


def test_an_earlier_release_does_not_vouch_for_fixed_names(tmp_path: Path) -> None:
    """A release that has been pruned in the meantime may have replaced them."""
    place = Place(Destination(target="memory:///"))
    first = make_few(tmp_path / "first", zz=b"old")
    place.publish(first)
    place.publish(make_few(tmp_path / "second", zz=b"new"), minutes=1)
    place.publish(make_few(tmp_path / "third", other=b"3"), minutes=2)
    assert rollback(place.store, manifest.load(first / "manifest.json").release).plain == (
        "zz.txt",
    )
    place.prune(DAYS, keep=1, younger_than=0, grace=0, max_delete=1)
    place.publish(first, minutes=2 * DAYS)
    assert place.flaws(first) == []


def test_an_earlier_release_does_not_vouch_for_header_fields(tmp_path: Path) -> None:
    """A release that has been pruned in the meantime may have changed them."""
    place = Place(Destination(target="memory:///"))
    first = make_few(tmp_path / "first", zz=b"old")
    place.publish(first)
    other = headers(make_few(tmp_path / "second", zz=b"old"), {"*": {"Content-Language": "fr"}})
    place.publish(other, minutes=1)
    write_release(tmp_path / "third", {"b.css": b"b{}"}, plain=(), compressed=())
    place.publish(tmp_path / "third", minutes=2)
    rollback(place.store, manifest.load(first / "manifest.json").release)
    place.prune(DAYS, keep=1, younger_than=0, grace=0, max_delete=1)
    done = place.publish(first, minutes=2 * DAYS)
    assert sorted(by_reason(done.puts).values()) == ["header fields differ", "new"]


def test_a_stale_plain_file_is_no_part_of_a_release(place: Place, tmp_path: Path) -> None:
    """Though the target has the same one, and so nothing would have to be put."""
    place.publish(make_few(tmp_path / "out", zz=b"old"))
    out = make_few(tmp_path / "out", zz=b"new")
    (out / "zz.txt").write_bytes(b"old")
    with pytest.raises(InputError, match="not the file that the manifest describes"):
        place.publish(out, minutes=1)


def test_a_full_disk_takes_nothing_from_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever rename or write of a publish fails, its manifest and its state are there."""
    target = tmp_path / "target"
    place = Place(Destination(target=str(target), connections=1))
    place.publish(make_few(tmp_path / "out", zz=b"old"))
    out = make_few(tmp_path / "out", zz=b"new", more=b"1")
    whole = os.replace
    for position in range(1, 40):
        left = [position]

        def full(source: str, to: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            whole(source, to)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            try:
                place.publish(out, minutes=position)
            except OutsideError:
                assert (target / manifest.FILE_NAME).is_file()
                assert place.state.current
                continue
        break
    assert position >= 5
    assert place.flaws(out) == []


@pytest.mark.parametrize("look", [False, True], ids=["as usual", "--check"])
def test_what_somebody_else_has_deleted(cloud: Weed, tmp_path: Path, look: bool) -> None:
    """A bucket is trusted, until somebody asks for a look."""
    place = Place(cloud.destination(f"s3://{cloud.bucket()}"))
    out = make(tmp_path / "out")
    place.publish(out)
    lost = next(key for key in place.assets() if key.startswith("css/app"))
    place.store.delete([lost])
    done = publish(out, place.store, place.destination, moment(1), look=look)
    assert by_reason(done.puts) == ({lost: "new"} if look else {})


def test_attempts_are_forgotten_after_a_day(tmp_path: Path) -> None:
    """What they may have put is condemned then."""
    place = Place(Destination(target="memory:///"))
    out = tmp_path / "out"
    place.publish(make(out))
    dead = Attempt("f" * 16, "missing", "dead", moment().at, "bob", ())
    rewrite(place, attempts=(dead,))
    place.publish(make(out, css_app_css=b"a{}"), minutes=60)
    assert [attempt.id for attempt in place.state.attempts] == ["dead"]
    place.publish(make(out, css_app_css=b"b{}"), minutes=60 * 24)
    assert not place.state.attempts
    assert [item.inventory for item in place.state.condemned] == ["missing"]


def test_doubted_header_fields_are_sent_again(cloud: Weed, tmp_path: Path) -> None:
    """A publish that died may have changed them, and nobody has written down how far it got."""
    bucket = cloud.bucket()
    place = Place(cloud.destination(f"s3://{bucket}"))
    out = make(tmp_path / "out")
    place.publish(out)
    before = place.state
    other = headers(make(tmp_path / "other"), {"css/*": {"Content-Language": "fr"}})
    record = Place(place.destination)
    record.publish(other)
    changed = record.state.releases[-1]
    dead = Attempt(changed.release, changed.inventory, "dead", moment().at, "bob", ())
    rewrite(place, releases=before.releases, current=before.current, attempts=(dead,))
    done = place.publish(out, minutes=1)
    assert set(by_reason(done.puts).values()) == {"header fields differ"}
    style = next(put.key for put in done.puts)
    assert "ContentLanguage" not in cloud.head(bucket, style)


# Telling a CDN.


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """A program that keeps what it is told, and fails as long as a file is there."""
    program = tmp_path / "hook.py"
    program.write_text(
        "import pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "(here / 'told').open('a').write(sys.stdin.read().strip() + '\\n')\n"
        "sys.exit('the CDN is down' if (here / 'down').exists() else 0)\n"
    )
    return program


def test_the_cdn_is_told_of_plain_files_until_it_has_accepted(tmp_path: Path, hook: Path) -> None:
    """A failure leaves the release current, and the next publish tells it again, only that."""
    rule = f"command:{sys.executable} {hook}"
    place = Place(
        Destination(target="memory:///", url="https://cdn.test/static/", invalidate=(rule,))
    )
    out = make(tmp_path / "out")
    (tmp_path / "down").touch()
    with pytest.raises(OutsideError, match="is current, but the CDN was not told of 1 replaced"):
        place.publish(out)
    assert place.flaws(out) == []
    assert [item.keys for item in place.state.pending] == [("robots.txt",)]
    (tmp_path / "down").unlink()
    done = place.publish(out, minutes=1)
    assert (done.puts, len(done.invalidated)) == ((), 1)
    assert not place.state.pending
    first, second = (json.loads(line) for line in (tmp_path / "told").read_text().splitlines())
    assert first == second
    assert first["urls"] == ["https://cdn.test/static/robots.txt"]
    place.publish(make(out, css_app_css=b"a{}"), minutes=2)
    assert len((tmp_path / "told").read_text().splitlines()) == 2, "hashed names need no telling"


def test_a_plain_file_is_pending_before_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes after a crash knows what a CDN may have kept."""
    place = Place(Destination(target="memory:///"))
    place.publish(make(tmp_path / "out"))
    seen: list[Attempt] = []
    whole = place.store.put

    def put(key: str, data: bytes, fields: Headers) -> None:
        if key == "robots.txt":
            seen.extend(place.state.attempts)
        whole(key, data, fields)

    monkeypatch.setattr(place.store, "put", put, raising=False)
    place.publish(make(tmp_path / "out", robots_txt=b"new"))
    (attempt,) = seen
    assert attempt.plain == ("robots.txt",)


def test_a_rule_that_nobody_understands_stops_before_anything_is_sent(tmp_path: Path) -> None:
    """Better than a deploy whose last step cannot be done."""
    place = Place(Destination(target="memory:///", invalidate=("cloudfrond:E1",)))
    with pytest.raises(ConfigError, match="cloudfrond"):
        place.publish(make(tmp_path / "out"))
    assert place.store.sizes() == {}


# Releases.


def test_releases_are_listed_with_who_and_when(place: Place, tmp_path: Path) -> None:
    """The state tells the story of the target."""
    out = tmp_path / "out"
    first = place.publish(make(out))
    second = place.publish(make(out, css_app_css=b"a{}"), minutes=90)
    state = releases(place.store)
    assert [record.release for record in state.releases] == [first.release, second.release]
    assert state.current == second.release
    record = state.releases[-1]
    assert (record.at, record.by, record.revision) == (
        "2026-01-01T01:30:00+00:00",
        "ann",
        "abc123",
    )
    assert record.files == 10


def test_who_is_not_recorded_where_that_is_not_wanted(tmp_path: Path) -> None:
    """A bucket that everybody can read need not say who deploys."""
    place = Place(Destination(target="memory:///", record=False))
    place.publish(make(tmp_path / "out"))
    assert b"ann" not in (place.content(KEY) or b"")
    assert b"abc123" not in (place.content(KEY) or b"")


def test_a_rollback_sends_nothing(place: Place, tmp_path: Path) -> None:
    """The pointer moves back, and the next publish knows what fixed names really hold."""
    out = tmp_path / "out"
    first = place.publish(make(out))
    second = place.publish(make(out, robots_txt=b"new", css_app_css=b"a{}"), minutes=1)
    before = place.store.sizes()
    done = rollback(place.store)
    assert (done.record.release, done.previous) == (first.release, second.release)
    assert done.plain == ("robots.txt",)
    changed = {key for key, size in place.store.sizes().items() if before.get(key) != size}
    assert changed <= {KEY, manifest.FILE_NAME}
    again = place.publish(make(out), minutes=2)
    assert by_reason(again.puts)["robots.txt"] == "size differs"
    assert place.flaws(out) == []


@pytest.mark.parametrize(
    ("release", "message"),
    [
        pytest.param("0" * 16, "no release begins with", id="unknown"),
        pytest.param("", "no release before the current one", id="nothing before"),
    ],
)
def test_a_rollback_to_nothing_is_refused(tmp_path: Path, release: str, message: str) -> None:
    """What is there is named."""
    place = Place(Destination(target="memory:///"))
    place.publish(make(tmp_path / "out"))
    with pytest.raises(ConfigError, match=message):
        rollback(place.store, release)


def test_two_releases_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    """The beginning of an id has to mean one release."""
    place = Place(Destination(target="memory:///"))
    place.publish(make(tmp_path / "out"))
    (record,) = place.state.releases
    twins = (replace(record, release="abc1"), replace(record, release="abc2"))
    rewrite(place, releases=(*twins, record))
    with pytest.raises(ConfigError, match="2 releases of the target begin"):
        rollback(place.store, "abc")
    assert rollback(place.store, "abc1").record.release == "abc1"


# The target itself.


class Forgetful:
    """A store that takes conditions of a write and ignores them."""

    def __init__(self, place: Place) -> None:
        self.whole = place.store.swap

    def __call__(self, key: str, data: bytes, fields: object, version: object) -> object:
        try:
            return self.whole(key, data, fields, version)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001  # whatever it is, it is ignored
            place_store = self.whole.__self__  # type: ignore[attr-defined]
            place_store.put(key, data, fields)
            return place_store.read(key).version


def test_a_store_that_ignores_tags_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some know how to create only what is not there, and no more."""
    place = Place(Destination(target="memory:///"))
    whole, put, read = place.store.swap, place.store.put, place.store.read

    def swap(key: str, data: bytes, fields: Headers, version: Version | None) -> Version:
        if version is None:
            return whole(key, data, fields, None)
        put(key, data, fields)
        there = read(key)
        assert there is not None
        return there.version

    monkeypatch.setattr(place.store, "swap", swap, raising=False)
    assert not place.publish(make(tmp_path / "out")).conditional


def test_a_store_without_conditional_writes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first publish tries it out, and each says so."""
    place = Place(Destination(target="memory:///"))
    monkeypatch.setattr(place.store, "swap", Forgetful(place), raising=False)
    out = tmp_path / "out"
    assert not place.publish(make(out)).conditional
    assert not place.publish(make(out, css_app_css=b"a{}")).conditional
    assert place.flaws(out) == []
    whole = Place(Destination(target="memory:///"))
    assert whole.publish(out).conditional


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"<html>", "is not the state of a target", id="no JSON"),
        pytest.param(b"{}", "is not the state of a target", id="no state"),
        pytest.param(b'{"schema": 99}', "has schema 99", id="a newer one"),
        pytest.param(b'{"schema": 1, "current": 5}', "is not the state", id="half of one"),
    ],
)
def test_a_damaged_state_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    """Nothing is put over what is not understood."""
    place = Place(Destination(target="memory:///"))
    place.store.put(KEY, data, ())
    with pytest.raises(OutsideError, match=message) as caught:
        place.publish(make(tmp_path / "out"))
    assert caught.value.hint
    assert place.store.sizes().keys() == {KEY}


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        pytest.param("file:///srv/static", "/srv/static", id="a file URL"),
        pytest.param("file://localhost/srv/a%20b", "/srv/a b", id="a file URL with a host"),
        pytest.param("/srv/static", "/srv/static", id="a path"),
    ],
)
def test_a_target_names_a_folder(target: str, folder: str) -> None:
    """A target is a file URL or a path."""
    assert folder_of(Destination(target=target)) == Path(folder)


@pytest.mark.parametrize("target", ["https://cdn.example.com", "file://h/x", "ftp://x/y"])
def test_other_targets_are_refused(target: str) -> None:
    """What cannot be published to is named, with what can."""
    with pytest.raises(ConfigError) as caught:
        open_store(Destination(target=target))
    assert caught.value.hint


def test_publishing_onto_itself_or_nothing_is_refused(tmp_path: Path) -> None:
    """The output folder is no target of its own, and without a release there is nothing to do."""
    out = make(tmp_path / "out")
    with pytest.raises(ConfigError, match="holds or lies in"):
        Place(Destination(target=str(out))).publish(out)
    with pytest.raises(ManifestError, match="no manifest"):
        Place(Destination(target=str(tmp_path / "target"))).publish(tmp_path / "nothing")


# The commands.


def test_the_commands_tell_the_story(tmp_path: Path) -> None:
    """Publish, list, roll back and prune, as people read it and as programs do."""
    out = make(tmp_path / "out")
    first = command(tmp_path, "publish", "target", "--out", "out")
    assert first.returncode == 0, first.stderr
    assert "10 files put" in first.stdout
    same = command(tmp_path, "publish", "target", "--out", "out", "--json")
    assert json.loads(same.stdout)["puts"] == []
    make(out, css_app_css=b"a{}")
    plan = command(tmp_path, "publish", "target", "--out", "out", "--dry-run")
    assert "Would publish" in plan.stdout
    assert plan.stdout.count("  new\n") == 3
    second = json.loads(command(tmp_path, "publish", "target", "-o", "out", "--json").stdout)
    listed = command(tmp_path, "releases", "target")
    assert listed.stdout.splitlines()[0].startswith(f"* {second['release']}")
    back = command(tmp_path, "rollback", "target", second["previous"][:6])
    assert f"Release {second['previous']} is current" in back.stdout
    as_json = json.loads(command(tmp_path, "releases", "target", "--json").stdout)
    assert as_json["current"] == second["previous"]
    pruned = command(tmp_path, "prune", "target", "--keep", "1", "--younger-than", "0s", "--json")
    assert json.loads(pruned.stdout)["dropped"] == []
    flawed = command(tmp_path, "prune", "target", "--younger-than", "a while")
    assert flawed.returncode == 2
    assert "time span" in flawed.stderr


@pytest.mark.parametrize(
    ("options", "changed", "noted"),
    [
        pytest.param([], "", False, id="a build as it is configured"),
        pytest.param(["--no-minify"], "", True, id="a build with flags"),
        pytest.param([], '[headers]\n"*.css" = {X-A = "b"}\n', True, id="a changed configuration"),
        pytest.param([], "lock_timeout = 5\n", False, id="a change that makes no difference"),
    ],
)
def test_a_release_with_other_settings_is_told_of(
    tmp_path: Path, options: list[str], changed: str, noted: bool
) -> None:
    """Who publishes what a watch left, or forgot to build, should know."""
    plant(tmp_path, {"static/a.css": "a { color: red }"})
    assert command(tmp_path, "build", *options).returncode == 0
    (tmp_path / "assetpipe.toml").write_text(changed)
    done = command(tmp_path, "publish", "target", "--dry-run")
    assert done.returncode == 0
    assert ("run `assetpipe build` first" in done.stderr) is noted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["publish"], "which target?", id="no target"),
        pytest.param(["publish", "prod"], "did you mean production", id="a misspelt name"),
        pytest.param(["publish", "s4://bucket"], "cannot publish to", id="an unknown scheme"),
        pytest.param(["rollback", "production", "abcd", "x"], "too many", id="too much"),
        pytest.param(["releases", "staging"], "did you mean", id="a name that is another"),
    ],
)
def test_what_a_command_does_not_understand(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    """Wrong usage ends with 2, one sentence and the cure."""
    (tmp_path / "assetpipe.toml").write_text(
        '[publish.production]\ntarget = "live"\n[publish.stagin]\ntarget = "test"\n'
    )
    make(tmp_path / "build" / "static")
    done = command(tmp_path, *arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configured_name_is_enough(tmp_path: Path, cloud: Weed) -> None:
    """The daily command takes all it needs from the configuration."""
    bucket = cloud.bucket()
    (tmp_path / "assetpipe.toml").write_text(
        f'[publish.production]\ntarget = "s3://{bucket}/site"\nendpoint_url = "{cloud.url}"\n'
    )
    out = make(tmp_path / "build" / "static")
    environment = cloud.environment()
    done = command(tmp_path, "publish", "production", **environment)
    assert done.returncode == 0, done.stderr
    assert f"site/{KEY}" in cloud.keys(bucket)
    only = command(tmp_path, "publish", **environment)
    assert "0 files put" in only.stdout
    refused = command(tmp_path, "publish", **environment | {"AWS_ACCESS_KEY_ID": "AKIANOBODY"})
    assert refused.returncode == 3
    assert f"s3://{bucket}/site" in refused.stderr
    assert out.is_dir()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("", "the target is empty", id="an unset variable"),
        pytest.param("static", "holds or lies in", id="the sources"),
        pytest.param("static/sub", "holds or lies in", id="below the sources"),
        pytest.param(".", "holds or lies in", id="the project"),
        pytest.param("build/static", "holds or lies in", id="the output folder"),
        pytest.param("s3:/bucket/static", "did you mean s3://bucket/static?", id="one slash"),
        pytest.param("a-file", "is a file", id="a file"),
        pytest.param("file:///", "names no folder", id="the root"),
    ],
)
def test_a_target_that_is_a_mistake(tmp_path: Path, target: str, message: str) -> None:
    """Nothing is written where something else lies."""
    make(tmp_path / "build" / "static")
    (tmp_path / "static").mkdir()
    (tmp_path / "a-file").touch()
    before = contents(tmp_path)
    done = command(tmp_path, "publish", target)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert contents(tmp_path) == before


def test_an_empty_release_is_refused(place: Place, tmp_path: Path) -> None:
    """It would take all files away from pages."""
    (tmp_path / "out").mkdir()
    write_release(tmp_path / "out", {}, plain=(), compressed=())
    with pytest.raises(InputError, match="without any file"):
        place.publish(tmp_path / "out")


def test_a_dry_run_finds_secrets_too(place: Place, tmp_path: Path) -> None:
    """What would be refused is refused."""
    out = tmp_path / "out"
    write_release(out, {"id_rsa": b"x"}, plain=(), compressed=())
    with pytest.raises(InputError, match="id_rsa"):
        place.publish(out, dry_run=True)


def test_nothing_is_built_where_releases_are_published(tmp_path: Path) -> None:
    """A build there would take files from releases that are still named."""
    Place(Destination(target=str(tmp_path / "target"))).publish(make(tmp_path / "out"))
    (tmp_path / "static").mkdir()
    done = command(tmp_path, "build", "-o", "target")
    assert done.returncode == 2
    assert "releases are published to this folder" in done.stderr


def test_clean_leaves_a_published_folder_alone(tmp_path: Path) -> None:
    """Its releases are looked after by another command."""
    out = make(tmp_path / "out")
    Place(Destination(target=str(tmp_path / "target"))).publish(out)
    done = command(tmp_path, "clean", "-o", "target")
    assert done.returncode == 2
    assert "assetpipe prune" in done.stderr

"""Publishing to a folder: what is put, in which order, and what survives a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assetpipe import manifest
from assetpipe.build.output import Output
from assetpipe.errors import ConfigError, InputError, ManifestError
from assetpipe.publish import publish, target_folder
from tests.site import Site, command, contents, flaws

SOURCES = {
    "css/app.css": "body { background: url(../img/a.svg); color: red }\n" * 30,
    "img/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0h9'/></svg>\n" * 20,
    "robots.txt": "User-agent: *\n",
}


def make(folder: Path, **changes: str) -> Path:
    """Build the sources, with changes, and return the output folder."""
    site = Site(folder, {**SOURCES, **changes}, plain=["robots.txt"])
    site.build()
    return site.out


def test_a_release_arrives_whole(tmp_path: Path) -> None:
    """The target holds what the output folder holds, byte for byte."""
    out, target = make(tmp_path), tmp_path / "target"
    done = publish(out, target)
    assert contents(target) == contents(out)
    assert done.unchanged == 0
    assert flaws(target) == []


def test_only_what_is_missing_is_put(tmp_path: Path) -> None:
    """After one change only the changed file and those that can see it are put, with reasons."""
    target = tmp_path / "target"
    publish(make(tmp_path), target)
    again = publish(tmp_path / "out", target)
    assert (again.puts, again.unchanged) == ((), 7)
    out = make(tmp_path, **{"robots.txt": "User-agent: x\n", "img/a.svg": "<svg/>"})
    done = publish(out, target)
    by_stem = {put.file.partition(".")[0]: put.reason for put in done.puts}
    assert by_stem == {"css/app": "new", "img/a": "new", "robots": "content differs"}
    assert [put.file for put in done.puts][-1] == "robots.txt", "fixed names go last"
    assert flaws(target) == []


def test_a_torn_file_of_the_target_is_mended(tmp_path: Path) -> None:
    """A copy that broke off once does not stay so, whatever its name says of its content."""
    out, target = make(tmp_path), tmp_path / "target"
    publish(out, target)
    victim = next((target / "css").glob("*.css"))
    victim.write_bytes(victim.read_bytes()[:100])
    (put,) = publish(out, target).puts
    assert (target / put.file, put.reason) == (victim, "size differs")
    assert contents(target) == contents(out)


def test_a_release_without_new_files_is_published(tmp_path: Path) -> None:
    """A release that only lacks a file is still another one."""
    target = tmp_path / "target"
    publish(make(tmp_path, **{"img/b.svg": "<svg/>"}), target)
    (tmp_path / "static" / "img" / "b.svg").unlink()
    out = make(tmp_path)
    publish(out, target)
    assert (target / manifest.FILE_NAME).read_bytes() == (out / manifest.FILE_NAME).read_bytes()


def test_files_of_earlier_releases_stay(tmp_path: Path) -> None:
    """Pages from before the deploy still find their files."""
    target = tmp_path / "target"
    publish(make(tmp_path), target)
    before = contents(target)
    publish(make(tmp_path, **{"css/app.css": "a { color: blue }"}), target)
    gone = before.keys() - contents(target).keys()
    assert gone == set()


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    """A dry run names what would be put, and makes no folder."""
    out, target = make(tmp_path), tmp_path / "target"
    done = publish(out, target, dry_run=True)
    assert len(done.puts) == 7
    assert not target.exists()


def test_a_failure_leaves_the_last_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish that breaks off at any put leaves the target's release, and nothing of its own."""
    target = tmp_path / "target"
    publish(make(tmp_path), target)
    before = contents(target)
    out = make(tmp_path, **{"img/a.svg": "<svg/>" * 200, "robots.txt": "User-agent: x\n"})
    puts = len(publish(out, target, dry_run=True).puts)
    whole = Output.put
    for position in range(puts + 1):
        left = position

        def put(self: Output, file: str, data: bytes, *, hold: bool = False) -> None:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            whole(self, file, data, hold=hold)

        with monkeypatch.context() as patch:
            patch.setattr(Output, "put", put)
            with pytest.raises(KeyboardInterrupt):
                publish(out, target)
        assert contents(target) == before


def test_a_damaged_output_folder_is_refused(tmp_path: Path) -> None:
    """A file that is not what the manifest describes is named, and the target is left alone."""
    out = make(tmp_path)
    victim = next((out / "css").glob("*.css"))
    victim.write_bytes(b"x")
    with pytest.raises(InputError, match="not the file that the manifest describes") as caught:
        publish(out, tmp_path / "target")
    assert caught.value.where == str(victim)
    assert not (tmp_path / "target" / manifest.FILE_NAME).exists()


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
    assert target_folder(target) == Path(folder)


@pytest.mark.parametrize("target", ["s3://bucket/prefix", "https://cdn.example.com", "file://h/x"])
def test_other_targets_are_refused(target: str) -> None:
    """What cannot be published to is named, with what can."""
    with pytest.raises(ConfigError, match="folders"):
        target_folder(target)


def test_publishing_onto_itself_or_nothing_is_refused(tmp_path: Path) -> None:
    """The output folder is no target of its own, and without a release there is nothing to do."""
    out = make(tmp_path)
    with pytest.raises(ConfigError, match="output folder itself"):
        publish(out, out)
    with pytest.raises(ManifestError, match="no manifest"):
        publish(tmp_path / "nothing", tmp_path / "target")


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """The command prints one line, or one JSON object, and exits with 0."""
    make(tmp_path)
    first = command(tmp_path, "publish", "target", "--out", "out")
    assert first.returncode == 0, first.stderr
    assert "7 files put" in first.stdout
    second = command(tmp_path, "publish", "target", "--out", "out", "--json")
    assert json.loads(second.stdout)["put"] == []
    refused = command(tmp_path, "publish", "s3://x", "--out", "out")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr

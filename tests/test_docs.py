"""What the documents say is run: commands, examples, options."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from flask import Flask, render_template_string

from assetpipe.build.config import Config, load_config
from assetpipe.build.images import ImageRule, Images
from assetpipe.cli import main as cli
from assetpipe.destination import Destination
from assetpipe.flask import AssetPipe
from tests.site import Site
from tests.watching import Watching

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PUBLISHING = (ROOT / "docs/publishing.md").read_text("utf-8")
IMAGES = (ROOT / "docs/images.md").read_text("utf-8")
FLASK = (ROOT / "docs/flask.md").read_text("utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the sample site where the documents' examples expect it."""
    shutil.copytree(ROOT / "sample_static", tmp_path / "sample_static")
    shutil.copytree(ROOT / "sample_static", tmp_path / "static")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with this checkout importable."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        encoding="utf-8",
    )


def test_quick_start_works_after_installation(project: Path) -> None:
    """The assetpipe commands of the quick start build the sample and publish it."""
    commands = re.findall(r"\.venv/bin/assetpipe ([^&\n]+)", blocks("sh")[0])
    assert len(commands) == 2
    for command in commands:
        done = run(project, "-m", "assetpipe", *command.split())
        assert done.returncode == 0, done.stderr
    assert (project / "build/published/manifest.json").is_file()


def test_flask_example_gives_hashed_urls(project: Path) -> None:
    """The README's Flask example, run as it stands, links the hashed stylesheet."""
    assert run(project, "-m", "assetpipe", "build").returncode == 0
    example = next(block for block in blocks("python") if "AssetPipe(app)" in block)
    (project / "app.py").write_text(f"{example}\nprint(app.test_client().get('/').text)\n")
    done = run(project, "app.py")
    assert re.search(r'href="/static/css/site\.[0-9a-f]{12}\.css"', done.stdout), done.stderr
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_python_example_builds(project: Path) -> None:
    """The README's build example, run as it stands, prints a hashed name."""
    example = next(block for block in blocks("python") if "Config(" in block)
    example = example.replace("css/app.css", "css/site.css")
    (project / "example.py").write_text(example)
    done = run(project, "example.py")
    assert re.search(r"css/site\.[0-9a-f]{12}\.css", done.stdout), done.stderr


def test_configuration_example_is_the_whole_of_it(tmp_path: Path) -> None:
    """The README shows every key with its default."""
    (tmp_path / "assetpipe.toml").write_text(blocks("toml")[0])
    shown = load_config(tmp_path, {})
    stated = set(re.findall(r"^(\w+) =", blocks("toml")[0], re.MULTILINE))
    assert stated == {name for name, f in Config.__dataclass_fields__.items() if f.init}
    (tmp_path / "assetpipe.toml").unlink()
    assert load_config(tmp_path, {}, {"plain": ["robots.txt"]}) == shown


def test_configuration_of_destinations_is_the_whole_of_it(tmp_path: Path) -> None:
    """The document on publishing shows every key with its default."""
    example = blocks("toml", PUBLISHING)[0]
    (tmp_path / "assetpipe.toml").write_text(example)
    shown = load_config(tmp_path, {}).publish["production"]
    assert shown == Destination(target=shown.target)
    stated = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    assert stated == set(Destination.__dataclass_fields__)


def test_configuration_of_images_is_the_whole_of_it(tmp_path: Path) -> None:
    """The document on images shows every key with its default."""
    _, example, rule, *_ = blocks("toml", IMAGES)
    (tmp_path / "assetpipe.toml").write_text(example.replace("tool.assetpipe.", ""))
    assert load_config(tmp_path, {}).images == Images()
    stated = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    known = {*ImageRule.__dataclass_fields__, *Images.__dataclass_fields__} - {"usual"}
    assert stated == known
    (tmp_path / "assetpipe.toml").write_text(rule.replace("tool.assetpipe.", ""))
    assert load_config(tmp_path, {}).images.rules == (("img/icons/**", {"formats": ()}),)


@pytest.mark.parametrize("name", ["publishing", "edge"])
def test_commands_of_the_document_work(name: str, project: Path) -> None:
    """They stand in the document as they are typed; a folder takes the place of each target."""
    text = (ROOT / f"docs/{name}.md").read_text("utf-8")
    (project / "assetpipe.toml").write_text('[publish.production]\ntarget = "live"\n')
    assert run(project, "-m", "assetpipe", "build").returncode == 0
    lines = [
        line.removeprefix("$ ")
        for block in (*blocks("console", text), *blocks("sh", text))
        for line in block.splitlines()
        if "assetpipe " in line
    ]
    assert len(lines) > 4
    for number, line in enumerate(lines):
        command = line.partition("#")[0].partition(">")[0].split()
        assert command[0] == "assetpipe"
        words = [re.sub(r"^(s3|file)://.*", f"./target{number}", word) for word in command[1:]]
        if words[0] == "rollback":
            # There has to be something to go back to.
            (project / "static/more.css").write_text("a { b: c }")
            run(project, "-m", "assetpipe", "build")
            run(project, "-m", "assetpipe", "publish", "production")
        done = run(project, "-m", "assetpipe", *words)
        expected = 2 if words[0] == "verify" else 0  # it needs a CDN
        assert done.returncode == expected, f"{line}\n{done.stderr}"


def commands(command: click.Command, name: str = "") -> list[str]:
    """Return the full name of every command below this one."""
    if not isinstance(command, click.Group):
        return [name]
    return [
        full for sub in command.commands.values() for full in commands(sub, f"{name} {sub.name}")
    ]


@pytest.mark.parametrize("name", commands(cli.main))
def test_command_is_documented_and_helpful(name: str) -> None:
    """Each command stands in the README, and it and its options have help texts."""
    assert f"`assetpipe{name}" in README
    command: click.Command = cli.main
    for part in name.split():
        assert isinstance(command, click.Group)
        command = command.commands[part]
    assert command.help
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help


def test_flask_settings_are_documented() -> None:
    """Each configuration key that the extension reads stands in its document."""
    keys = set(re.findall(r"``(ASSETPIPE_\w+)``", AssetPipe.init_app.__doc__ or ""))
    assert keys
    assert keys == set(re.findall(r"^\| `(ASSETPIPE_\w+)`", FLASK, re.MULTILINE))


def test_flask_commands_of_the_document_work(project: Path) -> None:
    """The commands stand in the document as they are typed, beside the app of its example."""
    example = next(block for block in blocks("python", FLASK) if "AssetPipe(app)" in block)
    (project / "app.py").write_text(example)
    (project / "static/css/app.css").write_text("a { }")
    commands = re.findall(r"^\$ flask ([^#\n]+)", blocks("console", FLASK)[0], re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        done = run(project, "-m", "flask", *command.split())
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_watch_of_the_document_runs(project: Path) -> None:
    """The command as it is typed, beside the app of the README, until somebody ends it."""
    text = (ROOT / "docs/watch.md").read_text("utf-8")
    line = next(line for line in blocks("console", text)[0].splitlines() if "$ assetpipe" in line)
    (project / "app.py").write_text(next(b for b in blocks("python") if "AssetPipe(app)" in b))
    words = line.removeprefix("$ assetpipe watch").split()
    # The app takes any port that is free, and is started by this Python.
    words[words.index("flask") : words.index("run") + 1] = [
        sys.executable, "-m", "flask", "run", "--port=0",
    ]  # fmt: skip
    with Watching(project, *words, environment={"PYTHONWARNINGS": "default"}) as watch:
        assert watch.first["event"] == "build"


def test_templates_of_the_document_render(tmp_path: Path) -> None:
    """Its example of a Content Security Policy, with the files that it names."""
    site = Site(tmp_path, {"css/critical.css": "a { color: red }", "js/app.js": "app()"})
    site.build()
    app = Flask(__name__, root_path=str(tmp_path))
    app.config["ASSETPIPE_OUT"] = site.out
    AssetPipe(app)
    with app.test_request_context():
        page = render_template_string(blocks("jinja", FLASK)[0], nonce="n0nce")
    assert "<style>a{color:red}</style>" in page
    assert 'nonce="n0nce"' in page


def test_configuration_of_the_document_is_understood(tmp_path: Path) -> None:
    """The header fields in the document on Flask."""
    (tmp_path / "pyproject.toml").write_text(blocks("toml", FLASK)[0])
    globs = [glob for glob, _ in load_config(tmp_path, {}).headers]
    assert globs == ["**", "downloads/"]


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links in the documents name files that exist."""
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"

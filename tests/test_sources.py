"""Which files are found below the source folders, and what is refused."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote

import pytest

from assetpipe.build import Config, Root, build
from assetpipe.errors import ConfigError, InputError
from tests.site import Site, assets, plant, settle

IGNORED = [
    ".DS_Store",
    ".git/config",
    "css/.app.css.swp",
    "css/.hidden/a.css",
    "css/app.css~",
    "css/#app.css#",
    "css/app.css.swp",
    "css/app.css.swo",
    "css/4913",
    "css/app.css___jb_tmp___",
    "css/app.css___jb_old___",
    "img/Thumbs.db",
    "img/desktop.ini",
    "__MACOSX/a.css",
]
SHIPPED = [
    ".well-known/security.txt",
    ".well-known/acme/token",
    "a~b.css",
    "css/#id.css",
    "css/app.css",
    "img/thumbs.dbx",
    "swp",
    "sub/.well-known/x.txt",
]


def names(site: Site) -> list[str]:
    """Build a site, and return the logical names of its release."""
    site.build()
    return list(assets(site.out))


def test_litter_and_hidden_files_are_not_shipped(tmp_path: Path) -> None:
    """Dotfiles, editors' and systems' files are left out; ``.well-known`` is not."""
    site = Site(tmp_path, dict.fromkeys([*IGNORED, *SHIPPED], "x"))
    assert names(site) == sorted(SHIPPED)


def test_a_hidden_file_inside_well_known_is_not_shipped(tmp_path: Path) -> None:
    """Only the folder's own name is excepted."""
    assert names(Site(tmp_path, {".well-known/.secret": "x", ".well-known/a": "x"})) == [
        ".well-known/a"
    ]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        pytest.param(["*.scss"], "a.css lib/b.css lib/deep/a.css", id="a suffix in any folder"),
        pytest.param(["a.css"], "a.scss lib/a.scss lib/b.css", id="a name in any folder"),
        pytest.param(["/a.css"], "a.scss lib/a.scss lib/b.css lib/deep/a.css", id="at the root"),
        pytest.param(["lib/*.css"], "a.css a.scss lib/a.scss lib/deep/a.css", id="in one folder"),
        pytest.param(["lib/**"], "a.css a.scss", id="all below a folder"),
        pytest.param(["lib/"], "a.css a.scss", id="a folder with its slash"),
        pytest.param(["deep"], "a.css a.scss lib/a.scss lib/b.css", id="a folder by its name"),
        pytest.param(["**/deep/**"], "a.css a.scss lib/a.scss lib/b.css", id="any folders around"),
        pytest.param(["[ab].css"], "a.scss lib/a.scss", id="a set of characters"),
        pytest.param(["[!b].css"], "a.scss lib/a.scss lib/b.css", id="all but a set"),
        pytest.param(["?.scss", "lib/**"], "a.css", id="two globs"),
        pytest.param([], "a.css a.scss lib/a.scss lib/b.css lib/deep/a.css", id="none"),
    ],
)
def test_globs_of_ignore_match_files_and_folders(
    tmp_path: Path, ignore: list[str], left: str
) -> None:
    """A glob without a slash matches a name anywhere, one with a slash the whole name."""
    tree = ["a.css", "a.scss", "lib/a.scss", "lib/b.css", "lib/deep/a.css"]
    site = Site(tmp_path, dict.fromkeys(tree, "x"), ignore=ignore)
    assert names(site) == left.split()


@pytest.mark.parametrize("glob", ["[[]a].txt", "[a&&b].txt", "[z-a].txt", "[", "[]", "a[", "\\"])
def test_any_text_is_a_glob(tmp_path: Path, glob: str) -> None:
    """What is no valid set of characters matches little, and is neither a crash nor a warning."""
    assert "c.txt" in names(Site(tmp_path, {"c.txt": "x"}, ignore=[glob]))


def test_output_and_cache_inside_a_source_are_never_sources(tmp_path: Path) -> None:
    """A build into its own source folder does not ship the last release."""
    folder = plant(tmp_path / "static", {"a.css": "a{b:c}", "sub/a.txt": "x"})
    config = Config(source=folder, out=folder / "sub/dist", cache=folder / "cache")
    for _ in range(2):
        build(config)
        assert list(assets(config.out)) == ["a.css", "sub/a.txt"]
        (folder / "a.css").write_text("a{b:d}")


def test_an_output_folder_that_is_a_link_into_a_source_is_no_source(tmp_path: Path) -> None:
    """The folder is known by where it lies, not by how it is called."""
    folder = plant(tmp_path / "static", {"a.css": "a{b:c}", "dist/.keep": ""})
    (tmp_path / "out").symlink_to(folder / "dist")
    config = Config(source=folder, out=tmp_path / "out", cache=tmp_path / "cache")
    for content in ("a{b:c}", "a{b:d}"):
        (folder / "a.css").write_text(content)
        build(config)
        assert list(assets(config.out)) == ["a.css"]


@pytest.mark.parametrize("key", ["out", "cache"])
@pytest.mark.parametrize(
    "place",
    [
        pytest.param("static", id="is the source"),
        pytest.param(".", id="holds the source"),
        pytest.param("link", id="is a link to the source"),
    ],
)
def test_a_folder_to_write_to_may_not_hold_a_source(tmp_path: Path, key: str, place: str) -> None:
    """Else products would become sources, or a ``.gitignore`` would hide the whole project."""
    plant(tmp_path / "static", {"a.css": "a{b:c}"})
    (tmp_path / "link").symlink_to(tmp_path / "static")
    settings: dict[str, Any] = {"out": tmp_path / "out", "cache": tmp_path / "cache"}
    with pytest.raises(ConfigError) as raised:
        build(Config(source=tmp_path / "static", **settings | {key: tmp_path / place}))
    assert raised.value.where == key
    assert list((tmp_path / "static").iterdir()) == [tmp_path / "static/a.css"]


def test_a_link_inside_the_root_is_followed(tmp_path: Path) -> None:
    """A linked file or folder ships under the link's name, and a change of its target counts."""
    site = Site(tmp_path, {"real/a.css": "a{b:c}"})
    (site.source / "file.css").symlink_to("real/a.css")
    (site.source / "folder").symlink_to(site.source / "real")
    assert names(site) == ["file.css", "folder/a.css", "real/a.css"]
    site.write("real/a.css", "a{b:d}")
    site.build()
    assert site.text("file.css") == site.text("folder/a.css") == "a{b:d}"


def test_a_link_that_is_turned_to_another_file_counts_as_changed(tmp_path: Path) -> None:
    """What a link leads to is what ships."""
    site = Site(tmp_path, {"one.txt": "1", "two.txt": "2"})
    link = site.source / "link.txt"
    link.symlink_to("one.txt")
    settle()
    site.build()
    link.unlink()
    link.symlink_to("two.txt")
    site.build()
    assert site.text("link.txt") == "2"


def test_a_source_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    """Only links below the root have to stay inside it."""
    site = Site(tmp_path, {"a.txt": "a"})
    (tmp_path / "link").symlink_to(site.source)
    site.build(source=tmp_path / "link")
    assert list(assets(site.out)) == ["a.txt"]


def link_outside(source: Path) -> Path:
    plant(source.parent / "secrets", {"key.txt": "secret"})
    (source / "a.txt").symlink_to(source.parent / "secrets/key.txt")
    return source / "a.txt"


def link_folder_outside(source: Path) -> Path:
    plant(source.parent / "secrets", {"key.txt": "secret"})
    (source / "sub").symlink_to("../secrets")
    return source / "sub"


def link_to_neighbour(source: Path) -> Path:
    """A folder whose path only starts like the root's."""
    plant(source.parent / f"{source.name}_private", {"key.txt": "secret"})
    (source / "sub").symlink_to(source.parent / f"{source.name}_private")
    return source / "sub"


def link_dangling(source: Path) -> Path:
    (source / "a.txt").symlink_to("gone.txt")
    return source / "a.txt"


def link_to_parent(source: Path) -> Path:
    (source / "deep").mkdir()
    (source / "deep/up").symlink_to("..")
    return source / "deep/up"


def link_to_itself(source: Path) -> Path:
    (source / "loop").symlink_to("loop")
    return source / "loop"


def links_to_each_other(source: Path) -> Path:
    plant(source, {"one/a.txt": "a", "two/b.txt": "b"})
    (source / "one/two").symlink_to("../two")
    (source / "two/one").symlink_to("../one")
    return source / "one"


def pipe(source: Path) -> Path:
    os.mkfifo(source / "pipe")
    return source / "pipe"


def not_unicode(source: Path) -> Path:
    with contextlib.suppress(OSError):
        (source / os.fsdecode(b"\xff.css")).write_text("")
        return source / r"\udcff.css"
    pytest.skip("this file system takes Unicode names only")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(link_outside, "leads out of its source folder, to .*/secrets/key.txt"),
        pytest.param(link_folder_outside, "leads out of its source folder, to .*/secrets"),
        pytest.param(link_to_neighbour, "leads out of its source folder, to .*/static_private"),
        pytest.param(link_dangling, "leads to .*/gone.txt, which cannot be read"),
        pytest.param(link_to_parent, "leads back to .*, a folder that holds it"),
        pytest.param(link_to_itself, "cannot be read"),
        pytest.param(links_to_each_other, "leads back to .*, a folder that holds it"),
        pytest.param(pipe, "neither a file nor a folder"),
        pytest.param(not_unicode, "not valid UTF-8"),
    ],
)
def test_what_cannot_be_shipped_is_refused_with_its_path(
    tmp_path: Path, make: Any, message: str
) -> None:
    """The error names the entry and says what to do; ignoring it is always a way out."""
    site = Site(tmp_path, {"ok.txt": "ok"})
    culprit = make(site.source)
    with pytest.raises(InputError, match=message) as raised:
        site.build()
    assert str(raised.value.where).startswith(str(culprit))
    assert "ignore" in str(raised.value.hint)
    others = [entry.name for entry in site.source.iterdir() if entry.name != "ok.txt"]
    site.build(ignore=[glob_of(name) for name in others])
    assert list(assets(site.out)) == ["ok.txt"]


def glob_of(name: str) -> str:
    """Return a glob that matches a name without spelling what is no Unicode."""
    return "".join(letter if letter.isascii() else "?" for letter in name)


@pytest.mark.parametrize("failing", ["open", "os.scandir"])
def test_a_file_or_folder_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """As root may read everything, the refusal is played."""
    site = Site(tmp_path, {"sub/a.txt": "a"})
    refused = site.source / ("sub/a.txt" if failing == "open" else "sub")
    real = open if failing == "open" else os.scandir

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> Any:
        if str(path) == str(refused):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **keywords)

    module = "builtins.open" if failing == "open" else failing
    monkeypatch.setattr(module, refuse)
    with pytest.raises(InputError, match="Permission denied") as raised:
        site.build()
    assert raised.value.where == str(refused)


def test_a_file_that_vanishes_before_it_is_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build stops, as the author may have meant to ship it, and the last release stays."""
    site = Site(tmp_path, {"a.txt": "a", "gone.txt": "g"})
    real = open

    def vanish(path: Any, *arguments: Any, **keywords: Any) -> Any:
        if str(path) == str(site.source / "gone.txt"):
            (site.source / "gone.txt").unlink(missing_ok=True)
        return real(path, *arguments, **keywords)

    monkeypatch.setattr("builtins.open", vanish)
    with pytest.raises(InputError, match="vanished") as raised:
        site.build()
    assert raised.value.where == str(site.source / "gone.txt")


class Listed(list[os.DirEntry[str]]):
    """What ``os.scandir`` gives, read to its end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_file_that_vanishes_while_folders_are_listed_was_never_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor's temporary file, gone before anybody looked at it, does not stop a build."""
    site = Site(tmp_path, {"a.txt": "a", "sed1Xy2z": "half"})
    real = os.scandir

    def vanish(path: Any) -> Any:
        if str(path) != str(site.source):
            return real(path)
        with real(path) as entries:
            listed = Listed(entries)
        (site.source / "sed1Xy2z").unlink(missing_ok=True)
        return listed

    monkeypatch.setattr("os.scandir", vanish)
    assert names(site) == ["a.txt"]


def test_a_file_that_changes_between_transform_and_link_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body is spliced only with the bytes that its references were found in."""
    site = Site(tmp_path, {"a.css": "a{b:url(b.txt)}", "b.txt": "b"})
    real = open
    reads = 0

    def change(path: Any, *arguments: Any, **keywords: Any) -> Any:
        nonlocal reads
        if str(path) == str(site.source / "a.css"):
            reads += 1
            if reads == 2:
                site.write("a.css", "a{}b{c:url(b.txt)}")
        return real(path, *arguments, **keywords)

    monkeypatch.setattr("builtins.open", change)
    with pytest.raises(InputError, match="changed while it was being built") as raised:
        site.build()
    assert raised.value.where == str(site.source / "a.css")


ODD_NAMES = [
    "a b.svg",
    "100%.svg",
    "50%25.svg",
    "c#.svg",
    "what?.svg",
    "a&b.svg",
    "it's.svg",
    'say"hi".svg',
    "paren(1).svg",
    "semi;colon.svg",
    "colon:colon.svg",
    "back\\slash.svg",
    "ünï cödé/日本.svg",
    "🦊.svg",
    "e\u0301.svg",  # decomposed: another name than the composed letter's
    "no-suffix",
    "many.dots.in.name.svg",
    "trailing.",
    "-dash.svg",
    "--out",
    "[x].svg",
    "{y}.svg",
    "$&+,=@!~*.svg",
    "tab\tnew\nline.svg",
    "..svg",
    "a..svg",
]
ODD = [name for name in ODD_NAMES if not name.startswith(".")]


@pytest.mark.parametrize("empty", [False, True], ids=["with bytes", "with 0 bytes"])
def test_a_name_of_any_characters_builds_and_is_reached_by_its_url(
    tmp_path: Path, empty: bool
) -> None:
    """A percent-encoded URL in CSS or JS ships as a URL that decodes to the output file."""
    urls = [quote(name, safe="/") for name in ODD]
    tree = {name: "" if empty else f"<svg id='{number}'/>" for number, name in enumerate(ODD)}
    site = Site(
        tmp_path,
        {
            **tree,
            "css/a.css": "".join(f'a{{b:url("../{url}?q#f")}}' for url in urls),
            "js/a.js": "".join(f'new URL("../{url}?q#f", import.meta.url);' for url in urls),
        },
        minify=False,
    )
    assert all(empty and ".svg" in problem.file for problem in site.build().warnings)
    for referrer in ("css/a.css", "js/a.js"):
        assert assets(site.out)[referrer]["references"] == sorted(ODD)
        reached = re.findall(r'"\.\./([^"?]*)\?q#f"', site.text(referrer))
        assert [unquote(url) for url in reached] == [site.file(name) for name in ODD]
    for name in ODD:
        assert site.text(name) == tree[name]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        pytest.param("css/app.css", r"css/app\.H\.css", id="a suffix"),
        pytest.param("css/app.min.css", r"css/app\.min\.H\.css", id="two suffixes"),
        pytest.param("LICENSE", r"LICENSE\.H", id="no suffix"),
        pytest.param("v1.2/LICENSE", r"v1\.2/LICENSE\.H", id="a dot in the folder only"),
        pytest.param(".well-known/a.txt", r"\.well-known/a\.H\.txt", id="a dot in front"),
        pytest.param("trailing.", r"trailing\.\.H", id="a dot at the end"),
        pytest.param("a b%.js.map", r"a b%\.js\.H\.map", id="odd characters stay in the file"),
    ],
)
def test_the_fingerprint_stands_before_the_last_suffix(
    tmp_path: Path, name: str, pattern: str
) -> None:
    """Twelve hexadecimal digits, so that servers' patterns and media types still match."""
    site = Site(tmp_path, {name: ""})
    site.build()
    assert re.fullmatch(pattern.replace("H", "[0-9a-f]{12}"), site.file(name))


def test_names_that_differ_only_in_case_build_with_a_warning(tmp_path: Path) -> None:
    """Some disks hold only one of the two, and a CDN's bucket both."""
    site = Site(tmp_path, {"App.css": "a{b:c}", "app.css": "a{b:d}", "other.css": ""})
    (problem,) = site.build().warnings
    assert "only in letter case" in problem.message
    assert site.text("App.css") == "a{b:c}"
    assert site.text("app.css") == "a{b:d}"


def test_several_roots_make_one_release(tmp_path: Path) -> None:
    """Prefixes lead the logical names, and references cross roots by them."""
    plant(tmp_path, {"app/a.css": "a{b:url(admin/x/b.svg)}", "admin/b.svg": "<svg/>"})
    config = Config(
        source=[tmp_path / "app", {"path": tmp_path / "admin", "prefix": "/admin/x/"}],
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )
    assert build(config).warnings == ()
    assert assets(config.out)["a.css"]["references"] == ["admin/x/b.svg"]


def test_a_root_as_a_value_means_the_same_as_a_table(tmp_path: Path) -> None:
    """Slashes around a prefix make no difference, however the root is given."""
    site = Site(tmp_path, {"b.svg": "<svg/>"})
    site.build(source=[Root(site.source, "/admin/")])
    assert list(assets(site.out)) == ["admin/b.svg"]


def test_a_name_that_two_roots_claim_is_an_error_with_both_files(tmp_path: Path) -> None:
    """Neither file silently wins."""
    plant(tmp_path, {"one/x/a.css": "", "two/a.css": ""})
    config = Config(
        source=[tmp_path / "one", {"path": tmp_path / "two", "prefix": "x"}],
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )
    with pytest.raises(InputError, match=r"would be 'x/a\.css'") as raised:
        build(config)
    assert f"{tmp_path}/one/x/a.css" in str(raised.value)
    assert f"{tmp_path}/two/a.css" in str(raised.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("nowhere", "does not exist", id="missing"),
        pytest.param("static/a.txt", "not a folder", id="a file"),
    ],
)
def test_a_source_that_is_no_folder_is_refused(tmp_path: Path, source: str, message: str) -> None:
    """The error names the path as it was configured."""
    site = Site(tmp_path, {"a.txt": "a"})
    with pytest.raises(ConfigError, match=message) as raised:
        site.build(source=tmp_path / source)
    assert raised.value.where == str(tmp_path / source)


def test_an_empty_source_folder_is_an_empty_release(tmp_path: Path) -> None:
    """A project without assets yet can build."""
    site = Site(tmp_path, {})
    assert site.build().totals.files == 0
    assert assets(site.out) == {}

"""esbuild as the minifier: what it keeps, what it refuses, and how its process ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from assetpipe.build.esbuild import Esbuild, Refused, find, version
from assetpipe.errors import ConfigError, OutsideError
from assetpipe.kinds.model import Minified
from tests.node import PACKAGES, node_modules, require_node
from tests.site import plant

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are executable scripts")

PINNED = PACKAGES["esbuild"]


@pytest.fixture(scope="module")
def program() -> str:
    """Return the pinned esbuild itself, which npm puts beside the script that starts it."""
    require_node()
    (found,) = node_modules().glob("@esbuild/*/bin/esbuild")
    return str(found)


@pytest.fixture(scope="module")
def esbuild(program: str) -> Iterator[Esbuild]:
    """Return a service for the tests that only ask."""
    with Esbuild(program, PINNED) as service:
        yield service


def minified(esbuild: Esbuild, code: str, *, module: bool = False) -> str:
    result = esbuild.minify(code, module=module, source_map=False)
    assert isinstance(result, Minified), result
    return result.code


KEPT = [
    pytest.param(
        "function outer(first, second) { return first + second }",
        "function outer(n,r){return n+r}",
        id="parameters become short",
    ),
    pytest.param(
        "let one = 1; const two = 2; class Three {} var four; function five() {}",
        "let one=1;const two=2;class Three{}var four;function five(){}",
        id="names at the top of a script stay, used or not",
    ),
    pytest.param(
        "import { given as mine } from './a.js'; const inner = mine(); export const outer = inner;",
        'import{given as n}from"./a.js";const o=n();export const outer=o;',
        id="names at the top of a module become short, exported and imported ones stay",
    ),
    pytest.param(
        "import './a.js?b'; import(/* webpackIgnore: true */ './b.js'); import(`./c.js`)",
        'import"./a.js?b";import("./b.js"),import("./c.js");',
        id="specifiers stay",
    ),
    pytest.param(
        "import data from './a.json' with { type: 'json' }; export default data",
        'import t from"./a.json"with{type:"json"};export default t;',
        id="import attributes stay",
    ),
    pytest.param(
        "new URL('./a.png', import.meta.url); import.meta.resolve('x'); export {}",
        'new URL("./a.png",import.meta.url),import.meta.resolve("x");export{};',
        id="import.meta stays",
    ),
    pytest.param(
        "/*! one */ a(); /** @license two */ function f() { /*! three */ return 1 } /* four */",
        "/*! one */a();/** @license two */function f(){/*! three */return 1}",
        id="legal comments stay in their places",
    ),
    pytest.param(
        "a(); //# sourceMappingURL=a.js.map",
        "a();",
        id="the comment that names the source's source map goes",
    ),
    pytest.param(
        "/* @__PURE__ */ register()",
        "register();",
        id="a call that is marked as pure stays",
    ),
    pytest.param(
        "if (typeof module !== 'undefined') module.exports = process.env.NODE_ENV",
        'typeof module<"u"&&(module.exports=process.env.NODE_ENV);',
        id="nothing is wrapped, nothing is defined",
    ),
    pytest.param(
        "function f(long) { eval('long') }",
        'function f(long){eval("long")}',
        id="names that eval can see stay",
    ),
    pytest.param(
        "function f(long, object) { with (object) long() }",
        "function f(long,n){with(n)long()}",
        id="names that with can see stay",
    ),
    pytest.param("return 1", "return 1;", id="a return at the top of a script"),
    pytest.param(
        "#!/usr/bin/env node\n'use strict'; a()",
        '#!/usr/bin/env node\n"use strict";a();',
        id="hashbang and directive",
    ),
    pytest.param(
        "a = String.raw`</script>`",
        "a=String.raw`</script>`;",
        id="no helper function for what a <script> could not hold",
    ),
    pytest.param(
        r"a = '\xe9\u{1f600}', b = /\u{1f600}/u",
        r'a="\xE9\u{1F600}",b=/\u{1f600}/u;',
        id="ASCII stays ASCII",
    ),
    pytest.param("a = 'é\\u00e9'", 'a="éé";', id="UTF-8 stays UTF-8"),
    pytest.param("a = '\\ud800é'", 'a="\\uD800é";', id="half a surrogate pair stays an escape"),
    pytest.param("", "", id="an empty script"),
]


@pytest.mark.parametrize(("source", "output"), KEPT)
def test_what_others_can_see_of_a_script_is_kept(
    esbuild: Esbuild, source: str, output: str
) -> None:
    """Only what is local to the file changes."""
    assert minified(esbuild, source) == output


SYNTAX = [
    pytest.param("(b => b != null ? b : c)()", "(l=>l??c)();", "d ?? e", id="??"),
    pytest.param(
        "(b => b != null ? b.c : void 0)()", "(l=>l?.c)();", "d?.e()", id="optional chaining"
    ),
    pytest.param(
        "try { a() } catch (e) { b() }", "try{a()}catch{b()}", "try { c } catch { d }", id="catch"
    ),
    pytest.param("a = '\\n\\n\\n\\n'", "a=`\n\n\n\n`;", "b = `${c}`", id="templates"),
    pytest.param("a = '\\ud83d\\ude00'", 'a="\\u{1F600}";', "b = '\\u{1}'", id="long escapes"),
    pytest.param("a = { b: b }", "a={b};", "() => c", id="shorthands beside arrows"),
    pytest.param("a = { b: b }", "a={b};", "c = { d() {} }", id="methods"),
    pytest.param("a = { b: b }", "a={b};", "c = { [d]: 1 }", id="computed names"),
]


@pytest.mark.parametrize(("source", "shorter", "mark"), SYNTAX)
def test_no_syntax_is_brought_in_that_the_source_does_without(
    esbuild: Esbuild, source: str, shorter: str, mark: str
) -> None:
    """Newer syntax is shorter, but only a source that has it already says that it is welcome."""
    assert minified(esbuild, source) != shorter
    assert minified(esbuild, f"{source};{mark}").startswith(shorter.removesuffix(";"))


def test_syntax_in_comments_is_not_syntax(esbuild: Esbuild) -> None:
    """Prose has names between grave accents, for one."""
    code = "/* `a`, b => c ?? d, let, const */ x = { y: y, z: '\\n\\n\\n\\n' } // import"
    assert minified(esbuild, code) == 'x={y:y,z:"\\n\\n\\n\\n"};'


def test_an_object_with_a_prototype_keeps_it(esbuild: Esbuild) -> None:
    """Only as a shorthand it is a property like any other (ECMA-262, B.3.1)."""
    assert minified(esbuild, "a = { __proto__ }") == "a={__proto__};"
    assert minified(esbuild, "a = { __proto__: __proto__ }") == "a={__proto__:__proto__};"


def test_a_script_of_this_syntax_is_not_translated(esbuild: Esbuild) -> None:
    """To say that a feature is unknown would make esbuild rewrite what the source has of it."""
    code = 'try{a?.b??`${c}`}catch{}x={y,[z]:"\\u{1F600}"};'
    assert minified(esbuild, code) == code


def test_a_module_by_its_name_is_strict(esbuild: Esbuild) -> None:
    """Without import or export, the same text is another program as a module."""
    code = "{ function inner() {} } inner()"
    assert minified(esbuild, code) == "var inner=function(){};inner();"
    assert minified(esbuild, code, module=True) == "{let n=function(){}}inner();"


REFUSED = [
    pytest.param("a = 1\nfoo(;", (2, 5), id="a line and a column"),
    pytest.param("é = 'ü😀'; foo(;", (1, 15), id="columns count characters, not bytes"),
    pytest.param("a\r\nb\u2028é;;)\nc", (2, 6), id="lines end at line feeds alone"),
    pytest.param("if (a)", (1, 7), id="the end of the file"),
    pytest.param("if (a)\n// sourceMappingURL", (2, 20), id="the end, where a comment is added"),
    pytest.param("a = <b/>", (1, 5), id="JSX"),
    pytest.param("let await = 1", (1, 5), id="a script that esbuild takes for a module"),
]


@pytest.mark.parametrize(("source", "place"), REFUSED)
def test_what_esbuild_cannot_read_is_refused_with_its_place(
    esbuild: Esbuild, source: str, place: tuple[int, int]
) -> None:
    """A refusal concerns one file, so it is a value, and the service goes on."""
    result = esbuild.minify(source, module=False, source_map=True)
    assert isinstance(result, Refused)
    assert (result.line, result.column) == place
    assert result.message


def test_mappings_lead_to_the_source(esbuild: Esbuild) -> None:
    """The mappings are those of the one source, with the names it had."""
    result = esbuild.minify("function f(long) {\n  return long\n}", module=False, source_map=True)
    assert result == Minified(
        "function f(n){return n}", "AAAA,SAAS,EAAEA,EAAM,CACf,OAAOA,CACT", ("long",)
    )


def test_mappings_lead_to_no_further_source(esbuild: Esbuild) -> None:
    """The source's own map is left to the build, which composes the two itself."""
    plain = esbuild.minify("a()\nb()", module=False, source_map=True)
    map_of_its_own = '{"version":3,"sources":["x","y"],"mappings":"AAAA;ACAA"}'
    mapped = esbuild.minify(
        f"a()\nb()\n//# sourceMappingURL=data:application/json,{map_of_its_own}",
        module=False,
        source_map=True,
    )
    assert mapped == plain


def test_many_threads_share_one_process(esbuild: Esbuild) -> None:
    """Every one of 200 requests from 8 threads gets its own answer, large ones among them."""

    def ask(number: int) -> bool:
        size = 200_000 if number % 50 == 0 else number
        code = f"name{number} = '{'x' * size}'" + (" +" if number % 7 == 0 else "")
        result = esbuild.minify(code, module=False, source_map=False)
        if number % 7 == 0:
            return result == Refused("Unexpected end of file", 1, len(code) + 1)
        return result == Minified(f'name{number}="{"x" * size}";')

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(200)))


def test_the_script_that_npm_installs_serves_as_well(tmp_path: Path) -> None:
    """npm links a Node script that starts the real program; both end with the build."""
    require_node()
    (tmp_path / "node_modules").symlink_to(node_modules())
    (tmp_path / "web").mkdir()
    path = find(str(tmp_path / "node_modules/.bin/esbuild"), tmp_path)
    assert version(path) == PINNED
    with Esbuild(path, PINNED) as service:
        assert minified(service, "a ( )") == "a();"
        group = of(service).pid
    assert not lives(group)


# What stands in for esbuild where it misbehaves. A stand-in greets as esbuild does, and then runs
# `AFTER` with the first request.

STAND_IN = """\
#!{python}
import os, sys, time
if "--version" in sys.argv:
    print({version!r})
    sys.exit()
out = os.fdopen(1, "wb", 0)
def packet(data):
    out.write(len(data).to_bytes(4, "little") + data)
{before}
packet(b"1.2.3")
sys.stdin.buffer.read(4)
{after}
"""


def stand_in(folder: Path, *, after: str = "", before: str = "", version: str = "1.2.3") -> str:
    path = folder / "bin" / "esbuild"
    text = STAND_IN.format(python=sys.executable, version=version, before=before, after=after)
    plant(folder, {"bin/esbuild": text})
    path.chmod(0o755)
    return str(path)


def of(service: Esbuild) -> subprocess.Popen[bytes]:
    process = service._process
    assert process is not None
    return process


def lives(group: int) -> bool:
    """Say whether any process of a group is left."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        time.sleep(0.02)  # what is killed stays listed for an instant
    return True


MISBEHAVIOUR = [
    pytest.param(
        "sys.exit('out\\nof memory')", "", "ended with status 1: out of memory", id="it exits"
    ),
    pytest.param("os.kill(os.getpid(), 9)", "", "ended with status -9", id="it is killed"),
    pytest.param("packet(b'')", "", "does not speak", id="an empty packet"),
    pytest.param("packet(b'\\1\\0\\0\\0\\7')", "", "does not speak", id="an unknown type"),
    pytest.param("packet(b'\\1\\0\\0\\0\\0')", "", "does not speak", id="an answer of nothing"),
    pytest.param("packet(b'\\0\\0\\0\\0\\6\\0\\0\\0\\0')", "", "does not speak", id="a question"),
    pytest.param(
        "packet(b'\\xff\\0\\0\\0\\6\\0\\0\\0\\0')", "", "does not speak", id="a stray answer"
    ),
    pytest.param("packet(b'\\1\\0\\0\\0\\6\\0\\0\\0\\0' b'x')", "", "does not speak", id="a tail"),
    pytest.param(
        "packet(b'\\1\\0\\0\\0' + b'\\5\\1\\0\\0\\0' * 9999)", "", "does not speak", id="depth"
    ),
    pytest.param("out.write(b'Segmentation')", "", "does not speak", id="words"),
    pytest.param(
        "packet(b'\\1\\0\\0\\0\\6\\0\\0\\0\\0'); time.sleep(60)",
        "",
        "answer of an unknown form",
        id="no code",
    ),
    pytest.param("time.sleep(60)", "", "has not answered for 1 seconds", id="it hangs"),
    pytest.param(
        "import subprocess; subprocess.run(['sleep', '30'])",
        "",
        "has not answered",
        id="what it has started hangs",
    ),
    pytest.param(
        "out.close(); time.sleep(60)", "", "has not answered", id="it hangs with closed pipes"
    ),
    pytest.param("", "packet(b'9.9.9'); time.sleep(60)", "does not speak", id="another version"),
    pytest.param("", "sys.exit('no')", "ended with status 1: no", id="it refuses the version"),
    pytest.param("", "time.sleep(60)", "has not answered", id="it hangs at the start"),
]


@pytest.mark.parametrize(("after", "before", "message"), MISBEHAVIOUR)
def test_a_service_that_misbehaves_fails_all_that_wait(
    tmp_path: Path, after: str, before: str, message: str
) -> None:
    """Every request gets the same reason within the time limit, and no process is left."""
    started = time.monotonic()
    # The large request does not fit into the pipe, which nobody reads any more.
    codes = ["a", "b" * 1_000_000, "c", "d"]
    with Esbuild(stand_in(tmp_path, after=after, before=before), "1.2.3", patience=1) as service:

        def ask(code: str) -> OutsideError:
            with pytest.raises(OutsideError) as caught:
                service.minify(code, module=False, source_map=False)
            return caught.value

        with ThreadPoolExecutor(4) as threads:
            errors = [*threads.map(ask, codes), ask("e")]
        group = of(service).pid
    assert len({str(error) for error in errors}) == 1
    assert message in errors[0].message
    assert errors[0].hint
    assert not lives(group)
    assert time.monotonic() - started < 10


def test_a_death_in_mid_flight_fails_what_waits(program: str) -> None:
    """Whatever kills esbuild, all who wait hear of it, and nobody else is started."""
    with Esbuild(program, PINNED) as service:
        assert minified(service, "a") == "a;"
        process = of(service)
        started = time.monotonic()
        killer = threading.Timer(0.2, process.kill)
        killer.start()
        with pytest.raises(OutsideError, match="ended with status -9"):
            all(minified(service, "a+" * 10_000 + "a") for _ in count())
        with pytest.raises(OutsideError, match="ended with status -9"):
            service.minify("a", module=False, source_map=False)
        assert of(service) is process
        assert time.monotonic() - started < 30


def test_a_service_that_is_not_asked_is_not_started(tmp_path: Path) -> None:
    """A build whose scripts are all known from the cache starts nothing."""
    with Esbuild(str(tmp_path / "missing"), PINNED):
        pass


def test_the_process_ends_with_the_build(program: str) -> None:
    """Also if an error ends it; and nothing can be asked any more."""
    service = Esbuild(program, PINNED)
    with suppress(KeyboardInterrupt), service:
        minified(service, "a")
        raise KeyboardInterrupt
    assert not lives(of(service).pid)
    with pytest.raises(OutsideError, match="after its end"):
        service.minify("a", module=False, source_map=False)


def test_the_process_ends_when_the_build_is_killed(program: str) -> None:
    """The end of its standard input is the end of it, so no signal is needed."""
    build = subprocess.Popen(
        [sys.executable, "-c", KILLED, program, PINNED], stdout=subprocess.PIPE, text=True
    )
    assert build.stdout is not None
    with build:
        group = int(build.stdout.readline())
        build.kill()
    assert not lives(group)


KILLED = """\
import sys, time
from assetpipe.build.esbuild import Esbuild
service = Esbuild(*sys.argv[1:])
service.minify("a", module=False, source_map=False)
print(service._process.pid, flush=True)
time.sleep(60)
"""


# Finding it.


def test_it_is_found_where_it_is_configured_then_in_the_project_then_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place comes before the next."""
    configured = stand_in(tmp_path / "configured")
    on_path = stand_in(tmp_path / "path")
    project = tmp_path / "project"
    installed = project / "node_modules/.bin/esbuild"
    installed.parent.mkdir(parents=True)
    shutil.copy(on_path, installed)
    inside = project / "web/static"
    inside.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(Path(on_path).parent))
    assert find(configured, inside) == configured
    assert find("", project) == str(installed)
    assert find("", inside) == str(installed)
    assert find("", tmp_path) == on_path
    monkeypatch.setenv("PATH", "")
    assert find("", inside) == str(installed)


def test_a_missing_one_names_the_ways_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message tells what to do."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError) as caught:
        find("", tmp_path)
    assert caught.value.where == "minifier"
    assert "npm install --save-dev esbuild" in str(caught.value)
    assert "minifier_path" in str(caught.value)


def test_a_configured_one_must_be_there(tmp_path: Path) -> None:
    """Another one is not taken in its place."""
    with pytest.raises(ConfigError, match="no program /no/such/esbuild") as caught:
        find("/no/such/esbuild", tmp_path)
    assert caught.value.where == "minifier_path"


def test_a_version_is_told(tmp_path: Path) -> None:
    """It is part of the key of what esbuild made."""
    assert version(stand_in(tmp_path, version="0.99.1")) == "0.99.1"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param("0.14.54", "is esbuild 0.14.54, which is too old", id="too old"),
        pytest.param("v20.20.2", "does not tell its version", id="another program"),
        pytest.param("1.2.3 (c) 2026", "does not tell its version", id="a program like it"),
        pytest.param("", "does not tell its version", id="silence"),
    ],
)
def test_what_is_not_esbuild_is_not_used(tmp_path: Path, said: str, message: str) -> None:
    """Old releases would ignore what keeps scripts whole; other programs do what they do."""
    with pytest.raises(OutsideError, match=message) as caught:
        version(stand_in(tmp_path, version=said))
    assert caught.value.hint


def test_what_does_not_start_is_an_error_outside(tmp_path: Path) -> None:
    """A program for another system, for instance."""
    path = plant(tmp_path, {"esbuild": b"\x7fELF"}) / "esbuild"
    path.chmod(0o755)
    with pytest.raises(OutsideError, match="does not start"):
        version(str(path))
    with Esbuild(str(path), "1.2.3") as service, pytest.raises(OutsideError, match="not start"):
        service.minify("a", module=False, source_map=False)

"""The Flask extension: the URLs it gives, and how it behaves with an app."""

from __future__ import annotations

import gc
import logging
import re
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, current_app, render_template_string, url_for
from flask.typing import ResponseReturnValue
from jinja2 import DictLoader

from assetpipe import manifest
from assetpipe.errors import ConfigError, ManifestError, UnknownAssetError
from assetpipe.flask import AssetPipe
from assetpipe.flask.config import _KEYS
from assetpipe.serve.counts import URL_FOUND, URL_UNKNOWN
from tests.release import SITE, output_name, sibling, write_release
from tests.site import Site, plant

APP, LOG, DEEP, PICTURE = (
    output_name(name, SITE[name])
    for name in ("css/app.css", "admin/log.css", "parent/child/deep.js", "img/a b'(é).png")
)
CDN = {"ASSETPIPE_CDN_URL": "https://cdn.example.com/site/"}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample release."""
    out = tmp_path_factory.mktemp("release")
    write_release(out)
    return out


def make_app(out: Path, config: Mapping[str, Any] | None = None, **options: Any) -> Flask:
    """Return an app that is not yet registered with AssetPipe."""
    app = Flask("site", root_path=str(out), **options)
    app.config.update({"ASSETPIPE_OUT": out} | dict(config or {}))
    return app


def add_blueprints(app: Flask) -> None:
    """Add a blueprint of each sort."""
    parent = Blueprint("parent", __name__, url_prefix="/parent", static_folder="static")
    child = Blueprint("child", __name__, url_prefix="/child", static_folder="static")
    parent.register_blueprint(child)
    localised = Blueprint("admin", __name__, url_prefix="/<lang>/admin", static_folder="static")
    foreign = Blueprint("foreign", __name__, url_prefix="/foreign", static_folder="static")
    bare = Blueprint("css", __name__, url_prefix="/css")
    parent.add_url_rule("/ecstatic", "ecstatic")
    for blueprint in (parent, localised, foreign, bare):
        app.register_blueprint(blueprint)


@dataclass(frozen=True)
class Case:
    """A call as written in a template or a view, and the URL that it gives.

    Attributes:
        sentence: what the case shows.
        call: the call.
        expected: its result.
        config: configuration of the app.
        options: arguments of ``Flask``.
        request: arguments of ``test_request_context``.
    """

    sentence: str
    call: str
    expected: str
    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)


CSS = "url_for('static', filename='css/app.css'"
HOSTS = {"host_matching": True, "static_host": "assets.example.com"}
SOURCE = {"ASSETPIPE_MODE": "source"}

CASES = [
    # Local
    Case("a static file has its hashed URL", f"{CSS})", f"/static/{APP}"),
    Case("a plain file keeps its name", "url_for('static', filename='robots.txt')",
         "/static/robots.txt"),
    Case("query arguments are appended", f"{CSS}, v='a b', w=[1, 2], x=None)",
         f"/static/{APP}?v=a+b&w=1&w=2"),
    Case("an anchor is appended", f"{CSS}, _anchor='tide é')", f"/static/{APP}#tide%20%C3%A9"),
    Case("a method makes no difference", f"{CSS}, _method='GET')", f"/static/{APP}"),
    Case("an external URL has the host", f"{CSS}, _external=True)",
         f"http://localhost/static/{APP}"),
    Case("a scheme is used", f"{CSS}, _scheme='https')", f"https://localhost/static/{APP}"),
    Case("a script name leads the path", f"{CSS})", f"/mounted/static/{APP}",
         request={"environ_overrides": {"SCRIPT_NAME": "/mounted"}}),
    Case("the application root leads the path", f"{CSS})", f"/root/static/{APP}",
         config={"APPLICATION_ROOT": "/root"}),
    Case("the app's own static path is used", f"{CSS})", f"/assets/{APP}",
         options={"static_url_path": "/assets"}),
    Case("an app may have its static files at the root", f"{CSS})", f"/{APP}",
         options={"static_url_path": ""}),
    Case("an app without a static folder gets a route", f"{CSS})", f"/static/{APP}",
         options={"static_folder": None}),
    Case("an app without a static folder may choose its route", f"{CSS})", f"/files/{APP}",
         config={"ASSETPIPE_URL_PATH": "/files/"}, options={"static_folder": None}),
    Case("a static host is used", f"{CSS})", f"http://assets.example.com/static/{APP}",
         options=HOSTS, request={"base_url": "http://www.example.com"}),
    Case("the static host itself gives paths", f"{CSS})", f"/static/{APP}",
         options=HOSTS, request={"base_url": "http://assets.example.com"}),
    Case("the router's way of quoting is kept", "url_for('static', filename=\"img/a b'(é).png\")",
         f"/static/{PICTURE.replace(' ', '%20').replace('é', '%C3%A9')}"),
    Case("an unknown name has its plain URL", "url_for('static', filename='css/none.css')",
         "/static/css/none.css"),
    Case("the endpoint may be a keyword", "url_for(endpoint='static', filename='css/app.css')",
         f"/static/{APP}"),
    Case("another endpoint is left alone", "url_for('page', filename='css/app.css')",
         "/page?filename=css/app.css"),
    Case("an endpoint whose name ends alike is left alone",
         "url_for('ecstatic', filename='css/app.css')", "/ecstatic?filename=css/app.css"),
    Case("a folder that is named as configuration is relative to the project", f"{CSS})",
         f"/static/{APP}", config={"ASSETPIPE_OUT": "."}),
    # Blueprints
    Case("a blueprint's file lies below the app's static path",
         "url_for('admin.static', filename='log.css')", f"/static/{LOG}"),
    Case("arguments of a blueprint's own path are dropped",
         "url_for('admin.static', filename='log.css', lang='de', v=1)", f"/static/{LOG}?v=1"),
    Case("a nested blueprint's file lies below both names",
         "url_for('parent.child.static', filename='deep.js')", f"/static/{DEEP}"),
    Case("a blueprint may have another prefix",
         "url_for('foreign.static', filename='app.css')", f"/static/{APP}",
         config={"ASSETPIPE_BLUEPRINTS": {"foreign": "/css/"}}),
    Case("a blueprint may lie at the root of the sources",
         "url_for('foreign.static', filename='css/app.css')", f"/static/{APP}",
         config={"ASSETPIPE_BLUEPRINTS": {"foreign": ""}}),
    Case("a blueprint may be left alone",
         "url_for('parent.child.static', filename='deep.js')", "/parent/child/static/deep.js",
         config={"ASSETPIPE_BLUEPRINTS": {"parent.child": None}}),
    Case("a blueprint that is not in the release is left alone",
         "url_for('foreign.static', filename='x.css')", "/foreign/static/x.css"),
    Case("an unknown name of a blueprint has its plain URL",
         "url_for('admin.static', filename='none.css', lang='de')", "/de/admin/static/none.css"),
    Case("a relative endpoint is that of the request's blueprint",
         "url_for('.static', filename='deep.js')", f"/static/{DEEP}",
         request={"path": "/parent/child/static/x"}),
    Case("a relative endpoint may be that of a nested blueprint",
         "url_for('.child.static', filename='deep.js')", f"/static/{DEEP}",
         request={"path": "/parent/static/x"}),
    Case("a relative endpoint outside a blueprint is the app's",
         "url_for('.static', filename='css/app.css')", f"/static/{APP}"),
    Case("a blueprint's endpoint whose name ends alike is left alone",
         "url_for('parent.ecstatic', filename='child/deep.js')",
         "/parent/ecstatic?filename=child/deep.js"),
    # CDN
    Case("a CDN's URL leads the file", f"{CSS})", f"https://cdn.example.com/site/{APP}", CDN),
    Case("a CDN needs no scheme", f"{CSS})", f"//cdn.example.com/{APP}",
         {"ASSETPIPE_CDN_URL": "//cdn.example.com"}),
    Case("external and scheme make no difference to a CDN",
         f"{CSS}, _external=True, _scheme='http')", f"https://cdn.example.com/site/{APP}", CDN),
    Case("query and anchor are appended on a CDN as elsewhere",
         f"{CSS}, v='a b', w=[1, 2], x=None, _anchor='tide é')",
         f"https://cdn.example.com/site/{APP}?v=a+b&w=1&w=2#tide%20%C3%A9", CDN),
    Case("a script name is not part of a CDN's URL", f"{CSS})",
         f"https://cdn.example.com/site/{APP}", CDN,
         request={"environ_overrides": {"SCRIPT_NAME": "/mounted"}}),
    Case("quotes and brackets are encoded on a CDN",
         "url_for('static', filename=\"img/a b'(é).png\")",
         "https://cdn.example.com/site/img/a%20b%27%28%C3%A9%29"
         f".{PICTURE.rsplit('.', 2)[1]}.png", CDN),
    Case("a blueprint's file is on the CDN, too",
         "url_for('admin.static', filename='log.css', lang='de')",
         f"https://cdn.example.com/site/{LOG}", CDN),
    Case("an unknown name keeps the app's URL beside a CDN",
         "url_for('static', filename='none.css')", "/static/none.css", CDN),
    Case("other endpoints stay with the app beside a CDN", "url_for('page')", "/page", CDN),
    # Source mode
    Case("source mode is Flask as it is", f"{CSS}, v=1)", "/static/css/app.css?v=1", SOURCE),
    Case("source mode leaves blueprints alone",
         "url_for('admin.static', filename='log.css', lang='de')", "/de/admin/static/log.css",
         SOURCE),
    Case("source mode uses no CDN", f"{CSS})", "/static/css/app.css", SOURCE | CDN),
    Case("debug is source mode", f"{CSS})", "/static/css/app.css", {"DEBUG": True}),
    Case("manifest mode may be had in debug", f"{CSS})", f"/static/{APP}",
         {"DEBUG": True, "ASSETPIPE_MODE": "manifest"}),
]  # fmt: skip

Ask = Callable[[str], str]


def in_view(call: str) -> str:
    """Call Flask's function, as a view does."""
    return str(eval(call, {"url_for": url_for}))


def on_app(call: str) -> str:
    """Call the app's method."""
    return str(eval(call, {"url_for": current_app.url_for}))


def in_template(call: str) -> str:
    """Call the global of a template."""
    return render_template_string(f"{{% autoescape false %}}{{{{ {call} }}}}{{% endautoescape %}}")


def in_macro(call: str) -> str:
    """Call the global of a macro that is imported without context."""
    macro = f"{{% macro m() %}}{{% autoescape false %}}{{{{ {call} }}}}{{% endautoescape %}}"
    environment = current_app.jinja_env.overlay(
        loader=DictLoader(
            {"m": f"{macro}{{% endmacro %}}", "t": "{% import 'm' as m %}{{ m.m() }}"}
        )
    )
    return environment.get_template("t").render()


PLACES = [in_view, on_app, in_template, in_macro]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_url_for(release: Path, case: Case, place: Ask) -> None:
    """Each case of the table, in each place that a URL may be asked for, the second time, too."""
    app = make_app(release, case.config, **case.options)
    host = (app.url_map.host_matching and "<host>") or None
    app.add_url_rule("/page", "page", host=host)
    app.add_url_rule("/ecstatic", "ecstatic", host=host)
    AssetPipe(app)
    if not host:
        add_blueprints(app)
    with app.test_request_context(**case.request):
        for _ in range(2):
            assert place(case.call) == case.expected


OUTSIDE = [
    Case("a server name is enough", f"{CSS})", f"http://example.com/static/{APP}",
         {"SERVER_NAME": "example.com"}),
    Case("the preferred scheme is used", f"{CSS})", f"https://example.com/static/{APP}",
         {"SERVER_NAME": "example.com", "PREFERRED_URL_SCHEME": "https"}),
    Case("the application root is used", f"{CSS})", f"http://example.com/root/static/{APP}",
         {"SERVER_NAME": "example.com", "APPLICATION_ROOT": "/root"}),
    Case("a path may be asked for", f"{CSS}, _external=False)", f"/static/{APP}",
         {"SERVER_NAME": "example.com"}),
    Case("a blueprint's file is found", "url_for('admin.static', filename='log.css', lang='de')",
         f"http://example.com/static/{LOG}", {"SERVER_NAME": "example.com"}),
    Case("a CDN needs no server name", f"{CSS})", f"https://cdn.example.com/site/{APP}", CDN),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("case", OUTSIDE, ids=lambda case: case.sentence)
def test_url_for_outside_a_request(release: Path, case: Case, place: Ask) -> None:
    """An app context is enough, as in a command or for an e-mail."""
    app = make_app(release, case.config)
    AssetPipe(app)
    add_blueprints(app)
    with app.app_context():
        assert place(case.call) == case.expected


def test_a_relative_endpoint_outside_a_request_is_an_error_as_in_flask(release: Path) -> None:
    """Flask knows no blueprint to be relative to."""
    app = make_app(release, {"SERVER_NAME": "example.com"})
    AssetPipe(app)
    with app.app_context(), pytest.raises(Exception, match=r"build url for endpoint '\.static'"):
        url_for(".static", filename="deep.js")


@pytest.mark.parametrize("config", [{}, CDN], ids=["local", "CDN"])
def test_url_defaults_of_the_app_are_kept(release: Path, config: Mapping[str, Any]) -> None:
    """An app that adds an argument to every static URL goes on to do so."""
    app = make_app(release, config)
    AssetPipe(app)
    app.url_defaults(lambda endpoint, values: values.setdefault("from", endpoint))
    with app.test_request_context():
        for ask in (in_view, on_app, on_app):
            assert ask(f"{CSS})").endswith(f"{APP}?from=static")


@pytest.mark.parametrize(
    ("config", "call", "expected"),
    [
        pytest.param({}, f"{CSS})", (1, 0), id="a file"),
        pytest.param(CDN, f"{CSS})", (1, 0), id="on a CDN"),
        pytest.param(CDN, f"{CSS}, v=1)", (1, 0), id="with a query on a CDN"),
        pytest.param({"ASSETPIPE_AUTO_RELOAD": True}, f"{CSS})", (1, 0), id="with auto-reload"),
        pytest.param({}, "url_for('admin.static', filename='log.css')", (1, 0), id="a blueprint"),
        pytest.param({}, "url_for('static', filename='none.css')", (0, 1), id="an unknown name"),
        pytest.param({}, "url_for('page')", (0, 0), id="another endpoint"),
    ],
)
def test_each_look_up_is_counted(
    release: Path, config: Mapping[str, Any], call: str, expected: tuple[int, int]
) -> None:
    """Whichever way it goes, once: the first fills what makes the second quick."""
    app = make_app(release, config)
    app.add_url_rule("/page", "page")
    AssetPipe(app)
    add_blueprints(app)
    counts = app.extensions["assetpipe"].counts
    with app.test_request_context():
        for number in (1, 2):
            on_app(call)
            found, unknown = counts.values[URL_FOUND], counts.values[URL_UNKNOWN]
            assert (found, unknown) == (expected[0] * number, expected[1] * number)


def test_a_template_environment_made_before_is_updated(release: Path) -> None:
    """Its globals hold the app's method from before."""
    app = make_app(release)
    app.add_template_global(lambda: "x", "made_by_this")
    AssetPipe(app)
    with app.test_request_context():
        assert in_template(f"{CSS})") == f"/static/{APP}"


def test_a_template_environment_is_never_made_early(release: Path) -> None:
    """The app may still change its options."""
    app = make_app(release)
    AssetPipe(app)
    app.jinja_options = {"variable_start_string": "<<", "variable_end_string": ">>"}
    with app.test_request_context():
        assert render_template_string(f"<< {CSS}) >>") == f"/static/{APP}"


def test_blueprints_may_be_registered_before(release: Path) -> None:
    """The order of registration does not count."""
    app = make_app(release)
    add_blueprints(app)
    AssetPipe(app)
    with app.test_request_context():
        assert url_for("admin.static", filename="log.css") == f"/static/{LOG}"


def test_the_mode_is_read_at_the_first_use(release: Path) -> None:
    """``app.run(debug=True)`` and late configuration come after ``init_app``."""
    app = make_app(release)
    AssetPipe(app)
    app.debug = True
    with app.test_request_context():
        assert url_for("static", filename="css/app.css") == "/static/css/app.css"
    other = make_app(release)
    AssetPipe(other)
    other.config["ASSETPIPE_CDN_URL"] = "https://cdn.example.com"
    with other.test_request_context():
        assert url_for("static", filename="css/app.css") == f"https://cdn.example.com/{APP}"


def test_source_mode_leaves_nothing_in_the_way(release: Path) -> None:
    """After the first use the app is as it was; what had been kept before still works."""
    app = make_app(release, SOURCE)
    before, view = app.url_for, app.view_functions["static"]
    app.add_template_global(lambda: "x", "made_by_this")
    AssetPipe(app)
    kept = app.url_for
    with app.test_request_context():
        for _ in range(2):
            assert kept("static", filename="css/app.css") == "/static/css/app.css"
    assert app.url_for == before
    assert app.jinja_env.globals["url_for"] == before
    assert app.view_functions["static"] is view


def test_source_mode_serves_the_static_folder(tmp_path: Path) -> None:
    """By Flask's own view, from the first request on."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "x.css").write_text("x{}")
    app = make_app(tmp_path, SOURCE)
    AssetPipe(app)
    for _ in range(2):
        with app.test_client().get("/static/x.css") as response:
            assert response.data == b"x{}"


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_source_mode_answers_options_as_flask_does(tmp_path: Path, is_wrapped: bool) -> None:
    """Also where the view is kept in place by what was put around it."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "x.css").write_text("x{}")
    app = make_app(tmp_path, SOURCE)
    AssetPipe(app)
    if is_wrapped:
        app.view_functions["static"] = partial(app.view_functions["static"])
    for _ in range(2):
        response = app.test_client().options("/static/x.css")
        assert (response.status_code, response.data) == (200, b"")
        assert set(response.allow) == {"GET", "HEAD", "OPTIONS"}


def test_the_url_of_a_blueprint_in_source_mode(tmp_path: Path) -> None:
    """It is that of the folder with the longest prefix that has the file, as in the sources."""
    files = {"static/a.css": "", "one/b.css": "", "one/two/c.css": "", "two/c.css": ""}
    plant(tmp_path, files)
    app = make_app(tmp_path, SOURCE)
    for name, prefix in (("one", "one"), ("two", "one/two")):
        folder = str(tmp_path / name)
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}", static_folder=folder,
                              static_url_path="/files")  # fmt: skip
        app.register_blueprint(blueprint)
        app.config.setdefault("ASSETPIPE_BLUEPRINTS", {})[name] = prefix
    AssetPipe(app)
    expected = {
        "a.css": "/static/a.css",
        "one/b.css": "/one/files/b.css",
        "one/two/c.css": "/two/files/c.css",
        "one/none.css": "/static/one/none.css",
    }
    with app.test_request_context():
        for name, url in expected.items():
            assert render_template_string("{{ asset_url(name) }}", name=name) == url


def test_source_mode_without_a_static_folder_serves_nothing(release: Path) -> None:
    """It is not found, rather than an error."""
    app = make_app(release, SOURCE, static_folder=None)
    AssetPipe(app)
    assert app.test_client().get("/static/css/app.css").status_code == 404


TAGS: list[Any] = [
    pytest.param(
        "stylesheet_tag('css/app.css')",
        '<link rel="stylesheet" href="/static/<css/app.css>">',
        id="a stylesheet",
    ),
    pytest.param(
        "stylesheet_tag('css/app.css', media='print', data_x='\"&<')",
        '<link rel="stylesheet" href="/static/<css/app.css>" media="print"'
        ' data-x="&#34;&amp;&lt;">'.replace("&#34;", "&quot;"),
        id="attributes",
    ),
    pytest.param(
        "script_tag('js/all.js', defer=True, async=False, nonce=None)",
        '<script src="/static/<js/all.js>" defer></script>',
        id="a bundle",
    ),
]


@pytest.fixture(name="bundled")
def _bundled(tmp_path: Path) -> Site:
    """Return a project with a bundle, its release beside it."""
    plant(tmp_path, {"assetpipe.toml": '[bundles]\n"js/all.js" = ["js/*.js", "js/last/b&c.js"]'})
    tree = {"css/app.css": "a{}", "js/z.js": "z()", "js/a.js": "a()", "js/last/b&c.js": "b()"}
    site = Site(tmp_path, tree, out=tmp_path / "build/static",
                bundles={"js/all.js": ["js/*.js", "js/last/b&c.js"]})  # fmt: skip
    site.build()
    return site


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param({"INTEGRITY": True}, {"integrity"}, id="integrity"),
        pytest.param(
            {"INTEGRITY": True, "CDN_URL": "//cdn.example.com"},
            {"integrity", 'crossorigin="anonymous"'},
            id="integrity from a CDN",
        ),
        pytest.param(
            {"CROSSORIGIN": "use-credentials"}, {'crossorigin="use-credentials"'}, id="crossorigin"
        ),
    ],
)
def test_tags_say_what_the_app_wants(
    release: Path, config: Mapping[str, Any], said: set[str]
) -> None:
    """By its configuration."""
    app = make_app(release, {f"ASSETPIPE_{key}": value for key, value in config.items()})
    AssetPipe(app)
    with app.test_request_context():
        tag = render_template_string("{{ script_tag('parent/child/deep.js') }}")
    assert set(re.findall(r'integrity(?==")|crossorigin="[^"]*"', tag)) == said


@pytest.mark.parametrize(("call", "expected"), TAGS)
def test_tags_in_templates(bundled: Site, call: str, expected: str) -> None:
    """Safe markup, every attribute escaped."""
    app = Flask("tags", root_path=str(bundled.source.parent))
    AssetPipe(app)
    with app.test_request_context():
        page = render_template_string("{{ " + call + " }}")
    expected = re.sub("<([a-z]+/[^>]+)>", lambda name: bundled.file(name[1]), expected)
    assert page == expected


def test_a_bundle_is_its_members_in_source_mode(bundled: Site) -> None:
    """There is nothing to build while one works on them."""
    app = Flask("tags", root_path=str(bundled.source.parent))
    app.config["ASSETPIPE_MODE"] = "source"
    AssetPipe(app)
    with app.test_request_context():
        page = render_template_string("{{ script_tag('js/all.js') }}|{{ script_tag('js/a.js') }}")
    tags = [f'<script src="/static/js/{name}.js"></script>' for name in ("a", "z", "last/b&amp;c")]
    assert page == "\n".join(tags) + f"|{tags[0]}"


@pytest.mark.parametrize("text", ["bundles = 3", "[bundles]\n'js/all.js' = 3", "[bundles"])
def test_bundles_that_make_no_sense_are_told_of(bundled: Site, text: str) -> None:
    """With the file that they are in."""
    file = plant(bundled.source.parent, {"assetpipe.toml": text}) / "assetpipe.toml"
    app = Flask("tags", root_path=str(bundled.source.parent))
    app.config["ASSETPIPE_MODE"] = "source"
    AssetPipe(app)
    with app.test_request_context(), pytest.raises(ConfigError) as raised:
        render_template_string("{{ script_tag('js/all.js') }}")
    assert raised.value.where == str(file)


def test_a_file_is_served_with_its_encoding_and_a_long_life(release: Path) -> None:
    """The static route answers from the release."""
    app = make_app(release)
    AssetPipe(app)
    with app.test_client().get(f"/static/{APP}", headers={"Accept-Encoding": "br"}) as response:
        assert response.data == sibling("css/app.css", "br")
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_a_missing_file_gets_the_apps_own_page(release: Path) -> None:
    """As from Flask's static route; but no cache keeps it."""
    app = make_app(release)
    AssetPipe(app)
    app.register_error_handler(404, lambda error: ("lost at sea", 404))
    response = app.test_client().get("/static/css/none.css")
    assert (response.status_code, response.text) == (404, "lost at sea")
    assert response.headers["Cache-Control"] == "no-store"


def test_the_old_url_of_a_blueprint_is_still_served(tmp_path: Path) -> None:
    """By Flask, from the blueprint's own folder: somebody may have written it by hand."""
    write_release(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "log.css").write_text("source")
    app = make_app(tmp_path)
    folder = str(tmp_path / "files")
    app.register_blueprint(
        Blueprint("admin", __name__, static_folder=folder, static_url_path="/admin/static")
    )
    AssetPipe(app)
    with app.test_client().get("/admin/static/log.css") as response:
        assert response.data == b"source"


def test_the_servers_file_wrapper_sends_whole_files_only(tmp_path: Path) -> None:
    """Some servers' wrappers send from the start of the file, wherever it stands."""
    large = b"large" * 20_000
    file = write_release(tmp_path, {"a.bin": large}, compressed=()).assets["a.bin"].file
    app = make_app(tmp_path)
    AssetPipe(app)
    wrapped = []

    def wrapper(file: Any, size: int) -> Iterator[bytes]:
        wrapped.append(file)
        with file:
            yield file.read()

    environ = {"wsgi.file_wrapper": wrapper}
    client = app.test_client()
    for headers, expected in (({}, large), ({"Range": "bytes=1-2"}, b"ar")):
        with client.get(f"/static/{file}", headers=headers, environ_overrides=environ) as response:
            assert response.data == expected
    assert len(wrapped) == 1


@pytest.mark.parametrize(("memory", "status"), [(None, 200), (0, 404), (10_000, 200)])
def test_files_are_kept_in_memory(tmp_path: Path, memory: int | None, status: int) -> None:
    """As many bytes as the app says."""
    write_release(tmp_path, {"css/app.css": SITE["css/app.css"]})
    app = make_app(tmp_path, {"ASSETPIPE_MEMORY": memory})
    AssetPipe(app)
    for expected in (200, status):
        with app.test_client().get(f"/static/{APP}") as response:
            assert response.status_code == expected
        (tmp_path / APP).unlink(missing_ok=True)


def test_large_files_are_left_to_the_server_in_front(tmp_path: Path) -> None:
    """Where the app says so, whether something wants to see the request or not."""
    file = write_release(tmp_path, {"a.bin": b"large" * 20_000}).assets["a.bin"].file
    for is_hooked in (False, True):
        app = make_app(tmp_path, {"ASSETPIPE_SENDFILE": "X-Accel-Redirect=/internal/"})
        AssetPipe(app)
        if is_hooked:
            app.before_request(lambda: None)
        response = app.test_client().get(f"/static/{file}")
        assert (response.status_code, response.data) == (200, b"")
        assert response.headers["X-Accel-Redirect"] == f"/internal/{file}"


PRELOADS = [
    pytest.param(
        8, "html", f'</static/{APP}>; rel=preload; as=style, '
        f"</static/{DEEP}>; rel=preload; as=script", id="what the tags used",
    ),
    pytest.param(
        1, "html", f'</static/{APP}>; rel=preload; as=style', id="at most one"
    ),
    pytest.param(0, "html", None, id="not asked for"),
    pytest.param(8, "xml", None, id="no page"),
]  # fmt: skip


@pytest.mark.parametrize(("most", "kind", "expected"), PRELOADS)
def test_a_page_names_what_it_uses(
    release: Path, most: int, kind: str, expected: str | None
) -> None:
    """In a header field that CDNs send ahead of the page (RFC 8288, RFC 8297)."""
    app = make_app(release, {"ASSETPIPE_PRELOAD_HEADERS": most})
    AssetPipe(app)

    @app.get("/")
    def page() -> ResponseReturnValue:
        calls = "stylesheet_tag('css/app.css') ~ script_tag('parent/child/deep.js')"
        text = render_template_string("{{ " + f"{calls} ~ {calls}" + " }}")
        return Response(text, mimetype=f"text/{kind}")

    client = app.test_client()
    for _ in range(2):
        assert client.get("/").headers.get("Link") == expected


def test_an_unknown_name_is_warned_of_once(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The line says what is unknown and what was meant."""
    app = make_app(release)
    AssetPipe(app)
    with app.test_request_context():
        for _ in range(3):
            url_for("static", filename="css/ap.css")
    assert len(caplog.records) == 1
    assert "no asset 'css/ap.css'" in caplog.text
    assert "did you mean 'css/app.css'" in caplog.text


def test_a_blueprints_unknown_name_says_how_to_leave_it_alone(
    release: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A third-party blueprint may share its name with a folder of the sources."""
    app = make_app(release)
    AssetPipe(app)
    add_blueprints(app)
    with app.test_request_context():
        url_for("parent.child.static", filename="none.js")
        url_for("foreign.static", filename="none.js")
    assert len(caplog.records) == 1
    assert "ASSETPIPE_BLUEPRINTS" in caplog.text


def test_unknown_names_do_not_fill_the_log(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An app may name its users' pictures, of which there is no end."""
    app = make_app(release)
    AssetPipe(app)
    with app.test_request_context():
        for number in range(1100):
            url_for("static", filename=f"users/{number}")
    assert len(caplog.records) == 1000


@pytest.mark.parametrize("config", [{}, CDN], ids=["local", "CDN"])
def test_an_unknown_name_is_an_error_when_strict(release: Path, config: Mapping[str, Any]) -> None:
    """It names the nearest asset."""
    app = make_app(release, {"ASSETPIPE_STRICT": True, **config})
    AssetPipe(app)
    with (
        app.test_request_context(),
        pytest.raises(UnknownAssetError, match=r"did you mean 'css/app\.css'"),
    ):
        url_for("static", filename="css/ap.css")


def test_a_blueprint_without_a_static_folder_has_no_static_endpoint(release: Path) -> None:
    """Even where the release has a folder of its name: the code should fail in source mode, too."""
    app = make_app(release)
    AssetPipe(app)
    add_blueprints(app)
    with app.test_request_context(), pytest.raises(Exception, match="build url for endpoint"):
        url_for("css.static", filename="app.css")


def test_without_a_filename_flask_says_what_is_wrong(release: Path) -> None:
    """The extension has no opinion on it."""
    app = make_app(release)
    AssetPipe(app)
    with app.test_request_context(), pytest.raises(Exception, match="Did you forget"):
        url_for("static")


def test_a_missing_manifest_is_never_a_plain_url(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every URL and every file fail, and say what to do; other pages work."""
    app = make_app(tmp_path)
    app.testing = True
    app.add_url_rule("/page", "page", view_func=lambda: url_for("page"))
    AssetPipe(app)
    assert not caplog.records
    assert app.test_client().get("/page").text == "/page"
    with app.test_request_context(), pytest.raises(ManifestError) as caught:
        url_for("static", filename="css/app.css")
    for part in (str(tmp_path / "manifest.json"), "assetpipe build", 'ASSETPIPE_MODE = "source"'):
        assert part in str(caught.value)
    with pytest.raises(ManifestError):
        app.test_client().get("/static/css/app.css")
    write_release(tmp_path)
    with app.test_request_context():
        assert url_for("static", filename="css/app.css") == f"/static/{APP}"


def test_a_missing_manifest_is_logged_at_start_when_it_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not before the mode is clear: ``app.run(debug=True)`` may follow."""
    AssetPipe(make_app(tmp_path, {"ASSETPIPE_MODE": "manifest"}))
    assert "assetpipe build" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test_the_release_lies_where_the_project_says(tmp_path: Path) -> None:
    """The app lies somewhere below the folder with the configuration."""
    (tmp_path / "pyproject.toml").write_text("[tool.assetpipe]\nout = 'dist'")
    write_release(tmp_path / "dist")
    package = tmp_path / "src" / "site"
    package.mkdir(parents=True)
    app = Flask("site", root_path=str(package))
    AssetPipe(app)
    with app.test_request_context():
        assert url_for("static", filename="css/app.css") == f"/static/{APP}"


def test_a_new_release_is_seen_with_auto_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In URLs and in files; one that cannot be read is logged once, and changes nothing."""
    write_release(tmp_path)
    app = make_app(tmp_path, {"ASSETPIPE_AUTO_RELOAD": True})
    AssetPipe(app)
    client = app.test_client()
    with app.test_request_context():
        assert url_for("static", filename="css/app.css") == f"/static/{APP}"
        new = write_release(tmp_path, {"css/app.css": b"new{}"}).assets["css/app.css"].file
        assert url_for("static", filename="css/app.css") == f"/static/{new}"
        (tmp_path / manifest.FILE_NAME).write_text('{"schema": 99}')
        for _ in range(2):
            assert url_for("static", filename="css/app.css") == f"/static/{new}"
    with client.get(f"/static/{new}") as response:
        assert response.data == b"new{}"
    assert len(caplog.records) == 1
    assert "the last good release stays in use" in caplog.text
    assert "schema 99" in caplog.text


def test_a_new_release_is_not_looked_for_otherwise(tmp_path: Path) -> None:
    """In production a release changes with a restart."""
    write_release(tmp_path)
    app = make_app(tmp_path)
    AssetPipe(app)
    with app.test_request_context():
        url_for("static", filename="css/app.css")
        write_release(tmp_path, {"css/app.css": b"new{}"})
        assert url_for("static", filename="css/app.css") == f"/static/{APP}"


def test_threads_share_one_state(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is read once, however many ask first."""
    reads = []

    def load(path: Path) -> manifest.Manifest:
        reads.append(path)
        time.sleep(0.05)  # long enough for all to ask
        return manifest.load(path)

    monkeypatch.setattr("assetpipe.serve.release.load", load)
    app = make_app(release, CDN)
    AssetPipe(app)
    urls: list[str] = []
    threads = [
        Thread(target=lambda: urls.append(app.url_for("static", filename="css/app.css")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert urls == [f"https://cdn.example.com/site/{APP}"] * 8
    assert len(reads) == 1


def test_apps_do_not_know_each_other(release: Path, tmp_path: Path) -> None:
    """One extension object serves several; it keeps none of them."""
    other = write_release(tmp_path, {"css/app.css": b"other{}"}).assets["css/app.css"].file
    pipe = AssetPipe()
    apps = [make_app(release), make_app(tmp_path)]
    for app, file in zip(apps, (APP, other), strict=True):
        pipe.init_app(app)
        with app.test_request_context():
            assert url_for("static", filename="css/app.css") == f"/static/{file}"
            page = render_template_string("{{ stylesheet_tag('css/app.css') }}")
        assert f"/static/{file}" in page
        with app.test_client().get(f"/static/{file}") as response:
            assert response.status_code == 200
    kept = [weakref.ref(app) for app in apps]
    del app, apps, response
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def test_registering_twice_is_refused(release: Path) -> None:
    """The message names the cure."""
    app = make_app(release)
    pipe = AssetPipe(app)
    with pytest.raises(ConfigError, match="only once"):
        pipe.init_app(app)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"ASSETPIPE_MODE": "production"}, 'has to be "manifest" or "source"'),
    ({"ASSETPIPE_CDN_URI": "x"}, "did you mean ASSETPIPE_CDN_URL"),
    ({"ASSETPIPE_COLOUR": "x"}, "the keys are ASSETPIPE_"),
    ({"ASSETPIPE_CDN_URL": "cdn.example.com"}, "https://cdn"),
    ({"ASSETPIPE_STRICT": "yes"}, "True or False"),
    ({"ASSETPIPE_AUTO_RELOAD": 1}, "True or False"),
    ({"ASSETPIPE_INTEGRITY": "sha384"}, "True or False"),
    ({"ASSETPIPE_IN_FRONT": "yes"}, "True or False"),
    ({"ASSETPIPE_LIVE_RELOAD": "yes"}, "True or False"),
    ({"ASSETPIPE_CROSSORIGIN": True}, "use-credentials"),
    ({"ASSETPIPE_MANIFEST": "ftp://cdn.example.com/manifest.json"}, "path of a manifest"),
    ({"ASSETPIPE_MANIFEST_COPY": 5}, "a path"),
    ({"ASSETPIPE_MANIFEST_TIMEOUT": 0}, "a number of seconds"),
    ({"ASSETPIPE_MEMORY": -1}, "a number of bytes"),
    ({"ASSETPIPE_MEMORY": True}, "a number of bytes"),
    ({"ASSETPIPE_MEMORY": "32 MiB"}, "a number of bytes"),
    ({"ASSETPIPE_PRELOAD_HEADERS": 1.5}, "how many"),
    ({"ASSETPIPE_SENDFILE": "Location=/static/"}, "X-Sendfile=/srv/static/"),
    ({"ASSETPIPE_SENDFILE": "X-Sendfile=/srv/static"}, "X-Sendfile=/srv/static/"),
    ({"ASSETPIPE_OUT": 1}, "a path"),
    ({"ASSETPIPE_URL_PATH": "static"}, "such as /static"),
    ({"ASSETPIPE_BLUEPRINTS": ["admin"]}, "a dict"),
    ({"ASSETPIPE_BLUEPRINTS": {"admin": 1}}, "a dict"),
]


def test_every_key_has_a_wrong_value_in_the_table() -> None:
    """A new key comes with its row."""
    assert _KEYS.keys() <= {key for config, _ in WRONG for key in config}


@pytest.mark.parametrize(("config", "message"), WRONG)
def test_wrong_configuration_is_refused(config: dict[str, Any], message: str) -> None:
    """At once, and again at the first use if it came later."""
    app = Flask("site")
    app.config.update(config)
    with pytest.raises(ConfigError, match=message):
        AssetPipe(app)
    late = Flask("site")
    AssetPipe(late)
    late.config.update(config)
    with late.test_request_context(), pytest.raises(ConfigError, match=message):
        url_for("static", filename="css/app.css")


@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_in_the_configuration_is_the_default(tmp_path: Path, nothing: str | None) -> None:
    """As from an environment variable that is empty or not set."""
    write_release(tmp_path / "build" / "static")
    keys = ("MODE", "OUT", "CDN_URL", "STRICT", "AUTO_RELOAD", "BLUEPRINTS", "URL_PATH")
    app = make_app(tmp_path, {f"ASSETPIPE_{key}": nothing for key in keys}, static_folder=None)
    AssetPipe(app)
    with app.test_request_context():
        assert url_for("static", filename="css/app.css") == f"/static/{APP}"


def test_host_matching_without_a_static_host_is_refused() -> None:
    """There is no telling which host should serve the files."""
    app = Flask("site", host_matching=True, static_folder=None)
    with pytest.raises(ConfigError, match="static_host"):
        AssetPipe(app)


def test_a_static_view_of_the_apps_own_is_used_in_source_mode(release: Path) -> None:
    """It may be asynchronous or sit behind a login; Flask calls it as ever."""
    app = make_app(release, SOURCE, static_folder=None)

    @app.get("/own/<path:filename>", endpoint="static")
    def own(filename: str) -> ResponseReturnValue:
        return Response(f"own {filename}")

    AssetPipe(app)
    assert app.test_client().get("/own/x.css").text == "own x.css"


def test_a_static_view_of_the_apps_own_is_missed_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have asked for a login. It is said once, however many releases follow."""
    app = make_app(tmp_path, {"ASSETPIPE_AUTO_RELOAD": True})
    app.view_functions["static"] = lambda filename: "guarded"
    AssetPipe(app)
    for body in (b"one{}", b"other{}"):
        write_release(tmp_path, {"css/app.css": body})
        with app.test_client().get("/static/css/app.css") as response:
            assert response.data == body
    assert len(caplog.records) == 1
    assert "if it guarded them" in caplog.text


def test_a_view_around_the_static_route_stays(
    release: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An app guards its files by putting a view around after registration."""
    app = make_app(release)
    AssetPipe(app)
    app.view_functions["static"] = lambda filename: "guarded"
    assert app.test_client().get(f"/static/{APP}").text == "guarded"
    assert not caplog.records


BUILD_SIDE = (
    "assetpipe.build", "assetpipe.kinds", "assetpipe.publish", "assetpipe.dev", "assetpipe.cli",
    "brotli", "deflate", "filelock", "rcssmin", "rjsmin", "zstandard",
)  # fmt: skip


def test_importing_the_extension_loads_flask_and_nothing_of_the_build_side() -> None:
    """Production starts as fast as with Flask alone."""
    script = (
        "import sys, flask; stock = set(sys.modules); import assetpipe.flask;"
        "print(*(set(sys.modules) - stock))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "assetpipe.flask" in loaded
    assert not [name for name in loaded if name.startswith((*BUILD_SIDE, "click"))]
    assert {name for name in loaded if not name.startswith("assetpipe")} <= {
        "fcntl",
        "mmap",
        "tomllib",
    }


@pytest.mark.parametrize(
    ("config", "where"),
    [
        pytest.param({"ASSETPIPE_OUT": "made"}, "{root}/made", id="below the app's folder"),
        pytest.param({"ASSETPIPE_OUT": "made"}, "{here}/made", id="below the current folder"),
        pytest.param({}, "{here}/build/static", id="where a build without settings writes"),
        pytest.param(
            {"ASSETPIPE_MANIFEST": "made/manifest.json"}, "{root}/made", id="by its manifest"
        ),
    ],
)
def test_a_release_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], where: str
) -> None:
    """Without a configuration file the release lies beside the app or in the current folder."""
    root, here = tmp_path / "root", tmp_path / "here"
    root.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    write_release(Path(where.format(root=root, here=here)), {"css/app.css": b"a{}"})
    app = Flask("somewhere", root_path=str(root), static_folder=None)
    app.config |= config
    AssetPipe(app)
    with app.test_request_context():
        assert re.fullmatch(
            r"/static/css/app\.[0-9a-f]{12}\.css", app.url_for("static", filename="css/app.css")
        )


def test_the_apps_own_release_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder may be that of another project."""
    monkeypatch.chdir(tmp_path)
    write_release(tmp_path / "build/static", {"css/app.css": b"other{}"})
    write_release(tmp_path / "app/build/static")
    app = Flask("somewhere", root_path=str(tmp_path / "app"), static_folder=None)
    AssetPipe(app)
    with app.test_request_context():
        assert app.url_for("static", filename="css/app.css") == f"/static/{APP}"

"""What ``url_for`` costs with the extension, beside stock Flask: ``python -m bench.url_for``."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from timeit import Timer

from flask import Flask, render_template

from assetpipe.build import Config, build
from assetpipe.flask import AssetPipe

_NAMES = [f"folder{number}/file{number}.css" for number in range(20)]
_PAGE = "".join(f"<p>{{{{ url_for('static', filename='{name}') }}}}</p>\n" for name in _NAMES)


def _apps(folder: Path) -> dict[str, Flask]:
    source = folder / "static"
    for number, name in enumerate(_NAMES):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_text(f".a{number} {{ color: red }}")
    (folder / "templates").mkdir()
    (folder / "templates/page.html").write_text(_PAGE)
    out = folder / "out"
    build(Config(source=source, out=out, cache=folder / "cache"))
    configs = {"stock": None, "local": {}, "CDN": {"ASSETPIPE_CDN_URL": "https://cdn.example.com"}}
    apps = {}
    for name, config in configs.items():
        app = apps[name] = Flask("bench", root_path=str(folder))
        app.add_url_rule("/article/<int:number>", "article", str)
        if config is not None:
            app.config.update({"ASSETPIPE_OUT": str(out)} | config)
            AssetPipe(app)
    return apps


def _works(app: Flask) -> dict[str, Callable[[], object]]:
    url_for = app.url_for
    return {
        "url_for('static', …)": lambda: url_for("static", filename="folder7/file7.css"),
        "url_for('article', …)": lambda: url_for("article", number=7),
        "a template of 20 assets": lambda: render_template("page.html"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        apps = _apps(Path(folder))
        for _ in range(runs):
            for name, app in apps.items():
                with app.test_request_context("/"):
                    for work, call in _works(app).items():
                        timer = Timer(call)
                        timer.timeit(20)
                        number = 500 if "template" in work else 20_000
                        times.setdefault((work, name), []).append(timer.timeit(number) / number)
    # What calling nothing costs is in each of them, and is taken off.
    number = 100_000
    empty = min(Timer(lambda: None).repeat(5, number)) / number
    ours = [name for name in apps if name != "stock"]
    print("| | stock µs | " + " | ".join(f"{name} µs | ×" for name in ours) + " |")
    print("| --- | --- |" + " --- | --- |" * len(ours))
    for work in dict.fromkeys(work for work, _ in times):
        medians = {name: statistics.median(times[work, name]) - empty for name in apps}
        cells = [f"{medians['stock'] * 1e6:.2f}"]
        for name in ours:
            cells += [f"{medians[name] * 1e6:.2f}", f"{medians[name] / medians['stock']:.3f}"]
        print(f"| {work} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

"""A Flask application with the sample site: ``flask --app app run`` in this folder."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template

from assetpipe.flask import AssetPipe

app = Flask(__name__, static_folder="../../sample_static", static_url_path="/static")
admin = Blueprint("admin", __name__, url_prefix="/admin", static_folder="admin/static")


@app.get("/")
def index() -> str:
    """Show the observatory's front page."""
    return render_template("index.html", sightings=["tern", "gull", "tern", "puffin", "tern"])


@admin.get("/")
def log() -> str:
    """Show the keeper's log."""
    return render_template("log.html")


app.register_blueprint(admin)
AssetPipe(app)

"""The moment of a deploy: when it is, who does it, and from which revision of the sources."""

from __future__ import annotations

import getpass
import os
import secrets
import subprocess
from datetime import UTC, datetime

from assetpipe.publish import Moment

# Where continuous integration services say who started a job, and for which commit.
_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BITBUCKET_STEP_TRIGGERER_UUID", "BUILD_USER_ID")
_REVISIONS = ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT", "GIT_COMMIT", "CIRCLE_SHA1")
_GIT_TIMEOUT = 2.0  # seconds


def this_moment() -> Moment:
    """Return the moment in which a command was started.

    Its id is random, as two jobs may publish the same commit in the same second.
    """
    return Moment(
        now=datetime.now(UTC),
        id=secrets.token_hex(8),
        by=_text(_actor()),
        revision=_text(_revision()),
    )


def _text(value: str) -> str:
    """Return what can be written down of a value from the environment, which may be no text."""
    return value.encode("utf-8", "replace").decode()


def _actor() -> str:
    for variable in _ACTORS:
        if os.environ.get(variable):
            return os.environ[variable]
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""  # a container's user may have no name


def _revision() -> str:
    for variable in _REVISIONS:
        if os.environ.get(variable):
            return os.environ[variable][:12]
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607  # the user's own git
            capture_output=True, text=True, timeout=_GIT_TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""

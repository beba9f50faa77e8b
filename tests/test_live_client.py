"""Live reload in a browser: what a page shows after it was told of a change."""

from __future__ import annotations

import base64
import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from assetpipe.mediatypes import media_type
from tests.browser import INSECURE_HOST

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytest_plugins = ("tests.browser",)

CLIENT = files("assetpipe.live").joinpath("live.js").read_bytes()
RED, GREEN, BLUE = "rgb(255, 0, 0)", "rgb(0, 128, 0)", "rgb(0, 0, 255)"

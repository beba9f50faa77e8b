"""Publishing: a finished release to where it is served from, and what becomes of it there."""

from assetpipe.publish.plan import Put
from assetpipe.publish.prune import Pruned, prune
from assetpipe.publish.release import Moment, Progress, Published, publish
from assetpipe.publish.releases import RolledBack, current, releases, rollback
from assetpipe.publish.target import open_store

__all__ = [
    "Moment",
    "Progress",
    "Pruned",
    "Published",
    "Put",
    "RolledBack",
    "current",
    "open_store",
    "prune",
    "publish",
    "releases",
    "rollback",
]

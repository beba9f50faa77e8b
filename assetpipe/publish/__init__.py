"""Publishing: a finished release to where it is served from."""

from assetpipe.publish.folder import Published, publish, target_folder
from assetpipe.publish.plan import Put, plan

__all__ = ["Published", "Put", "plan", "publish", "target_folder"]

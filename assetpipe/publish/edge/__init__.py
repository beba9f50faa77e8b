"""Configurations for the servers at the edge, made from a release's manifest."""

from assetpipe.publish.edge.caddy import caddy
from assetpipe.publish.edge.cloudfront import cloudfront, key_value_store
from assetpipe.publish.edge.nginx import Part, nginx

__all__ = ["Part", "caddy", "cloudfront", "key_value_store", "nginx"]

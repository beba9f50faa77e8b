"""Static assets for Flask: minified, fingerprinted, compressed ahead of time."""

__version__ = "0.1.0"

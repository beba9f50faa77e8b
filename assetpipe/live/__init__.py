"""Live reload: pages that are open see what was saved."""

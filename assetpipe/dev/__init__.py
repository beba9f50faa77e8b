"""The watch process: it builds whenever something changes, and tells the pages that are open."""

"""The HTTP semantics of the run side, asked as a black box through real servers."""

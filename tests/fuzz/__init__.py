"""What must hold for any bytes at all, and how to look for bytes for which it does not."""

"""Deliberate breakages, each of which must turn its tests red: one module for each part."""

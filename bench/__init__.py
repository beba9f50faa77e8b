"""Measurements of whole processes; run by hand, never by the tests."""

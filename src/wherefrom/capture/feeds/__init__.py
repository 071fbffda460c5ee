"""Feeds of advisories: where they lie, and what of them is to be recorded."""

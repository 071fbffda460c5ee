"""Bytes at rest: three small contracts, and an adapter a file."""

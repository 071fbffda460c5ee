"""Bytes ⇄ values: one file a wire format, pure (no clock, disk, network or key)."""

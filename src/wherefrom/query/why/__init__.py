"""Which change did it? Numbers in, a ranking with its reasons out; no disk, no clock.

numpy is imported here, so a server that never asks this imports this package late.
"""

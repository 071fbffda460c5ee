"""A server on a data directory: ``writer.up`` runs it.

Its processes import one another's modules as little as they can: each holds what it runs.
"""

"""Requests: the spans of a set time by trace and by id. Not of the log, and not in it.

Spans are many, sampled, and nobody's proof: they lie beside the log in a file of their own, which
may be deleted at any time. What must be proven of a request is a record (``capture/invocation``).
"""

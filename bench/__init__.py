"""Measure every number of the design that exists, each beside what it depends on.

    python -m bench [--quick] [--only AREA]… ──► a table, bench/results.json
    python -m bench --write-docs ──► the table of docs/performance.md

Not a test: nothing here passes or fails, for times belong to a machine. docs/performance.md says
how each figure is taken.
"""

"""Whether a canary does worse than what runs beside it, asked at any time.

sequential  tests that hold whenever one looks
judge       what two sides did, minute by minute ──► measures, each with its verdict
live        the same of a live estate: which side is which, and since when
"""

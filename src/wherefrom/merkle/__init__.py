"""Hashes and proofs of RFC 6962 trees, pure: no clock, disk, network or key.

hashing   leaf and node hashes, the only place that knows the two prefixes
proofs    check inclusion and consistency: the file a verifier trusts
tree      build roots, paths and tiles from stored hashes: what a log runs
"""

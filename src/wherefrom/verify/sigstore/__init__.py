"""Sigstore, checked offline: one signature with its material against a trusted root.

Start at ``verify``, where the steps stand in order; each other file holds the checks of one
subject. Nothing here reaches for the network, and nothing inside a bundle is trusted.
"""

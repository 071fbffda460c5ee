"""Wherefrom: where things come from and what became of them, with proof."""

__version__ = "0.1.0"

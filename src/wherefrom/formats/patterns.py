"""Patterns that people write in rules: ``*`` stands for any text, everything else for itself.

    pkg:npm/%40acme/*    *.example    local:*

Nothing else is special: a name may hold ``?`` or ``[``, and a pattern that quietly meant something
else would match nothing.
"""

from __future__ import annotations

from collections.abc import Sequence


def matches(pattern: str, text: str) -> bool:
    """Whether ``text`` is as ``pattern`` says, from end to end; in linear time."""
    if "*" not in pattern:
        return text == pattern
    first, *rest = pattern.split("*")
    if not text.startswith(first):
        return False
    at = len(first)
    *middle, last = rest
    for piece in middle:
        # The leftmost place leaves the most for what follows.
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - len(last) >= at and text.endswith(last)


def any_matches(patterns: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether one of ``texts`` is as one of ``patterns`` says."""
    for pattern in patterns:
        for text in texts:
            if matches(pattern, text):
                return True
    return False

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


def names_matches(pattern: str, text: str) -> bool:
    """``matches`` for names with a ref or a domain behind an ``@``: only a ``*`` at the end passes
    one.

    A branch may be called ``x@refs/tags/v1``; it is no tag, whatever its name ends with.
    """
    if "*" not in pattern:
        return text == pattern
    wanted, names = pattern.split("@"), text.split("@")
    if pattern.endswith("*") and len(names) > len(wanted):
        # What the last star stands for may have more of them.
        names = [*names[: len(wanted) - 1], "@".join(names[len(wanted) - 1 :])]
    return len(wanted) == len(names) and all(map(matches, wanted, names))


def any_matches(patterns: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether one of ``texts`` is as one of ``patterns`` says."""
    for pattern in patterns:
        for text in texts:
            if matches(pattern, text):
                return True
    return False

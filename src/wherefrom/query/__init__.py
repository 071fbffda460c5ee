"""Answers: one function a question, over one snapshot of a view."""

from wherefrom.query.answers import Found, Match, Path, Shown, Trace
from wherefrom.query.find import find
from wherefrom.query.path import path
from wherefrom.query.resolve import resolve
from wherefrom.query.show import show
from wherefrom.query.trace import trace
from wherefrom.query.tree import Branch, branches

__all__ = [
    "Branch",
    "Found",
    "Match",
    "Path",
    "Shown",
    "Trace",
    "branches",
    "find",
    "path",
    "resolve",
    "show",
    "trace",
]

"""Lineage: things, what they are called, and how they came of each other, as the log tells it."""

from wherefrom.views.graph.dump import dump
from wherefrom.views.graph.lens import Judgement, Lens, Mention, Step
from wherefrom.views.graph.reader import GraphReader
from wherefrom.views.graph.snapshot import Snapshot
from wherefrom.views.graph.view import GraphView

__all__ = [
    "GraphReader",
    "GraphView",
    "Judgement",
    "Lens",
    "Mention",
    "Snapshot",
    "Step",
    "dump",
]

"""Reality: what is declared and what is observed, where, from when to when, as the log tells it."""

from wherefrom.views.estate.dump import dump
from wherefrom.views.estate.heard import Last, heard_in, last_heard, services_heard, sources_heard
from wherefrom.views.estate.reader import EstateReader
from wherefrom.views.estate.snapshot import Changed, EstateSnapshot, Held, Stay
from wherefrom.views.estate.timeline import FOR_EVER
from wherefrom.views.estate.view import EstateView

__all__ = [
    "FOR_EVER",
    "Changed",
    "EstateReader",
    "EstateSnapshot",
    "EstateView",
    "Held",
    "Last",
    "Stay",
    "dump",
    "heard_in",
    "last_heard",
    "services_heard",
    "sources_heard",
]

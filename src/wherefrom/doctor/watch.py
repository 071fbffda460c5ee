"""Does the watch judge what runs, where a policy is in force?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import msgspec

from wherefrom.app import open_gate
from wherefrom.doctor.found import Found, Ground, span
from wherefrom.errors import Unavailable
from wherefrom.policy.status import WatchAt
from wherefrom.views.graph import GraphReader

BEHIND_S_MAX: Final = 60.0


def watch(ground: Ground) -> Iterator[Found]:
    """It runs, and has seen the newest entries."""
    gate = open_gate(ground.folder, ground.log)
    try:
        with closing(GraphReader(ground.folder.graph_path)) as reader, reader.snapshot() as graph:
            standing = gate.words.all_standing(graph, graph.lens(), ground.at)
    except Unavailable:  # no graph yet
        standing = []
    if not standing:
        yield Found(True, "no policy is in force, so nothing that runs is judged")
        return
    places = ", ".join(sorted({one.environment for one in standing}))
    if ground.served is None:
        yield Found(None, f"a policy is in force in {places}, and no server runs", "wherefrom up")
        return
    yield behind(_read(ground), ground.log.size, ground)


def behind(at: WatchAt | None, size: int, ground: Ground) -> Found:
    """What it means how far a watch has come."""
    fix = "Start the server again; what the watch says on standard error tells why it waits"
    if at is None:
        return Found(False, "the watch has looked at nothing yet", fix)
    if at.size < size and ground.age_s(at.at) > BEHIND_S_MAX:
        says = (
            f"the watch has stood at entry {at.size:,} of {size:,} for {span(ground.age_s(at.at))}"
        )
        return Found(False, says, fix)
    waiting = f", {at.waiting:,} things to look at" if at.waiting else ""
    return Found(True, f"it knows {at.size:,} of {size:,} entries{waiting}")


def _read(ground: Ground) -> WatchAt | None:
    try:
        return msgspec.json.decode(ground.folder.watch_path.read_bytes(), type=WatchAt)
    except (OSError, ValueError):
        return None

"""Tampering: somebody with access to the disk changes a record, a tile, a view."""

from __future__ import annotations

from typing import Final

from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.shop import IMAGE
from wherefrom.gameday.stage import Stage
from wherefrom.testing.flips import flip, rename_in_view, where_lies

_TILE: Final = "tile/0/000"
_VIEW: Final = "views/graph.db"
_TILE_BIT: Final = 8 * 32 * 100  # of the hash of entry 100
_FAMILY: Final = "tampering"


def _change_content(stage: Stage, faulty: bool) -> Fault:
    content = stage.shop.first.provenance
    index = stage.index_of(content)
    if faulty:
        flip(*where_lies(content, stage.folder.path))
    return Fault(
        f"One bit of the provenance of what runs, entry {index}, was changed in the journal.",
        (f"entry {index}", "not what the entry commits to"),
    )


def _put_content_back(stage: Stage) -> None:
    # The same bit again; the bytes around it tell where.
    content = bytearray(stage.shop.first.provenance)
    content[len(content) // 2] ^= 1
    flip(*where_lies(bytes(content), stage.folder.path))
    stage.restart()


def _change_tile(stage: Stage, faulty: bool) -> Fault:
    if faulty:
        flip(stage.folder.path / _TILE, _TILE_BIT)
    return Fault(f"One bit of {_TILE} was changed.", (_TILE,))


def _put_tile_back(stage: Stage) -> None:
    flip(stage.folder.path / _TILE, _TILE_BIT)
    stage.restart()


def _change_view(stage: Stage, faulty: bool) -> Fault:
    name = f"{IMAGE}:{stage.shop.first.version}"
    if faulty:
        rename_in_view(stage.folder.path / _VIEW, name=name, to=f"{IMAGE}:0.0.0-changed")
    return Fault(f"{_VIEW} calls {name} otherwise than its records.", (_VIEW,))


def _fold_view_again(stage: Stage) -> None:
    stage.server.end()
    for path in (stage.folder.path / "views").glob("graph.db*"):
        path.unlink()
    stage.server.start()


CONTENT: Final = Scenario(
    name="tampering-content",
    family=_FAMILY,
    says="a bit of a record about what runs in production is changed on disk",
    act=_change_content,
    undo=_put_content_back,
)
TILE: Final = Scenario(
    name="tampering-tile",
    family=_FAMILY,
    says="a bit of a tile is changed on disk",
    act=_change_tile,
    undo=_put_tile_back,
)
VIEW: Final = Scenario(
    name="tampering-view",
    family=_FAMILY,
    says="a view says another name than the records do",
    act=_change_view,
    undo=_fold_view_again,
)

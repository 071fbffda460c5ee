"""Print the real import graph, floor by floor: ``make floors``.

Each line is a folder and the folders it imports, nearest floor first; the contract itself stands in
.importlinter and is checked by ``make check``.
"""

from __future__ import annotations

import configparser

import grimp

from tests.paths import REPOSITORY


def layers() -> list[str]:
    """The folders from the top floor down, as the contract lists them."""
    contract = configparser.ConfigParser()
    contract.read(REPOSITORY / ".importlinter")
    text = contract["importlinter:contract:floors"]["layers"]
    return text.replace("|", " ").replace(":", " ").split()


def imports_of(graph: grimp.ImportGraph, folder: str) -> set[str]:
    """Folders that any module of ``folder`` imports directly."""
    inside = {folder, *graph.find_descendants(folder)}
    found = {i for module in inside for i in graph.find_modules_directly_imported_by(module)}
    return {".".join(m.split(".")[:2]) for m in found} - {folder}


def main() -> None:
    """Print the floors."""
    graph = grimp.build_graph("wherefrom")
    floors = layers()
    for floor in floors:
        below = imports_of(graph, floor)
        names = [f.removeprefix("wherefrom.") for f in floors if f in below]
        print(f"{floor.removeprefix('wherefrom.'):9} → {' '.join(names) or '(nothing)'}")


if __name__ == "__main__":
    main()

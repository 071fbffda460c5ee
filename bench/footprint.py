"""What it costs to be there: starting, memory of an idle server, bytes on a disk.

import wherefrom ──► what a program pays that will use us later
wherefrom up, idle ──► PSS of all its processes: shared pages once
a wheel, and all that it needs ──► sizes
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from bench.place import Place
from bench.report import Row
from bench.server import COMMAND, serving
from bench.timing import Spread, children_of, each, forked_as

_REPOSITORY: Final = Path(__file__).parent.parent
_SETTLE_SECONDS: Final = 2.0
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


def measure(place: Place) -> Iterator[Row]:
    """Start-up of a program and of the command, a server at rest, sizes."""
    rounds = place.sizes.commands
    alone = _run(rounds, sys.executable, "-c", "")
    for what, goal, command in (
        ("a program that imports wherefrom, p50", 60.0, [sys.executable, "-c", "import wherefrom"]),
        ("wherefrom --help, p50", 200.0, [*_command(), "--help"]),
    ):
        times = _run(rounds, *command)
        yield Row(
            area="footprint",
            what=what,
            value=times.p50,
            unit="ms",
            goal=goal,
            beside={"worst ms": times.worst, "python alone p50 ms": alone.p50},
        )
    yield from _server(place)
    yield from _sizes(place)


def _command() -> list[str]:
    script = Path(sys.executable).with_name("wherefrom")
    return [str(script)] if script.exists() else [*COMMAND]


def _run(rounds: int, *command: str) -> Spread:
    def once(_: int) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    once(0)  # the first one reads the files
    return each(rounds, once)


def _server(place: Place) -> Iterator[Row]:
    """PSS, not RSS: what the reader shares with its fold and watch is counted once."""
    if not Path("/proc/self/smaps_rollup").exists():
        place.say("no /proc/self/smaps_rollup here: the memory of a server is left out")
        return
    with serving(place.fresh("idle")) as server:
        time.sleep(_SETTLE_SECONDS)
        (reader,) = children_of(server.pid)
        processes = {"writer": server.pid, "reader": reader}
        processes |= {forked_as(process): process for process in children_of(reader)}
        held = {name: _pss_mb(process) for name, process in processes.items()}
    yield Row(
        area="footprint",
        what="a server at rest on a new log: PSS of all its processes",
        value=sum(held.values()),
        unit="MB",
        goal=120.0,
        beside={f"{name} MB": size for name, size in held.items()},
    )


def _pss_mb(process: int) -> float:
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    (kibibytes,) = re.findall(r"^Pss: +(\d+) kB$", rollup, re.M)
    return int(kibibytes) * 1024 / 1e6


def _sizes(place: Place) -> Iterator[Row]:
    folder = place.folder / "wheel"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=_REPOSITORY, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    yield Row(area="footprint", what="the wheel", value=wheel.stat().st_size / 1e3, unit="KB")
    sizes = {name: _installed_mb(name) for name in needed("wherefrom")}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:4]
    yield Row(
        area="footprint",
        what="everything that it needs, installed without extras",
        value=sum(sizes.values()),
        unit="MB",
        beside={"": f"{len(sizes)} packages"} | {f"{name} MB": sizes[name] for name in largest},
    )


def needed(package: str, requires: Callable[[str], list[str]] | None = None) -> list[str]:
    """What a package needs and what that needs in turn, extras left out, as far as installed."""
    look = requires or _requires
    found: dict[str, None] = {}
    todo = look(package)
    while todo:
        name = todo.pop(0)
        if name not in found and (requires or _is_installed(name)):
            found[name] = None
            todo += look(name)
    return list(found)


def _requires(name: str) -> list[str]:
    wanted = [r for r in distribution(name).requires or () if "extra ==" not in r]
    names = [match[0].lower() for r in wanted if (match := _REQUIREMENT.match(r))]
    return [re.sub(r"[-_.]+", "-", name) for name in names]  # one spelling, as PEP 503 has it


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:  # for another system, or another Python
        return False
    return True


def _installed_mb(name: str) -> float:
    files = [Path(str(file.locate())) for file in distribution(name).files or ()]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6

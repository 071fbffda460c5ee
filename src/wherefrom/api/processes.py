"""What a process of a server uses: memory and time of the processor, each under its name.

Read from Linux's own files; where there are none, nothing is said.

Source: proc(5), ``statm`` and ``stat``
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from wherefrom.api.exposition import Family, Point

_MEMORY_SAYS = "Memory that each process holds; what several share counts for each"
_PROCESSOR_SAYS = "Processor time that each process has used"


def process_families(name: str) -> list[Family]:
    """Of the process that asks. ``name`` is what it is called."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:
        return []
    label = {"process": name}
    memory, used = "wherefrom_process_resident_memory_bytes", "wherefrom_process_cpu_seconds"
    held = Point(memory, label, float(pages * os.sysconf("SC_PAGE_SIZE")))
    spent = Point(f"{used}_total", label, time.process_time())
    return [
        Family(memory, _MEMORY_SAYS, "gauge", "bytes", [held]),
        Family(used, _PROCESSOR_SAYS, "counter", "seconds", [spent]),
    ]

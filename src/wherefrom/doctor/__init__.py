"""Find what is wrong with a set-up, and say the fix: ``wherefrom doctor``."""

from wherefrom.doctor.checkup import Checkup, Mended, examine, examine_server, mend
from wherefrom.doctor.found import Check, Found, Ground
from wherefrom.doctor.server import Far

__all__ = [
    "Check",
    "Checkup",
    "Far",
    "Found",
    "Ground",
    "Mended",
    "examine",
    "examine_server",
    "mend",
]

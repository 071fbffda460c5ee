"""How severe a CVSS vector is: the base score of versions 2.0, 3.0 and 3.1, and the word for it.

    CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H ──► 9.8 ──► critical

Version 4.0 scores by a table of 270 measured values, not by a formula: its vectors give no score
here, and whoever asks must not take that for little. Temporal and environmental metrics are read
past, so that a score is the one the vulnerability has everywhere.

Source: first.org/cvss/v3.1/specification-document §7; v2 guide §3.2.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SEVERITIES: Final = ("low", "medium", "high", "critical")
_CHARS_MAX: Final = 512
_V3: Final = ("CVSS:3.0/", "CVSS:3.1/")
_IMPACT: Final = {"H": 0.56, "L": 0.22, "N": 0.0}
_REACH: Final = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_EFFORT: Final = {"L": 0.77, "H": 0.44}
_PRIVILEGES: Final = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}
_USER: Final = {"N": 0.85, "R": 0.62}
_IMPACT_2: Final = {"N": 0.0, "P": 0.275, "C": 0.660}
_REACH_2: Final = {"L": 0.395, "A": 0.646, "N": 1.0}
_EFFORT_2: Final = {"H": 0.35, "M": 0.61, "L": 0.71}
_LOGIN_2: Final = {"M": 0.45, "S": 0.56, "N": 0.704}


def base_score(vector: str) -> float | None:
    """0.0 to 10.0; None for version 4.0, and for what is no whole vector."""
    if len(vector) > _CHARS_MAX:
        return None
    text = vector.strip().strip("()")
    metrics = _metrics(text)
    try:
        return _score_3(metrics) if text.startswith(_V3) else _score_2(metrics)
    except KeyError:
        return None


def severity(vector: str) -> str | None:
    """The word for a vector's base score: ``low`` also for 0.0; None where there is no score."""
    score = base_score(vector)
    if score is None:
        return None
    is_2 = not vector.strip().startswith(_V3)
    if score >= 9.0 and not is_2:  # 2.0 knows no critical
        return "critical"
    return "high" if score >= 7.0 else "medium" if score >= 4.0 else "low"


def _metrics(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in text.split("/"):
        name, colon, value = part.partition(":")
        if colon:
            found.setdefault(name, value)
    return found


def _score_3(m: Mapping[str, str]) -> float:
    changed = {"U": False, "C": True}[m["S"]]
    base = 1 - (1 - _IMPACT[m["C"]]) * (1 - _IMPACT[m["I"]]) * (1 - _IMPACT[m["A"]])
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    ease = 8.22 * _REACH[m["AV"]] * _EFFORT[m["AC"]]
    ease *= _PRIVILEGES[m["S"]][m["PR"]] * _USER[m["UI"]]
    if impact <= 0:
        return 0.0
    return _round_up(min((1.08 if changed else 1.0) * (impact + ease), 10.0))


def _round_up(value: float) -> float:
    # As appendix A of 3.1 does it, so that floating point adds no tenth.
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _score_2(m: Mapping[str, str]) -> float:
    kept = (1 - _IMPACT_2[m["C"]]) * (1 - _IMPACT_2[m["I"]]) * (1 - _IMPACT_2[m["A"]])
    impact = 10.41 * (1 - kept)
    ease = 20 * _REACH_2[m["AV"]] * _EFFORT_2[m["AC"]] * _LOGIN_2[m["Au"]]
    if impact == 0:
        return 0.0
    return round((0.6 * impact + 0.4 * ease - 1.5) * 1.176, 1)

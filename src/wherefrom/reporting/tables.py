"""What a report shows, as values: custody, keys, verdicts, statements, gaps.

Everything here follows from the entries of the report and their contents; ``verify.py`` makes
custody, keys and verdicts again and compares.

Source: docs/formats/audit-report.md
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec

from wherefrom.errors import Error
from wherefrom.formats import recognise
from wherefrom.formats.own import Gap, Refusals, Tombstone, Verdict
from wherefrom.keys.keyring import Keyring
from wherefrom.reporting.select import Selected

SAYS_MAX: Final = 40


def custody(selected: Selected, held: Collection[int]) -> list[dict[str, Any]]:
    """One row an entry: who brought it when, how far it was believed then, and how far now."""
    now: dict[int, dict[str, Any]] = {
        i: {"by": None, **msgspec.to_builtins(e.trust)} for i, e in selected.entries.items()
    }
    erased: dict[int, int] = {}
    for index, said in selected.decisions.items():
        if isinstance(said, Verdict) and said.entry in now and said.entry < index:
            now[said.entry] = {"by": index, **msgspec.to_builtins(said.trust)}
        if isinstance(said, Tombstone):
            erased.setdefault(said.entry, index)
    rows = []
    for index, read in selected.entries.items():
        state = "here" if index in held else "erased" if index in erased else "absent"
        rows.append(
            {
                "entry": index,
                "kind": read.kind,
                "type": read.type,
                "producer": read.producer,
                "occurred": read.occurred,
                "received": read.received,
                "door": msgspec.to_builtins(read.trust),
                "now": now[index],
                "content": state,
                "erased_by": erased.get(index),
            }
        )
    return rows


def verdicts(selected: Selected) -> list[dict[str, Any]]:
    """Each later judgement of an entry of the report, as it was made."""
    rows = []
    for index, said in selected.decisions.items():
        if isinstance(said, Verdict) and said.entry in selected.entries and said.entry < index:
            rows.append(
                {
                    "entry": index,
                    "on": said.entry,
                    **msgspec.to_builtins(said.trust),
                    "reason": said.reason,
                    "at": said.at,
                    "verifier": said.verifier,
                    "keyring": said.keyring,
                }
            )
    return rows


def keys(keyring: Keyring) -> dict[str, Any]:
    """Every key that the log has named below the size of the report, and what became of it."""
    rows = []
    for key in keyring.told().keys:
        changes = [
            {
                "entry": changed.entry,
                "action": changed.change.action,
                "since": changed.change.since,
                "reason": changed.change.reason,
                "compromised_since": changed.change.compromised_since,
            }
            for changed in keyring.history(key.id).changes
        ]
        shown = msgspec.to_builtins(key)
        rows.append(shown | {"changes": changes})
    return {"keys": sorted(rows, key=lambda row: str(row["id"]))}


def statement(index: int, content: bytes) -> dict[str, Any]:
    """What a record says, as this version reads it: a reading, and no proof."""
    try:
        facts = recognise.read(content).facts
    except Error as error:
        return {"entry": index, "unread": str(error), "says": [], "more": 0}
    says = [[e.source, e.relation, e.target] for e in facts.edges]
    return {"entry": index, "says": says[:SAYS_MAX], "more": max(0, len(says) - SAYS_MAX)}


def gaps(
    selected: Selected,
    rows: list[dict[str, Any]],
    keyring: Keyring,
    *,
    cosigned: bool,
) -> list[dict[str, Any]]:
    """Everything that a reader should miss: one line each, with the entries it is about."""
    found: list[dict[str, Any]] = []

    def gap(what: str, entries: list[int], says: str) -> None:
        found.append({"gap": what, "entries": entries, "says": says})

    asked = [row for row in rows if row["entry"] in selected.asked]
    for row in asked:
        if row["content"] == "erased":
            by = row["erased_by"]
            gap("erased", [row["entry"], by], f"its content was erased, as entry {by} says")
        elif row["content"] == "absent":
            gap("absent", [row["entry"]], "its content is not here, and no record says why")
    if selected.unseen:
        says = "their contents are erased, and nobody can say any more whether they belonged here"
        gap("erased_unseen", selected.unseen, says)
    nobody = [row["entry"] for row in asked if row["now"]["level"] == "channel"]
    if nobody:
        gap(
            "unsigned",
            nobody,
            "nobody whom the log knows signed these: their sender's word",
        )
    for row in asked:
        if row["now"]["level"] != row["door"]["level"] and row["now"]["by"] is not None:
            says = f"believed as {row['door']['level']} when it came, as {row['now']['level']} now"
            gap("judged_again", [row["entry"], row["now"]["by"]], says)
    for key in keyring.told().keys:
        if key.state == "revoked":
            by_it = [r["entry"] for r in asked if key.id in r["door"]["signers"]]
            if by_it:
                since = key.compromised_since or "ever"
                gap("revoked_key", by_it, f"signed by {key.id}, which was revoked: {since}")
    late = [
        row["entry"]
        for row in asked
        if row["occurred"] is not None and row["occurred"] > row["received"]
    ]
    if late:
        gap("dated_later", late, "they say that they happened after the log had them already")
    for index, said in selected.decisions.items():
        if isinstance(said, Gap):
            gap("noted", [index], f"{said.what}: {said.why}")
        if isinstance(said, Refusals):
            total = sum(said.counts.values())
            gap("refused", [index], f"{total} records of {said.producer} were refused")
    for scope, where in selected.cut.items():
        gap("cut_off", [], f"the trace of {scope} was not followed to its end: {where}")
    for link in selected.missing:
        found.append({"gap": "unexplained", "entries": [], "says": f"{link.says}: {link.node}"})
    if not cosigned:
        gap(
            "not_witnessed",
            [],
            "no witness cosigned the checkpoint: its maker alone says so",
        )
    return found

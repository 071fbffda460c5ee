"""What a report says, in words that need no engineer: the blocks of the page.

Source: docs/formats/audit-report.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.page import Block, plain
from wherefrom.reporting.select import Question, Selected

TABLE_ROWS_MAX: Final = 5_000
_DIGEST: Final = re.compile(r"([a-z0-9_]+:[0-9a-f]{16})[0-9a-f]{16,}")
_LEVELS: Final = {
    "self": "the log's own decision",
    "signed": "signed by a known key",
    "keyless": "signed, by a certificate that Sigstore's root vouches for",
    "batch": "signed together with others, by a known key",
    "channel": "sent by somebody who may send; signed by nobody known",
}
_GLOSSARY: Final = (
    (
        "log",
        "a list of records that can only grow: nothing is changed or taken out of it unseen",
    ),
    (
        "entry",
        "what the log holds of a record: its kind, its time, a commitment to its content",
    ),
    ("content", "the record itself, to the byte, as it was received"),
    (
        "checkpoint",
        "the statement, signed by the log's key, of how many entries there are, and which",
    ),
    ("witness", "somebody else who signs a checkpoint too, having seen that the log only grew"),
    (
        "verdict",
        "a later judgement of an entry by the log's keeper, as after a key was stolen",
    ),
    ("trust", "how a record was vouched for; it says who stands behind it, not that it is true"),
    ("erased", "removed on purpose, with a record that says so; the entry and its place remain"),
    ("gap", "something that a careful reader should miss here"),
)


def blocks(
    question: Question,
    selected: Selected,
    tree: Checkpoint,
    tables: Mapping[str, Any],
    *,
    signers: Sequence[str],
) -> Iterator[Block]:
    """The report, block by block. ``signers`` are the names that signed the checkpoint."""
    custody, gaps = tables["custody"], tables["gaps"]
    yield Block("title", f"Audit report of the log {plain(tree.origin)}")
    yield Block("text", _asked(question, selected))
    yield Block("heading", "What this report rests on")
    yield Block("list", rows=[[line] for line in _rests_on(tree, selected, signers)])
    yield Block("heading", "How to check it without us")
    yield Block("text", (
        "The program verify.py in this folder is short enough to be read. It needs Python 3.11 and "
        "the library cryptography, opens no connection, and checks everything below again: "
        "python3 verify.py --log-key KEY. Ask the owner of the log for KEY, "
            "and never take it from here."
    ))  # fmt: skip
    yield Block("heading", f"Gaps ({len(gaps)})")
    yield Block(
        "text",
        "What a careful reader should miss, or doubt. An empty list would be a claim too: it says "
        "that none of the known kinds of gap was found."
        + (
            ""
            if selected.found
            else " Links that ought to be there were not looked for: that is "
            "done for things that the question names."
        ),
    )
    if gaps:
        told = ([g["gap"], _some(g["entries"]), plain(g["says"])] for g in gaps)
        yield _table([["gap", "entries", "what it means"], *told])
    yield Block("heading", f"Chain of custody ({len(selected.asked)} records)")
    yield Block(
        "text",
        "Each record that the question is about, in the order in which the log took them. Times "
        "are UTC, to the second.",
    )
    head = ["entry", "received", "happened", "kind and type", "about", "sent by", "vouched for"]
    head += ["now", "content"]
    about = {
        row["entry"]: [e[2] for e in row["says"] if e[1] == "describes"]
        for row in tables["statements"]
    }
    named = _named(tables["keys"]["keys"])
    asked = [row for row in custody if row["entry"] in selected.asked]
    yield _table([head, *(_custody_row(row, about, named) for row in asked)])
    yield Block("heading", "What the records say")
    yield Block(
        "text", "A reading by this program of what each content says; the content itself decides."
    )
    says = [["entry", "thing", "relation", "thing"]]
    for row in tables["statements"]:
        if row.get("unread"):
            says.append([str(row["entry"]), "cannot be read", "", plain(row["unread"])])
        says += [
            [str(row["entry"]), *(plain(_short(part)) for part in edge)]
            for edge in row["says"]
            if edge[1] != "describes"
        ]
        if row["more"]:
            says.append([str(row["entry"]), f"and {row['more']} more", "", ""])
    yield _table(says)
    yield Block("heading", f"Keys and their histories ({len(tables['keys']['keys'])})")
    keys = [["key", "owner", "state", "counts from", "until", "changes"]]
    for key in tables["keys"]["keys"]:
        changes = "; ".join(
            f"entry {c['entry']}: {c['action']} {c['since'] or ''} {c['reason']}".strip()
            for c in key["changes"]
        )
        keys.append([
            key["id"], plain(key["owner"] or ", ".join(key["names"])), key["state"],
            key["valid_from"] or "ever", key["valid_to"] or "open", plain(changes),
        ])  # fmt: skip
    yield _table(keys)
    yield Block("heading", f"Verdicts ({len(tables['verdicts'])})")
    head = ["verdict", "on entry", "trust", "when", "why"]
    yield _table([head, *(
        [str(v["entry"]), str(v["on"]), v["level"], v["at"], plain(v["reason"])]
        for v in tables["verdicts"]
    )])  # fmt: skip
    yield Block("heading", "Words")
    yield Block("list", rows=[[f"{word}: {meaning}."] for word, meaning in _GLOSSARY])
    yield Block("list", rows=[[f"{level}: {meaning}."] for level, meaning in _LEVELS.items()])


def _asked(question: Question, selected: Selected) -> str:
    what = ", ".join(map(plain, question.scope)) or "everything"
    bounds = [f"from {question.since}"] if question.since else []
    bounds += [f"before {question.until}"] if question.until else []
    when = f", received {' and '.join(bounds)}" if bounds else ""
    rest = len(selected.entries) - len(selected.asked)
    return (
        f"The question: {what}{when}. It is about {len(selected.asked)} records; {rest} more are "
        "here because those cannot be judged without them."
    )


def _rests_on(tree: Checkpoint, selected: Selected, signers: Sequence[str]) -> Iterator[str]:
    yield f"The log {plain(tree.origin)} at {tree.size} entries, whose root is {tree.root.hex()}."
    yield f"The checkpoint that states it is signed by: {', '.join(map(plain, signers))}."
    whole = len(selected.entries) == tree.size
    yield (
        "Every entry of the log is here, so nothing was left out."
        if whole
        else "It is a part of the log: that no other entry matters, this report does not prove."
    )
    yield (
        "Proven: that these records, to the byte, were in the log at these places when it "
        "was signed. Not proven: that what they say is true."
    )
    if 0 in selected.entries:
        yield f"The log began at {selected.entries[0].received}, by its keeper's clock."


def _custody_row(
    row: Mapping[str, Any], about: Mapping[int, list[str]], named: Mapping[str, str]
) -> list[str]:
    signers = ", ".join(named.get(id, id) for id in row["door"]["signers"])
    now = row["now"]["level"]
    if row["now"]["by"] is not None:
        now += f", by entry {row['now']['by']}"
    subjects = about.get(row["entry"], [])
    more = f" and {len(subjects) - 2} more" if len(subjects) > 2 else ""
    return [
        str(row["entry"]),
        _time(row["received"]),
        _time(row["occurred"]),
        plain(f"{row['kind']} {row['type']}"),
        plain(", ".join(map(_short, subjects[:2]))) + more,
        row["producer"],
        plain(f"{row['door']['level']} by {signers}" if signers else row["door"]["level"]),
        now,
        row["content"],
    ]


def _short(id: str) -> str:
    """An id by which it is found in statements.json, where it stands whole."""
    return _DIGEST.sub(r"\1…", id)


def _time(text: str | None) -> str:
    """To the second: the whole time stands in custody.json."""
    return "" if text is None else text[:19].replace("T", " ")


def _named(keys: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Keys as people know them: by owner or name, and enough of the id to find it."""
    return {
        key["id"]: plain(" ".join(filter(None, (key["owner"] or next(iter(key["names"]), ""),))))
        + f" ({key['id'][:14]}…)"
        for key in keys
    }


def _some(entries: Sequence[int]) -> str:
    shown = ", ".join(map(str, entries[:12]))
    return f"{shown} and {len(entries) - 12} more" if len(entries) > 12 else shown


def _table(rows: Sequence[Sequence[str]]) -> Block:
    if len(rows) > TABLE_ROWS_MAX + 1:
        more = len(rows) - 1 - TABLE_ROWS_MAX
        last = [f"and {more} more, in the JSON files", *[""] * (len(rows[0]) - 1)]
        rows = [*rows[: TABLE_ROWS_MAX + 1], last]
    return Block("table", rows=rows)

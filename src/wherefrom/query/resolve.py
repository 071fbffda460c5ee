"""From what a person types to the nodes it means.

    text ──► 1. entry:12           the record itself
             2. an id in full      digest, commit, purl, run, URI, in any spelling
             3. a tag              latest of it under the lens
             4. dataset or job     namespace and name, joined by ``:``, ``/`` or a space
             5. a name             if only one thing is called so
             6. a beginning        of a digest or commit (4 hex digits), or a purl's versions

The first that finds anything answers. Several nodes are one answer when records say that they
are alternates of each other; otherwise the text is ambiguous, and the error names them.

Sizes:  CANDIDATES_MAX are looked at, SHOWN_MAX of them named
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from wherefrom.errors import Ambiguous, NotFound
from wherefrom.formats import timestamps
from wherefrom.query import spellings
from wherefrom.query.answers import Match
from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE
from wherefrom.views.graph.spelling import fold_text, tag_key

CANDIDATES_MAX: Final = 50
SHOWN_MAX: Final = 10
ENTRIES_MAX: Final = 16
TEXT_CHARS_MAX: Final = 4096
_DIGEST: Final = re.compile(r"[A-Za-z0-9_]+:[0-9a-f]{12}(?=[0-9a-f]{20})")
NAME_CHARS_MAX: Final = 48

_ENTRY: Final = re.compile(r"entry:(0|[1-9][0-9]{0,17})")


def is_entry(text: str) -> bool:
    """Does this name an entry, by its number in our own log?"""
    return _ENTRY.fullmatch(text.strip()) is not None


def resolve(
    snapshot: Snapshot, text: str, *, at: str | None = None, as_of: int | None = None
) -> list[Match]:
    """The nodes that ``text`` means: one, or several that are the same thing.

    Raises NotFound, Ambiguous naming the candidates, Malformed for a time that is none.
    """
    lens = snapshot.lens(
        as_of=as_of, at=None if at is None else timestamps.canonical(at, where="at")
    )
    text = text.strip()
    for because, numbers in _candidates(snapshot, text[:TEXT_CHARS_MAX], lens):
        seen = snapshot.visible(numbers, lens) if numbers else set()
        found = [n for n in dict.fromkeys(numbers) if n in seen]
        if not found:
            continue
        if len(found) > 1 and not _same_thing(snapshot, found, lens):
            raise _ambiguous(snapshot, text, found, lens)
        return matches(snapshot, found, lens, because=because)
    raise NotFound(
        "nothing is called this",
        got=text,
        expected="a digest, commit, package URL, name:tag, dataset, job, run, URI or entry:N"
        f" in the log at size {lens.as_of}" + (f", dated up to {lens.at}" if lens.at else ""),
        do="Look for it with `wherefrom find`"
        + ("; what erased entries said is in no answer" if snapshot.erased(lens, 1) else ""),
    )


def matches(
    snapshot: Snapshot, numbers: Collection[int], lens: Lens, *, because: str
) -> list[Match]:
    """A ``Match`` for each of ``numbers``, in order."""
    ids, said = snapshot.ids(numbers), summaries(snapshot, list(numbers), lens)
    return [
        Match(
            id=ids[n],
            kind=said[n].kind,
            name=said[n].name,
            entries=snapshot.entries_of(n, lens, ENTRIES_MAX),
            because=because,
        )
        for n in numbers
    ]


def _candidates(snapshot: Snapshot, text: str, lens: Lens) -> Iterator[tuple[str, list[int]]]:
    """(why, nodes) of each way to read ``text``, in order; asked only as far as needed."""
    if entry := _ENTRY.fullmatch(text):
        yield "entry", _document(snapshot, int(entry[1]), lens)
    exact = snapshot.numbers(spellings.exact_ids(text))
    if text in exact:
        yield "id", [exact[text]]
    yield "id", list(exact.values())
    yield "tag", snapshot.tagged(tag_key(text), lens)
    yield "name", list(snapshot.numbers(spellings.named_ids(text)).values())
    yield "name", named(snapshot, text, lens)
    found: list[int] = []
    for prefix in spellings.prefixes(text):
        # What a document names inside itself has the document's id in front; nobody means it.
        within = "#" in prefix
        matching = snapshot.ids_from(prefix, CANDIDATES_MAX)
        found += [n for id, n in matching if within or "#" not in id]
    yield "prefix", found


def named(snapshot: Snapshot, text: str, lens: Lens) -> list[int]:
    """Nodes called exactly ``text``, in any case."""
    folded = fold_text(text)
    if not folded:
        return []
    rows = snapshot.named(folded, lens, prefix=False, rows_max=CANDIDATES_MAX)
    return [n for _, n in rows]


def _document(snapshot: Snapshot, entry: int, lens: Lens) -> list[int]:
    if entry >= lens.as_of:
        raise NotFound(
            "no such entry",
            got=f"entry {entry}",
            expected=f"an index below {lens.as_of}",
            do="wherefrom log status says how many there are",
        )
    document = snapshot.document(entry)
    if document is None:
        raise NotFound(
            "the record in this entry is erased or could not be read",
            got=f"entry {entry}",
            do="`wherefrom prove` still shows the entry itself",
        )
    return [document]


def _same_thing(snapshot: Snapshot, numbers: list[int], lens: Lens) -> bool:
    """Whether records join all of ``numbers`` by alternates, directly or in steps."""
    known, todo = {numbers[0]}, [numbers[0]]
    while todo and len(known) <= 10 * CANDIDATES_MAX:
        met: set[int] = set()
        for up in (True, False):
            steps = snapshot.steps(todo, lens, up=up, only=ALTERNATE, rows_max=10 * CANDIDATES_MAX)
            met.update(s.cause if up else s.effect for s in steps)
        todo = sorted(met - known)
        known |= met
    return known.issuperset(numbers)


def _short(id: str) -> str:
    """A digest by its first twelve digits, which find it again; any other id whole."""
    digest = _DIGEST.match(id)
    return digest[0] if digest and "#" not in id else id


def _ambiguous(snapshot: Snapshot, text: str, numbers: list[int], lens: Lens) -> Ambiguous:
    ids, said = snapshot.ids(numbers), summaries(snapshot, numbers, lens)
    names = {n: (summary.name or "")[-NAME_CHARS_MAX:] for n, summary in said.items()}
    shown = sorted((said[n].kind, names[n], _short(ids[n])) for n in numbers)
    more = f"; and {len(ids) - SHOWN_MAX} more" if len(ids) > SHOWN_MAX else ""
    if len(ids) >= CANDIDATES_MAX:
        more = "; and more"
    return Ambiguous(
        "several things could be meant",
        got=text,
        expected="one of " + "; ".join(" ".join(filter(None, s)) for s in shown[:SHOWN_MAX]) + more,
        do=f"Give one of these ids, or more of it; see: wherefrom find {text[:80]}",
    )

"""Find things by what a person remembers of them.

    text ──► id in any spelling · tag · name · beginning of an id, tag or name
             └ the likeliest first, each once, at most ``limit``

Every look-up is a range in an index: no scan, however large the log.

Sizes:  MATCHES_MAX matches; LOOKED_MAX rows of each index
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wherefrom.query import spellings
from wherefrom.query.answers import Found, log_of
from wherefrom.query.resolve import matches
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.spelling import fold_text, tag_key

MATCHES_MAX: Final = 50
LOOKED_MAX: Final = 200


def find(
    snapshot: Snapshot,
    text: str,
    *,
    kind: str | None = None,
    limit: int = MATCHES_MAX,
    as_of: int | None = None,
) -> Found:
    """What ``text`` may mean, the likeliest first; no match is an answer, not an error.

    kind   keep only nodes of this kind
    limit  1 to MATCHES_MAX
    """
    if not 1 <= limit <= MATCHES_MAX:
        raise ValueError(f"a limit is 1 to {MATCHES_MAX}, not {limit}")
    lens = snapshot.lens(as_of=as_of)
    asked = text.strip()[:4096]
    why: dict[int, str] = {}
    truncated = False
    for because, rows in _ways(snapshot, asked, lens) if asked else ():
        truncated = truncated or len(rows) >= LOOKED_MAX
        seen = snapshot.visible(rows, lens) if rows else set()
        for number in rows:
            if number in seen:
                why.setdefault(number, because)
        if len(why) > limit and kind is None:
            break
    numbers = list(why)
    if kind is None:
        truncated = truncated or len(numbers) > limit
        numbers = numbers[:limit]
    found = []
    for because in dict.fromkeys(why.values()):
        tier = matches(snapshot, [n for n in numbers if why[n] == because], lens, because=because)
        found += sorted((m for m in tier if kind in (None, m.kind)), key=lambda m: m.id)
    return Found(
        of=asked,
        log=log_of(snapshot),
        as_of=lens.as_of,
        matches=found[:limit],
        truncated=truncated or len(found) > limit,
    )


def _ways(snapshot: Snapshot, text: str, lens: Lens) -> Iterator[tuple[str, list[int]]]:
    exact = [*spellings.exact_ids(text), *spellings.named_ids(text)]
    yield "id", list(snapshot.numbers(exact).values())
    yield "tag", snapshot.tagged(tag_key(text), lens)
    folded = fold_text(text)
    yield "name", [n for _, n in snapshot.named(folded, lens, prefix=False, rows_max=LOOKED_MAX)]
    begun: list[int] = []
    for prefix in [text, *spellings.prefixes(text)]:
        begun += [n for _, n in snapshot.ids_from(prefix, LOOKED_MAX)]
    yield "prefix", begun
    yield "tag prefix", [n for _, n in snapshot.tags_from(tag_key(text), lens, LOOKED_MAX)]
    rows = snapshot.named(folded, lens, prefix=True, rows_max=LOOKED_MAX)
    yield "name prefix", [n for _, n in rows]

"""How ``wherefrom oci`` answers in lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from wherefrom.cli.render import columns, count, table
from wherefrom.formats.shown import cut, printable, short_id, trust_said

if TYPE_CHECKING:
    from wherefrom.cli.oci_pull import PullTold
    from wherefrom.cli.oci_push import PushTold
    from wherefrom.query.served_image import ImageReport

_SAID: Final = {
    "proven": "PROVEN",
    "failed": "FAILED: the registry, or what hangs on the image, is not what it should be",
    "unproven": "UNPROVEN: it is served as it should be, but nobody we know vouches for it",
}
_SHORT: Final = "application/"


def draw_pushed(told: PushTold) -> Iterator[str]:
    """Each document, how many, where they are listed, and what is with the platforms."""
    yield f"{printable(told.image)}@{told.digest}"
    rows = [
        (item.status, short_id(item.digest), item.type.removeprefix(_SHORT),
         f"{item.source} on {short_id(item.of)}" + (f": {item.reason}" if item.reason else ""))
        for item in told.items
    ]  # fmt: skip
    yield table([[printable(cell) for cell in row] for row in rows], indent=2)
    listed = "its referrers" if told.api else "a tag, for the registry has no API for referrers"
    yield f"{_counts(told.items)}; listed as {listed}"
    if told.more:
        yield "More records speak of it than are looked at: push the others as files"
    for one in told.platforms:
        held = "" if one.records is None else f": {count(one.records, 'record')} about it"
        hint = "" if one.pushed or not one.records else ", not pushed: --platform all"
        yield f"{one.platform or 'a platform'} {short_id(one.digest)}{held}{hint}"


def draw_pulled(told: PullTold) -> Iterator[str]:
    """Each document, how many, and the log."""
    if not told.items:
        yield "Nothing hangs on this image."
    else:
        rows = [
            (item.status, short_id(item.digest or item.manifest), item.by,
             item.type.removeprefix(_SHORT), _what(item))
            for item in told.items
        ]  # fmt: skip
        yield table([[printable(cell) for cell in row] for row in rows])
        yield _counts(told.items)
    if told.log is not None:
        yield f"log size {told.log['size']}, root {told.log['root']}"


def draw_verified(report: ImageReport) -> Iterator[str]:
    """The steps, what hangs there, and what it comes to."""
    import textwrap

    yield f"{printable(report.image)}@{report.digest}"
    for number, step in enumerate(report.steps, start=1):
        lead = f"{number}. {'✓' if step.ok else '✗'} {step.name}: "
        yield textwrap.fill(
            lead + printable(step.says), columns(), subsequent_indent="     ",
            break_on_hyphens=False,
        )  # fmt: skip
    for one in report.platforms:
        yield f"  {one.platform or '?'} {short_id(one.digest)}: {count(one.records, 'record')}" + (
            f", {one.trust}" if one.trust else ""
        )
    for doc in report.documents:
        said = trust_said(doc.trust, doc.signers) if doc.trust else ""
        at = "" if doc.entry is None else f"entry {doc.entry}"
        other = "about something else" if doc.trust and not doc.about else ""
        parts = [doc.status, at, said, other, doc.reason]
        line = f"  {short_id(doc.digest or doc.manifest)} {doc.type.removeprefix(_SHORT)}: "
        yield cut(printable(line + ", ".join(filter(None, parts))), 2 * columns())
    yield _SAID[report.result]


def _what(item: Any) -> str:
    if item.index is not None:
        return f"entry {item.index}"
    return item.file or item.reason or ""


def _counts(items: Iterable[Any]) -> str:
    counted = Counter(item.status for item in items)
    words = {"pushed": "pushed", "recorded": "recorded", "written": "written",
             "known": "there already", "refused": "refused", "skipped": "left out"}  # fmt: skip
    return ", ".join(f"{counted[key]} {said}" for key, said in words.items() if counted[key])

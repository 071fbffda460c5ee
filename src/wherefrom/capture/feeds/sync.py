"""One look at a feed: what is new in it and about packages that the log names is recorded.

    documents ──read──► Advice ──about wanted packages, or recorded before──► batches ──record──►
                          └ counted: how many, how new, what they speak of ──► feed.Looked

An advisory that was recorded once is recorded again when it changes, whatever it is about then: it
may be the one that takes it back. A document that is broken is counted and named; the look goes on.

Sizes:  a batch BATCH_MAX documents and BATCH_BYTES_MAX bytes · an index DATED_MAX documents, of
        which FETCHED_MAX are fetched in one look
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

from wherefrom.capture.feeds.fetch import FeedFolder, Fetcher, Kept, need_text_of_address
from wherefrom.capture.feeds.unpack import Document, in_directory, in_file
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import claims, csaf, cyclonedx, ecosystems, openvex, osv, strict_json
from wherefrom.formats.facts import Facts
from wherefrom.formats.feed import Looked
from wherefrom.formats.feed_settings import Feed
from wherefrom.formats.purl import canonical
from wherefrom.formats.recognise import facts_of

BATCH_MAX: Final = 200
BATCH_BYTES_MAX: Final = 2 * 1024 * 1024
DATED_MAX: Final = 500_000
FETCHED_MAX: Final = 20_000
TROUBLES_MAX: Final = 10
_FORMATS: Final = {
    "osv": osv.recognises,
    "csaf": csaf.recognises,
    "openvex": openvex.recognises,
    "cyclonedx": cyclonedx.recognises,
}
# Gives of each content whether the log holds it now, or why it does not.
Record = Callable[[Sequence[bytes]], Sequence[str]]


class Advice(NamedTuple):
    """What a document is about: packages without versions, when it was changed."""

    id: str
    content: bytes
    digest: str
    packages: frozenset[str]
    modified: str


class Synced(NamedTuple):
    """What became of a look: the record to make of it, and its subject.

    new       how many documents were recorded
    troubles  the first documents that were not, each with why
    """

    looked: Looked
    digest: str
    new: int
    troubles: list[str]


class Wanted(NamedTuple):
    """The packages that a log of some size names."""

    packages: Container[str]
    size: int


def fetch(feed: Feed, folder: FeedFolder, kept: Kept) -> None:
    """Bring what is kept of a feed up to date. Raises Unavailable, StorageError, Refused."""
    if feed.url is None:
        return
    fetcher = Fetcher()
    try:
        fetcher.body(feed.url, folder, kept)
        _fetch_index(feed, _index(folder.body) or {}, folder, fetcher, kept)
    finally:
        fetcher.close()


def documents_of(feed: Feed, folder: FeedFolder) -> Iterator[Document]:
    """Every document that a feed holds, as it was fetched. Raises StorageError, Refused."""
    if feed.url is None:
        yield from in_directory(Path(feed.from_))
        return
    listed = _index(folder.body)
    if listed is None:
        yield from in_file(folder.body)
        return
    for id in listed:
        content = folder.document(id).read_bytes()
        yield Document(id, content.strip(b" \t\r\n"))


def sync(
    feed: Feed,
    documents: Iterator[Document],
    kept: Kept,
    record: Record,
    *,
    wanted: Wanted,
    at: str,
) -> Synced:
    """Record what is new of ``documents``.

    kept    of the log that is recorded in; what is recorded is noted there
    wanted  the packages that advisories are to be about, unless the feed is taken whole
    at      when the look began
    """
    count, held, newest = 0, 0, ""
    families: set[str] = set()
    digests: list[str] = []
    told = _Troubles()
    batches = _Batches(record, kept, told)
    for document in documents:
        try:
            advice = read(document, feed)
        except Refused as error:
            told.add(document.name, str(error))
            continue
        if advice is None:
            continue
        count += 1
        digests.append(advice.digest)
        newest = max(newest, advice.modified)
        families |= {family for id in advice.packages if (family := _family(id))}
        known = kept.recorded.get(advice.id)
        is_wanted = (
            feed.all or known is not None or any(id in wanted.packages for id in advice.packages)
        )
        if is_wanted:
            held += 1
            if known != advice.digest:
                batches.add(advice)
    batches.flush()
    written = hashlib.sha256(b"feed\n" + "\n".join(sorted(digests)).encode())
    looked = Looked(
        feed=feed.name, at=at, documents=count, unread=told.count - batches.refused,
        recorded=held - batches.refused, newest=newest, covers=tuple(sorted(families)),
        size=wanted.size, complete=feed.all,
    )  # fmt: skip
    return Synced(looked, f"sha256:{written.hexdigest()}", batches.new, told.some)


def read(document: Document, feed: Feed) -> Advice | None:
    """What a document is about; None of what is no advisory, or not of the feed's choice.

    Raises Refused for an advisory that is broken.
    """
    if document.trouble:
        raise Malformed(document.trouble)
    value = strict_json.decode(document.content)
    if not isinstance(value, dict):
        return None
    known = [name for name, recognises in _FORMATS.items() if recognises(value)]
    if not known or feed.format not in ("auto", known[0]):
        return None
    digest = hashlib.sha256(document.content).hexdigest()
    facts = facts_of(document.content)
    if known[0] == "osv":
        if feed.ecosystems and not _is_of(value, feed.ecosystems):
            return None
        packages = osv.packages(value)
        id = claims.vulnerability_id(value["id"])
    else:
        if feed.ecosystems:
            return None
        packages = _packages(facts)
        id = _name(facts) or digest
    return Advice(id, document.content, digest, frozenset(packages), facts.occurred or "")


def _is_of(value: dict[str, Any], wanted: Sequence[str]) -> bool:
    """Whether an advisory that was read is about one of these ecosystems."""
    packages = [one.get("package") or {} for one in value.get("affected") or []]
    return any(ecosystems.of(one.get("ecosystem", ""))[0] in wanted for one in packages)


def _packages(facts: Facts) -> list[str]:
    return [
        ecosystems.without_version(node.id) for node in facts.nodes if node.id.startswith("pkg:")
    ]


def _name(facts: Facts) -> str | None:
    """What all versions of a document are called."""
    edges = {(e.source, e.relation): e.target for e in facts.edges}
    this = edges.get((facts.document, "alternate"), facts.document)
    return edges.get((this, "specializes")) or edges.get((facts.document, "specializes"))


def _family(id: str) -> str | None:
    try:
        return ecosystems.family_of(canonical(id))
    except Refused:
        return None


class _Troubles:
    """What went wrong: how often, and the first of it in words."""

    def __init__(self) -> None:
        self.count = 0
        self.some: list[str] = []

    def add(self, name: str, why: str) -> None:
        self.count += 1
        if len(self.some) < TROUBLES_MAX:
            self.some.append(f"{name}: {why}")


class _Batches:
    """Documents on their way into the log."""

    def __init__(self, record: Record, kept: Kept, told: _Troubles) -> None:
        self.new = self.refused = 0
        self._record, self._kept, self._told = record, kept, told
        self._waiting: list[Advice] = []
        self._bytes = 0

    def add(self, advice: Advice) -> None:
        self._waiting.append(advice)
        self._bytes += len(advice.content)
        if len(self._waiting) >= BATCH_MAX or self._bytes >= BATCH_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        some, self._waiting, self._bytes = self._waiting, [], 0
        for one, became in zip(some, self._record([a.content for a in some]), strict=True):
            if became in ("recorded", "known"):
                self.new += became == "recorded"
                self._kept.recorded[one.id] = one.digest
            else:
                self.refused += 1
                self._told.add(one.id, became)


# -- an index, with documents elsewhere


def _index(path: Path) -> dict[str, str] | None:
    """Of an index, when each document was changed; None of anything else."""
    with path.open("rb") as file:
        if file.read(64).lstrip()[:1] != b"[" or path.stat().st_size > 256 * 1024 * 1024:
            return None
    found: dict[str, str] = {}
    for document in in_file(path):
        try:
            value = strict_json.decode(document.content)
        except Refused:
            return None
        if not isinstance(value, dict) or "affected" in value or "document" in value:
            return None
        id, modified = value.get("id"), value.get("modified")
        if not isinstance(id, str) or not isinstance(modified, str):
            return None
        found[need_text_of_address(id)] = modified
        if len(found) > DATED_MAX:
            raise LimitPassed("an index lists too much", expected=f"{DATED_MAX} documents")
    return found or None


def _fetch_index(
    feed: Feed, listed: dict[str, str], folder: FeedFolder, fetcher: Fetcher, kept: Kept
) -> None:
    """Each document of an index that changed since it was fetched."""
    assert feed.url is not None
    template = feed.document or urljoin(feed.url, "{id}.json").replace("%7Bid%7D", "{id}")
    fetched = 0
    for id, modified in listed.items():
        path = folder.document(id)
        if kept.dated.get(id) == modified and path.exists():
            continue
        fetched += 1
        if fetched > FETCHED_MAX:
            raise Unsupported(
                "an index has too much that is new for one look",
                expected=f"{FETCHED_MAX} documents", do="Look again: what was fetched is kept",
            )  # fmt: skip
        content = fetcher.document(template.replace("{id}", id))
        with folder.new(path) as part:
            part.write_bytes(content)
        kept.dated[id] = modified

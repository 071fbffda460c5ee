"""Small logs for tests: places to keep them, records to put in, readers to look again."""

import hashlib
from pathlib import Path

from wherefrom.formats import base64_strict, own
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import Genesis, Tombstone
from wherefrom.keys.ed25519 import SigningKey, check_note, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.note_keys import NoteKey
from wherefrom.log.own_keys import HeadSigners
from wherefrom.log.reader import LogReader
from wherefrom.log.writer import LogWriter
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.file_head import FileHead
from wherefrom.storage.file_journal import FileJournal
from wherefrom.storage.memory import MemoryBlobs, MemoryHead, MemoryJournal
from wherefrom.verify.verified import Verified

ORIGIN = "log.example/tests"
LOG_KEY = SigningKey(bytes(range(32)))
SERVICE_KEY = SigningKey(bytes(range(1, 33)))
VKEY = LOG_KEY.verifier_key(ORIGIN)
SIGNERS = HeadSigners([NoteKey.of(ORIGIN, LOG_KEY)], lambda: [VKEY])
TIME = "2026-01-01T00:00:00.000000Z"


def verified(content, *, kind="attestation", level="channel", **changes):
    fields = {
        "content": content,
        "digest": hashlib.sha256(content).digest(),
        "kind": kind,
        "type": "text/plain",
        "trust": Trust(level),
        "producer": "local:0",
        "received": TIME,
    }
    return Verified(**{**fields, **changes})


def numbered(numbers):
    return [verified(f"content {number}".encode()) for number in numbers]


def decided(decision):
    """A decision of Wherefrom's own, as the recorder logs it."""
    payload = own.to_payload(decision)
    content = sign_envelope(own.media_type(decision), payload, SERVICE_KEY)
    media_type = own.media_type(decision)
    return verified(
        content, kind=own.entry_kind(decision), level="self", type=media_type, producer="self"
    )


def genesis(*, origin=ORIGIN, log_key=None):
    service_key = base64_strict.encode(spki_der(SERVICE_KEY.public_key))
    return decided(
        Genesis(origin=origin, log_key=log_key or VKEY.to_text(), service_key=service_key)
    )


def tombstone(index):
    return decided(Tombstone(entry=index, reason="a test", by="self"))


class FilePlace:
    """A log's directory; every call of a method opens it as another process would."""

    def __init__(self, folder, **journal_settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._journal_settings = journal_settings

    def journal(self):
        return FileJournal(self.folder / "journal", **self._journal_settings)

    def blobs(self):
        return FileBlobs(self.folder)

    def head(self):
        return FileHead(self.folder)

    @property
    def dedup_folder(self):
        return self.folder / "dedup"


class MemoryPlace:
    """The same in memory."""

    dedup_folder = None

    def __init__(self):
        self._journal, self._blobs, self._head = MemoryJournal(), MemoryBlobs(), MemoryHead()

    def journal(self):
        return self._journal.shared()

    def blobs(self):
        return self._blobs

    def head(self):
        return self._head


def writer(place, *, home="here", open=True, **changes):
    parts = {"journal": place.journal(), "blobs": place.blobs(), "head": place.head()}
    made = LogWriter(
        origin=ORIGIN,
        signers=SIGNERS,
        home=home,
        dedup_folder=place.dedup_folder,
        **{**parts, **changes},
    )
    if open:
        made.open()
    return made


def reader(place, *, refresh=True, **changes):
    parts = {"journal": place.journal(), "blobs": place.blobs(), "head": place.head()}
    made = LogReader(**{"origin": ORIGIN, "log_keys": lambda: [VKEY], **parts, **changes})
    if refresh:
        made.refresh()
    return made


def signed(note):
    """The checkpoint that a log's note signs."""
    return checkpoints.parse(check_note(notes.parse(note), [VKEY]))


def small_log(place, count=600):
    """A log of ``count`` entries, genesis and all, closed."""
    made = writer(place)
    made.commit([genesis()])
    for first in range(1, count, 50):
        made.commit(numbered(range(first, min(first + 50, count))))
    made.close()
    return place


def erase(made, index):
    """What the recorder does: log a tombstone, then remove content and nonce."""
    made.commit([tombstone(index)])
    made.erase(index)

"""A witness's directory: its keys, and a state for each log.

    DIR/keys    the private keys, a line each, mode 0600      DIR/lock   one process at a time
    DIR/vkeys   the public keys, to be handed out
    DIR/logs/<hex sha256(origin)>/head                        what was cosigned last

Source: docs/formats/tlog-witness.md
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from wherefrom.app import DataFolder
from wherefrom.collect.principals import write_secret
from wherefrom.errors import Malformed, SettingError, Unavailable
from wherefrom.formats import note
from wherefrom.formats.note import VerifierKey
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.log import witness_state as states
from wherefrom.log.witness import Witness
from wherefrom.storage.file_head import FileHead, sync_folder


class WitnessFolder:
    """Paths and keys of one witness."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Is there a witness here?"""
        return (self.path / "keys").exists()

    def create(self, name: str) -> None:
        """Make a witness's first key, unless there is one. Raises SettingError."""
        if self.exists():
            return
        if DataFolder(self.path).exists() or DataFolder(self.path).is_orphan:
            raise SettingError(
                "there is a log in this directory, and a witness keeps one of its own",
                where=str(self.path),
                do="Name another directory with --data",
            )
        if (self.path / "logs").exists():
            raise SettingError(
                "the keys of this witness are missing",
                where=str(self.path / "keys"),
                do="Restore the file; a new witness needs an empty directory",
            )
        try:
            note.check_name(name, where="--name")
        except Malformed as error:
            raise SettingError(
                "not a witness's name",
                expected="a URL without scheme, such as witness.example.com/w1",
                got=name,
                do="Leave out https:// and any space",
            ) from error
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self._keep([Cosigner.generate(name, note.ED25519_COSIGNATURE)])

    def add_mldsa44(self) -> None:
        """Make a key of type 0x06 too, unless there is one."""
        cosigners = self.cosigners()
        if not any(c.verifier_key.algorithm == note.MLDSA44_COSIGNATURE for c in cosigners):
            name = cosigners[0].verifier_key.name
            self._keep([*cosigners, Cosigner.generate(name, note.MLDSA44_COSIGNATURE)])

    def _keep(self, cosigners: Sequence[Cosigner]) -> None:
        # The public ones first: whoever sees the private ones finds both.
        public = "".join(c.verifier_key.to_text() + "\n" for c in cosigners)
        write_secret(self.path / "vkeys", public)
        (self.path / "vkeys").chmod(0o644)
        write_secret(self.path / "keys", "".join(c.to_skey_text() + "\n" for c in cosigners))
        sync_folder(self.path)
        sync_folder(self.path.parent)

    def cosigners(self) -> list[Cosigner]:
        """The private keys. Raises SettingError."""
        path = self.path / "keys"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                "a key file cannot be read",
                where=str(path),
                got=error,
                do="Restore it from a copy, or see to its mode and owner",
            ) from error
        found = [
            Cosigner.from_skey_text(line, where=f"{path}, line {number}")
            for number, line in enumerate(lines, start=1)
        ]
        if not found:
            raise SettingError(
                "a witness has no key",
                where=str(path),
                do="Restore it from a copy, or begin a new witness in an empty directory",
            )
        return found

    @contextmanager
    def opened(
        self,
        logs: Mapping[str, Sequence[VerifierKey]],
        *,
        moved: bool = False,
        on_stop: Callable[[str], None] = lambda why: None,
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> Iterator[Witness]:
        """The one process that cosigns here. Raises Unavailable, ReadOnly, Corrupt."""
        with open(self.path / "lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Unavailable(
                    "another process cosigns with this directory",
                    where=str(self.path),
                    do="End the other first",
                ) from error
            heads: list[FileHead] = []

            def head_of(origin: str) -> FileHead:
                heads.append(self._head_of(origin))
                return heads[-1]

            witness = Witness(
                cosigners=self.cosigners(),
                logs=logs,
                head_of=head_of,
                home=DataFolder(self.path).home(),
                clock=clock,
                on_stop=on_stop,
            )
            try:
                witness.open(moved=moved)
                yield witness
            finally:
                for head in heads:
                    head.close()

    def _head_of(self, origin: str) -> FileHead:
        folder = self.path / "logs" / sha256(origin.encode()).hexdigest()
        if not folder.exists():
            folder.mkdir(parents=True)
            os.chmod(folder, 0o700)
        # A power cut must not take the name of a state that was answered for.
        sync_folder(folder.parent)
        sync_folder(self.path)
        return FileHead(folder, slot_bytes=states.SLOT_BYTES, always_durable=True)

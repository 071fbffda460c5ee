"""A policy's tests, run: cases over inputs at once, cases over records in a log made for them.

DIR/tests/*.yaml ──► cases ──input──► Dossier ──► decide ──► Outcome
                           └records──► a log in a temporary folder ──► Gate ──┘
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wherefrom.app import DataFolder, fold_views, open_gate, open_log, open_recorder
from wherefrom.collect.collected import CONTENT_BYTES_MAX
from wherefrom.collect.principals import local
from wherefrom.errors import Malformed, NotFound, StorageError
from wherefrom.formats.policy import Policy
from wherefrom.formats.timestamps import canonical
from wherefrom.keys.changes import KeyWish, RootWish
from wherefrom.policy import cases
from wherefrom.policy.cases import Case, Outcome
from wherefrom.policy.decide import decide
from wherefrom.policy.gate import Gate, Question

_Kept = tuple[tuple[str, ...], tuple[str, ...], str | None]


def rehearse(policy: Policy, files: list[Path]) -> Iterator[Outcome]:
    """The outcome of every case. Raises NotFound without one, Malformed, StorageError."""
    if not files:
        raise NotFound(
            "this policy has no tests", expected="tests/*.yaml beside it",
            do="Write cases: docs/policy.md, Tests",
        )  # fmt: skip
    for file in files:
        found = cases.read(_read(file), where=str(file))
        by_log: dict[_Kept, list[Case]] = {}
        for case in found:
            if case.records:
                by_log.setdefault((case.records, case.trust, case.trusted_root), []).append(case)
            else:
                told = cases.dossier_of(case, where=f"{file}: {case.name}")
                at = canonical(case.at, where=f"{file}: {case.name}: at")
                verdict = decide(policy, told, environment=case.environment, at=at)
                yield cases.outcome(case, verdict, file=file.name)
        for kept, together in by_log.items():
            with _log_of(kept, file.parent) as gate:
                for case in together:
                    asked = Question(
                        artifacts=(case.artifact,), policy=policy.to_document(),
                        environment=case.environment, at=case.at,
                    )  # fmt: skip
                    (verdict,) = gate.decide(asked).verdicts
                    yield cases.outcome(case, verdict, file=file.name)


@contextmanager
def _log_of(kept: _Kept, beside: Path) -> Iterator[Gate]:
    """A log of its own with these records, and who signed them trusted."""
    records, trust, root = kept
    with tempfile.TemporaryDirectory(prefix="wherefrom-policy-") as path:
        folder = DataFolder(Path(path) / "log")
        folder.create(origin="cases")
        with open_recorder(folder) as recorder:
            for key in trust:
                pem = _read(beside / key).decode("utf-8", "replace")
                recorder.wish(KeyWish(action="trust", pem=pem, reason="a case trusts it"))
            if root is not None:
                text = _read(beside / root).decode("utf-8", "replace")
                recorder.set_root(RootWish(trusted_root=text, warn_days=36_500, refuse_days=36_500))
            contents = [_read(beside / name) for name in records]
            outcomes = recorder.record(contents, principal=local(os.getuid()))
            for name, done in zip(records, outcomes, strict=True):
                if done.index is None:
                    raise Malformed(f"the log refuses it: {done.reason}", where=name)
        log = open_log(folder)
        fold_views(folder, log)
        yield open_gate(folder, log)


def _read(path: Path) -> bytes:
    """A whole file, as large as a record may be. Raises StorageError."""
    try:
        if not path.is_file() and path.exists():
            raise StorageError("cannot use the file", where=str(path), got="it is none")
        with path.open("rb") as file:
            written = file.read(CONTENT_BYTES_MAX + 1)
        if len(written) > CONTENT_BYTES_MAX:
            raise StorageError(
                "the file is too large", where=str(path), expected=f"{CONTENT_BYTES_MAX} bytes"
            )
        return written
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise StorageError("cannot use the file", where=str(path), got=why) from error

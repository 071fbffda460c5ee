"""Full Sigstore verification: in process with a warm trusted root, and as the command.

The bundles are signed by the box that the tests sign with, with Fulcio's kinds of keys (P-384 over
P-256), so they cost what real ones do. sigstore-python is measured beside them where it is
installed (the extra ``test``), on the same bundle and with its own root warm.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.sigstore_world import ARTIFACT, IDENTITY, ISSUER, NOW, Made, world

from bench.place import Place
from bench.report import Row
from bench.server import COMMAND
from bench.timing import each
from wherefrom.verify.sigstore import trusted_root
from wherefrom.verify.sigstore.artifacts import GivenDigest
from wherefrom.verify.sigstore.verify import Wanted, check_document

_AREA = "verify Sigstore"


def measure(place: Place) -> Iterator[Row]:
    """A statement logged in Rekor v1, and one in Rekor v2 with a timestamp."""
    folder, rounds = place.folder, place.sizes.questions
    root = folder / "trusted-root.json"
    root.write_text(json.dumps(world().root()))
    warm = trusted_root.parse(root.read_bytes())
    artifact = GivenDigest("sha256", hashlib.sha256(ARTIFACT).digest())
    wanted = Wanted(warm, NOW, artifact, identity=IDENTITY, issuer=ISSUER)
    for what, made in (
        ("Rekor v1: promise, inclusion, certificate", Made(issuer_v1=ISSUER)),
        ("Rekor v2: inclusion, timestamp, certificate",
         Made(kind="hashedrekord 0.0.2", issuer_v1=ISSUER)),
    ):  # fmt: skip
        written = json.dumps(made.document()).encode()
        assert check_document(written, wanted).result == "proven"

        def verify(_: int, written: bytes = written) -> None:
            check_document(written, wanted)

        times = each(rounds, verify)
        theirs = _sigstore_python(root, written)
        beside: dict[str, float | str] = {"p99 ms": times.p99, "file KB": len(written) / 1000}
        if theirs is None:
            beside["sigstore-python"] = "not installed"
        else:
            beside["sigstore-python p50 ms"] = each(max(20, rounds // 10), theirs).p50
        yield Row(
            area=_AREA, what=f"in process, {what}, p50", value=times.p50, unit="ms", goal=2.0,
            beside=beside,
        )  # fmt: skip
    yield _as_command(place, folder, root)


def _sigstore_python(root: Path, written: bytes) -> Callable[[int], object] | None:
    """The same by sigstore-python, its root warm; None where it is not installed."""
    if importlib.util.find_spec("sigstore") is None:
        return None
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    logging.getLogger("sigstore").setLevel(logging.ERROR)
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
    who = policy.Identity(identity=IDENTITY, issuer=ISSUER)

    def verify(_: int) -> None:
        verifier.verify_dsse(Bundle.from_json(written), who)

    verify(0)
    return verify


def _as_command(place: Place, folder: Path, root: Path) -> Row:
    (folder / "bundle.json").write_text(json.dumps(Made().document()))
    (folder / "release").write_bytes(ARTIFACT)
    script = Path(sys.executable).with_name("wherefrom")
    wanted = [
        *([str(script)] if script.exists() else COMMAND), "verify", "--bundle",
        str(folder / "bundle.json"), "--artifact", str(folder / "release"), "--trusted-root",
        str(root), "--identity", IDENTITY,
    ]  # fmt: skip
    run = lambda _: subprocess.run(wanted, check=True, stdout=subprocess.DEVNULL)  # noqa: E731
    times = each(place.sizes.commands, run)
    empty = each(place.sizes.commands, lambda _: subprocess.run([sys.executable, "-c", ""]))
    return Row(
        area=_AREA, what="as a command: wherefrom verify --bundle B --artifact F, p50",
        value=times.p50, unit="ms", goal=250.0,
        beside={"worst ms": times.worst, "python alone p50 ms": empty.p50},
    )  # fmt: skip

"""Every real bundle that lies beside us: what its makers signed is proven, what they broke is not.

Artifacts that are too large to lie there are known by their digests. Those that are neither are
asked for without one, so that a wrong one is the only thing to refuse them for.
"""

import base64
import csv
import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.paths import DATA
from wherefrom.errors import Refused
from wherefrom.formats import sigstore_evidence
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import trusted_root, verify, which_root
from wherefrom.verify.sigstore.artifacts import FileArtifact, FolderArtifact

SUPPLY = DATA / "supply"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SLSA = "slsa-verifier/cli/slsa-verifier/testdata/"
GHA = "slsa-verifier/verifiers/internal/gha/testdata/"
MODELS = "model-transparency/scripts/tests/"
GO = "sigstore-go/pkg/testing/data/"

# What must not verify: part of the path → the step, and what it says. None: not read at all.
BROKEN = {
    r"chainloop/.*/attestation-bundle.json": ("times", "nobody vouches"),
    r"chainloop/.*/chainloop_attestation.sigstore.json": ("content", "not signed by this key"),
    r"chainloop/.*/slsa_provenance.sigstore.json": ("times", "no timestamp authority"),
    r"chainloop/.*/bundle_(in)?valid.json": ("content", "not signed by this key"),
    r"chainloop/.*/bundle_with_publickey.json": ("key", "only hints at"),
    r"chainloop/.*/bundle_wrongversion.json": ("key", "chain in a bundle of version 0.3"),
    r"chainloop/.*/bundle_(valid_nomaterial|with_bad_timestamp).json": None,
    r".*/dsse-2sigs.sigstore.json": None,
    # Signed at Sigstore's staging instance, which the production root does not name.
    r"pypi-attestations/.*/(rfc8785|spt3g).*": ("promise", "does not name"),
    rf"{GHA}bundle/invalid-(dsse-sig|set).intoto.sigstore": None,
    rf"{GHA}bundle/mismatch-tlog.intoto.sigstore": ("entry", "of another signature"),
    rf"{GHA}npm-att-prov-invalid-signature.*": ("content", "not signed by"),
    rf"{GHA}npm-att-mismatch-(prov|pub)-payloadtype.*": ("content", "not signed by"),
    rf"{GHA}npm-att-mismatch-(prov|pub)-predicatetype.*": ("content", "another predicate"),
    rf"{GHA}npm-stmt-mismatch-.*": ("content", "not signed by"),
    rf"{GHA}npm-att-publish-.*": ("content", "not signed by"),
    rf"{SLSA}npm/.*-invalidsig(prov|pub).tgz.json": ("content", "not signed by"),
    # Signed under an encoding of its own, before it took DSSE's.
    rf"{MODELS}v0.2.0-certificate/.*": ("content", "not signed by this key"),
}  # fmt: skip


def is_evidence(path):
    if not path.is_file() or path.stat().st_size > 4_000_000:
        return False
    written = path.read_bytes()
    return (
        written.lstrip()[:1] == b"{"
        and re.search(
            rb'"(verificationMaterial|verification_material|attestation_bundles)"', written
        )
        is not None
    )


FILES = sorted(p.relative_to(SUPPLY).as_posix() for p in SUPPLY.rglob("*") if is_evidence(p))


@cache
def root():
    return which_root.read(which_root.shipped(), NOW, refuse_days=730)


@cache
def digests():
    with (SUPPLY / "slsa-verifier" / "OMITTED-ARTIFACT-DIGESTS.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {f"slsa-verifier/{row['path']}": row for row in rows}


class Omitted:
    """An artifact that is too large to lie here, but whose digests do."""

    def __init__(self, name):
        self.name = name

    def digest(self, algorithm):
        digits = digests()[self.name].get(algorithm)
        return bytes.fromhex(digits) if digits else None

    def content(self):
        return None


def artifact_of(name):
    """What the bundle is about, where it lies beside it or its digest is known."""
    if name.startswith(MODELS):
        ignored = ["model.sig", *(["ignore-me"] if "v1.0.1" in name else [])]
        folder = (SUPPLY / name).parent
        if "elliptic-key" in name and ("v0.3.1" in name or "v1.0.0" in name):
            return FileArtifact(folder / "signme-1")  # a model of one file
        return FolderArtifact(folder, ignored=ignored)
    named = name
    while "." in Path(named).name:
        named = named.rpartition(".")[0]
        if (SUPPLY / named).is_file():
            return FileArtifact(SUPPLY / named)
        if named in digests():
            return Omitted(named)
    return None


@cache
def npm_keys():
    held = json.loads((SUPPLY / "root-signing/targets/npm-registry-keys.json").read_bytes())
    return {
        key["keyId"]: PublicKey(base64.b64decode(key["publicKey"]["rawBytes"]))
        for key in held["keys"]
    }


def key_of(name):
    """The key that a user would have, for bundles that only hint at one."""
    written = (SUPPLY / name).read_bytes()
    if name.startswith(MODELS):
        if "certificate" in name:
            return PublicKey.from_pem((SUPPLY / MODELS / "keys/certificate/signing-key-pub.pem")
                                      .read_bytes())  # fmt: skip
        if "elliptic-key" in name:
            return MODEL_KEY
        return None
    if name.startswith(f"{GO}bundles/public-key-validity"):
        return PublicKey.from_pem((SUPPLY / GO / "public-keys/public-key-validity.pem")
                                  .read_bytes())  # fmt: skip
    hint = re.search(rb'"hint":\s*"([^"]+)"', written)
    return npm_keys().get(hint[1].decode()) if hint else None


def _model_key():
    held = json.loads((SUPPLY / MODELS / "v1.0.0-elliptic-key/model.sig").read_bytes())
    raw = held["verificationMaterial"]["publicKey"]["rawBytes"]
    return PublicKey.from_pem(base64.b64decode(raw))


MODEL_KEY = _model_key()


def root_file_of(name):
    """The root of an installation of its own, or None for the one that ships with us."""
    roots = {"public-key-validity": "public-key-validity.json", "othername": "scaffolding.json"}
    for part, file in roots.items():
        if f"{GO}bundles/{part}" in name:
            return SUPPLY / GO / "trusted-roots" / file
    return None


def root_of(name):
    file = root_file_of(name)
    return root() if file is None else trusted_root.parse(file.read_bytes())


def ask(name, *, artifact):
    wanted = verify.Wanted(root_of(name), NOW, artifact, key_of(name))
    return verify.check_document((SUPPLY / name).read_bytes(), wanted)


def broken(name):
    found = [says for pattern, says in BROKEN.items() if re.fullmatch(pattern, name)]
    return found[0] if found else "whole"


WHOLE = [name for name in FILES if broken(name) == "whole"]


def test_there_are_as_many_as_there_were_and_every_exception_is_of_use():
    assert len(FILES) >= 160
    assert len(WHOLE) >= 115
    assert sum(artifact_of(name) is not None for name in WHOLE) >= 90
    for pattern in BROKEN:
        assert any(re.fullmatch(pattern, name) for name in FILES), pattern


@pytest.mark.parametrize("name", WHOLE)
def test_what_was_signed_is_proven(name):
    report = ask(name, artifact=artifact_of(name))
    assert report.result == "proven", report.steps[-1]


@pytest.mark.parametrize("name", [name for name in FILES if broken(name) is None])
def test_what_is_no_bundle_is_not_read(name):
    with pytest.raises(Refused, match=r"base64|exactly one|one signature|certificate"):
        sigstore_evidence.parse((SUPPLY / name).read_bytes())


@pytest.mark.parametrize("name", [n for n in FILES if isinstance(broken(n), tuple)])
def test_what_was_broken_fails_where_it_is_broken(name):
    step, says = broken(name)
    artifact = artifact_of(name) if name.startswith(MODELS) else None
    last = ask(name, artifact=artifact).steps[-1]
    assert (last.name, last.ok) == (step, False), last
    assert says in last.says


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_proven_of_another_artifact(name, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"not what was signed\n")
    last = ask(name, artifact=FileArtifact(other)).steps[-1]
    assert (last.name, last.ok) == ("content", False), last


@pytest.mark.parametrize("name", [n for n in WHOLE if key_of(n) is None])
def test_nothing_is_proven_of_somebody_else(name):
    wanted = verify.Wanted(root_of(name), NOW, None, None, "https://somebody.example/else")
    last = verify.check_document((SUPPLY / name).read_bytes(), wanted).steps[-1]
    assert (last.name, last.ok) == ("identity", False), last


@pytest.mark.parametrize("name", [n for n in WHOLE if key_of(n) is not None])
def test_nothing_is_proven_without_the_key_or_with_another(name):
    for key in (None, next(k for k in npm_keys().values() if k.id != key_of(name).id)):
        wanted = verify.Wanted(root_of(name), NOW, None, key)
        report = verify.check_document((SUPPLY / name).read_bytes(), wanted)
        assert report.result == "failed"
        assert report.steps[-1].name in ("key", "content")

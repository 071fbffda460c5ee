"""A second opinion: sigstore-python (and the RFC 3161 client it uses) on what the box signs.

What we accept it accepts, where it reads such a thing at all (not dsse 0.0.2, intoto, managed
keys); what it refuses we refuse. An SCT of a log that nobody knows it tries under every key.
"""

import json
from datetime import timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.sigstore_world import (
    IDENTITY,
    ISSUER,
    MINUTES,
    Authority,
    Clock,
    Made,
    T,
    world,
)  # fmt: skip
from tests.unit.verify.sigstore import test_real_bundles as real
from tests.unit.verify.sigstore.asking import Bytes, ask

# sigstore-python reads the older of the two issuers.
DSSE = Made(issuer_v1=ISSUER)
FILE = DSSE.but(content="message", kind="hashedrekord 0.0.1")
READ_BY_BOTH = {
    "dsse 0.0.1": DSSE,
    "an envelope in hashedrekord 0.0.2": DSSE.but(kind="hashedrekord 0.0.2"),
    "a file in hashedrekord 0.0.1": FILE,
    "a file in hashedrekord 0.0.2": FILE.but(kind="hashedrekord 0.0.2"),
    "version 0.1": DSSE.but(version=1),
    "version 0.2": DSSE.but(version=2),
    "cosigned": DSSE.but(kind="hashedrekord 0.0.2", cosigned=True),
    "the end of the certificate": DSSE.but(start=T - MINUTES, end=T),
    "a promise and a timestamp": DSSE.but(stamps=(lambda s: world().clock.token(s),)),
}
REFUSED_BY_BOTH = {
    "too late": DSSE.but(start=T - MINUTES, end=T - timedelta(seconds=1)),
    "too early": DSSE.but(start=T + timedelta(seconds=1)),
    "no time": DSSE.but(kind="hashedrekord 0.0.2", stamps=()),
    "a stranger's certificate": DSSE.but(authority=Authority("stranger")),
    "a stranger's clock": DSSE.but(
        kind="hashedrekord 0.0.2", stamps=(lambda s: Clock("stranger").token(s),)
    ),
    "a timestamp of something else": DSSE.but(
        kind="hashedrekord 0.0.2", stamps=(lambda s: world().clock.token(s + b"x"),)
    ),
    "a forged timestamp": DSSE.but(
        kind="hashedrekord 0.0.2", stamps=(lambda s: world().clock.token(s, info_digest=bytes(32)),)
    ),
    "an SCT by another key": DSSE.but(sct="other key"),
    "an SCT of another certificate": DSSE.but(sct="other certificate"),
    "no SCT": DSSE.but(sct="none"),
    "for servers": DSSE.but(eku=ExtendedKeyUsageOID.SERVER_AUTH),
}


def their_opinion(folder, made):
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    path = folder / "root.json"
    path.write_text(json.dumps(world().root()))
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
    who = policy.Identity(identity=IDENTITY, issuer=ISSUER)
    bundle = Bundle.from_json(json.dumps(made.document()))
    if made.content == "dsse":
        verifier.verify_dsse(bundle, who)
    else:
        verifier.verify_artifact(Bytes().content(), bundle, who)


@pytest.mark.parametrize("claim", READ_BY_BOTH)
def test_sigstore_python_accepts_what_we_accept(tmp_path, claim):
    their_opinion(tmp_path, READ_BY_BOTH[claim])
    assert ask(READ_BY_BOTH[claim].document()).result == "proven"


@pytest.mark.parametrize("claim", REFUSED_BY_BOTH)
def test_sigstore_python_refuses_what_we_refuse(tmp_path, claim):
    from sigstore.errors import Error

    with pytest.raises((Error, ValueError)):
        their_opinion(tmp_path, REFUSED_BY_BOTH[claim])
    assert ask(REFUSED_BY_BOTH[claim].document()).result == "failed"


# -- real bundles

BUNDLES = [
    name for name in real.FILES
    if b'"attestations"' not in (text := (real.SUPPLY / name).read_bytes()[:300])
    and b'"mediaType"' in text and b"sigstore.bundle" in text
]  # fmt: skip
# What sigstore-python 4.5 says of what it does not read, rather than of what does not hold.
NOT_READ = (
    "only supported for dsse/hashedrekord", "Unsupported", "validation error",
    "expected certificate in bundle",
)  # fmt: skip


def their_opinion_of(name):
    """None if sigstore-python accepts a real bundle, else what it says."""
    from sigstore.errors import Error
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    root = real.root_file_of(name) or real.SUPPLY / "root-signing/targets/trusted_root.json"
    try:
        bundle = Bundle.from_json((real.SUPPLY / name).read_bytes())
        Verifier(trusted_root=TrustedRoot.from_file(str(root))).verify_dsse(
            bundle, policy.UnsafeNoOp()
        )
    except (Error, ValueError) as error:
        return str(error) or type(error).__name__
    return None


@pytest.mark.parametrize("name", BUNDLES)
def test_we_agree_with_sigstore_python_on_real_bundles_that_it_reads(name):
    theirs = their_opinion_of(name)
    ours = real.ask(name, artifact=None)
    if theirs is None:
        assert ours.result == "proven", ours.steps[-1]
    elif not any(words in theirs for words in NOT_READ):
        assert ours.result == "failed", theirs


def test_sigstore_python_reads_a_good_part_of_them():
    assert sum(their_opinion_of(name) is None for name in BUNDLES) >= 20

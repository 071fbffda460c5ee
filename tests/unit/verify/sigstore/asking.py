"""Ask the verifier about bundles of ``tests.sigstore_world``."""

import hashlib
import json

from tests.sigstore_world import ARTIFACT, IDENTITY, ISSUER, NOW, spki_of, world
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import trusted_root, verify
from wherefrom.verify.sigstore.artifacts import GivenDigest


class Bytes:
    """An artifact in memory."""

    def __init__(self, held=ARTIFACT, name="release"):
        self.held, self.name = held, name

    def digest(self, algorithm):
        return hashlib.new(algorithm, self.held).digest()

    def content(self):
        return self.held


RELEASE = Bytes()


def digest_only(held=ARTIFACT, algorithm="sha256"):
    return GivenDigest(algorithm, hashlib.new(algorithm, held).digest())


def ask(document, *, root=None, made=None, artifact=RELEASE, now=NOW, **asked):
    """The report on ``document``. A managed key is given; else the usual identity is required."""
    written = document if isinstance(document, bytes) else json.dumps(document).encode()
    wanted = {"identity": IDENTITY, "issuer": ISSUER}
    if made is not None and made.managed:
        wanted = {"key": PublicKey(spki_of(made.key))}
    believed = trusted_root.parse(json.dumps(root or world().root()).encode())
    return verify.check_document(
        written, verify.Wanted(believed, now, artifact, **(wanted | asked))
    )


def proven(*arguments, **asked):
    report = ask(*arguments, **asked)
    assert report.result == "proven", report.steps[-1]
    return {step.name: step.says for step in report.steps}


def refused(step, says, *arguments, **asked):
    report = ask(*arguments, **asked)
    last = report.steps[-1]
    assert (report.result, last.name, last.ok) == ("failed", step, False), last
    assert says in last.says, last.says

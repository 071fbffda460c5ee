"""Data directories for tests, and signed statements to put into them."""

import json
from contextlib import contextmanager

from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats import base64_strict, dsse
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.public import PublicKey

ORIGIN = "log.example/tests"
ME = local(1000)
BUILDER = SigningKey(bytes(32))
REVIEWER = SigningKey(bytes([1] * 32))
STRANGER = SigningKey(bytes([2] * 32))


def public(key):
    """The public half, as the keyring takes it."""
    return PublicKey(spki_der(key.public_key))


def statement(name="app", *, commit="c" * 40, builder="https://ci.example/builder"):
    """Provenance: ``name`` was built from ``commit``, by ``builder``."""
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": name.encode().hex().ljust(64, "0")}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": "https://ci.example/build/v1",
                    "externalParameters": {},
                    "resolvedDependencies": [
                        {"uri": "git+https://git.example/r", "digest": {"gitCommit": commit}}
                    ],
                },
                "runDetails": {
                    "builder": {"id": builder},
                    "metadata": {"invocationId": f"https://ci.example/runs/{name}"},
                },
            },
        }
    ).encode()


def sha256_of(name):
    """The id of the artifact that ``statement(name)`` speaks of."""
    return "sha256:" + name.encode().hex().ljust(64, "0")


def envelope(payload, *keys, hints=None, payload_type=dsse.IN_TOTO_TYPE, **fields):
    """``payload`` in an envelope signed by ``keys``; ``hints`` are its keyids, else their ids."""
    message = dsse.pae(payload_type, payload)
    hints = [k.id for k in keys] if hints is None else hints
    signatures = [
        {"sig": base64_strict.encode(key.sign(message))} | ({"keyid": hint} if hint else {})
        for key, hint in zip(keys, hints, strict=True)
    ]
    written = {"payload": base64_strict.encode(payload), "payloadType": payload_type}
    return json.dumps(written | {"signatures": signatures} | fields).encode()


def made(path, **settings):
    """A data directory with keys, and nothing in its log yet."""
    folder = DataFolder(path)
    folder.create(**{"origin": ORIGIN, **settings})
    return folder


def record(folder, *contents, trust=()):
    """Open the directory as a writer, trust keys, record; gives the outcomes."""
    with open_recorder(folder) as recorder:
        for key in trust:
            recorder.change_key(public(key), action="trust")
        return recorder.record(contents, principal=ME)


@contextmanager
def asked(folder):
    """A desk over everything that is in the log now."""
    log = open_log(folder)
    fold_views(folder, log)
    yield open_desk(folder, log)


def every_byte(folder):
    """What lies on the disk, file by file."""
    return {p: p.read_bytes() for p in sorted(folder.path.rglob("*")) if p.is_file()}

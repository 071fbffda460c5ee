"""Make ``entry_v1.json``: entries of version 1, spelled by the rfc8785 library, not by us.

    python -m tests.vectors.make_entry_v1

The format is frozen: the file is written once, and a test compares. Nothing here imports Wherefrom.
"""

import hashlib
import json
from pathlib import Path

import rfc8785

FILE = Path(__file__).with_name("entry_v1.json")
TIME = "2026-01-02T03:04:05.000006Z"


def key(number):
    return "k:" + hashlib.sha256(b"key %d" % number).hexdigest()[:32]


PLAIN = {
    "kind": "attestation",
    "occurred": "2025-12-31T23:59:59.999999Z",
    "producer": "p:" + hashlib.sha256(b"a producer").hexdigest()[:32],
    "received": TIME,
    "trust": {"level": "signed", "signers": [key(1)]},
    "type": "https://slsa.dev/provenance/v1",
    "v": 1,
}
CASES = {
    "plain": (b'{"payload":""}', PLAIN),
    "no occurred, no signer": (
        b"x",
        PLAIN | {"occurred": None, "trust": {"level": "channel", "signers": []}},
    ),
    "an empty content": (b"", PLAIN | {"kind": "system", "producer": "self"}),
    "a local user": (b"x" * 1000, PLAIN | {"producer": "local:0", "kind": "event"}),
    "eight signers": (
        b"x",
        PLAIN | {"trust": {"level": "signed", "signers": sorted(map(key, range(8)))}},
    ),
    "genesis": (b"x", PLAIN | {"kind": "genesis", "trust": {"level": "self", "signers": []}}),
    "a type to escape": (b"x", PLAIN | {"type": 'a"b\\c/d\b\f\n\r\t\x00\x1f\x7f'}),
    "a type beyond ASCII": (b"x", PLAIN | {"type": "Größe-данные-资料-\u2028-😀"}),
    "the longest type": (b"x", PLAIN | {"type": "t" * 256}),
}


def made():
    cases = []
    for name, (content, fields) in CASES.items():
        nonce = hashlib.sha256(name.encode()).digest()[:16]
        commitment = "sha256:" + hashlib.sha256(nonce + content).hexdigest()
        entry = fields | {"content": commitment, "size": len(content)}
        canonical = rfc8785.dumps(entry)
        leaf_hash = hashlib.sha256(b"\0" + canonical).hexdigest()
        cases.append(
            {
                "name": name,
                "content_hex": content.hex(),
                "nonce_hex": nonce.hex(),
                "fields": entry,
                "entry_hex": canonical.hex(),
                "leaf_hash_hex": leaf_hash,
            }
        )
    origin = f"written by tests/vectors/make_entry_v1.py with rfc8785 {rfc8785.__version__}"
    return {"origin": origin, "cases": cases}


def text():
    return json.dumps(made(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())

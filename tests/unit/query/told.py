"""Records about reality, as producers write them, and the answers over a folder of them."""

import json

from wherefrom.app import fold_views, open_desk, open_log
from wherefrom.capture import changes
from wherefrom.formats.states import OBSERVED, Scope

AT = "2026-11-01T12:00:00Z"


def sbom(digest, name, *purls):
    parts = [{"type": "library", "name": "x", "bom-ref": purl, "purl": purl} for purl in purls]
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": None, "version": 1,
        "metadata": {
            "component": {
                "type": "container", "name": name, "bom-ref": "root",
                "purl": f"pkg:oci/{name}@{digest.replace(':', '%3A')}",
                "hashes": [{"alg": "SHA-256", "content": digest[7:]}],
            }
        },
        "components": parts,
        "dependencies": [{"ref": "root", "dependsOn": list(purls)}],
    }  # fmt: skip


def instances(service, digest, region, count):
    return changes.estate(
        OBSERVED, Scope("prod", service, region),
        [
            {"slot": "artifact", "name": "server", "value": digest,
             "scope": {"instance": f"{service}-{region}-{n}"}}
            for n in range(count)
        ],
        all_of=(), at=AT, source="/cluster",
    )  # fmt: skip


def without_none(document):
    return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


def reality(folder):
    log = open_log(folder)
    fold_views(folder, log)
    return open_desk(folder, log).reality

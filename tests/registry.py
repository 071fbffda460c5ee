"""A real OCI registry on this machine, and images small enough to push in a line.

with RegistryProcess(tmp_path) as registry: registry.push("acme/cart", "1") ──► its digest
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time

import httpx

PROGRAM = "docker-registry"
STARTED_WITHIN_SECONDS = 30
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class RegistryProcess:
    """``docker-registry`` of Debian, in a folder of its own; leaving the block ends it.

    users  name → password, in bcrypt as htpasswd writes it; anybody, if there are none
    """

    def __init__(self, folder, *, htpasswd=None):
        self._folder = folder
        self._htpasswd = htpasswd
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{found.getsockname()[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self):
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._folder / "registry")},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.host},
        }
        if self._htpasswd:
            (self._folder / "htpasswd").write_text(self._htpasswd)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self._folder / "htpasswd")}}
        path = self._folder / "registry.yml"
        path.write_text(json.dumps(config))
        with open(self._folder / "registry.log", "wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", str(path)], stdout=log, stderr=log, cwd=self._folder
            )
        self.client = httpx.Client(base_url=self.url, timeout=30)
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        while True:
            try:
                self.client.get("/v2/")
                return self
            except httpx.TransportError:
                said = (self._folder / "registry.log").read_text()
                assert time.monotonic() < until, said
                assert self._process.poll() is None, said
                time.sleep(0.02)

    def __exit__(self, *_):
        self.client.close()
        self._process.terminate()
        self._process.wait(30)

    def push(self, repository, tag, *, of=None, config=b"{}"):
        """An image without layers, or an index of the images ``of``; its digest."""
        if of is not None:
            document = {
                "schemaVersion": 2, "mediaType": INDEX,
                "manifests": [
                    {"mediaType": MANIFEST, "digest": digest, "size": size,
                     "platform": {"os": "linux", "architecture": "amd64"}}
                    for digest, size in of
                ],
            }  # fmt: skip
        else:
            blob = self._upload(repository, config)
            document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": []}
        body = json.dumps(document).encode()
        digest = digest_of(body)
        answer = self.client.put(
            f"/v2/{repository}/manifests/{tag or digest}", content=body,
            headers={"Content-Type": document["mediaType"]},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return digest, len(body)

    def delete(self, repository, digest):
        answer = self.client.delete(f"/v2/{repository}/manifests/{digest}")
        assert answer.status_code == 202, answer.text

    def _upload(self, repository, content):
        begun = self.client.post(f"/v2/{repository}/blobs/uploads/")
        digest = digest_of(content)
        answer = self.client.put(
            httpx.URL(begun.headers["location"]).copy_add_param("digest", digest), content=content,
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        return {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest,
            "size": len(content),
        }  # fmt: skip

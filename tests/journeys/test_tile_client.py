"""A client that knows C2SP tlog-tiles and the log's key, and nothing else of Wherefrom.

It reads a server's log whole, and uses no hash before it led to the signed root.

Source: C2SP tlog-tiles, "Verifying the tiles"; RFC 6962 §2.1
"""

import json

import httpx
import pytest

from tests.served import ServerProcess
from wherefrom.formats import checkpoint, note
from wherefrom.formats.tiles import decode_bundle, entries_path, tile_path
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf, hash_node


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("tiles") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


class TileClient:
    """What C2SP tlog-tiles asks of a reader: no hash is used before it led to the signed root."""

    def __init__(self, url, vkey):
        self._http = httpx.Client(base_url=url)
        self._vkey = note.parse_verifier_key(vkey)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.close()

    def _get(self, path):
        answer = self._http.get("/" + path)
        assert answer.status_code == 200, path
        return answer.content

    def checkpoint(self):
        """The newest one, its signature checked under the key we came with."""
        return checkpoint.parse(check_note(note.parse(self._get("checkpoint")), [self._vkey]))

    def tiles(self, size):
        """Every tile of a tree of this size: (level, n) → its hashes."""
        found = {}
        level, have = 0, size
        while have:
            for n in range((have + 255) // 256):
                width = min(256, have - 256 * n)
                written = self._get(tile_path(level, n, width))
                assert len(written) == 32 * width
                found[level, n] = [written[at : at + 32] for at in range(0, len(written), 32)]
            level, have = level + 1, have >> 8
        return found

    @staticmethod
    def fold(hashes):
        """The root of a run of hashes, split as RFC 6962 splits it."""
        if len(hashes) == 1:
            return hashes[0]
        k = 1 << (len(hashes) - 1).bit_length() - 1
        return hash_node(TileClient.fold(hashes[:k]), TileClient.fold(hashes[k:]))

    def verify(self, tiles, signed):
        """1. The right edge leads to the root. 2. Each full tile is a hash of the one above."""
        peaks, root = [], EMPTY_ROOT
        for level in range(max(level for level, _ in tiles), -1, -1):
            have = signed.size >> 8 * level
            edge = tiles.get((level, have // 256), [])[: have % 256]
            at = 0
            for bit in range(7, -1, -1):  # each perfect subtree of the edge, the largest first
                if have % 256 >> bit & 1:
                    peaks.append(self.fold(edge[at : at + (1 << bit)]))
                    at += 1 << bit
        for peak in reversed(peaks):
            root = peak if root == EMPTY_ROOT else hash_node(peak, root)
        assert root == signed.root
        for (level, n), run in tiles.items():
            if len(run) == 256:
                assert self.fold(run) == tiles[level + 1, n // 256][n % 256]

    def entries(self, tiles, size):
        """Every entry, its hash found in a tile that was verified."""
        found = []
        for n in range((size + 255) // 256):
            bundle = decode_bundle(self._get(entries_path(n, min(256, size - 256 * n))))
            assert [hash_leaf(entry) for entry in bundle] == tiles[0, n]
            found += bundle
        return found


def events(more):
    return b"\n".join(
        b'{"specversion":"1.0","id":"%d-%d","source":"/a","type":"t"}' % (more, n)
        for n in range(more)
    )


@pytest.mark.parametrize("more", [0, 1, 255, 700, 65_600])
def test_a_tile_client_verifies_the_whole_log_against_its_checkpoint(server, client, more):
    if more:
        assert client.post("/v1/records", content=events(more)).status_code == 201
    vkey = client.get("/v1/log").json()["vkey"]
    with TileClient(server.url, vkey) as tile_client:
        signed = tile_client.checkpoint()
        tiles = tile_client.tiles(signed.size)
        tile_client.verify(tiles, signed)
        entries = tile_client.entries(tiles, signed.size)
        assert len(entries) == signed.size
        wrong = {**tiles, (0, 0): [bytes(32), *tiles[0, 0][1:]]}
        with pytest.raises(AssertionError):
            tile_client.verify(wrong, signed)
    some = json.loads(entries[-1])
    assert client.get(f"/v1/records/{signed.size - 1}").json()["entry"] == some

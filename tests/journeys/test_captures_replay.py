"""What real clients sent, sent again: in any order and any number of times it is one graph.

    captures/*.ndjson ──► requests, as they were ──► a server ───┐
                    └───► contents ──► a directory ──────────────┴──► dump ──► the same content

What is compared is the whole dump of the graph, with these differences taken out, because they
are what the order, the log and the clock decide:

* an entry's number becomes the document that stands there, and ``received`` is left out;
* entry 0, which names the log's own keys, and the rows that speak of it alone;
* which of several entries stated an edge or a name first: the statements are compared as one set,
  with every entry and its properties;
* size, root and origin.

Nodes, other ids, kinds, names, properties of every mention, edges and their direction, relation
and every statement of them, times, types, trust levels, tags, gaps and what is missing remain.
"""

from __future__ import annotations

import gzip
import json
import random

import pytest

from tests.paths import DATA
from tests.served import ServerProcess, followed
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.views.graph import GraphReader
from wherefrom.views.graph.dump import dump

CAPTURES = sorted((DATA / "lineage" / "captures").glob("*.ndjson"))
SEED = 20261121
_OWN_PATH = "/api/v1/lineage"


class Captured:
    """One request as it came in: its headers, and its body byte for byte where that is known."""

    def __init__(self, line):
        self.said = json.loads(line)
        self.headers = {
            name: self.said["headers"][name]
            for name in ("Content-Type", "User-Agent", "Content-Encoding")
            if name in self.said["headers"]
        }
        # The Python client writes its keys in order, which gives the length that was on the wire.
        self.content = json.dumps(self.said["body"], sort_keys=True).encode()

    @property
    def body(self):
        packed = self.headers.get("Content-Encoding") == "gzip"
        return gzip.compress(self.content, 3) if packed else self.content


def captured():
    lines = (line for path in CAPTURES for line in path.read_text().splitlines())
    requests = (json.loads(line)["path"] == _OWN_PATH and Captured(line) for line in lines)
    return [request for request in requests if request]


REQUESTS = captured()
DISTINCT = len({request.content for request in REQUESTS})


def orders():
    """In order, shuffled, and shuffled with half of them several times."""
    shuffled, several = list(REQUESTS), list(REQUESTS)
    several += random.Random(SEED).sample(REQUESTS, len(REQUESTS) // 2) * 2
    random.Random(SEED + 1).shuffle(shuffled)
    random.Random(SEED + 2).shuffle(several)
    return {"in order": REQUESTS, f"shuffled {SEED + 1}": shuffled, f"several {SEED + 2}": several}


# -- the graph, without what order, log and clock decide


def content_of(folder):
    """The lines of the dump, as the header of this file says."""
    reader = GraphReader(folder.graph_path)
    try:
        with reader.snapshot() as snapshot:
            lines = list(dump(snapshot))
    finally:
        reader.close()
    documents = {line[1]: line[8] for line in lines if line[0] == "entry"}
    found = set()
    for table, *row in lines:
        if table == "meta":
            row = row[:2]
        elif table == "entry":
            entry, kind, type_, level, signers, occurred, _, _ = row
            row = [kind, type_, level, signers, occurred, documents[entry]]
        elif table in ("cause", "repeat"):
            effect, relation, cause, entry, *_ = row
            table, row = "statement", [effect, relation, cause, documents[entry]]
        elif table == "edge properties":
            row[3] = documents[row[3]]
        elif table == "effect":
            row = row[:3]
        elif table == "name":
            row = row[:2]
        elif table in (
            "mention",
            "tag",
            "tag of",
            "verdict",
            "tombstone",
            "missing",
            "gap",
            "written",
        ):
            at = {"mention": [1], "tag": [2], "tag of": [3], "verdict": [0, 1], "tombstone": [0, 1]}
            for place in at.get(table, [0]):
                row[place] = documents[row[place]]
        if documents[0] not in row:
            found.add((table, *row))
    return found


def difference(a, b):
    """A few lines of what only one side has, for a message a person can read."""
    return {"only first": sorted(map(str, a - b))[:5], "only second": sorted(map(str, b - a))[:5]}


# -- both doors


def by_directory(path, requests):
    folder = DataFolder(path)
    folder.create(origin="log.example/captures")
    with open_recorder(folder) as recorder:
        outcomes = []
        for request in requests:
            outcomes += recorder.record([request.content], principal=local(0))
    fold_views(folder, open_log(folder))
    return folder, [outcome.status for outcome in outcomes]


def by_server(path, requests):
    statuses = []
    with ServerProcess(path) as server, server.client() as client:
        for request in requests:
            answer = client.post(_OWN_PATH, content=request.body, headers=request.headers)
            statuses.append(answer.status_code)
        followed(client)
    return DataFolder(path), statuses


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder, statuses = by_directory(tmp_path_factory.mktemp("captures") / "data", REQUESTS)
    assert statuses.count("recorded") == DISTINCT
    return content_of(folder)


def test_the_captures_are_what_they_were_when_this_was_written():
    assert len(REQUESTS) == 137
    assert DISTINCT == 130
    plain = [r for r in REQUESTS if "Content-Encoding" not in r.headers]
    same_length = [r for r in plain if len(r.content) == r.said["wire_bytes"]]
    # Those of Airflow's provider were nine bytes longer on the wire; what they say is the same.
    assert len(plain) - len(same_length) == 5
    assert sum("gzip" in r.headers.values() for r in REQUESTS) == 12


def test_the_graph_of_the_captures_is_no_empty_one(reference):
    tables = {line[0] for line in reference}
    assert {"entry", "node", "mention", "statement", "effect", "name"} <= tables
    assert sum(line[0] == "entry" for line in reference) == DISTINCT
    assert sum(line[0] == "statement" for line in reference) > 500
    assert not [line for line in reference if line[0] == "gap"]


@pytest.mark.parametrize("name", orders())
def test_a_directory_gives_the_same_graph_from_any_order(reference, tmp_path, name):
    folder, statuses = by_directory(tmp_path / "data", orders()[name])
    assert statuses.count("recorded") == DISTINCT
    assert statuses.count("known") == len(statuses) - DISTINCT
    found = content_of(folder)
    assert found == reference, difference(found, reference)


@pytest.mark.parametrize("name", orders())
def test_a_server_gives_the_same_graph_as_a_directory_from_any_order(reference, tmp_path, name):
    requests = orders()[name]
    folder, statuses = by_server(tmp_path / "data", requests)
    assert statuses.count(201) == DISTINCT
    assert statuses.count(200) == len(requests) - DISTINCT
    found = content_of(folder)
    assert found == reference, difference(found, reference)
    fold_views(folder, open_log(folder), rebuild=True)
    again = content_of(folder)
    assert again == found, difference(again, found)


def test_one_event_less_is_another_graph(reference, tmp_path):
    folder, _ = by_directory(tmp_path / "data", REQUESTS[:-1])
    assert content_of(folder) < reference

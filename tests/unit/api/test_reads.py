"""Reading: the log as any tile client reads it, and the same answers as the desk gives."""

import base64
import io
import json
import threading
import zipfile

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.served import event_bytes, lineage_event, ndjson
from wherefrom.errors import ProofError
from wherefrom.formats import checkpoint, evidence_file, note
from wherefrom.formats.tiles import decode_bundle
from wherefrom.log import contents
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.query import exports
from wherefrom.query.desk import TraceOptions
from wherefrom.verify import cose_receipt
from wherefrom.verify.evidence_file import check_parsed
from wherefrom.verify.steps import report

RECORDS = 300


@pytest.fixture(scope="module", autouse=True)
def filled(server):
    answer = server.client.post("/v1/records", content=ndjson(range(RECORDS)))
    assert answer.status_code == 201
    server.fold()
    return server


def root_at(client, size):
    """The root that a client works out from level 0 alone."""
    hashes = []
    for n in range(0, size, 256):
        width = min(256, size - n)
        suffix = f".p/{width}" if width < 256 else ""
        tile = client.get(f"/tile/0/{n // 256:03}{suffix}").content
        hashes += [tile[at : at + 32] for at in range(0, len(tile), 32)]
    return _fold(hashes)


def _fold(hashes):
    from wherefrom.merkle.hashing import hash_node

    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return hash_node(_fold(hashes[:k]), _fold(hashes[k:]))


# -- the log


def test_the_checkpoint_and_tiles_need_no_token_and_say_how_long_they_keep(server):
    with server.as_() as anybody:
        newest = anybody.get("/checkpoint")
        tile = anybody.get("/tile/0/000")
        bundle = anybody.get("/tile/entries/000")
    assert newest.headers["content-type"] == "text/plain; charset=utf-8"
    assert newest.headers["cache-control"] == "no-cache"
    for answer in (tile, bundle):
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("n", [0, 1])
def test_every_width_of_a_tile_and_a_bundle_is_the_logs_own(server, client, n):
    have = min(256, RECORDS + 1 - 256 * n)
    for width in {1, 2, 3, 44, 45, 100, 255, 256}:
        suffix = f".p/{width}" if width < 256 else ""
        tile = client.get(f"/tile/0/{n:03}{suffix}")
        bundle = client.get(f"/tile/entries/{n:03}{suffix}")
        if width > have:
            assert (tile.status_code, bundle.status_code) == (404, 404)
            continue
        assert tile.content == server.log.tile(0, n, width)
        assert bundle.content == server.log.bundle(n, width)
        leaves = [hash_leaf(entry) for entry in decode_bundle(bundle.content)]
        assert b"".join(leaves) == tile.content
    assert client.get("/tile/1/000.p/1").content == server.log.tile(1, 0, 1)


def test_contents_are_given_a_part_at_a_time_to_who_may_read(server, client, monkeypatch):
    monkeypatch.setattr(contents, "PART_BYTES_MAX", 10_000)
    written = decode_bundle(client.get("/tile/entries/000").content)
    read, records = 0, []
    while read < 256:
        answer = client.get(f"/contents/000?from={read}")
        held = list(map(int, answer.headers["X-Wherefrom-Entries"].split()))
        assert held[0] == read
        assert len(answer.content) <= 10_000
        file = io.BytesIO(answer.content)
        records += contents.decoded(file, written[read:], first=read, where="here", is_part=True)
        read += len(held)
        assert len(records) == read
    assert records == list(server.log.records(0, 256))
    assert len(client.get("/contents/000.p/5?from=4").content) == len(records[4].content) + 16
    assert client.get("/contents/000.p/5?from=5").status_code == 404
    assert client.get("/contents/000?from=x").status_code == 400
    # One that is larger than a part comes alone.
    monkeypatch.setattr(contents, "PART_BYTES_MAX", 1)
    alone = client.get("/contents/000?from=7")
    assert alone.headers["X-Wherefrom-Entries"] == "7"
    with server.as_() as anybody:
        assert anybody.get("/contents/000").status_code == 401


def test_a_tile_is_served_as_soon_as_a_receipt_names_its_size(server, client):
    index = client.post("/v1/records", content=event_bytes(70_000)).json()["items"][0]["index"]
    n, width = index // 256, index % 256 + 1
    assert client.get(f"/tile/0/{n:03}.p/{width}").status_code == 200


@pytest.mark.parametrize("first", [0, 1, 7, 128, 256, 300])
def test_consistency_holds_between_any_two_sizes(client, first):
    size = client.get("/v1/log").json()["size"]
    said = client.get(f"/v1/log/consistency?from={first}&to={size}").json()
    path = [base64.b64decode(hash) for hash in said]
    old = root_at(client, first) if first else bytes(32)
    root = root_at(client, size)
    verify_consistency(size1=first, size2=size, path=path, root1=old, root2=root)
    if path:
        with pytest.raises(ProofError, match="leads to another root"):
            verify_consistency(size1=first, size2=size, path=path, root1=root, root2=root)


def test_the_status_is_one_checkpoint_however_much_is_written_beside_it(server, client):
    wrong, stop = [], threading.Event()

    def write():
        with server.as_("sender") as sender:
            number = 500_000
            while not stop.is_set():
                sender.post("/v1/records", content=event_bytes(number := number + 1))

    def look():
        with server.as_("reader") as reader:
            for _ in range(60):
                said = reader.get("/v1/log").json()
                signed = checkpoint.parse(note.parse(said["checkpoint"].encode()).text)
                if (signed.size, signed.root.hex()) != (said["size"], said["root"]):
                    wrong.append(said)

    threads = [threading.Thread(target=look) for _ in range(3)]
    writer = threading.Thread(target=write)
    for thread in (writer, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    writer.join()
    assert wrong == []
    server.fold()


# -- records


def test_a_record_comes_back_byte_for_byte_and_is_never_shown_as_a_page(client):
    sent = b'{ "b": 1,\n  "a": "\xc3\xa9",' + event_bytes(60_000)[1:] + b"\n"
    index = client.post("/v1/records", content=sent).json()["items"][0]["index"]
    answer = client.get(f"/v1/records/{index}/content")
    assert answer.content == sent
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == "attachment"
    entry = client.get(f"/v1/records/{index}").json()["entry"]
    assert (entry["size"], entry["kind"], entry["v"]) == (len(sent), "event", 1)


def test_entry_0_is_the_genesis_and_names_the_log(server, client):
    said = json.loads(client.get("/v1/records/0/content").content)
    genesis = json.loads(base64.b64decode(said["payload"]))
    assert genesis["origin"] == server.folder.origin
    assert genesis["log_key"] == server.folder.log_vkey().to_text()


# -- questions


@pytest.mark.parametrize(
    ("id", "direction"),
    [("s3://bucket/clean/7", "up"), ("dataset:s3://bucket:raw/7", "down"), ("entry:8", "up")],
)
def test_a_trace_is_what_the_desk_says(server, client, id, direction):
    server.fold()
    said = client.get(f"/v1/trace/{id}?direction={direction}&depth=3").json()
    mine = server.desk.trace(id, TraceOptions(direction=direction, depth=3))
    assert said == json.loads(msgspec.json.encode(mine))
    assert said["edges"]


def test_a_trace_between_two_things_is_a_path(client):
    said = client.get("/v1/trace/s3://bucket/clean/7?to=s3://bucket/raw/7").json()
    assert (said["direction"], said["length"]) == ("up", 2)
    assert [n["id"] for n in said["nodes"]][::2] == [
        "dataset:s3://bucket:clean/7",
        "dataset:s3://bucket:raw/7",
    ]


@pytest.mark.parametrize("to", [None, "s3://bucket/raw/7", "s3://bucket/raw/9"])
@pytest.mark.parametrize("name", exports.FORMATS)
def test_a_trace_and_a_way_are_to_be_had_in_every_format_under_its_media_type(
    server, client, name, to
):
    server.fold()
    query = {"format": name} | ({"to": to} if to else {})
    answer = client.get("/v1/trace/s3://bucket/clean/7", params=query)
    options = TraceOptions()
    mine = server.desk.path("s3://bucket/clean/7", to, options) if to else server.desk.trace(
        "s3://bucket/clean/7", options
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == exports.FORMATS[name].media_type
    assert answer.content.decode() == exports.write(mine, name)


def test_a_format_that_is_none_and_a_kind_beside_a_way_are_refused(client):
    for query, where in (("format=tree", "?format="), ("format=", "?format="),
                         ("to=s3://bucket/raw/7&kind=run", "?kind=")):  # fmt: skip
        answer = client.get(f"/v1/trace/s3://bucket/clean/7?{query}")
        assert answer.status_code == 400
        assert answer.json()["where"] == where


def test_kinds_at_and_as_of_narrow_an_answer(client):
    only = client.get("/v1/trace/s3://bucket/clean/7?kind=dataset&kind=job").json()
    assert {n["kind"] for n in only["nodes"]} <= {"dataset", "job"}
    assert client.get("/v1/show/s3://bucket/clean/7?as_of=8").status_code == 404
    assert client.get("/v1/show/s3://bucket/clean/7?as_of=9").json()["as_of"] == 9
    early = client.get("/v1/show/s3://bucket/clean/7?at=2025-01-01T00:00:00Z")
    assert early.status_code == 404


def test_find_and_show_lead_from_a_name_to_its_entries(client):
    [match] = client.get("/v1/find", params={"q": "clean/7"}).json()["matches"][:1]
    shown = client.get(f"/v1/show/{match['id']}").json()["matches"][0]
    assert shown["entries"] == match["entries"] == [8]
    assert client.get("/v1/find?q=nothing+of+the+kind").json()["matches"] == []


# -- evidence


@pytest.mark.parametrize("query", ["content=1", "trace=1", "trace=1&content=1"])
def test_evidence_over_http_verifies_with_the_logs_key_alone(server, client, query):
    server.fold()
    answer = client.get(f"/v1/prove/s3://bucket/clean/7?{query}")
    assert answer.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {"manifest.json", "checkpoint", "entries/0", "entries/8"} <= set(names)
    evidence = evidence_file.parse(answer.content)
    assert answer.headers["x-wherefrom-entries"] == " ".join(map(str, sorted(evidence.claimed)))
    checked = report(check_parsed(evidence, [server.folder.log_vkey()]))
    assert checked.result == "proven", checked.steps


def test_evidence_speaks_of_one_checkpoint_when_the_log_grows_meanwhile(
    server, client, monkeypatch
):
    server.fold()
    prove = server.log.prove
    numbers = iter(range(800_000, 800_100))

    def prove_later(indexes):
        client.post("/v1/records", content=event_bytes(next(numbers)))
        server.log.refresh()
        return prove(indexes)

    monkeypatch.setattr(server.log, "prove", prove_later)
    evidence = server.desk.prove("s3://bucket/clean/7", whole_trace=True)
    checked = report(
        check_parsed(evidence_file.parse(evidence.written), [server.folder.log_vkey()])
    )
    assert checked.result == "proven", checked.steps


def test_proving_one_entry_gives_its_tlog_proof(client):
    answer = client.get("/v1/prove/8")
    assert answer.headers["content-disposition"] == 'attachment; filename="entry-8.tlog-proof"'
    assert answer.text.startswith("c2sp.org/tlog-proof@v1\n")


def test_verify_says_unproven_of_what_nobody_known_signed(server, client):
    server.fold()
    said = client.get("/v1/verify/s3://bucket/clean/7").json()
    assert said["result"] == "unproven"
    assert [s["name"] for s in said["steps"] if not s["ok"]] == ["trust"]


# -- metrics


def test_metrics_are_prometheus_and_count_what_happened(server, client):
    def counted():
        text = client.get("/metrics").text
        families = {f.name: f for f in text_string_to_metric_families(text)}
        samples = {
            (s.labels["status"], s.labels["code"]): s.value
            for s in families["wherefrom_records"].samples
            if s.name.endswith("_total")
        }
        return families, samples

    before = counted()[1]
    event = lineage_event(90_000)
    client.post("/v1/records", json=[event, event, {"a": 1}])
    families, after = counted()
    grown = {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}
    assert grown == {("recorded", ""): 1, ("known", ""): 1, ("refused", "unsupported"): 1}
    assert families["wherefrom_log_size"].samples[0].value == server.recorder.writer.size
    assert families["wherefrom_waiting_records"].samples[0].value == 0
    assert {"wherefrom_record_seconds", "wherefrom_view_size"} <= set(families)


@pytest.mark.parametrize("name", ["trace", "content"])
def test_a_flag_is_yes_or_no(server, client, name):
    server.fold()
    for value in ("2", "x", "-1"):
        answer = client.get(f"/v1/prove/entry:0?{name}={value}")
        assert (answer.status_code, answer.json()["where"]) == (400, f"?{name}=")
    for value in ("0", "1", "false", "yes"):
        assert client.get(f"/v1/prove/entry:0?{name}={value}").status_code == 200


# -- receipts in COSE


def test_a_receipt_in_cose_is_proven_offline_with_the_key_of_the_log(server):
    key = note.parse_verifier_key(server.client.get("/v1/log").json()["vkey"])
    answer = server.client.get("/v1/receipts/7", params={"format": "cose"})
    assert answer.headers["content-type"] == "application/cose"
    checked = cose_receipt.check(answer.content, log_key=key)
    assert checked.result == "proven", checked.steps
    proved = server.client.get("/v1/prove/entry:7", params={"format": "cose"})
    assert proved.headers["content-type"] == "application/cose"
    assert 'filename="entry-7.cose"' in proved.headers["content-disposition"]
    assert cose_receipt.check(proved.content, log_key=key).result == "proven"


def test_a_receipt_of_consistency_in_cose_goes_from_a_checkpoint_held_to_the_log_now(server):
    key = note.parse_verifier_key(server.client.get("/v1/log").json()["vkey"])
    older = server.client.get("/checkpoint").content
    size = checkpoint.parse(note.parse(older).text).size
    server.client.post("/v1/records", content=event_bytes(900_001)).raise_for_status()
    asked = {"from": size, "format": "cose"}
    answer = server.client.get("/v1/log/consistency", params=asked)
    assert answer.headers["content-type"] == "application/cose"
    assert cose_receipt.check(answer.content, log_key=key, older=older).result == "proven"
    assert server.client.get("/v1/log/consistency", params=asked | {"to": size}).status_code == 404
    assert server.client.get("/v1/log/consistency", params=asked | {"from": 0}).status_code == 404


def test_a_receipt_in_no_format_of_ours_is_a_broken_request(server):
    for path in ("/v1/receipts/7", "/v1/prove/entry:7", "/v1/log/consistency"):
        answer = server.client.get(path, params={"format": "xml", "from": 1, "to": 2})
        assert (answer.status_code, answer.json()["where"]) == (400, "?format=")

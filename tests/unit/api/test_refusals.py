"""What a server refuses is a record too: summed for each principal, in words of counts alone."""

from tests.served import Inside, event_bytes
from wherefrom.formats import dsse, own, strict_json
from wherefrom.formats.entry import parse


def test_refusals_are_logged_as_one_record_for_each_principal(tmp_path):
    with Inside(tmp_path) as server:
        good, broken = event_bytes(1), b'{"bomFormat": "CycloneDX"}'
        for body in (good, broken, broken, b"<xml/>", b"[" + good + b"," + broken + b"]"):
            server.client.post("/v1/records", content=body)
        before = server.recorder.writer.size
    with Inside(tmp_path) as server:
        writer = server.recorder.writer
        assert writer.size == before + 1
        entry = parse(writer.entry(before))
        assert (entry.kind, entry.trust.level) == ("refusals", "self")
        envelope = dsse.parse(strict_json.decode(writer.record(before).content))
        said = own.parse_payload(envelope.payload_type, envelope.payload)
        assert said.counts == {"malformed": 3, "unsupported": 1}
        assert said.producer.startswith("p:")
        assert b"CycloneDX" not in envelope.payload


def test_a_server_that_refused_nothing_logs_nothing_of_it(tmp_path):
    with Inside(tmp_path) as server:
        assert server.client.post("/v1/records", content=event_bytes(1)).status_code == 201
        before = server.recorder.writer.size
    with Inside(tmp_path) as server:
        assert server.recorder.writer.size == before

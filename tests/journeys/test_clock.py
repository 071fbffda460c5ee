"""The real server while the clock of its machine is set back by an hour."""

import json
import sys

from tests.served import ServerProcess, event_bytes, ndjson

JUMPS = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from wherefrom import app
from wherefrom.formats import timestamps
sign, real = Path(sys.argv[1]), app.now
def now():
    at = datetime.fromisoformat(real())
    return timestamps.to_text(at - timedelta(hours=1) if sign.exists() else at)
app.now = now
from wherefrom.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def test_a_clock_set_back_while_it_serves_is_noted_and_nothing_breaks(tmp_path):
    sign, data = tmp_path / "sign", tmp_path / "data"
    server = ServerProcess(data, program=(sys.executable, "-c", JUMPS, sign))
    with server, server.client() as client:
        assert client.post("/v1/records", content=ndjson(range(60))).status_code == 201
        sign.touch()
        after = client.post("/v1/records?wait=proof", content=ndjson(range(60, 120)))
        assert after.status_code == 201
        items = after.json()["items"]
        assert [i["index"] for i in items] == list(range(62, 122))
        assert all(f"index {i['index']}\n" in i["receipt"] for i in items)
        assert client.post("/v1/records", content=event_bytes(3)).status_code == 200
        note = json.loads(client.get("/v1/records/61/content").content)
        assert note["payloadType"] == "application/vnd.wherefrom.gap.v1+json"
        sign.unlink()  # and forward again, which is no step back
        assert (
            client.post("/v1/records", content=event_bytes(500)).json()["items"][0]["index"] == 122
        )
    assert "Traceback" not in server.errors()

"""A log whose checkpoints a real Rekor v2 log and a real authority over HTTP hold."""

import contextlib
import http.server
import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta

from tests.authorities import TimestampAuthority
from tests.served import WHEREFROM, ServerProcess, event_bytes, until
from wherefrom.app import DataFolder
from wherefrom.formats import rfc3161_request


def wherefrom(*arguments, code=0):
    done = subprocess.run(
        [WHEREFROM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@contextlib.contextmanager
def serving(tsa):
    """The authority on a port of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # the library's name
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            assert rfc3161_request.to_bytes(asked[24:56]) == asked
            # A second ahead: the log that is asked beside it may have begun in this one.
            answer = tsa.stamp_digest(asked[24:56], at=datetime.now(UTC) + timedelta(seconds=1))
            self.send_response(200)
            self.send_header("Content-Type", rfc3161_request.ANSWER_MEDIA_TYPE)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_evidence_is_dated_by_others_and_checked_offline(tmp_path):
    tsa = TimestampAuthority()
    (tmp_path / "tsa.pem").write_bytes(tsa.chain_pem)
    with ServerProcess(tmp_path / "public") as public, serving(tsa) as stamps:
        root = tmp_path / "root.json"
        wherefrom("log", "trusted-root", "--tsa", tmp_path / "tsa.pem", "-o", root,
                  "--data", tmp_path / "public")  # fmt: skip
        rekor = public.url.replace("://", f"://any:{public.token}@")
        data = tmp_path / "data"
        options = ("--anchor-root", root, "--rekor", rekor, "--tsa", stamps, "--anchor-every", "1s")
        with ServerProcess(data, *options) as server, server.client() as http_:
            index = http_.post("/v1/records", content=event_bytes(1)).json()["items"][0]["index"]
            path = f"/v1/log/anchor?entry={index}"
            until(lambda: http_.get(path).status_code == 200)
            proof = tmp_path / "proof.zip"
            wherefrom("prove", "s3://bucket:clean/1", "--trace", "-o", proof, "--data", data)
            wherefrom("log", "anchor", "-o", tmp_path / "anchor", "--data", data)
            shown = wherefrom("log", "anchor", "--data", data).stdout
            (stamp,) = [line.split()[1] for line in shown.splitlines() if line.startswith("stamp")]
            assert ", entry " in shown
        # A start without the options goes on with them.
        with ServerProcess(data) as server, server.client() as http_:
            index = http_.post("/v1/records", content=event_bytes(2)).json()["items"][0]["index"]
            until(lambda: http_.get(f"/v1/log/anchor?entry={index}").status_code == 200)
        assert "secret" not in server.errors()
        assert public.token not in server.errors()
    # Everybody is gone.
    key = DataFolder(data).log_vkey().to_text()
    offline = ("verify", proof, "--offline", "--log-key", key, "--json")
    steps = json.loads(wherefrom(*offline).stdout)["steps"]
    assert "not checked without --anchor-root" in {s["name"]: s["says"] for s in steps}["anchor"]
    steps = json.loads(wherefrom(*offline, "--anchor-root", root).stdout)["steps"]
    says = {s["name"]: s["says"] for s in steps}["anchor"]
    assert stamp in says
    assert "it is entry " in says
    # Another authority's root believes none of it.
    (tmp_path / "other.pem").write_bytes(TimestampAuthority().chain_pem)
    wherefrom("log", "trusted-root", "--tsa", tmp_path / "other.pem", "-o", tmp_path / "other.json",
              "--data", tmp_path / "public")  # fmt: skip
    failed = json.loads(
        wherefrom(*offline, "--anchor-root", tmp_path / "other.json", code=1).stdout
    )
    assert failed["steps"][-1]["name"] == "anchor"
    # And any client of Sigstore's formats reads it.
    here = tmp_path / "anchor"
    bundle, text = here / "anchor.sigstore.json", here / "checkpoint.txt"
    wherefrom("verify", "--bundle", bundle, "--artifact", text, "--key", here / "anchor.pub",
              "--trusted-root", root)  # fmt: skip


def test_a_server_whose_helpers_are_down_serves_and_says_so(tmp_path):
    tsa = TimestampAuthority()
    (tmp_path / "tsa.pem").write_bytes(tsa.chain_pem)
    data = tmp_path / "data"
    with ServerProcess(tmp_path / "public") as public:
        wherefrom("log", "trusted-root", "--tsa", tmp_path / "tsa.pem", "-o", tmp_path / "root",
                  "--data", tmp_path / "public")  # fmt: skip
    options = ("--anchor-root", tmp_path / "root", "--rekor", public.url, "--anchor-every", "1s")
    with ServerProcess(data, *options) as server, server.client() as http_:
        assert http_.post("/v1/records?wait=proof", content=event_bytes(1)).status_code == 201
        assert http_.get("/v1/log/anchor").status_code == 404
        until(lambda: "nobody holds the newest checkpoint" in server.errors())


def test_settings_that_could_believe_nobody_are_refused(tmp_path):
    data = tmp_path / "data"
    (tmp_path / "root").write_text("{}")
    said = wherefrom("up", "--data", data, "--port", 0, "--rekor", "http://x", code=2).stderr
    assert "need --anchor-root" in said
    said = wherefrom("up", "--data", data, "--port", 0, "--anchor-root", tmp_path / "root", code=2)
    assert "somebody to ask" in said.stderr
    said = wherefrom("up", "--data", data, "--port", 0, "--anchor-root", tmp_path / "root",
                     "--rekor", "http://x", code=2).stderr  # fmt: skip
    assert "not a trusted root" in said

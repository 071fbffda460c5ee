"""Real servers whose keys change: nothing stops, and who trusted the first key can still check."""

import json
import subprocess
import threading

from tests.journeys.test_monitor import run as monitor
from tests.key_holders import kms_key
from tests.served import WHEREFROM, ServerProcess, event_bytes, until
from wherefrom.app import DataFolder
from wherefrom.formats import checkpoint, note
from wherefrom.keys.cosignatures import check_log_signature


def wherefrom(*arguments, code=0):
    done = subprocess.run(
        [WHEREFROM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def signers(http, keys):
    """Which of these keys signed what is published, each alone enough; and its size."""
    answer = http.get("/checkpoint")
    if answer.status_code != 200:
        return [], 0
    signed = note.parse(answer.content)
    lines = {(s.name, s.key_id) for s in signed.signatures}
    mine = [key for key in keys if (key.name, key.key_id) in lines]
    for key in mine:
        check_log_signature(signed, [key])
    assert len(mine) == len(lines)
    return mine, checkpoint.parse(signed.text).size


def test_a_key_is_replaced_under_load_and_the_first_one_still_leads_to_every_proof(tmp_path):
    data, state = tmp_path / "data", tmp_path / "state"
    folder = DataFolder(data)
    failures = []
    with ServerProcess(data) as server, server.client() as http:
        first = folder.log_vkey()
        over = threading.Event()

        def load():
            number = 0
            while not over.is_set():
                number += 1
                answer = http.post("/v1/records?wait=proof", content=event_bytes(number))
                if answer.status_code != 201:
                    failures.append(answer.text)

        thread = threading.Thread(target=load)
        thread.start()
        options = ("--log-key", first.to_text(), "--state", state, "--once", "--json")
        monitor(server.url, *options)
        try:
            for grace in (30, 0, 0):
                wherefrom("log", "rotate", "--grace", grace, "--reason", "a test", "--data", data)
            known = folder.own_keys.known()
            until(lambda: signers(http, known)[0] == [known[0], known[3]])
            end = ("--end", first.key_id.hex(), "--grace", "0")
            wherefrom("log", "rotate", *end, "--data", data)
            until(lambda: signers(http, known)[0] == known[3:])
        finally:
            over.set()
            thread.join()
        assert failures == []
        events = [json.loads(line) for line in monitor(server.url, *options).stdout.splitlines()]
        assert [e["event"] for e in events] == ["keys", "new"]
        # The monitor keeps what it followed: the log need not tell it again.
        last = monitor(server.url, *options).stdout
        assert json.loads(last)["event"] == "same"
        proof = tmp_path / "proof.zip"
        wherefrom("prove", "s3://bucket:clean/1", "--trace", "-o", proof, "--data", data)
    offline = ("verify", proof, "--offline", "--json", "--log-key")
    said = json.loads(wherefrom(*offline, first.to_text()).stdout)
    assert said["result"] == "proven"
    assert said["steps"][0]["name"] == "log keys"
    newest = folder.log_vkey()
    said = json.loads(wherefrom(*offline, newest.to_text()).stdout)
    assert said["steps"][0]["name"] == "checkpoint"
    stranger = DataFolder(tmp_path / "other")
    stranger.create(origin=first.name)
    wherefrom(*offline, stranger.log_vkey().to_text(), code=1)
    shown = wherefrom("log", "keys", "--data", data).stdout
    assert [key.to_text() in shown for key in folder.own_keys.known()] == [True] * 4
    assert shown.count("signs no more") == 3
    assert json.loads(wherefrom("log", "audit", "--data", data, "--json").stdout)["problems"] == []


def test_keys_held_elsewhere_sign_what_is_published_and_an_add_waits_for_none(tmp_path, kms, token):
    data = tmp_path / "data"
    folder = DataFolder(data)
    kms.create_alias(AliasName="alias/log", TargetKeyId=(right := kms_key(kms, "ECC_NIST_P256")))
    with ServerProcess(data) as server:
        said = wherefrom("log", "rotate", "--to", "ml-dsa-44", "--data", data, code=1).stderr
        assert "start it again" in said
    local = folder.log_vkey()
    wherefrom("log", "rotate", "--to", f"pkcs11:token=ci;object=ed{token}", "--grace", "0",
              "--data", data)  # fmt: skip
    wherefrom("log", "rotate", "--to", "awskms:alias/log", "--data", data)
    wherefrom("log", "rotate", "--to", "ml-dsa-44", "--data", data)
    folder = DataFolder(data)
    held = folder.own_keys.known()[1:]
    assert [key.algorithm for key in held] == [1, 2, 6]
    assert folder.log_vkey() == held[0] != local
    with ServerProcess(data) as server, server.client() as http:
        answer = http.post("/v1/records?wait=proof", content=event_bytes(1)).json()
        receipt = tmp_path / "r.tlog-proof"
        receipt.write_text(answer["items"][0]["receipt"])
        for key in held:
            wherefrom("verify", receipt, "--offline", "--log-key", key.to_text())
        wherefrom("verify", receipt, "--offline", "--log-key", local.to_text(), code=1)
        assert signers(http, folder.own_keys.known()) == (held, 5)
        made = wherefrom("proof-token", "make", "1", "--data", data).stdout.strip()
        wherefrom("proof-token", "check", made, "--offline", "--log-key", held[0].to_text())
        # Whoever holds a key is not himself: nothing is published, and everything is taken.
        kms.update_alias(AliasName="alias/log", TargetKeyId=kms_key(kms, "ECC_NIST_P256"))
        for number in range(2, 6):
            assert http.post("/v1/records", content=event_bytes(number)).status_code == 201
        until(lambda: "does not sign" in server.errors(), seconds=10)
        assert signers(http, folder.own_keys.known()) == (held, 5)
        kms.update_alias(AliasName="alias/log", TargetKeyId=right)
        until(lambda: signers(http, folder.own_keys.known()) == (held, 9))
    assert json.loads(wherefrom("log", "audit", "--data", data, "--json").stdout)["problems"] == []

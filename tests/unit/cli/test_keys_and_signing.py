"""Keys made, signatures made, and what the log then thinks of them."""

import base64
import hashlib
import json
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.cli.running import event, run, statement
from wherefrom.errors import SettingError
from wherefrom.keys.pem import new_key_pair, read_signing_key
from wherefrom.keys.public import PublicKey


@pytest.fixture
def key(tmp_path):
    made = run("keys", "new", "alice", "-o", tmp_path, "--json")
    assert made.code == 0
    return made.json


def test_a_new_key_is_two_pem_files_and_the_secret_is_for_its_owner_alone(key, tmp_path):
    secret = tmp_path / "alice.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    loaded = serialization.load_pem_private_key(secret.read_bytes(), None)
    public = PublicKey.from_pem((tmp_path / "alice.pub").read_bytes())
    assert loaded.public_key().public_bytes_raw() == public.spki[-32:]
    assert key["id"] == public.id == read_signing_key(secret.read_bytes()).id


def test_a_key_is_never_replaced(key, tmp_path):
    before = (tmp_path / "alice.key").read_bytes()
    ran = run("keys", "new", "alice", "-o", tmp_path)
    assert ran.code == 1
    assert "is there already" in ran.err
    assert (tmp_path / "alice.key").read_bytes() == before


def test_a_wrong_key_file_is_refused_without_showing_it():
    with pytest.raises(SettingError, match="not a private key") as caught:
        read_signing_key(b"-----BEGIN PRIVATE KEY-----\nTOPSECRET\n-----END PRIVATE KEY-----\n")
    assert "TOPSECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(SettingError, match="another kind"):
        read_signing_key(other)


def test_a_key_pair_checks_what_it_signs():
    private, public = new_key_pair()
    key = read_signing_key(private)
    PublicKey.from_pem(public).check(b"message", key.sign(b"message"))


def payload_of(envelope):
    return json.loads(base64.b64decode(json.loads(envelope)["payload"]))


def test_sign_says_a_predicate_of_files_by_their_digests(key, tmp_path):
    (tmp_path / "app").write_bytes(b"app")
    (tmp_path / "lib").write_bytes(b"lib")
    (tmp_path / "said.json").write_text('{"verdict": "good"}')
    ran = run(
        "sign", tmp_path / "app", "--key", key["private"], "--predicate-type",
        "https://example.com/review/v1", "--predicate", tmp_path / "said.json",
        "--subject", tmp_path / "lib",
    )  # fmt: skip
    assert ran.code == 0
    said = payload_of(ran.written)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicate"] == {"verdict": "good"}
    assert said["subject"] == [
        {"name": name, "digest": {"sha256": hashlib.sha256(name.encode()).hexdigest()}}
        for name in ("app", "lib")
    ]


def test_a_ready_statement_is_signed_byte_for_byte(key, tmp_path):
    written = json.dumps(statement("a", "a" * 64), indent=3)
    (tmp_path / "s.json").write_text(written)
    ran = run("sign", tmp_path / "s.json", "--key", key["private"])
    assert base64.b64decode(ran.json["payload"]).decode() == written


def test_the_types_of_cosign_are_known(key, tmp_path):
    (tmp_path / "app").write_bytes(b"app")
    (tmp_path / "p").write_text('{"name": "package", "command": ["tar"], "materials": []}')
    ran = run(
        "sign", tmp_path / "app", "--key", key["private"], "--predicate-type", "link",
        "--predicate", tmp_path / "p",
    )  # fmt: skip
    assert payload_of(ran.written)["predicateType"] == "https://in-toto.io/Link/v1"


@pytest.mark.parametrize(
    ("predicate", "says"), [("[1]", "a predicate is a JSON object"), ("{", "not JSON")]
)
def test_a_broken_predicate_is_not_signed(key, tmp_path, predicate, says):
    (tmp_path / "app").write_bytes(b"app")
    (tmp_path / "p").write_text(predicate)
    ran = run(
        "sign", tmp_path / "app", "--key", key["private"], "--predicate-type", "x:y",
        "--predicate", tmp_path / "p", "-o", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 1
    assert says in ran.err
    assert not (tmp_path / "out").exists()


def test_provenance_that_nobody_could_record_is_not_signed(key, tmp_path):
    (tmp_path / "app").write_bytes(b"app")
    ran = run("sign", tmp_path / "app", "--key", key["private"],
              "--predicate-type", "slsaprovenance1")  # fmt: skip
    assert ran.code == 1
    assert "buildDefinition" in ran.err


def test_a_file_that_is_no_statement_needs_a_type(key, tmp_path):
    (tmp_path / "app").write_bytes(b"app")
    assert run("sign", tmp_path / "app", "--key", key["private"]).code == 1
    (tmp_path / "p").write_text("{}")
    ran = run("sign", tmp_path / "app", "--key", key["private"], "--predicate", tmp_path / "p")
    assert ran.code == 2
    assert "need --predicate-type" in ran.err


def test_trust_judges_again_and_a_wrong_signature_by_the_key_is_refused(key, tmp_path):
    data = tmp_path / "d"
    (tmp_path / "app").write_bytes(b"app")
    signing = ["sign", tmp_path / "app", "--key", key["private"], "--predicate-type", "x:y"]
    run(*signing, "-o", tmp_path / "one.json")
    assert run("record", tmp_path / "one.json", data=data).code == 0
    assert run("verify", tmp_path / "app", "--json", data=data).json["result"] == "unproven"
    ran = run("keys", "trust", key["public"], "--name", "al", "--json", data=data)
    assert ran.json["judged_again"] == 1
    assert ran.json["key"]["names"] == ["al"]
    verified = run("verify", tmp_path / "app", "--json", data=data)
    assert (verified.code, verified.json["result"]) == (0, "proven")
    envelope = json.loads((tmp_path / "one.json").read_bytes())
    envelope["payload"] = base64.b64encode(json.dumps(statement("b", "b" * 64)).encode()).decode()
    ran = run("record", "-", "--json", stdin=json.dumps(envelope).encode(), data=data)
    assert ran.json["items"][0]["code"] == "bad_signature"
    assert run("keys", "retire", "al", "--reason", "gone", data=data).code == 0
    (known,) = run("keys", "list", "--json", data=data).json["keys"]
    assert (known["state"], known["reason"]) == ("retired", "gone")
    assert (
        run("keys", "revoke", key["id"][:10], "--json", data=data).json["key"]["state"] == "revoked"
    )


def test_trusting_what_is_no_key_starts_no_log(tmp_path):
    (tmp_path / "x").write_text("x")
    assert run("keys", "trust", tmp_path / "x", data=tmp_path / "d").code == 2
    assert not (tmp_path / "d").exists()


def test_an_unknown_key_is_a_no(tmp_path):
    run("record", "-", stdin=json.dumps(statement("a", "a" * 64)).encode(), data=tmp_path / "d")
    ran = run("keys", "revoke", "k:00000000", "--json", data=tmp_path / "d")
    assert (ran.code, ran.problem["code"]) == (1, "not_found")


def test_a_token_is_shown_once_and_stored_as_a_hash(tmp_path):
    data = tmp_path / "d"
    run("record", "-", stdin=json.dumps(statement("a", "a" * 64)).encode(), data=data)
    made = run(
        "tokens", "new", "ci", "--kind", "event", "--namespace", "shop*", "--json", data=data
    )
    said = made.json
    assert said["roles"] == ["read", "record"]
    assert (said["kinds"], said["namespaces"]) == (["event"], ["shop*"])
    assert said["token"] not in (data / "tokens.json").read_text()
    (listed,) = run("tokens", "list", "--json", data=data).json["tokens"]
    assert listed == {k: v for k, v in said.items() if k != "token"}
    assert run("tokens", "revoke", said["id"], data=data).code == 0
    assert run("tokens", "revoke", said["id"], data=data).code == 1
    assert run("tokens", "list", data=data).out.startswith("No tokens")
    assert run("tokens", "new", "x", "--role", "king", data=data).code == 2


def test_a_batch_of_files_is_signed_once_and_each_line_is_recorded_alone(key, tmp_path):
    files = [tmp_path / "one.json", tmp_path / "many.ndjson"]
    files[0].write_text(json.dumps(event(0)))
    files[1].write_text("".join(json.dumps(event(n)) + "\n" for n in range(1, 5)))
    signed = run("sign", "--batch", *files, "--key", tmp_path / "alice.key", "-o",
                 tmp_path / "out.ndjson", "--json")  # fmt: skip
    assert (signed.code, signed.json["signed"], signed.json["signer"]) == (0, 5, key["id"])
    lines = (tmp_path / "out.ndjson").read_bytes().splitlines()
    signatures = {json.dumps(json.loads(line)["batch"]) for line in lines}
    assert (len(lines), len(signatures)) == (5, 1)
    data = tmp_path / "data"
    run("keys", "trust", tmp_path / "alice.pub", data=data)
    (tmp_path / "third.json").write_bytes(lines[3])
    assert run("record", tmp_path / "third.json", "--json", data=data).json["recorded"] == 1
    again = run("record", tmp_path / "out.ndjson", "--json", data=data)
    assert (again.json["recorded"], again.json["known"]) == (4, 1)
    shown = run("sign", "--batch", *files, "--key", tmp_path / "alice.key")
    assert shown.written.splitlines() == lines


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b'{"a": 1}\n{"b": 2}\n', 1, "many.ndjson, line 1"),
        (b"", 1, "cannot be recorded"),
        (None, 3, "many.ndjson"),
    ],
)
def test_a_batch_is_signed_whole_or_not_at_all(key, tmp_path, content, code, says):
    path, out = tmp_path / "many.ndjson", tmp_path / "out.ndjson"
    if content is not None:
        path.write_bytes(content)
    ran = run("sign", "--batch", path, "--key", tmp_path / "alice.key", "-o", out)
    told = " ".join(ran.err.split())  # wherever the lines break
    assert (ran.code, says in told, out.exists()) == (code, True, False), ran.err


def test_a_batch_says_nothing_of_files_and_signs_nothing_twice(key, tmp_path):
    one = tmp_path / "one.json"
    one.write_text(json.dumps(event(0)))
    secret = ("--key", tmp_path / "alice.key")
    for words in (["--batch", one, "--predicate-type", "link"], [one, one]):
        ran = run("sign", *words, *secret)
        assert (ran.code, "--batch" in ran.err) == (2, True)
    out = tmp_path / "out.ndjson"
    assert run("sign", "--batch", one, *secret, "-o", out).code == 0
    again = run("sign", "--batch", out, *secret)
    assert (again.code, "signed in a batch already" in again.err) == (1, True)

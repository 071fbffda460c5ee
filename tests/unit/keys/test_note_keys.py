"""Keys that sign a log's notes, each kept and opened again, each signing what its kind signs."""

import pytest

from tests.logs import ORIGIN
from wherefrom.errors import SettingError, SignatureError
from wherefrom.formats import checkpoint, note
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import check_log_signature, check_signers
from wherefrom.keys.note_keys import new_note_key, open_note_key

ALGORITHMS = [note.ED25519, note.ECDSA, note.MLDSA44_COSIGNATURE]
TREE = checkpoint.Checkpoint(ORIGIN, 7, bytes(32))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_opened_as_it_was_kept_and_its_checkpoints_verify(tmp_path, algorithm):
    made, secret = new_note_key(algorithm, name=ORIGIN)
    (tmp_path / "a.key").write_text(secret)
    opened = open_note_key("a.key", name=ORIGIN, folder=tmp_path)
    assert opened.verifier_key == made.verifier_key
    assert note.parse_verifier_key(opened.verifier_key.to_text()) == opened.verifier_key
    line = opened.sign_checkpoint(TREE.to_text(), time_s=1_800_000_000)
    assert check_log_signature(Note(TREE.to_text(), (line,)), [opened.verifier_key]) == TREE
    other = TREE._replace(size=8).to_text()
    with pytest.raises(SignatureError):
        check_log_signature(Note(other, (line,)), [opened.verifier_key])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_another_log_is_not_opened(tmp_path, algorithm):
    made, secret = new_note_key(algorithm, name="log.example/other")
    (tmp_path / "a.key").write_text(secret)
    if algorithm == note.ECDSA:  # such a file holds no name
        opened = open_note_key("a.key", name=ORIGIN, folder=tmp_path)
        assert opened.verifier_key.public_key == made.public_key
        return
    with pytest.raises(SettingError, match="the key of another log") as e:
        open_note_key("a.key", name=ORIGIN, folder=tmp_path)
    assert secret.strip()[-20:] not in str(e.value)


def test_only_texts_of_plain_keys_are_signed(tmp_path):
    plain = [new_note_key(a, name=ORIGIN)[0] for a in (note.ED25519, note.ECDSA)]
    text = "any text\n"
    signed = Note(text, tuple(key.sign_text(text) for key in plain))
    keys = [key.verifier_key for key in plain]
    assert check_signers(signed, keys) == keys
    assert check_signers(signed, []) == []
    for place in range(2):
        lines = list(signed.signatures)
        lines[place] = lines[place]._replace(signature=lines[place].signature[::-1])
        with pytest.raises(SignatureError, match="did not sign this note"):
            check_signers(Note(text, tuple(lines)), keys)
    quantum = new_note_key(note.MLDSA44_COSIGNATURE, name=ORIGIN)[0]
    assert not quantum.signs_texts
    with pytest.raises(ValueError, match="signs checkpoints and nothing else"):
        quantum.sign_text(text)
    with pytest.raises(ValueError, match="signs checkpoints and nothing else"):
        quantum.sign(b"")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"x",
        b"\xff",
        b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n",
        b"PRIVATE+KEY+a+00000000+AAAA",
    ],
)
def test_what_is_no_key_is_named_by_its_file(tmp_path, written):
    (tmp_path / "a.key").write_bytes(written)
    with pytest.raises(SettingError, match=f"{tmp_path.name}/a.key"):
        open_note_key("a.key", name=ORIGIN, folder=tmp_path)
    with pytest.raises(SettingError, match="cannot be read"):
        open_note_key("none.key", name=ORIGIN, folder=tmp_path)

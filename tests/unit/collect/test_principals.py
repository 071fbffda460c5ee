"""Tokens: made once, stored as hashes, scoped, revoked; producers that nobody can read back."""

import json
import os
import random
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.collect import principals
from wherefrom.collect.principals import Principal, TokenFile, local, producer_of, write_secret
from wherefrom.errors import NotAllowed, NotFound, SettingError
from wherefrom.formats.facts import Facts

CI = Principal(name="ci", roles=("record",), namespaces=("shop", "bank/*"))
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


@pytest.fixture
def tokens(tmp_path):
    return TokenFile(tmp_path / "tokens.json")


def facts(**said):
    return Facts(kind="event", type="t", document="sha256:0", **said)


def test_a_token_opens_its_principal_and_nothing_else_does(tokens):
    text, token = tokens.add(CI)
    other, _ = tokens.add(Principal(name="ops", roles=("admin",)))
    assert tokens.authenticate(text) == CI
    assert tokens.authenticate(other).name == "ops"
    wrong = ["", "wf_", text[:-1], text + "x", text.upper(), token.id, token.sha256, "\ud800"]
    assert [tokens.authenticate(w) for w in wrong] == [None] * len(wrong)


def test_two_tokens_are_never_alike_and_long_enough_to_guess_nothing(tokens):
    made = {tokens.add(CI)[0] for _ in range(20)}
    assert len(made) == 20
    assert all(t.startswith("wf_") and len(t) == 46 for t in made)


def test_the_text_of_a_token_is_not_on_the_disk(tokens, tmp_path):
    text, token = tokens.add(CI)
    stored = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert text.encode() not in stored
    assert text.removeprefix("wf_").encode() not in stored
    assert token.sha256.encode() in stored


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_file_is_for_its_user_alone_whatever_the_umask(tokens, tmp_path, umask):
    before = os.umask(umask)
    try:
        tokens.add(CI)
        write_secret(tmp_path / "secret", "s")
    finally:
        os.umask(before)
    for name in ("tokens.json", "secret"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.new"))


def test_a_token_made_or_taken_back_counts_at_once_where_that_was_done(tokens):
    assert tokens.authenticate("wf_nobody") is None
    text, token = tokens.add(CI)
    assert tokens.authenticate(text) == CI
    assert tokens.revoke(token.id) == token
    assert tokens.authenticate(text) is None


def test_another_process_sees_a_new_token_at_once_and_a_revoked_one_soon(
    tokens, tmp_path, monkeypatch
):
    server = TokenFile(tmp_path / "tokens.json")
    assert server.authenticate("wf_nobody") is None
    text, token = tokens.add(CI)
    assert server.authenticate(text) == CI
    monkeypatch.setattr(principals, "LOOK_EVERY_SECONDS", 0)
    tokens.revoke(token.id)
    assert server.authenticate(text) is None


def test_the_file_is_looked_at_no_more_than_twice_a_second(tokens, tmp_path, monkeypatch):
    text, _ = tokens.add(CI)
    now = [1000.0]
    monkeypatch.setattr(principals.time, "monotonic", lambda: now[0])
    server = TokenFile(tmp_path / "tokens.json")
    assert server.authenticate(text) == CI
    (tmp_path / "tokens.json").unlink()
    now[0] += principals.LOOK_EVERY_SECONDS
    assert server.authenticate(text) == CI
    now[0] += 0.01
    assert server.authenticate(text) is None


def test_revoking_takes_one_token_and_an_unknown_one_is_not_found(tokens):
    first, token = tokens.add(CI)
    second, _ = tokens.add(CI)
    tokens.revoke(token.id)
    assert (tokens.authenticate(first), tokens.authenticate(second)) == (None, CI)
    with pytest.raises(NotFound, match=f"no such token: got {token.id}"):
        tokens.revoke(token.id)
    assert [t.principal for t in tokens.list()] == [CI]


def test_tokens_made_and_revoked_at_the_same_time_do_not_undo_each_other(tmp_path):
    path = tmp_path / "tokens.json"
    doomed = [TokenFile(path).add(CI)[1] for _ in range(10)]

    def add():
        for _ in range(10):
            TokenFile(path).add(CI)

    def revoke():
        for token in doomed:
            TokenFile(path).revoke(token.id)

    threads = [threading.Thread(target=f) for f in (add, revoke, add)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = {t.id for t in TokenFile(path).list()}
    assert len(left) == 20
    assert not left & {t.id for t in doomed}


@pytest.mark.parametrize(
    ("principal", "match"),
    [
        (Principal(name="", roles=("read",)), "needs a name and roles"),
        (Principal(name="ci", roles=()), "needs a name and roles"),
        (Principal(name="ci", roles=("root",)), "expected read record admin, got .*root"),
        (Principal(name="local:0", roles=("admin",)), "may not begin with local:"),
        (Principal(name="\ud800", roles=("read",)), "UTF-8 cannot hold"),
    ],
)
def test_a_token_for_nobody_or_nothing_is_refused_and_changes_nothing(tokens, principal, match):
    text, _ = tokens.add(CI)
    with pytest.raises(SettingError, match=match):
        tokens.add(principal)
    assert len(tokens.list()) == 1
    assert tokens.authenticate(text) == CI


@pytest.mark.parametrize("broken", [b"", b"{}", b"[{}]", b"\xff", b'[{"id": 1}]'])
def test_a_broken_file_lets_nobody_in_and_says_which_file_it_is(tokens, tmp_path, broken):
    tokens.add(CI)
    (tmp_path / "tokens.json").write_bytes(broken)
    for ask in (lambda t: t.authenticate("wf_x"), lambda t: t.list(), lambda t: t.add(CI)):
        with pytest.raises(SettingError, match=r"the token file is broken, at .*tokens\.json"):
            ask(TokenFile(tmp_path / "tokens.json"))
    assert (tmp_path / "tokens.json").read_bytes() == broken


def test_a_file_that_cannot_be_read_is_told_of_each_time_and_not_taken_for_empty(tmp_path):
    (tmp_path / "tokens.json").mkdir()
    tokens = TokenFile(tmp_path / "tokens.json")
    for _ in range(2):
        with pytest.raises(SettingError, match="the token file is broken"):
            tokens.authenticate("wf_x")


def test_no_file_means_nobody(tmp_path):
    assert TokenFile(tmp_path / "tokens.json").authenticate("wf_x") is None
    assert TokenFile(tmp_path / "tokens.json").list() == []


@pytest.mark.parametrize("role", principals.ROLES)
def test_an_administrator_may_do_all_and_others_what_they_were_given(role):
    Principal(name="a", roles=("admin",)).need(role)
    Principal(name="a", roles=(role,)).need(role)
    with pytest.raises(NotAllowed, match=f"role {role}, got roles other"):
        Principal(name="a", roles=("other",)).need(role)


@given(st.lists(TEXT), st.lists(TEXT))
def test_a_scope_covers_what_it_names_or_a_prefix_before_a_star(scope, said):
    principal = Principal(name="ci", roles=("record",), namespaces=tuple(scope))
    covered = all(
        any(value == s or (s[-1:] == "*" and value[: len(s) - 1] == s[:-1]) for s in scope)
        for value in said
    )
    if covered or not scope:
        principal.need_may_send(facts(namespaces=tuple(said)))
    else:
        with pytest.raises(NotAllowed, match="the token of ci does not cover this namespace"):
            principal.need_may_send(facts(namespaces=tuple(said)))


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.binary(min_size=32, max_size=32))
def test_a_producer_is_a_keyed_hash_that_does_not_show_its_name(name, key):
    if name.startswith("local:"):
        return
    said = producer_of(Principal(name=name, roles=("record",)), key=key)
    assert said[:2] == "p:"
    assert len(bytes.fromhex(said[2:])) == 16
    again = producer_of(Principal(name=name, roles=("admin",), kinds=("event",)), key=key)
    assert said == again
    assert (
        producer_of(Principal(name=name, roles=()), key=key[:31] + b"?") != said or key[31:] == b"?"
    )


def test_a_process_that_holds_the_directory_is_named_by_its_user():
    assert producer_of(local(1000), key=b"k") == "local:1000"
    assert local(0).roles == ("admin",)


def test_the_file_holds_what_a_person_may_read_and_no_more(tokens, tmp_path):
    _, token = tokens.add(CI)
    (entry,) = json.loads((tmp_path / "tokens.json").read_bytes())
    assert entry == {
        "id": token.id, "sha256": token.sha256,
        "principal": {
            "name": "ci", "roles": ["record"], "kinds": [], "producers": [],
            "namespaces": ["shop", "bank/*"],
        },
        "check": token.check,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_bit_in_the_token_file_is_believed(tokens, tmp_path, seed):
    text, _ = tokens.add(CI)
    path, chance = tmp_path / "tokens.json", random.Random(seed)
    whole = path.read_bytes()
    for _ in range(200):
        bit = chance.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(SettingError, match="the token file is broken"):
            TokenFile(path).authenticate(text)


def test_a_token_file_of_an_earlier_version_is_taken_as_it_is(tokens, tmp_path):
    text, _ = tokens.add(CI)
    path = tmp_path / "tokens.json"
    (entry,) = json.loads(path.read_bytes())
    del entry["check"]
    path.write_text(json.dumps([entry]))
    assert TokenFile(path).authenticate(text) == CI

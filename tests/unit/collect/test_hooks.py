"""The secrets of webhooks: kept privately, checked in the way of each sender, read again."""

import hashlib
import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.collect.hooks import SECRET_CHARS_MAX, SIGNING, Hook, HookFile, check
from wherefrom.errors import NotAllowed, NotFound, SettingError
from wherefrom.formats.states import Scope
from wherefrom.formats.webhooks import ADAPTERS

SECRET = "It's a Secret to Everybody"


@pytest.fixture
def file(tmp_path):
    return HookFile(tmp_path / "webhooks.toml")


def written(file, text, mode=0o600):
    path = file._path
    path.write_text(text)
    path.chmod(mode)
    return file


def test_the_example_of_githubs_page_is_right_and_a_bit_of_it_is_wrong():
    # docs.github.com, "Validating webhook deliveries": secret, payload and signature.
    shown = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    hook = Hook("a", "github", SECRET)
    assert check([hook], "github", body=b"Hello, World!", shown=shown) is hook
    for other, said in ((b"Hello, World?", shown), (b"Hello, World!", shown[:-1] + "6")):
        with pytest.raises(NotAllowed, match="not of this body"):
            check([hook], "github", body=other, shown=said)


@given(st.binary(), st.sampled_from(sorted(SIGNING)))
def test_the_hook_whose_secret_it_is_is_found_among_others(body, adapter):
    hooks = [Hook(name, adapter, name * 16) for name in "abc"]
    signing = SIGNING[adapter]
    for hook in hooks:
        shown = hook.secret
        if signing.is_hmac:
            shown = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
        assert check(hooks, adapter, body=body, shown=signing.prefix + shown) is hook
        with pytest.raises(NotAllowed):
            check([h for h in hooks if h is not hook], adapter, body=body,
                  shown=signing.prefix + shown)  # fmt: skip


@given(st.text(max_size=80), st.sampled_from(sorted(SIGNING)))
def test_no_text_is_taken_for_a_signature(shown, adapter):
    with pytest.raises(NotAllowed):
        check([Hook("a", adapter, SECRET)], adapter, body=b"", shown=shown)


def test_every_adapter_that_signs_is_one():
    assert SIGNING.keys() <= ADAPTERS.keys()


def test_what_is_added_is_listed_and_only_its_owner_may_read_it(file):
    first = file.add("shop", "github", Scope("prod", "", "eu"))
    second = file.add("q_u-o.te", "gitlab", Scope('a"\\\n'))
    assert len(first.secret) > 40
    assert os.stat(file._path).st_mode & 0o777 == 0o600
    assert list(HookFile(file._path).list()) == [first, second]
    assert file.of("github") == [first]


def test_what_is_removed_is_gone_and_what_is_not_there_cannot_be(file):
    file.add("shop", "github", Scope())
    assert file.remove("shop").name == "shop"
    assert (list(file.list()), file.of("github")) == ([], [])
    with pytest.raises(NotFound, match="no such webhook"):
        file.remove("shop")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("shop", "github"), "there is a webhook of this name"),
        (("", "github"), "not a name"),
        (("../x", "github"), "not a name"),
        (("x", "alertmanager"), "no adapter with a secret of its own"),
        (("x", "nothing"), "no adapter with a secret of its own"),
        (("x", "github", "short"), "too short or too long"),
        (("x", "github", "x" * (SECRET_CHARS_MAX + 1)), "too short or too long"),
    ],
)
def test_a_hook_that_cannot_be_is_not_kept(file, arguments, says):
    file.add("shop", "github", Scope())
    before = file._path.read_bytes()
    name, adapter, *secret = arguments
    with pytest.raises(SettingError, match=says):
        file.add(name, adapter, Scope(), secret=secret[0] if secret else None)
    assert file._path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[shop", "is broken"),
        ("shop = 1", "is a table of texts"),
        ('[shop]\nadapter = "github"\nsecret = 1', "is a table of texts"),
        ('[shop]\nadapter = "github"\nsecrets = "x"', "not a setting of a webhook"),
        ('[shop]\nadapter = "github"', "too short"),
        ('[shop]\nsecret = "0123456789abcdef"', "no adapter"),
    ],
)
def test_a_broken_file_is_named_and_nothing_of_it_counts(file, text, says):
    with pytest.raises(SettingError, match=says):
        written(file, text).of("github")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_read_is_not_taken(file, mode):
    text = f'[shop]\nadapter = "github"\nsecret = "{SECRET}"\n'
    with pytest.raises(SettingError, match="others can read"):
        written(file, text, mode).of("github")
    assert [hook.name for hook in written(file, text).list()] == ["shop"]


def test_a_place_that_is_fixed_is_kept_and_another_one_is_refused():
    hook = Hook("shop", "github", SECRET, Scope("prod"))
    assert hook.place(Scope("", "cart")) == Scope("prod", "cart")
    assert hook.place(Scope("prod")) == Scope("prod")
    with pytest.raises(NotAllowed, match="of another environment"):
        hook.place(Scope("test"))

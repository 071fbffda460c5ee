import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import checkpoint
from wherefrom.formats.checkpoint import Checkpoint

ROOT = "u09ZfFWb+iWERUw5K6y9W9D5eLOvp8CbIEKQQP7KA40="
TEXT = f"example.com/log\n7\n{ROOT}\n"

line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
checkpoints = st.builds(
    Checkpoint,
    line,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(line, max_size=3).map(tuple),
)


@given(checkpoints)
def test_what_is_written_is_read_back(one):
    assert checkpoint.parse(one.to_text()) == one
    assert checkpoint.to_text(one) == one.to_text()


@given(
    st.one_of(
        st.text(max_size=100),
        st.tuples(line, st.text("0123456789+-_ ٣", max_size=21), line).map(
            lambda some: f"{some[0]}\n{some[1]}\n{ROOT}\n{some[2]}\n"
        ),
    )
)
def test_any_text_is_a_checkpoint_in_its_one_spelling_or_malformed(text):
    try:
        one = checkpoint.parse(text)
    except Malformed:
        return
    assert one.to_text() == text


def test_the_three_lines_are_origin_size_and_root():
    one = checkpoint.parse(TEXT)
    assert (one.origin, one.size, one.root.hex()[:8]) == ("example.com/log", 7, "bb4f597c")
    assert one.extensions == ()
    assert checkpoint.parse(TEXT + "one\ntwo\n").extensions == ("one", "two")


@pytest.mark.parametrize("size", ["", "+7", "-0", "07", "00", " 7", "7 ", "1_0", "7.0", "0x7", "٣",
                                  str(2**63), "9" * 20, "9" * 5000])  # fmt: skip
def test_a_size_has_one_spelling_and_is_under_2_to_the_63(size):
    message = (
        "not a number in its one spelling, at checkpoint.size" if size else "has an empty line"
    )
    with pytest.raises(Malformed, match=message):
        checkpoint.parse(TEXT.replace("\n7\n", f"\n{size}\n"))


def test_the_largest_and_the_smallest_size_are_read():
    for size in (0, 2**63 - 1):
        assert checkpoint.parse(TEXT.replace("\n7\n", f"\n{size}\n")).size == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not end with a newline"),
        (TEXT[:-1], "does not end with a newline"),
        ("example.com/log\n7\n", "a checkpoint is too short.*got 2 lines"),
        (TEXT + "\n", "has an empty line, at checkpoint, line 3"),
        (TEXT + "\nmore\n", "has an empty line, at checkpoint, line 3"),
        ("\n" + TEXT, "has an empty line, at checkpoint, line 0"),
        (TEXT.replace("\n", "\r\n"), "has a control character"),
        (TEXT.replace("example", "exa\tmple"), "has a control character"),
        ("\ud800" + TEXT, "text that UTF-8 cannot hold"),
        (TEXT.replace("40=", "41="), "base64 not in its one spelling, at checkpoint.root"),
        (TEXT.replace(ROOT, "Zm9v"), "a root is not a hash, at checkpoint.root.*got 3 bytes"),
        (TEXT.replace(ROOT, ROOT[:-1]), "not base64, at checkpoint.root"),
    ],
)
def test_a_near_miss_is_not_a_checkpoint(text, message):
    with pytest.raises(Malformed, match=message):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"origin": ""}, "has an empty line"),
        ({"origin": "a\nb"}, "not a number in its one spelling"),
        ({"origin": "a\n1\n" + ROOT}, "a line of a checkpoint holds a newline"),
        ({"extensions": ("a\nb",)}, "a line of a checkpoint holds a newline"),
        ({"extensions": ("",)}, "has an empty line"),
        ({"size": -1}, "not a number in its one spelling"),
        ({"size": 2**63}, "not a number in its one spelling"),
        ({"root": bytes(31)}, "a root is not a hash"),
    ],
)
def test_nothing_is_written_that_would_not_be_read_as_the_same(change, message):
    with pytest.raises(Malformed, match=message):
        checkpoint.parse(TEXT)._replace(**change).to_text()

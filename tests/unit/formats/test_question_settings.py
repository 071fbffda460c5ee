from __future__ import annotations

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.question_settings import Question, is_own_path, parse


def test_a_list_of_questions_is_read():
    content = b"- {title: Cart, path: /services/prod/cart, says: first}\n- {title: X, path: /log}\n"
    assert parse(content, where="questions.yaml") == (
        Question(title="Cart", path="/services/prod/cart", says="first"),
        Question(title="X", path="/log"),
    )
    assert parse(b"", where="questions.yaml") == ()


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"title: x", Malformed, "questions are a list"),
        (b"- x", Malformed, "a question is an object"),
        (b"- {title: x}", Malformed, "path"),
        (b"- {title: x, path: /, color: red}", Malformed, "color"),
        (b"- {title: x, path: 'https://evil.example/'}", Malformed, "not a page of this server"),
        (b"- {title: %s, path: /}" % (b"x" * 201), LimitPassed, "the title of a question"),
        (b"- {title: x, path: /}\n" * 51, LimitPassed, "too many questions"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(content, error, says):
    with pytest.raises(error, match=says) as raised:
        parse(content, where="questions.yaml")
    assert raised.value.where.startswith("questions.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "//evil.example",
        "/\\evil.example",
        "javascript:x",
        "http:/x",
        "/a\nb",
        "//[",
        "\t/x",
    ],
)
def test_a_path_that_may_lead_elsewhere_is_none_of_ours(text):
    assert not is_own_path(text)


@pytest.mark.parametrize("text", ["/", "/find?q=a%2Fb", "/things/pkg:pypi%2Fx@1#records"])
def test_a_path_of_ours_is(text):
    assert is_own_path(text)

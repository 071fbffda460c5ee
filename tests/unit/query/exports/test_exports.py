"""Every export: the same answer gives the same text, and a large one is no trouble."""

import pytest

from tests.unit.query.exports.answers import ANSWERS, large
from wherefrom.query import exports


@pytest.mark.parametrize("format", exports.FORMATS)
@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_answer_gives_the_same_text_in_utf_8(name, format):
    text = exports.write(ANSWERS[name], format)
    assert text == exports.write(ANSWERS[name], format)
    text.encode()
    assert text == "" or text.endswith("\n")


@pytest.mark.parametrize("format", exports.FORMATS)
def test_ten_thousand_nodes_are_all_there(format):
    answer = large()
    text = exports.write(answer, format)
    shown = [n.id if format != "mermaid" else n.name for n in answer.nodes]
    assert all(id in text for id in (shown[0], shown[5_000], shown[-1]))
    assert text.count("\n") > 9_000 or format in ("prov-json", "openlineage")


def test_a_format_that_is_none_is_a_slip():
    with pytest.raises(KeyError, match="svg"):
        exports.write(ANSWERS["alone"], "svg")

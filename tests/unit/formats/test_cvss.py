"""CVSS: scores as the specifications' own examples have them."""

import pytest

from wherefrom.formats import cvss

# first.org/cvss/v3.1/examples and v3.0/examples; v2 guide, section 3.3.
EXAMPLES = [
    ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
    ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
    ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
    ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
    ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 9.9),
    ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
    ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
    ("CVSS:3.0/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6),
    ("CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2),
    ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
    ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/MAV:P", 9.8),
    ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
    ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
    ("(AV:L/AC:H/Au:N/C:C/I:C/A:C)", 6.2),
]


@pytest.mark.parametrize(("vector", "score"), EXAMPLES)
def test_the_base_score_is_that_of_the_specification(vector, score):
    assert cvss.base_score(vector) == score


@pytest.mark.parametrize(
    ("vector", "word"),
    [
        (EXAMPLES[5][0], "critical"), (EXAMPLES[3][0], "high"), (EXAMPLES[0][0], "medium"),
        (EXAMPLES[1][0], "low"), (EXAMPLES[9][0], "low"), (EXAMPLES[12][0], "high"),
    ],
)  # fmt: skip
def test_a_score_has_the_word_of_its_version(vector, word):
    assert cvss.severity(vector) == word


@pytest.mark.parametrize(
    "text",
    [
        "", "high", "9.8", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        EXAMPLES[0][0] + "/X:Y" * 200,
    ],
)  # fmt: skip
def test_what_has_no_score_gets_none_rather_than_a_small_one(text):
    assert cvss.base_score(text) is None
    assert cvss.severity(text) is None

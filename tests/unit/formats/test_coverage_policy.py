"""The shipped policy of coverage: careful, and read as any other."""

import pytest

from wherefrom.errors import Malformed
from wherefrom.formats import coverage_policy
from wherefrom.formats.policy import Provenance, Sbom


def test_what_is_shipped_asks_for_signed_papers_in_every_environment():
    policy = coverage_policy.shipped()
    built, contents = policy.in_environment("anywhere")
    assert isinstance(built, Provenance)
    assert (built.sources, built.trust) == (("*",), "signed")
    assert isinstance(contents, Sbom)
    assert contents.trust == "signed"
    assert policy.in_environment("") == policy.rules
    assert all(rule.remedy for rule in policy.rules)


def test_a_file_without_rules_is_refused():
    with pytest.raises(Malformed, match="a policy without rules"):
        coverage_policy.parse(b"name: x\nversion: '1'\nrules: []\n", where="coverage.yaml")

"""Which environment a namespace is, and what goes there when nobody can tell."""

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import admission_settings
from wherefrom.formats.admission_settings import AdmissionSettings, read

WRITTEN = b"""
environment: prod
own_namespace: guard
cluster: eu-1
namespaces:
  team-a: {environment: staging}
  team-*: {environment: dev, mode: open}
  kube-system: {exempt: true}
registries: {registry.example.com: "https://registry.example.com"}
"""


def of(namespace, written=WRITTEN):
    return read(written, where="settings").of(namespace)


def test_a_name_counts_before_a_pattern_and_a_pattern_before_the_rest():
    assert of("team-a") == ("staging", "closed", False)
    assert of("team-b") == ("dev", "open", False)
    assert of("shop") == ("prod", "closed", False)
    assert of("") == ("prod", "closed", False)


def test_only_its_own_namespace_and_those_that_the_file_names_are_exempt():
    assert of("guard").exempt
    assert of("kube-system").exempt
    for other in ("kube-system-2", "guard-2", "guar", "Guard", "wherefrom"):
        assert not of(other).exempt
    assert not of("guard", b"environment: prod").exempt
    assert not of("kube-system", b"").exempt


def test_a_namespace_called_like_a_pattern_is_no_pattern():
    assert of("team-*").environment == "dev"  # no such namespace can be; it begins like one


def test_without_a_file_everything_is_closed():
    assert AdmissionSettings().of("default") == ("", "closed", False)
    assert AdmissionSettings().of("wherefrom").exempt


@pytest.mark.parametrize(
    "written",
    [b"modus: open", b"mode: half", b"namespaces: {X: {}}", b"namespaces: {'*': {exempt: true}}",
     b"namespaces: {a: {exempt: 'yes'}}", b"own_namespace: ''", b"environment: 'a b'",
     b"registries: {a: 'ftp://a'}", b"registries: {a: 'https://[a'}", b"- a", b"cluster: ''",
     b"{", b"namespaces: {'a**': {}}"],
)  # fmt: skip
def test_a_slip_of_the_pen_is_refused(written):
    with pytest.raises(Malformed):
        read(written, where="settings")


def test_limits_are_said(monkeypatch):
    monkeypatch.setattr(admission_settings, "NAMESPACES_MAX", 2)
    with pytest.raises(LimitPassed, match="2 namespaces"):
        read(WRITTEN, where="settings")
    with pytest.raises(LimitPassed, match="65536 bytes"):
        read(b"#" * 70_000, where="settings")

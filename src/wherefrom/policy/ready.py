"""Ready policies for the usual needs: chosen by name, completed with what is one's own.

    NAME ──Setting──► policy.yaml, tests/cases.yaml

What a policy must be told (who signs for one's own builder, say) stands in it as ``$name``; a line
whose name was given nothing is left out, and one that cannot do without is asked for.

Source: slsa.dev/spec/v1.2 (levels, verifying artifacts); docs/policy.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from string import Template
from typing import Final, NamedTuple

from wherefrom.errors import NotFound, SettingError

# Who signs for the hosted builders that everybody can use: GitHub's own tokens, by workflow.
_GITHUB: Final = "https://token.actions.githubusercontent.com"
_GITHUB_PLACE: Final = "https://github.com/"
_GENERATOR: Final = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows"


class Ready(NamedTuple):
    """A policy that waits for its settings.

    takes  what it can be told: name → what that is; those of ``needs`` it must be told
    """

    says: str
    text: str
    takes: Mapping[str, str] = {}
    needs: tuple[str, ...] = ()


_TAKES: Final[Mapping[str, str]] = {
    "source": "where it must be built from: git+https://github.com/acme/*",
    "builder": "the id of a builder of your own",
    "signer": "the key that signs for it: k:…",
    "workflows": "whose workflows at GitHub may sign; those of source, if it is there",
}

_PROVENANCE: Final = f"""\
  - name: built
    needs: provenance
    level: $level
    says: It must be built by a builder that reaches SLSA build level $level
    sources: ["$source"]
    builders:
      - id: "$builder"
        by: [{{key: "$signer"}}]
        level: 3
      - id: "{_GENERATOR}/*@refs/tags/v*"
        by: [{{identity: "{_GENERATOR}/*@refs/tags/v*", issuer: "{_GITHUB}"}}]
        level: 3
      - by: [{{identity: "$workflows", issuer: "{_GITHUB}"}}]
        id: "https://github.com/actions/runner/github-hosted"
        level: 2
      - by: [{{identity: "$workflows", issuer: "{_GITHUB}"}}]
        id: "https://github.com/actions/runner"
        level: 2
"""
_SBOM: Final = """\
  - name: sbom
    needs: sbom
    says: It must be recorded what is inside
"""
_SCANNED: Final = """\
  - name: vulnerabilities
    needs: vulnerabilities
    none_from: high
    within: 7d
    says: It must be scanned within a week, and have nothing severe that no VEX excuses
"""
_TESTED: Final = """\
  - name: tests
    needs: tests
    says: Its tests must have passed
"""
_EYES: Final = """\
  - name: approvals
    needs: approvals
    count: $count
    says: People who did not build it must approve it
"""
_EXCEPTIONS: Final = """\
exceptions:
  by: [{key: "$approver"}]
  approvals: 1
  longest: 14d
  break_glass: {by: [{key: "$approver"}], longest: 4h}
"""


def _policy(name: str, says: str, *rules: str, more: str = "") -> str:
    return f'name: {name}\nversion: "1"\nsays: {says}\nvalid: 24h\n{more}rules:\n' + "".join(rules)


def _slsa(level: int, says: str) -> Ready:
    rule = _PROVENANCE.replace("$level", str(level))
    return Ready(says, _policy(f"slsa-{level}", says, rule), _TAKES)


READY: Final[Mapping[str, Ready]] = {
    "slsa-1": Ready(
        "Somebody known signed how it was built",
        _policy(
            "slsa-1", "Somebody known signed how it was built",
            '  - name: built\n    needs: provenance\n    sources: ["$source"]\n',
        ),
        {"source": _TAKES["source"]},
    ),
    "slsa-2": _slsa(2, "A hosted builder signed how it was built"),
    "slsa-3": _slsa(3, "A hardened builder signed how it was built"),
    "sbom": Ready("What is inside is known", _policy("sbom", "What is inside is known", _SBOM)),
    "vulnerabilities": Ready(
        "Nothing severe is known of it, or a VEX says why it does no harm",
        _policy("vulnerabilities", "Nothing severe is known of it", _SCANNED),
    ),
    "tests": Ready("Its tests passed", _policy("tests", "Its tests passed", _TESTED)),
    "four-eyes": Ready(
        "Two people who did not build it approved it",
        _policy(
            "four-eyes", "Two people who did not build it approved it",
            _EYES.replace("$count", "2"),
        ),
    ),
    "reproducible": Ready(
        "It was built again, bit for bit",
        _policy(
            "reproducible", "It was built again, bit for bit",
            '  - name: reproduced\n    needs: statement\n    type: "urn:wherefrom:rebuild:*"\n'
            "    fields: {result: reproduced}\n",
        ),
    ),
    "canary": Ready(
        "Only what passed its canary",
        _policy(
            "canary", "Only what passed its canary",
            '  - name: canary\n    needs: statement\n    type: "urn:wherefrom:canary:*"\n'
            "    fields: {verdict: pass}\n    within: 7d\n",
        ),
    ),
    "training-data": Ready(
        "A model of data that nobody labelled deprecated, withdrawn or without consent",
        _policy(
            "training-data", "No data that must not be used is upstream",
            "  - name: lineage\n    needs: lineage\n    forbid:\n"
            + "".join(
                f"      - {{property: {name}, equals: {value}}}\n"
                for name, value in (
                    ("label", "deprecated"), ("label", "withdrawn"), ("label", "no-consent"),
                    ("lifecycle", "deprecated"), ("deprecated", '"true"'),
                )
            ),
        ),
    ),
    "production": Ready(
        "Built by a hosted builder, with an SBOM, scanned, tested and approved",
        _policy(
            "production", "What production needs",
            _PROVENANCE.replace("$level", "2"), _SBOM, _SCANNED, _TESTED,
            _EYES.replace("$count", "1"), more=_EXCEPTIONS,
        ),
        {**_TAKES, "approver": "the key of whoever approves exceptions: k:…"},
        needs=("approver",),
    ),
}  # fmt: skip


def files_of(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The files of a ready policy, by their names. Raises NotFound, SettingError."""
    ready = READY.get(name)
    if ready is None:
        raise NotFound(
            "no ready policy is called this", got=name, expected=" ".join(READY),
            do="List them: wherefrom policy ready",
        )  # fmt: skip
    if unknown := sorted(settings.keys() - ready.takes.keys()):
        raise SettingError(
            f"{name} takes no such setting",
            got=unknown[0],
            expected=" ".join(ready.takes),
            do="Give one of these with --set",
        )
    if missing := [one for one in ready.needs if one not in settings]:
        raise SettingError(
            f"{name} must be told {ready.takes[missing[0]]}",
            do=f"Add --set {missing[0]}=VALUE",
        )
    if ("builder" in settings) != ("signer" in settings):
        raise SettingError(
            "whoever signs may write any builder's id: each comes with its signer",
            expected="--set builder=… and --set signer=…",
            do="Give both",
        )
    told = dict(settings)
    if "workflows" not in told and (workflows := _workflows(told.get("source"))):
        told["workflows"] = workflows
    return {
        "policy.yaml": _written(ready.text, told),
        "tests/cases.yaml": _CASES,
    }


def _workflows(source: str | None) -> str | None:
    """Whose workflows may sign for what is built of ``source``; None for what is not at GitHub.

    Every workflow there gets a token that says whose it is, and can sign any text with it: that it
    was built of another's repository, say. So who signs must be where the source is.
    """
    if source is None:
        return f"{_GITHUB_PLACE}*"
    place = source.removeprefix("git+").partition("@")[0].removesuffix(".git")
    if not place.startswith(_GITHUB_PLACE):
        return None
    return place if place.endswith("*") else f"{place.rstrip('/')}/*"


def _written(text: str, settings: Mapping[str, str]) -> str:
    """With the settings put in, without what they leave open: a list's item goes as a whole."""
    lines: list[str] = []
    dropping: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if dropping is not None and indent > dropping:
            continue
        dropping = None
        template = Template(line)
        if any(name not in settings for name in template.get_identifiers()):
            if line.lstrip().startswith("- "):
                dropping = indent
            continue
        # A text of JSON, without its quotes, is one of YAML: whatever is in it stays text.
        safe = {key: json.dumps(value)[1:-1] for key, value in settings.items()}
        lines.append(template.substitute(safe))
    return "\n".join(lines) + "\n"


_CASES: Final = """\
# What this policy is to say; run them with: wherefrom policy test DIR
# A case's input is what conditions see: wherefrom policy explain ARTIFACT --policy DIR --input
cases:
  - name: of what nothing is known nothing goes in
    input: {artifact: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
    allowed: false
"""

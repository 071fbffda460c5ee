"""What a whole, trusted chain is: the policy in ``coverage.yaml``, or the one that is shipped.

It is a policy as the gate's are (``formats.policy``), asked of all that runs and is made. What is
shipped asks for what a chain from there to its source needs, signed by somebody known: a provenance
that names what was built, and an SBOM.

Source: docs/health.md, "Coverage"
"""

from __future__ import annotations

from typing import Final

from wherefrom.formats import policy as policies
from wherefrom.formats.policy import Policy

SHIPPED_TEXT: Final = """\
name: coverage
version: "1"
says: From what runs to its source, by the word of somebody known
rules:
  - name: built
    needs: provenance
    sources: ["*"]
    remedy: "Have its builder sign SLSA provenance that names the source: wherefrom record FILE"
  - name: contents
    needs: sbom
    remedy: "Have its build sign an SBOM: wherefrom record FILE"
"""


def parse(content: bytes, *, where: str) -> Policy:
    """Read the file. Raises Malformed, LimitPassed."""
    return policies.read(content, where=where)


def shipped() -> Policy:
    """The policy where there is no file."""
    return parse(SHIPPED_TEXT.encode(), where="the shipped policy of coverage")

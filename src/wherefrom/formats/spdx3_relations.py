"""How each relationship type of SPDX 3 is read, into the closed table of relations.

    "dependsOn"  ──►  from ── depends_on ──► to          effect before cause, as SPDX writes it
    "hasOutput"  ──►  to ── generated_by ──► from        reversed: SPDX writes the cause first

A type that is not here says nothing of where a thing comes from (``hasTest``, ``foundBy``); the
reader counts it. Types that assess vulnerabilities are ASSESSMENTS, and become claims.

Source: SPDX 3.0.1, Core/Vocabularies/RelationshipType
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Reading(NamedTuple):
    """``reversed`` when SPDX writes cause before effect; ``agent`` when the cause is one."""

    relation: str
    reversed: bool = False
    scope: str | None = None
    agent: bool = False


RELATIONSHIPS: Final[Mapping[str, Reading]] = {
    "contains": Reading("contains"),
    "hasAddedFile": Reading("contains"),
    "hasDistributionArtifact": Reading("contains"),
    "hasOptionalComponent": Reading("contains", scope="optional"),
    "dependsOn": Reading("depends_on"),
    "hasPrerequisite": Reading("depends_on"),
    "hasDataFile": Reading("depends_on", scope="data"),
    "hasDynamicLink": Reading("depends_on", scope="dynamic_link"),
    "hasStaticLink": Reading("depends_on", scope="static_link"),
    "hasOptionalDependency": Reading("depends_on", scope="optional"),
    "hasProvidedDependency": Reading("depends_on", scope="provided"),
    "usesTool": Reading("depends_on", scope="tool"),
    "ancestorOf": Reading("derived_from", reversed=True),
    "descendantOf": Reading("derived_from"),
    "generates": Reading("derived_from", reversed=True),
    "copiedTo": Reading("derived_from", reversed=True),
    "expandsTo": Reading("derived_from", reversed=True),
    "patchedBy": Reading("derived_from", scope="patch"),
    "trainedOn": Reading("derived_from", scope="training"),
    "testedOn": Reading("depends_on", scope="test"),
    "amendedBy": Reading("revises", reversed=True),
    "serializedInArtifact": Reading("alternate"),
    "modifiedBy": Reading("attributed_to", scope="modified", agent=True),
    "packagedBy": Reading("attributed_to", scope="packaged", agent=True),
    "publishedBy": Reading("attributed_to", scope="published", agent=True),
    "republishedBy": Reading("attributed_to", scope="republished", agent=True),
    "availableFrom": Reading("attributed_to", scope="available", agent=True),
}
# What a build says of what went in and came out, and who ran it.
OF_BUILDS: Final[Mapping[str, Reading]] = {
    "hasInput": Reading("used"),
    "hasOutput": Reading("generated_by", reversed=True),
    "generates": Reading("generated_by", reversed=True),
    "usesTool": Reading("used", scope="tool"),
    "dependsOn": Reading("used"),
    "hasHost": Reading("used", scope="host"),
    "invokedBy": Reading("associated_with", agent=True),
    "delegatedTo": Reading("associated_with", scope="delegate", agent=True),
    "ancestorOf": Reading("informed_by", reversed=True),
    "descendantOf": Reading("informed_by"),
}
# Spellings of the drafts, which the published examples have.
DRAFT_SPELLINGS: Final = {"hasInputs": "hasInput", "hasOutputs": "hasOutput"}
# type of relationship → the status that every format shares; from the vulnerability.
ASSESSMENTS: Final[Mapping[str, str]] = {
    "affects": "affected",
    "doesNotAffect": "not_affected",
    "fixedIn": "fixed",
    "underInvestigationFor": "under_investigation",
}

"""in-toto's test-result predicate: whether the tests of a subject passed, and which did not.

    attestation {result, passed, warned, failed, failed_tests} ── used ──► configuration

Source: in-toto attestation spec, predicates/test-result.md v0.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import components as parts
from wherefrom.formats.descriptors import public_id, resource
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import (
    as_object,
    as_string,
    get_array,
    get_string,
    need_array,
    need_string,
)

RESULTS: Final = ("PASSED", "WARNED", "FAILED")
NAMED_MAX: Final = 64
_TYPE = re.compile(r"https://in-toto\.io/attestation/test-result/v0(\.[0-9]+)?")


def is_test_result(predicate_type: str) -> bool:
    """Whether ``add`` reads this type."""
    return _TYPE.fullmatch(predicate_type) is not None


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> None:
    """Add what the predicate says to the attestation ``document_id``.

    Raises Malformed for a result that is none, or a missing or wrong field.
    """
    result = need_string(predicate, "result", where=where)
    if result not in RESULTS:
        raise Malformed(
            "not a test result", where=f"{where}.result", expected=" ".join(RESULTS), got=result
        )
    names = {
        key: [
            as_string(name, where=f"{where}.{key}Tests[{at}]")
            for at, name in enumerate(get_array(predicate, f"{key}Tests", where=where))
        ]
        for key in ("passed", "warned", "failed")
    }
    url = get_string(predicate, "url", where=where)
    builder.node(
        document_id,
        "attestation",
        properties={
            "result": result,
            **{key: len(listed) for key, listed in names.items()},
            "failed_tests": [parts.shown(n) or "" for n in names["failed"][:NAMED_MAX]] or None,
            "url": parts.shown(public_id(url)) if url else None,
        },
    )
    for at, value in enumerate(need_array(predicate, "configuration", where=where)):
        place = f"{where}.configuration[{at}]"
        node = resource(builder, as_object(value, where=place), where=place)
        if node:
            builder.edge(document_id, "used", node)

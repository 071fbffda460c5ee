"""Rego, kept apart: the engine lets a module read the environment (``opa.runtime``), count to a
billion, and ask what time it is.

    query × modules × input ──► true, a set of reasons, …; None for false and undefined

A built-in function that fails is an error here: a reason against something that nobody could work
out must not be no reason. A query is one expression: of several the engine would answer for one.

Source: openpolicyagent.org/docs/policy-language; github.com/microsoft/rego-cpp
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.policy.apart import Apart, Patience

_START: Final = """
import re
from regopy import Interpreter
"""
_ANSWER: Final = r"""
try:
    engine = Interpreter()
    engine.strict_built_in_errors = True
    for name, text in asked["modules"]:
        engine.add_module(name, text)
    engine.set_input(asked["input"])
    said = {"says": str(engine.query(asked["query"]))}
except json.JSONDecodeError:  # of the engine's own reasons
    said = {"error": "it is no Rego: a function in it is not there, or is no value"}
except Exception as error:
    told = re.search(r"errormsg \d+:([^)]+)", str(error))
    said = {"error": "it is no Rego: " + (told[1] if told else str(error) or "unknown")}
"""


class Rego:
    """One engine, for several threads; it is started when it is first asked."""

    def __init__(self) -> None:
        self._engine = Apart(
            "regopy", install="pip install 'wherefrom[rego]'", start=_START, answer=_ANSWER
        )

    def evaluate(
        self,
        query: str,
        modules: Mapping[str, str],
        document: bytes,
        patience: Patience,
    ) -> Any:
        """What a query gives over ``document``, JSON; None if that is undefined, or false, which
        the engine does not tell apart.

        Raises as ``Apart.ask``.
        """
        asked = json.dumps({"query": query, "modules": list(modules.items())}).encode()
        said = self._engine.ask(asked[:-1] + b', "input": ' + document + b"}", patience)
        return _value_of(said["says"])

    def close(self) -> None:
        """Stop it; it is started again when it is asked again."""
        self._engine.close()


def _value_of(says: str) -> Any:
    """The value in an answer of the engine. Raises Malformed for an error, or several values."""
    if says == "undefined":
        return None
    try:
        answer = json.loads(says)
    except ValueError:
        raise Malformed("a function in it fails, or is not there", got=says[:80]) from None
    if not isinstance(answer, dict) or len(answer.get("expressions", ())) != 1:
        raise Malformed("a query of one expression is asked for", expected="data.PACKAGE.RULE")
    if "bindings" in answer:
        raise Malformed("a query that binds a variable has no answer", expected="data.PACKAGE.RULE")
    return answer["expressions"][0]

"""CEL, by Google's own implementation, kept apart: it bounds how often it counts, but not how long
a text gets that is doubled each time, nor how long one look at it takes.

    expression × input ──► its value

An expression is compiled once; the libraries of strings, numbers, bindings, optional values and
encodings are there.

Source: github.com/google/cel-spec
"""

from __future__ import annotations

import json
from typing import Any, Final

from wherefrom.policy.apart import Apart, Patience

_START: Final = """
from functools import lru_cache
from cel_expr_python import cel
from cel_expr_python.ext.ext_bindings import ExtBindings
from cel_expr_python.ext.ext_encoders import ExtEncoders
from cel_expr_python.ext.ext_math import ExtMath
from cel_expr_python.ext.ext_optional import ExtOptional
from cel_expr_python.ext.ext_strings import ExtStrings
environment = cel.NewEnv(
    variables={"input": cel.Type.DYN},
    extensions=[ExtBindings(), ExtEncoders(), ExtMath(), ExtOptional(), ExtStrings()],
)
compiled = lru_cache(maxsize=256)(environment.compile)
"""
_ANSWER: Final = """
answer = compiled(asked["expression"]).eval(data={"input": asked["input"]})
if str(answer.type()) == "ERROR":
    said = {"error": str(answer.value())}
else:
    said = {"value": answer.plain_value()}
"""


class Cel:
    """One engine, for several threads; it is started when it is first asked."""

    def __init__(self) -> None:
        self._engine = Apart(
            "cel_expr_python", install="pip install cel-expr-python", start=_START, answer=_ANSWER
        )

    def evaluate(self, expression: str, document: bytes, patience: Patience) -> Any:
        """What an expression gives over ``input``, JSON; what JSON has no form for, as it is
        written. Raises as ``Apart.ask``."""
        asked = json.dumps({"expression": expression}).encode()
        said = self._engine.ask(asked[:-1] + b', "input": ' + document + b"}", patience)
        return said["value"]

    def close(self) -> None:
        """Stop it; it is started again when it is asked again."""
        self._engine.close()

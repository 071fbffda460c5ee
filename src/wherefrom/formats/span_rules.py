"""Which spans are kept, and for how long.

    {"sample": 0.1, "errors_only": false, "keep_hours": 168,
     "billable": ["billing"], "services": {"checkout": {"sample": 1, "errors_only": false}}}

Where these say nothing of a service, a catalogue does (``Catalogued``): spans of one that is billable
there are kept whole, and none of one that is critical is left out. What they name, they decide.

Sampling goes by the trace id, so every hop of a request is decided alike. What failed is kept at any
rate, and so is what comes later of a trace of which anything is held. A billable service's spans are
kept whole: never sampled, never summarised.

Sizes:  a rate is of 0 to 1 · KEEP_HOURS_MAX hours
Source: docs/formats/otlp.md
"""  # noqa: E501

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import strict_json
from wherefrom.formats.otlp import Span

KEEP_HOURS_MAX: Final = 24 * 366


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the spans of a service is kept."""

    sample: float = 1.0
    errors_only: bool = False


class Catalogued(msgspec.Struct, frozen=True):
    """What the catalogue in force says that matters here, services by every name of theirs."""

    billable: tuple[str, ...] = ()
    critical: tuple[str, ...] = ()


class SpanRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of all spans is kept, and how long; ``services`` has its own for some."""

    sample: float = 1.0
    errors_only: bool = False
    keep_hours: int = 7 * 24
    billable: tuple[str, ...] = ()
    services: dict[str, Rate] = {}

    def whole(self, span: Span) -> bool:
        """Whether it is a billable service's."""
        return span.source.service in self.billable

    def beside(self, catalogued: Catalogued) -> SpanRules:
        """These rules, and what a catalogue says of services that they do not name."""
        named = {*self.billable, *self.services}
        billable = [name for name in catalogued.billable if name not in named]
        critical = [name for name in catalogued.critical if name not in named]
        return msgspec.structs.replace(
            self,
            billable=(*self.billable, *billable),
            services={**self.services, **dict.fromkeys(critical, Rate())},
        )

    def keeps(self, span: Span) -> bool:
        """Whether a span of a trace of which nothing is held is kept."""
        if self.whole(span) or span.error:
            return True
        rate = self.services.get(span.source.service) or Rate(self.sample, self.errors_only)
        # The last 7 bytes: those that W3C's level 2 marks as random.
        return not rate.errors_only and int(span.trace[18:], 16) < rate.sample * 2**56


def parse(content: bytes, *, where: str) -> SpanRules:
    """Read rules. Raises Malformed."""
    document = strict_json.decode(content)
    try:
        rules = msgspec.convert(document, SpanRules)
    except msgspec.ValidationError as error:
        raise Malformed("not rules for spans", where=where, got=str(error)) from error
    for rate in (rules.sample, *(r.sample for r in rules.services.values())):
        if not 0 <= rate <= 1:
            raise Malformed("not a rate", where=f"{where}, sample", expected="0 to 1", got=rate)
    if not 1 <= rules.keep_hours <= KEEP_HOURS_MAX:
        raise Malformed(
            "not a time to keep spans", where=f"{where}, keep_hours",
            expected=f"1 to {KEEP_HOURS_MAX} hours", got=rules.keep_hours,
        )  # fmt: skip
    return rules

"""What Grafana draws over its panels: a moment, or a stretch of time, with a text and tags.

    Annotation ──to_post──► {"time", "timeEnd", "tags", "text"}    POST /api/annotations
               ──shown──► {…, "isRegion", "title"}                 what datasources of JSON read

And where they are posted, as ``notify.yaml`` says it:

    grafana: [{name: boards, url: "https://grafana.example", token: glsa_…, environments: [prod]}]

Sizes:  times in milliseconds since 1970 · a text of TEXT_CHARS_MAX · TAGS_MAX tags
Source: grafana.com/docs/grafana, "Annotations HTTP API"; github.com/simPod/GrafanaJsonDatasource
"""

from __future__ import annotations

import html
from typing import Any, Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats.alert_receivers import is_safe

TEXT_CHARS_MAX: Final = 1_000
TAGS_MAX: Final = 20
TAG: Final = "wherefrom"


class Grafana(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Grafana that is told of changes, and of nothing else.

    url           of the Grafana, with the path it is served under
    token         of a service account that may write annotations
    environments  told only of these; of all if empty
    """

    name: str
    url: str
    token: str
    environments: tuple[str, ...] = ()

    def wants(self, environment: str, severity: str = "") -> bool:
        """Whether it is told of an alert: never."""
        return False

    def draws(self, environment: str) -> bool:
        """Whether it is told of a change there."""
        return not self.environments or environment in self.environments


def check(one: Grafana, where: str) -> None:
    """Raises Malformed; never with the token in the message."""
    if not is_safe(one.url):
        raise Malformed(
            "not an address to send to", where=where,
            expected="https://…, or http:// on this machine", got=one.url.rpartition("@")[2],
        )  # fmt: skip
    if not (one.token.isascii() and one.token.isprintable() and one.token.strip()):
        raise Malformed(
            "not a token", where=where, expected="one line of ASCII: a service account's token",
            do="Make one in Grafana: Administration, Service accounts, with annotations:write",
        )  # fmt: skip


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """One. ``until`` None: a moment. ``text`` is plain; Grafana reads HTML."""

    at: int
    until: int | None = None
    title: str
    text: str = ""
    tags: tuple[str, ...] = ()
    link: str = ""

    def to_post(self) -> dict[str, Any]:
        """What ``POST /api/annotations`` takes: shown by its tags on every dashboard."""
        said: dict[str, Any] = {"time": self.at}
        if self.until is not None:
            said["timeEnd"] = self.until
        return said | {"tags": list(self.tags[:TAGS_MAX]), "text": self._written()}

    def shown(self) -> dict[str, Any]:
        """As datasources of JSON read it; a moment ends when it begins."""
        return {
            "time": self.at,
            "timeEnd": self.at if self.until is None else self.until,
            "isRegion": self.until is not None,
            "title": self.title,
            "text": self.text,
            "tags": list(self.tags[:TAGS_MAX]),
        }

    def _written(self) -> str:
        lines = [self.title, self.text]
        text = "<br>".join(html.escape(line[:TEXT_CHARS_MAX]) for line in lines if line)
        return f'{text}<br><a href="{html.escape(self.link)}">record</a>' if self.link else text

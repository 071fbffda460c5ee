"""Trackers that get a ticket for what turned bad, as ``notify.yaml`` lists them.

    tickets:
      - {name: platform, kind: github, project: acme/shop, token: ghp_…, environments: [prod]}
      - {name: shop, kind: gitlab, url: "https://gitlab.example", project: acme/shop, token: glpat-…}
      - {name: ops, kind: jira, url: "https://acme.atlassian.net", project: OPS,
         user: bot@acme.example, token: …, issue_type: Task}

Sizes:  TRACKERS_MAX trackers · LABELS_MAX labels
Source: docs/tickets.md
"""  # noqa: E501 - the picture

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.alert_receivers import is_safe

TRACKERS_MAX: Final = 20
LABELS_MAX: Final = 10
ADDRESSES: Final = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PROJECT: Final = {
    "github": (re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}"), "OWNER/REPOSITORY"),
    "gitlab": (re.compile(r"[0-9]{1,16}|[A-Za-z0-9_][\w./-]{0,254}"), "a number or GROUP/PROJECT"),
    "jira": (re.compile(r"[A-Z][A-Z0-9_]{1,30}"), "the key of a project, such as OPS"),
}
# A label of GitLab ends at a comma, and one of Jira at a space.
_LABEL: Final = re.compile(r"[^\s,\x00-\x1f]{1,50}")
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")


class Tracker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tracker.

    url           of its API: GitHub's and GitLab's own if empty
    user          of Jira in the cloud: whose token it is; without it the token is a bearer token
    environments  tickets only of these; of all if empty
    severities    of incidents: a ticket for these
    labels        on each ticket, beside ``wherefrom``
    issue_type    of Jira; ``done`` the transition that closes, if not the first to a done state
    open_max      so many tickets at once; the rest waits
    """

    name: str
    kind: Literal["github", "gitlab", "jira"]
    project: str
    token: str
    url: str = ""
    user: str = ""
    environments: tuple[str, ...] = ()
    severities: tuple[Literal["page", "ticket", "info"], ...] = ("ticket",)
    labels: tuple[str, ...] = ()
    issue_type: str = "Task"
    done: str = ""
    open_max: int = 50

    @property
    def address(self) -> str:
        """Where its API is, without a slash at its end."""
        return (self.url or ADDRESSES.get(self.kind, "")).rstrip("/")


def check(trackers: tuple[Tracker, ...], where: str) -> None:
    """Raises Malformed, LimitPassed; never with a token in the message."""
    if len(trackers) > TRACKERS_MAX:
        raise LimitPassed("too many trackers", where=where, expected=f"{TRACKERS_MAX} at most")
    names = [one.name for one in trackers]
    if len(set(names)) < len(names):
        raise Malformed("two trackers of one name", where=where, got=" ".join(names))
    for one in trackers:
        _check(one, f"{where}: {one.name}")


def _check(one: Tracker, where: str) -> None:
    if not _NAME.fullmatch(one.name):
        raise Malformed(
            "not a name", where=where, expected="letters, digits and dashes, 63 at most"
        )
    if not is_safe(one.address) or "@" in one.address:
        raise Malformed(
            "not the address of a tracker", where=where,
            expected="https://…, or http:// on this machine", got=one.address.rpartition("@")[2],
        )  # fmt: skip
    form, says = _PROJECT[one.kind]
    if not form.fullmatch(one.project):
        raise Malformed(f"not a project of {one.kind}", where=where, expected=says, got=one.project)
    if not _TOKEN.fullmatch(one.token):
        raise Malformed("not a token", where=where, expected="printable ASCII, no spaces")
    if len(one.labels) > LABELS_MAX:
        raise LimitPassed("too many labels", where=where, expected=f"{LABELS_MAX} at most")
    for label in one.labels:
        if not _LABEL.fullmatch(label):
            raise Malformed("not a label", where=where, expected="no space, no comma", got=label)
    if one.user and (one.kind != "jira" or ":" in one.user or not one.user.isprintable()):
        raise Malformed("only Jira has a user beside the token", where=where, got=one.user)
    if not 1 <= one.open_max <= 1_000:
        raise Malformed("not a number of tickets", where=where, expected="1 to 1000")

"""Issues of GitLab, by its REST API, version 4.

Source: docs.gitlab.com/api/issues, docs.gitlab.com/api/notes, docs.gitlab.com/api/rest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wherefrom.formats.ticket_settings import Tracker
from wherefrom.notify.tickets.cause import LABEL, Cause, Marker, markdown, markdown_end, title_of
from wherefrom.notify.tickets.tracker import Http, Ref

if TYPE_CHECKING:
    import httpx

PAGE: Final = 100


class GitLab:
    """Issues of one project."""

    def __init__(self, tracker: Tracker, client: httpx.Client) -> None:
        self._tracker = tracker
        self._issues = f"/api/v4/projects/{quote(tracker.project, safe='')}/issues"
        self._http = Http(tracker, client, {"PRIVATE-TOKEN": tracker.token})

    def find(self, marker: Marker) -> Ref | None:
        """``GET /projects/:id/issues?search=…&in=description``"""
        found: list[dict[str, Any]] = self._http.get(
            self._issues, search=marker.root, state="all", per_page=PAGE, **{"in": "description"}
        ) or []  # fmt: skip
        ours = [one for one in found if marker.root in str(one.get("description"))]
        exact = [one for one in ours if marker.text in str(one["description"])]
        still = [one for one in ours if one.get("state") == "opened"]
        chosen = next(iter(exact or still), None)
        return None if chosen is None else _ref(chosen)

    def open(self, cause: Cause, marker: Marker) -> Ref:
        """``POST /projects/:id/issues``"""
        made = self._http.post(
            self._issues,
            {
                "title": title_of(cause), "description": markdown(cause, marker),
                "labels": ",".join([LABEL, *self._tracker.labels]),
            },
        )  # fmt: skip
        return _ref(made)

    def close(self, ref: Ref, why: str, marker: Marker) -> None:
        """A note that says why, then ``PUT`` with ``state_event``, unless somebody closed it."""
        issue = self._http.get(f"{self._issues}/{ref.key}")
        if issue is None or issue.get("state") == "closed":
            return
        notes = self._http.get(f"{self._issues}/{ref.key}/notes", per_page=PAGE) or ()
        if not any(marker.text in str(one.get("body")) for one in notes):
            said = markdown_end(why, marker)
            self._http.post(f"{self._issues}/{ref.key}/notes", {"body": said})
        self._http.change("PUT", f"{self._issues}/{ref.key}", {"state_event": "close"})


def _ref(issue: dict[str, Any]) -> Ref:
    return Ref(key=str(issue["iid"]), url=str(issue.get("web_url", "")))

"""Issues of Jira, by its REST API, version 2: in the cloud, and of a server of one's own.

The root is a label too, because JQL finds labels exactly. A search is ``/search`` of a server, and
``/search/jql`` of the cloud, which took the other away. What closes an issue is a transition, whose
names each project chooses: the first that leads to a done state is taken.

Source: developer.atlassian.com/cloud/jira/platform/rest/v2 (issues, issue search, transitions),
        docs.atlassian.com/software/jira/docs/api/REST/9.17.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wherefrom.formats import base64_strict
from wherefrom.formats.ticket_settings import Tracker
from wherefrom.notify.tickets.cause import LABEL, Cause, Marker, jira, jira_end, title_of
from wherefrom.notify.tickets.tracker import Http, NotTaken, Ref

if TYPE_CHECKING:
    import httpx

API: Final = "/rest/api/2"
PAGE: Final = 50
_FIELDS: Final = "description,status"
_DONE: Final = "done"


class Jira:
    """Issues of one project."""

    def __init__(self, tracker: Tracker, client: httpx.Client) -> None:
        self._tracker = tracker
        said = f"Bearer {tracker.token}"
        if tracker.user:
            said = "Basic " + base64_strict.encode(f"{tracker.user}:{tracker.token}".encode())
        self._http = Http(tracker, client, {"Authorization": said})

    def find(self, marker: Marker) -> Ref | None:
        """By the label of its root."""
        jql = f'project = "{self._tracker.project}" AND labels = "{marker.label}"'
        asked = {"jql": f"{jql} ORDER BY created DESC", "maxResults": PAGE, "fields": _FIELDS}
        found = self._http.get(f"{API}/search", **asked)
        if found is None:
            found = self._http.get(f"{API}/search/jql", **asked)
        issues = [] if found is None else found.get("issues", [])
        exact = [one for one in issues if marker.text in str(one["fields"].get("description"))]
        still = [one for one in issues if not _is_done(one)]
        chosen = next(iter(exact or still), None)
        return None if chosen is None else self._ref(chosen)

    def open(self, cause: Cause, marker: Marker) -> Ref:
        """``POST /issue``"""
        made = self._http.post(
            f"{API}/issue",
            {
                "fields": {
                    "project": {"key": self._tracker.project},
                    "issuetype": {"name": self._tracker.issue_type},
                    "summary": title_of(cause),
                    "description": jira(cause, marker),
                    "labels": [LABEL, marker.label, *self._tracker.labels],
                }
            },
        )
        return self._ref(made)

    def close(self, ref: Ref, why: str, marker: Marker) -> None:
        """A comment that says why, then a transition, unless it is done."""
        issue = self._http.get(f"{API}/issue/{ref.key}", fields="status,comment")
        if issue is None or _is_done(issue):
            return
        said = (issue["fields"].get("comment") or {}).get("comments", ())
        if not any(marker.text in str(one.get("body")) for one in said):
            body = {"body": jira_end(why, marker)}
            self._http.post(f"{API}/issue/{ref.key}/comment", body)
        id = self._transition(ref)
        self._http.post(f"{API}/issue/{ref.key}/transitions", {"transition": {"id": id}})

    def _transition(self, ref: Ref) -> str:
        found = self._http.get(f"{API}/issue/{ref.key}/transitions") or {}
        some: list[dict[str, Any]] = found.get("transitions", [])
        wanted = self._tracker.done
        for one in some:
            leads = one.get("to", {}).get("statusCategory", {}).get("key")
            if one.get("name") == wanted if wanted else leads == _DONE:
                return str(one["id"])
        names = ", ".join(str(one.get("name")) for one in some)
        raise NotTaken(
            f"{self._tracker.name} has no transition that closes {ref.key}: {names}; name one: done"
        )

    def _ref(self, issue: dict[str, Any]) -> Ref:
        key = str(issue["key"])
        return Ref(key=key, url=f"{self._tracker.address}/browse/{key}")


def _is_done(issue: dict[str, Any]) -> bool:
    status = issue.get("fields", {}).get("status") or {}
    return bool(status.get("statusCategory", {}).get("key") == _DONE)

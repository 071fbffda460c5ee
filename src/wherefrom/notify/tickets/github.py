"""Issues of GitHub, by its REST API of 2022-11-28.

A search finds a text only once GitHub has read the issue, which takes a while; the newest issues
are therefore looked through too: an issue whose number was never heard is among them.

Source: docs.github.com/en/rest/issues/issues, …/issues/comments, …/search/search,
        …/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from wherefrom.formats.ticket_settings import Tracker
from wherefrom.notify.tickets.cause import LABEL, Cause, Marker, markdown, markdown_end, title_of
from wherefrom.notify.tickets.tracker import Http, Ref

if TYPE_CHECKING:
    import httpx

VERSION: Final = "2022-11-28"
NEWEST: Final = 100


class GitHub:
    """Issues of one repository."""

    def __init__(self, tracker: Tracker, client: httpx.Client) -> None:
        self._tracker = tracker
        self._issues = f"/repos/{tracker.project}/issues"
        self._http = Http(
            tracker, client,
            {
                "Authorization": f"Bearer {tracker.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
            },
        )  # fmt: skip

    def find(self, marker: Marker) -> Ref | None:
        """Among the newest issues, then by a search."""
        return _chosen(self._candidates(), marker) or _chosen(self._searched(marker), marker)

    def _candidates(self) -> Iterator[dict[str, Any]]:
        yield from self._http.get(
            self._issues, state="all", sort="created", direction="desc", per_page=NEWEST
        ) or ()  # fmt: skip

    def _searched(self, marker: Marker) -> Iterator[dict[str, Any]]:
        query = f'"{marker.root}" repo:{self._tracker.project} in:body is:issue'
        found = self._http.get("/search/issues", q=query, per_page=NEWEST) or {}
        yield from found.get("items", ())

    def open(self, cause: Cause, marker: Marker) -> Ref:
        """``POST /repos/{owner}/{repo}/issues``"""
        made = self._http.post(
            self._issues,
            {
                "title": title_of(cause), "body": markdown(cause, marker),
                "labels": [LABEL, *self._tracker.labels],
            },
        )  # fmt: skip
        return _ref(made)

    def close(self, ref: Ref, why: str, marker: Marker) -> None:
        """A comment that says why, then ``PATCH``, unless somebody closed it."""
        issue = self._http.get(f"{self._issues}/{ref.key}")
        if issue is None or issue.get("state") == "closed":
            return
        said = markdown_end(why, marker)
        comments = self._http.get(f"{self._issues}/{ref.key}/comments", per_page=NEWEST) or ()
        if not any(marker.text in str(one.get("body")) for one in comments):
            self._http.post(f"{self._issues}/{ref.key}/comments", {"body": said})
        closed = {"state": "closed", "state_reason": "completed"}
        self._http.change("PATCH", f"{self._issues}/{ref.key}", closed)


def _ref(issue: dict[str, Any]) -> Ref:
    return Ref(key=str(issue["number"]), url=str(issue.get("html_url", "")))


def _chosen(issues: Iterator[dict[str, Any]], marker: Marker) -> Ref | None:
    """The one of this occurrence; else one of its root that is open."""
    ours = [
        one for one in issues
        if marker.root in str(one.get("body")) and "pull_request" not in one
    ]  # fmt: skip
    exact = [one for one in ours if marker.text in str(one["body"])]
    still = [one for one in ours if one.get("state") == "open"]
    found = next(iter(exact or still), None)
    return None if found is None else _ref(found)

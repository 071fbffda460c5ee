"""Trackers of others, on this machine: GitHub's, GitLab's and Jira's APIs, as they behave.

with GitHubStub() as tracker:
    tracker.url, tracker.token, tracker.settings(…)    to be told to
    tracker.issues                                      what it holds
    tracker.next("limited" | "broken" | "unanswered" | "gone")   how it answers the next call

``unanswered``: it does what it was asked, and the answer is lost. Each checks its token as the real
one does, refuses what the real one refuses, and answers with the real one's shapes.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from wherefrom.formats.ticket_settings import Tracker


class Answer(Exception):
    """An answer that ends the call."""

    def __init__(self, status, body=None, **headers):
        super().__init__(status)
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Stub:
    """What all of them have; ``calls`` are method and path of each call."""

    kind, project, token, user = "", "", "secret-token", ""

    def __init__(self):
        self.issues, self.calls, self._next = [], [], []
        self._lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                stub._handle(self)

            do_GET = do_POST = do_PATCH = do_PUT = handle_any

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def settings(self, **changes):
        """A tracker of the settings."""
        return Tracker(
            **{"name": self.kind, "kind": self.kind, "project": self.project, "url": self.url,
               "token": self.token, "user": self.user, **changes}
        )  # fmt: skip

    def next(self, *how):
        """How it answers the next calls, one after the other."""
        self._next += how

    def open_ones(self):
        """Those that are open."""
        return [one for one in self.issues if one["state"] != "closed"]

    def counted(self, method, ending):
        """How often it was called so."""
        return sum(m == method and re.search(ending, path) is not None for m, path in self.calls)

    def _handle(self, request):
        length = int(request.headers.get("content-length", 0))
        body = json.loads(request.rfile.read(length)) if length else None
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        with self._lock:
            self.calls.append((request.command, parts.path))
            how = self._next.pop(0) if self._next else ""
            try:
                self._check(request.headers)
                self._trouble(how)
                self._answer(request.command, parts.path, query, body, request.headers)
            except Answer as answer:
                found = answer
        if how == "unanswered":
            request.close_connection = True
            request.connection.close()
            return
        written = b"" if found.body is None else json.dumps(found.body).encode()
        request.send_response(found.status)
        for name, value in found.headers.items():
            request.send_header(name, str(value))
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(written)))
        request.end_headers()
        request.wfile.write(written)

    def _trouble(self, how):
        if how == "broken":
            raise Answer(502, {"message": "Bad Gateway"})
        if how == "odd":
            raise Answer(200, {"message": "hello"})
        if how == "limited":
            raise self._limit()

    def _limit(self):
        return Answer(429, {"message": "Too many"}, Retry_After=7)

    def _number(self, text):
        for one in self.issues:
            if one.get("number", one.get("iid")) == int(text):
                return one
        raise Answer(404, {"message": "Not Found"})


class GitHubStub(Stub):
    """api.github.com. ``lag`` newest issues are not yet found by a search."""

    kind, project = "github", "acme/shop"
    lag = 0

    def _check(self, headers):
        if headers.get("authorization") != f"Bearer {self.token}":
            raise Answer(401, {"message": "Bad credentials", "status": "401"})
        if not headers.get("user-agent"):
            raise Answer(403, {"message": "Request forbidden by administrative rules."})

    def _limit(self):
        reset = int(time.time()) + 90
        return Answer(403, {"message": "API rate limit exceeded"}, X_RateLimit_Remaining=0,
                      X_RateLimit_Reset=reset)  # fmt: skip

    def _answer(self, method, path, query, body, headers):
        if path == "/search/issues" and method == "GET":
            text, rest = re.fullmatch(r'"(.*?)" (.*)', query["q"]).groups()
            assert rest.split() == [f"repo:{self.project}", "in:body", "is:issue"]
            read = self.issues[: len(self.issues) - self.lag]
            found = [one for one in read if text in one["body"]]
            raise Answer(200, {"total_count": len(found), "items": found[::-1]})
        found = re.fullmatch(rf"/repos/{self.project}/issues(?:/(\d+))?(/comments)?", path)
        if found is None:
            raise Answer(404, {"message": "Not Found"})
        number, comments = found.groups()
        if number is None and method == "POST":
            raise self._opened(body)
        if number is None:
            assert (query["sort"], query["direction"], query["state"]) == (
                "created", "desc", "all",
            )  # fmt: skip
            raise Answer(200, self.issues[::-1][: int(query["per_page"])])
        issue = self._number(number)
        if issue.get("deleted"):
            raise Answer(410, {"message": "This issue was deleted"})
        if comments and method == "POST":
            issue["said"].append(body["body"])
            raise Answer(201, {"id": 1, "body": body["body"]})
        if comments:
            raise Answer(200, [{"body": one} for one in issue["said"]])
        if method == "PATCH":
            assert body["state_reason"] == "completed"
            issue["state"] = body["state"]
        raise Answer(200, issue)

    def _opened(self, body):
        if not body.get("title") or len(body["title"]) > 256 or len(body["body"]) > 65_536:
            return Answer(422, {"message": "Validation Failed", "errors": [{"field": "title"}]})
        number = len(self.issues) + 1
        self.issues.append(
            {"number": number, "html_url": f"https://github.com/{self.project}/issues/{number}",
             "state": "open", "said": [], **body}
        )  # fmt: skip
        return Answer(201, self.issues[-1])


class GitLabStub(Stub):
    """A GitLab of one's own."""

    kind, project = "gitlab", "acme/web/shop"

    def _check(self, headers):
        if headers.get("private-token") != self.token:
            raise Answer(401, {"message": "401 Unauthorized"})

    def _answer(self, method, path, query, body, headers):
        found = re.fullmatch(r"/api/v4/projects/([^/]+)/issues(?:/(\d+))?(/notes)?", path)
        if found is None or unquote(found[1]) != self.project:
            raise Answer(404, {"message": "404 Project Not Found"})
        _, number, notes = found.groups()
        if number is None and method == "POST":
            if not body.get("title"):
                raise Answer(400, {"message": {"title": ["can't be blank"]}})
            assert isinstance(body["labels"], str)
            iid = len(self.issues) + 1
            self.issues.append(
                {"iid": iid, "id": 1_000 + iid, "state": "opened", "said": [], **body,
                 "web_url": f"https://gitlab.example/{self.project}/-/issues/{iid}"}
            )  # fmt: skip
            raise Answer(201, self.issues[-1])
        if number is None:
            assert (query["in"], query["state"]) == ("description", "all")
            raise Answer(
                200, [one for one in self.issues[::-1] if query["search"] in one["description"]]
            )
        issue = self._number(number)
        if issue.get("deleted"):
            raise Answer(404, {"message": "404 Issue Not Found"})
        if notes and method == "POST":
            issue["said"].append(body["body"])
            raise Answer(201, {"id": 1, "body": body["body"]})
        if notes:
            raise Answer(200, [{"body": one} for one in issue["said"]])
        if method == "PUT":
            assert body == {"state_event": "close"}
            issue["state"] = "closed"
        raise Answer(200, issue)


class JiraStub(Stub):
    """Jira of a server of one's own; ``is_cloud``: in the cloud, with other searches and tokens."""

    kind, project = "jira", "OPS"

    def __init__(self, *, is_cloud=False):
        super().__init__()
        self.is_cloud = is_cloud
        self.user = "bot@acme.example" if is_cloud else ""

    def _check(self, headers):
        wanted = f"Bearer {self.token}"
        if self.is_cloud:
            pair = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
            wanted = f"Basic {pair}"
        if headers.get("authorization") != wanted:
            raise Answer(401, {"errorMessages": ["Client must be authenticated"], "errors": {}})

    def _answer(self, method, path, query, body, headers):
        search = "/rest/api/2/search"
        if path in (search, f"{search}/jql"):
            if self.is_cloud != path.endswith("/jql"):
                status = 410 if self.is_cloud else 404
                raise Answer(status, {"errorMessages": ["The requested API has been removed"]})
            label = re.search(r'labels = "([^"]+)"', query["jql"])[1]
            assert f'project = "{self.project}"' in query["jql"]
            found = [one for one in self.issues[::-1] if label in one["fields"]["labels"]]
            raise Answer(200, {"issues": [self._shown(one) for one in found]})
        if path == "/rest/api/2/issue":
            raise self._opened(body)
        found = re.fullmatch(r"/rest/api/2/issue/(OPS-\d+)(/comment|/transitions)?", path)
        if found is None:
            raise Answer(404, {"errorMessages": ["not found"]})
        issue = next((one for one in self.issues if one["key"] == found[1]), None)
        if issue is None or issue.get("deleted"):
            raise Answer(404, {"errorMessages": ["Issue does not exist"]})
        if found[2] == "/comment":
            issue["said"].append(body["body"])
            raise Answer(201, {"id": "1"})
        if found[2] and method == "GET":
            raise Answer(200, {"transitions": self.transitions()})
        if found[2]:
            (to,) = [t for t in self.transitions() if t["id"] == body["transition"]["id"]]
            is_done = to["to"]["statusCategory"]["key"] == "done"
            issue["state"] = "closed" if is_done else "open"
            raise Answer(204)
        raise Answer(200, self._shown(issue))

    @staticmethod
    def transitions():
        """What a project has: one way on, and two ways to an end."""
        ways = (
            ("11", "Start", "indeterminate"),
            ("31", "Won't do", "done"),
            ("41", "Done", "done"),
        )
        return [
            {"id": id, "name": name, "to": {"statusCategory": {"key": key}}}
            for id, name, key in ways
        ]

    def _shown(self, issue):
        key = "done" if issue["state"] == "closed" else "new"
        comments = {"comments": [{"body": one} for one in issue["said"]]}
        return {
            "key": issue["key"], "id": issue["id"],
            "fields": {**issue["fields"], "status": {"statusCategory": {"key": key}},
                       "comment": comments},
        }  # fmt: skip

    def _opened(self, body):
        fields, errors = body["fields"], {}
        if fields.get("issuetype", {}).get("name") not in ("Task", "Bug"):
            errors["issuetype"] = "Specify a valid issue type"
        if not fields.get("summary") or "\n" in fields["summary"] or len(fields["summary"]) > 255:
            errors["summary"] = "The summary is invalid"
        if any(" " in label for label in fields["labels"]):
            errors["labels"] = "The label contains spaces which is invalid."
        if errors or fields["project"] != {"key": self.project}:
            return Answer(400, {"errorMessages": [], "errors": errors})
        number = len(self.issues) + 1
        self.issues.append(
            {"key": f"{self.project}-{number}", "id": str(10_000 + number), "state": "open",
             "said": [], "fields": fields, "title": fields["summary"],
             "body": fields["description"]}
        )  # fmt: skip
        return Answer(201, {"id": str(10_000 + number), "key": f"{self.project}-{number}",
                            "self": f"{self.url}/rest/api/2/issue/{10_000 + number}"})  # fmt: skip


def body_of(issue):
    """What a ticket says."""
    return issue.get("body") or issue.get("description")

"""What a page asks with: who it is for, which desk answers, as of which size.

A browser brings its token in a cookie, a program in a header; both are the same token. The cookie
counts for pages only, which change nothing: the API never looks at it, so no other site's page can
make a browser use it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request

from wherefrom.api.access import NotAuthenticated, principal_of
from wherefrom.api.reads import number
from wherefrom.collect.principals import Principal, TokenFile
from wherefrom.formats import timestamps
from wherefrom.formats.question_settings import Question
from wherefrom.keys.keyring import Keyring
from wherefrom.policy.status import StatusDesk
from wherefrom.query.desk import Desk

COOKIE: Final = "wherefrom"


class Ask:
    """One request for a page, of somebody who may read.

    as_of  the size of the log that was asked about; None for all of it
    at     the time that was asked about; None for now

    Raises NotAuthenticated, NotAllowed, Malformed.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.principal = reading(request)
        self.as_of = number(request, "as_of")
        self.at = request.query_params.get("at") or None

    @property
    def desk(self) -> Desk:
        desk: Desk = self.request.app.state.desk
        return desk

    @property
    def statuses(self) -> StatusDesk:
        statuses: StatusDesk = self.request.app.state.statuses
        return statuses

    def path(self, name: str) -> str:
        """A part of the path."""
        value: str = self.request.path_params[name]
        return value

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int) -> int:
        """A number in the query. Raises Malformed."""
        found = number(self.request, name)
        return default if found is None else found

    @property
    def whole(self) -> bool:
        """Whether what takes long is asked for too: by the JSON twin, or with ``?whole=1``."""
        return self.query("format") == "json" or self.query("whole") == "1"

    def wants(self, part: str) -> bool:
        """Whether a part that takes long is asked for, alone or with all else."""
        return self.whole or self.query("part") == part

    def same(self, **changed: Any) -> str:
        """This page's own link, with some of its query changed."""
        return same(self.request, **changed)

    def own_questions(self) -> tuple[Question, ...]:
        """The team's own questions, as the file says them now."""
        questions: tuple[Question, ...] = self.request.app.state.questions()
        return questions

    def now(self) -> str:
        """The time of this request, RFC 3339."""
        return timestamps.to_text(datetime.now(UTC))

    def keyring(self) -> Keyring:
        """Whose signatures count, as the log says now."""
        keyring: Keyring = self.request.app.state.keyring()
        return keyring


def same(request: Request, **changed: Any) -> str:
    """A request's own link, with some of its query changed."""
    kept = [
        pair for pair in request.query_params.multi_items()
        if pair[0] not in changed and pair[0] not in ("part", "format")
    ]  # fmt: skip
    kept += [(name, str(value)) for name, value in changed.items() if value is not None]
    path = request.scope["raw_path"].decode("ascii")
    return f"{path}?{urlencode(kept)}" if kept else path


def reading(request: Request) -> Principal:
    """Who asks for a page. Raises NotAuthenticated, and NotAllowed for one who may not read."""
    if "authorization" in request.headers:
        return principal_of(request, "read")
    tokens: TokenFile = request.app.state.tokens
    principal = tokens.authenticate(request.cookies.get(COOKIE, ""))
    if principal is None:
        raise NotAuthenticated
    principal.need("read")
    return principal

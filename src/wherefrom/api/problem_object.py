"""Errors as RFC 9457 problem objects, and the one table of HTTP statuses.

Pure, without the web server's libraries, so that the command line writes the same objects.

Source: RFC 9457; the codes are those of ``errors.py``
"""

from __future__ import annotations

from typing import Any, Final

from wherefrom.errors import Error

STATUSES: Final = {
    "refused": 422,
    "unsupported": 415,
    "malformed": 400,
    "limit": 413,
    "bad_signature": 422,
    "forbidden_field": 422,
    "not_allowed": 403,
    "proof": 422,
    "signature": 422,
    "not_found": 404,
    "ambiguous": 409,
    "read_only": 409,
    "already_exists": 409,
    "corrupt": 500,
    "setting": 500,
    "error": 500,
    "storage": 503,
    "journal_failed": 503,
    "fenced": 503,
    "unavailable": 503,
}


def problem_of(error: Error) -> dict[str, Any]:
    """The problem object of an error: what, where, expected, got, do beside the standard keys."""
    return _object(error.code, error, STATUSES.get(error.code, 500))


def problem(
    code: str, what: str, *, status: int, expected: str | None = None, do: str | None = None
) -> dict[str, Any]:
    """The same for what only this door knows, such as a route that is not there."""
    return _object(code, Error(what, expected=expected, do=do), status)


def _object(code: str, error: Error, status: int) -> dict[str, Any]:
    said = {
        "type": f"urn:wherefrom:error:{code}",
        "title": error.what,
        "status": status,
        "detail": str(error),
        "code": code,
        "where": error.where,
        "expected": error.expected,
        "got": error.got,
        "do": error.next_step,
    }
    return {k: v for k, v in said.items() if v is not None}

"""The server's own description, OpenAPI 3.1: what is served at ``/openapi.json``.

    paths ──► path ──► method ──► parameters, body, answers ──► components of ``schemas``

One entry a route, in the order of docs/http.md. The tests compare both with the routes of the
server, and what it answers with what stands here.

Source: OpenAPI 3.1.1
"""

from wherefrom.api.openapi.document import openapi

__all__ = ["openapi"]

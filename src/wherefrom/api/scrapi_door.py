"""Registering a signed statement: the writer's part of ``scrapi``.

    POST /entries    a signed statement ──► a record like any other ──► its receipt, signed here

What is answered is the receipt of what has just been recorded; the reader need not have seen it.

Sizes:  a statement is at most 1 MiB here; a larger one goes to POST /v1/records
Source: draft-ietf-scitt-scrapi-10; docs/decisions/0025-scrapi.md
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.api.access import principal_of
from wherefrom.api.bodies import SMALL_BODY_BYTES
from wherefrom.api.proxy import ReaderProxy
from wherefrom.api.records import Intake, take_content
from wherefrom.api.scrapi import ENTRIES, READS, RECEIPT_TYPE, Named, later, problem, told
from wherefrom.errors import Corrupt, LimitPassed, ProofError, Unavailable, Unsupported
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import cose, scitt
from wherefrom.formats import note as notes
from wherefrom.formats.cose_receipt import Inclusion
from wherefrom.keys.cose import sign_receipt
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion

STATEMENT_TYPES: Final = (RECEIPT_TYPE, "application/scitt-statement+cose")


def routes(proxy: ReaderProxy) -> list[Route]:
    """The routes on the port; what only reads is passed on to ``READS`` of the reader."""

    async def post_entry(request: Request) -> Response:
        principal = principal_of(request, "record", basic=True)
        intake: Intake = request.app.state.intake
        intake.need_room(principal)
        content = await _statement(request)
        item = await take_content(intake, content, principal, only="scitt")
        if item.index is None:
            return problem(item.code or "refused", item.reason or "refused")
        location = {"Location": f"{ENTRIES}/{item.index}"}
        try:
            receipt = await _receipt(intake, item.index)
        except Unavailable:
            # It is registered, and its witnesses are late.
            return later(303, location)
        status = 201 if item.status == "recorded" else 200
        return Response(receipt, status, location, media_type=RECEIPT_TYPE)

    async def pass_on(request: Request) -> Response:
        return await proxy.passed(request)

    passed = [Route(path, told(pass_on)) for path, _ in READS]
    return [Route(ENTRIES, told(post_entry), methods=["POST"]), *passed]


async def _statement(request: Request) -> bytes:
    """The body, which must be a statement whose signature can be judged. Raises Refused."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in STATEMENT_TYPES:
        raise Unsupported(
            "a signed statement in COSE is expected", where="Content-Type",
            expected=" or ".join(STATEMENT_TYPES), got=said,
        )  # fmt: skip
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > SMALL_BODY_BYTES:
            raise LimitPassed(
                "the statement is too large for this door",
                expected=f"{SMALL_BODY_BYTES} bytes",
                do="Sign a hash of the payload (a hash envelope), or send it to /v1/records",
            )
    content = bytes(body)
    message = scitt.parse(content).message_
    if message.payload is None:
        raise Named(
            "Payload Missing", "the payload is detached, so nobody here could check the signature",
            do="Send the statement with its payload, or with a hash of it (a hash envelope)",
        )  # fmt: skip
    if message.headers.get(cose.ALG) not in cose.ALGORITHMS:
        raise Named(
            "Bad Signature Algorithm", "a signature algorithm that is not checked here",
            expected=", ".join(cose.ALGORITHMS.values()), got=message.headers.get(cose.ALG),
        )  # fmt: skip
    return content


async def _receipt(intake: Intake, index: int) -> bytes:
    """A receipt under the checkpoint that is shown. Raises Unavailable if witnesses are late."""
    writer = intake.recorder.writer
    if intake.witnessing is None:
        checkpoint, (path,) = await asyncio.to_thread(writer.prove, [index])
    else:
        shown = await intake.witnessing.covering(index + 1)
        checkpoint, (path,) = shown.note, writer.paths_at([index], shown.tree.size)
    stored = await asyncio.to_thread(writer.record, index)
    signed = checkpoints.parse(notes.parse(checkpoint).text)
    # A root is signed only where the path, as it will be read, leads to it.
    leaf_hash, size = hash_leaf(stored.entry), signed.size
    try:
        verify_inclusion(
            leaf_hash=leaf_hash, index=index, tree_size=size, path=path, root=signed.root
        )
    except ProofError as error:
        raise Corrupt(
            f"what is stored does not prove entry {index}", got=error,
            do="Run wherefrom log audit: it names the entry or tile that was changed",
        ) from error  # fmt: skip
    return await asyncio.to_thread(
        sign_receipt,
        Inclusion(size, index, tuple(path)),
        root=signed.root,
        origin=signed.origin,
        key=intake.recorder.receipt_key(),
        entry=stored.entry,
        nonce=stored.nonce,
    )

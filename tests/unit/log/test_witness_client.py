"""The client of witnesses, against servers that answer in every way but the right one."""

import asyncio

import pytest

from wherefrom.errors import Unavailable
from wherefrom.log.witness_client import ANSWER_BYTES_MAX, Answer, WitnessClient

GOOD = b"HTTP/1.1 200 OK\r\ncontent-type: Text/Plain; charset=utf-8\r\ncontent-length: 3\r\n\r\nyes"
LONG = b"y" * ANSWER_BYTES_MAX


class Server:
    """Answers each request with the next of ``answers``; None hangs up."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/w1/"
        self.client = WitnessClient()
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def ask(self, body=b"body"):
        return await asyncio.wait_for(self.client.ask(self.url, body), 10)


def run(test):
    asyncio.run(test())


def test_one_connection_carries_one_request_after_the_other():
    async def test():
        async with Server(GOOD, GOOD, GOOD) as server:
            for body in (b"one", b"", b"three"):
                assert await server.ask(body) == Answer(200, "text/plain", b"yes")
            assert server.connections == 1
            assert server.requests[0].startswith(b"POST /w1/add-checkpoint HTTP/1.1\r\nhost: 127.")
            assert server.requests[2].endswith(b"content-length: 5\r\n\r\nthree")

    run(test)


def test_bodies_in_chunks_hints_refusals_and_their_reasons_are_read():
    chunked = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size"
    )
    chunked += b"\r\ntransfer-encoding: chunked\r\n\r\n2\r\n12\r\n2\r\n8\n\r\n0\r\n\r\n"
    refused = b"HTTP/1.1 403 Forbidden\r\nX-Wherefrom-Reason: no key\r\ncontent-length: 0\r\n\r\n"

    async def test():
        async with Server(chunked, refused) as server:
            assert await server.ask() == Answer(409, "text/x.tlog.size", b"128\n")
            assert await server.ask() == Answer(403, "", b"", "no key")

    run(test)


def test_a_connection_that_was_closed_meanwhile_is_replaced_once():
    closing = GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")

    async def test():
        async with Server(GOOD, None, GOOD, closing, GOOD) as server:
            await server.ask()
            assert (await server.ask()).body == b"yes"
            assert server.connections == 2
            await server.ask()  # the one after which the witness closes
            await server.ask()
            assert server.connections == 3
        async with Server(None, None) as server:
            with pytest.raises(Unavailable, match="a witness does not answer"):
                await server.ask()

    run(test)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-x\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nye", "hung up"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + LONG, "more than"),
        (b"HTTP/1.1 200 OK\r\nx: " + LONG, "more than"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_and_leaves_no_connection(answer, message):
    async def test():
        async with Server(answer) as server:  # which hangs up after its last answer
            with pytest.raises(Unavailable, match=message):
                await server.ask()
            assert server.client._kept == {}

    run(test)


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://", "http://x:port", "http://x:99999", "x", "http://127.0.0.1:1"]
)
def test_an_address_that_is_none_is_told(url):
    async def test():
        with pytest.raises(Unavailable, match="witness"):
            await WitnessClient().ask(url, b"")

    run(test)

"""A scripted DICOMweb service: a real HTTP server on the loop of the test that answers what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

BOUNDARY = "a-boundary-of-36-characters-as-usual"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def multipart_body(contents: Sequence[bytes], *, headers: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    """A multipart body with these parts; without any, only its end."""
    begin = f"--{BOUNDARY}\r\n".encode() + headers + b"\r\n"
    return b"".join(begin + content + b"\r\n" for content in contents) + f"--{BOUNDARY}--\r\n".encode()


def instances(contents: Sequence[bytes], *, cut: int | None = None) -> web.Response:
    """An answer with these files as parts, of which only `cut` bytes are said."""
    return web.Response(body=multipart_body(contents)[:cut], content_type=None, headers={"Content-Type": MULTIPART})


def answers(*entries: dict[str, Any]) -> web.Response:
    """An answer to a search: attributes by tag, each a list of values."""
    document = [{tag: {"vr": "UN", "Value": values} for tag, values in entry.items()} for entry in entries]
    return web.json_response(document, content_type="application/dicom+json")


@asynccontextmanager
async def web_service(handler: Handler) -> AsyncIterator[str]:
    """Serve every GET below /dicom-web by a function; yields the URL."""
    application = web.Application()
    application.router.add_get("/dicom-web/{rest:.*}", handler)
    async with TestServer(application, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}/dicom-web"

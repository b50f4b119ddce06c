"""HTTP to a DICOMweb service: one GET, a search page by page. The only importer of aiohttp.

Belongs here: requests and their failures in words. Not here: what is asked for (web.py), what answers
mean (web_json.py).
Law: an answer is taken only as fast as it is used; a redirect is not followed, since the password would go with it.
Source: PS3.18 sections 8.3.4 (paging) and 8.5 (status codes).
"""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.web_json import Answer, answers_of
from idas_p2p.errors import AnswerTooLarge, ArchiveFailed, ArchiveUnreachable
from idas_p2p.limits import DICOM_CONNECT_TIMEOUT, DICOM_RESPONSE_TIMEOUT

TOO_LARGE: Final = 413  # HTTP status
JSON: Final = "application/dicom+json"
PAGE: Final = 500  # answers asked for at once; ours: about 1 MB
MAX_PAGE_SIZE: Final = 16_777_216  # bytes of one page of answers; ours
READ_BUFFER: Final = 262_144  # bytes read ahead of us; aiohttp stops reading at twice as many

Parameters = Sequence[tuple[str, str]]
Bytes = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebService:
    """Where an archive speaks DICOMweb.

    Args:
        url: of the service, such as `https://pacs.example/dicom-web`, with or without a slash at its end.
        user: for Basic authentication; empty for none.
        password: of that user.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)


class WebSession:
    """Requests for one piece of work, entered as a context manager: none is left when the configuration changes.

    Args:
        service: where to.
        bridge: decodes searches in a thread.
    """

    def __init__(self, service: WebService, bridge: Bridge) -> None:
        self._url, self._bridge = service.url.rstrip("/"), bridge
        self._session = aiohttp.ClientSession(
            headers={"Authorization": _basic(service)} if service.user else None,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=DICOM_CONNECT_TIMEOUT, sock_read=DICOM_RESPONSE_TIMEOUT
            ),
            connector=aiohttp.TCPConnector(force_close=True),  # on a used one Orthanc sends at half speed
            read_bufsize=READ_BUFFER,
            auto_decompress=False,
            trust_env=False,
        )

    async def __aenter__(self) -> WebSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    @asynccontextmanager
    async def get(self, path: str, accept: str, parameters: Parameters = ()) -> AsyncIterator[tuple[str, Bytes]]:
        """One GET; yields the Content-Type and the body as it arrives.

        Args:
            path: below the service's URL.
            accept: the media type wanted.
            parameters: of the query.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it was not answered well, or the answer broke off while it was read.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        try:
            async with self._session.get(
                self._url + path, params=list(parameters), headers=headers, allow_redirects=False
            ) as response:
                if response.status not in (200, 204, 206):
                    kind = AnswerTooLarge if response.status == TOO_LARGE else ArchiveFailed
                    raise kind(meaning(response.status))
                yield response.headers.get("Content-Type", ""), _pieces(response)
        except aiohttp.ClientConnectorCertificateError:
            raise ArchiveUnreachable("its DICOMweb certificate is not trusted; see SSL_CERT_FILE") from None
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise ArchiveUnreachable(f"DICOMweb: {type(error).__name__}") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise ArchiveFailed(f"DICOMweb: {type(error).__name__}") from None

    async def page(self, path: str, parameters: Parameters) -> list[Answer]:
        """The answers to one search.

        Raises:
            ArchiveUnreachable, ArchiveFailed: as of `get`, or they are too many bytes.
        """
        body = bytearray()
        async with self.get(path, JSON, parameters) as (_, pieces):
            async for piece in pieces:
                body += piece
                if len(body) > MAX_PAGE_SIZE:
                    raise ArchiveFailed("its answer to a search is too large")
        return await self._bridge.run(answers_of, bytes(body))

    async def search(self, path: str, parameters: Parameters, *, key: str) -> AsyncGenerator[Answer, None]:
        """Yield each answer once, page by page; a service that does not know pages gives all in the first.

        Args:
            path: below the service's URL.
            parameters: of the search.
            key: keyword of the UID by which answers differ.

        Raises:
            ArchiveUnreachable, ArchiveFailed: as of `page`.
        """
        seen = set[str]()
        offset, is_new = 0, True
        while is_new:
            page = await self.page(path, [*parameters, ("limit", str(PAGE)), ("offset", str(offset))])
            offset += len(page)
            is_new = False
            for answer in page:
                if (uid := answer.text(key)) not in seen:
                    seen.add(uid)
                    is_new = True
                    yield answer


async def _pieces(response: aiohttp.ClientResponse) -> Bytes:
    """The body as it arrives, without delayed ACKs, for which a server with Nagle on would wait at each part."""
    transport = response.connection.transport if response.connection else None
    sock = transport.get_extra_info("socket") if transport else None
    async for piece in response.content.iter_any():
        yield piece
        if sock is not None:
            with suppress(OSError, ValueError, AttributeError):  # closed (ValueError: uvloop), or a kernel without it
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _basic(service: WebService) -> str:
    """Basic authentication, RFC 7617."""
    return "Basic " + base64.b64encode(f"{service.user}:{service.password}".encode()).decode("ascii")


def meaning(status: int) -> str:
    """What an HTTP status means for the operator."""
    if 300 <= status < 400:
        return "its DICOMweb service is elsewhere (HTTP redirect); configure the URL it redirects to"
    words = {
        401: "it wants another user name and password",
        403: "it does not let this user in",
        404: "it has no such study, or no DICOMweb service at this URL",
        TOO_LARGE: "the query has more matches than it answers with",
        406: "it does not give instances as they are stored",
    }
    return f"DICOMweb answered HTTP status {status}: {words.get(status, 'see its log')}"

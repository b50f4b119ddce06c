"""What is said to an HTTP proxy to have it pass a TCP connection on: CONNECT and its answer.

Belongs here: the setting's text, the request, the head of the answer. Not here: connections (transport/proxied.py).
Source: RFC 9110 sections 9.3.6, 11.7 and 15; RFC 9112 sections 2 to 4; RFC 7617 (Basic).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address

DEFAULT_PORT: Final = 3_128  # of an HTTP proxy, where the setting names none; the usual one
MAX_HEAD: Final = 16_384  # bytes of an answer's head; ours: login pages follow it, and are not read
MAX_CREDENTIAL: Final = 256  # characters of a user's name, and of a password; ours
END: Final = b"\r\n\r\n"  # of a head
_BEGINNING: Final = b"HTTP/1."
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class HttpProxy:
    """An HTTP proxy and who we are there. Never prints the password.

    Args:
        address: of the proxy.
        user, password: for Basic authentication; empty for none.
    """

    address: Address
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"HttpProxy({self})"

    def __str__(self) -> str:
        return f"http://{'…@' if self.user else ''}{self.address}"

    @classmethod
    def parse(cls, text: str) -> HttpProxy:
        """Read http://[USER:PASSWORD@]HOST[:PORT]; `%` and two digits stand for a byte of a name or password.

        Raises:
            WireError: not such a text. It holds no part of a password.
        """
        try:
            url = urlsplit(text.strip())
            port = DEFAULT_PORT if url.port is None else url.port
        except ValueError:
            raise WireError("write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT") from None
        if url.scheme != "http" or not url.hostname or url.path not in ("", "/") or url.query or url.fragment:
            raise WireError(
                "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT; https:// proxies are not spoken to"
            )
        user, password = unquote(url.username or ""), unquote(url.password or "")
        if not user and password:
            raise WireError("a password needs a user's name before it: http://USER:PASSWORD@HOST:PORT")
        if ":" in user or not (user + password).isprintable() or max(len(user), len(password)) > MAX_CREDENTIAL:
            raise WireError(f"name and password have at most {MAX_CREDENTIAL} printable characters, the name no colon")
        return cls(Address(url.hostname, port), user, password)

    def request(self, target: Address) -> bytes:
        """What to send to have a connection to `target`: a host name is left to the proxy to look up."""
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.user:
            said = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
            lines.append(f"Proxy-Authorization: Basic {said}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("idna" if not target.host.isascii() else "ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a proxy's answer.

    Args:
        status: RFC 9110 section 15.
        schemes: how one may say who one is, in lower case; of `Proxy-Authenticate`.
        rest: bytes behind the head.
    """

    status: int
    schemes: tuple[str, ...]
    rest: bytes

    @property
    def is_open(self) -> bool:
        """Whether what follows comes from the target: any 2xx (RFC 9110 section 9.3.6)."""
        return 200 <= self.status < 300


def read_answer(data: bytes) -> Answer | None:
    """Read the head of the final answer; None while it is not whole. Interim answers (1xx) are passed over.

    Raises:
        WireError: not an answer of HTTP/1, or its head is larger than MAX_HEAD.
    """
    begun = 0
    while True:
        end = data.find(END, begun, MAX_HEAD)
        if end < 0 and len(data) < MAX_HEAD and _BEGINNING.startswith(data[begun : begun + len(_BEGINNING)]):
            return None
        found = _STATUS_LINE.fullmatch(data[begun:end].partition(b"\r\n")[0]) if end >= 0 else None
        if found is None:
            raise WireError("no answer of an HTTP proxy")
        status = int(found[1])
        if status >= 200 or status == 101:
            return Answer(status, _schemes(data[begun:end]), data[end + len(END) :])
        begun = end + len(END)


def _schemes(head: bytes) -> tuple[str, ...]:
    """The first word of each `Proxy-Authenticate`, and of each challenge behind a comma that is one."""
    found: list[str] = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "proxy-authenticate":
            challenges = (part.strip().partition(" ")[0] for part in value.split(","))
            found.extend(word.lower() for word in challenges if word and "=" not in word)
    return tuple(dict.fromkeys(found))

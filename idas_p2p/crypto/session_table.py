"""The open sessions of a node, found by what datagrams carry, and bounded in all and for each site.

Belongs here: membership and which goes first. Not here: keys (datagram_keys.py), how sessions open (sessions.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from idas_p2p.crypto.datagram_keys import Session
from idas_p2p.limits import MAX_SESSIONS, MAX_SESSIONS_PER_HOST
from idas_p2p.wire.datagrams import SESSION_ID_SIZE
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Endpoint

ShareOf = Callable[[Endpoint], tuple[str, int]]


def host_share(endpoint: Endpoint) -> tuple[str, int]:
    """Each IP address is a site of its own."""
    return endpoint[0], MAX_SESSIONS_PER_HOST


class SessionTable:
    """All sessions; the least recently used goes first, of the same site if that has too many.

    Args:
        limit: most sessions kept.
        share_of: the site of an endpoint, and the most sessions with it.
    """

    def __init__(self, *, limit: int = MAX_SESSIONS, share_of: ShareOf = host_share) -> None:
        self._limit = limit
        self._share_of = share_of
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()  # by receive_id, least recently used first
        self._by_site: dict[str, OrderedDict[bytes, Session]] = {}  # likewise
        self._by_token: dict[bytes, Session] = {}  # by what a challenge would echo: send_id, or the cookie's start
        self._by_cookie: dict[bytes, Session] = {}  # those that others opened
        self._current: dict[tuple[NodeId, Endpoint], Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def current(self, peer: NodeId, endpoint: Endpoint) -> Session | None:
        """The session to send in."""
        return self._current.get((peer, endpoint))

    def retire(self, session: Session) -> None:
        """Send in it no more; what the peer still sends in it is read."""
        if self._current.get((session.peer, session.endpoint)) is session:
            del self._current[session.peer, session.endpoint]

    def retire_all(self) -> None:
        """Send in none of them any more."""
        self._current.clear()

    def by_receive_id(self, session_id: bytes) -> Session | None:
        """The session whose datagrams to us carry this id."""
        return self._sessions.get(session_id)

    def by_token(self, token: bytes) -> Session | None:
        """The session in which we sent what a challenge with this token answers."""
        return self._by_token.get(token[:SESSION_ID_SIZE])

    def by_cookie(self, cookie: bytes) -> Session | None:
        """The session that another opened with this cookie of ours."""
        return self._by_cookie.get(cookie)

    def use(self, session: Session) -> None:
        """Note that something came or went in it."""
        if session.receive_id in self._sessions:
            self._sessions.move_to_end(session.receive_id)
            self._by_site[self._share_of(session.endpoint)[0]].move_to_end(session.receive_id)

    def add(self, session: Session, *, is_ours: bool) -> None:
        """Keep a session, `is_ours` when we opened it, and make it the one to send in."""
        site, most = self._share_of(session.endpoint)
        siblings = self._by_site.setdefault(site, OrderedDict())
        self._sessions[session.receive_id] = siblings[session.receive_id] = session
        self._by_token[session.send_id] = session
        if is_ours:
            self._by_token[session.cookie[:SESSION_ID_SIZE]] = session
        else:
            self._by_cookie[session.cookie] = session
        self._current[session.peer, session.endpoint] = session
        if len(siblings) > most:
            self.remove(next(iter(siblings.values())))
        while len(self._sessions) > self._limit:
            self.remove(next(iter(self._sessions.values())))

    def remove(self, session: Session) -> None:
        """Forget a session wholly."""
        site = self._share_of(session.endpoint)[0]
        self._sessions.pop(session.receive_id, None)
        self._by_token.pop(session.send_id, None)
        self._by_token.pop(session.cookie[:SESSION_ID_SIZE], None)
        self._by_cookie.pop(session.cookie, None)
        if siblings := self._by_site.get(site):
            siblings.pop(session.receive_id, None)
            if not siblings:
                del self._by_site[site]
        self.retire(session)

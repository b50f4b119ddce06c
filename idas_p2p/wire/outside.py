"""Messages on channels of purposes pass and sign-in: with somebody who is no member, or a user at a workstation.

Belongs here: their fields. Not here: their type bytes (messages.py), what is made of them (node/pass_server.py,
node/sign_in_server.py). Source: docs/spec/federation.md section 6, docs/spec/access.md section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from idas_p2p.wire.fetching import Ticket
from idas_p2p.wire.schema import U64, Limit
from idas_p2p.wire.study import Study

MAX_PASSWORD: Final = 1_024  # characters; ours, docs/spec/access.md section 7.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PassWanted:
    """Asks what the pass whose key the channel proved is for."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PassOffer:
    """What the pass is for, as its level shows it. Never prints itself."""

    institution: Annotated[str, Limit(1, 64)]  # of the holder
    study: Study
    ticket: Ticket  # to be repeated in FetchRequest; the pass takes the place of its MAC, which is zero
    expires: U64  # of the pass; Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReceived:
    """Every instance is here, verified and written: the pass is used. Answered with RequestEnd, number 0."""

    instances: U64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignInWanted:
    """Asks to sign a user in at the workstation that the message comes from. Never prints itself."""

    aet: Annotated[str, Limit(1, 16)]
    user: Annotated[str, Limit(1, 64)]
    password: Annotated[str, Limit(1, MAX_PASSWORD)]
    seconds: Annotated[int, Limit(0, 86_400)]  # 0: sign out whoever is signed in there; the password is of `user`


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Until when the user is signed in; Unix seconds, 0 after signing out."""

    until: U64

"""What is to be said in the directory about some studies, term by term, and the records that will say it.

Belongs here: from studies to drafts. Not here: which studies and when (publish.py), places (access/blinding.py).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from idas_p2p.access.blinding import Blinder
from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.store.announced import TERM_SIZE
from idas_p2p.store.feed import Publication
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import Field, Term, study_terms

WITHDRAWN: Final = -1  # the claim of a study that no archive holds any more


@dataclass(slots=True)
class Saying:
    """What will be said under one term."""

    term: Term
    claim: int = 0  # instances of a study; 0 for an index term; WITHDRAWN
    uids: set[str] = field(default_factory=set)  # studies that are published only when this is said

    @property
    def is_withdrawn(self) -> bool:
        """Whether it takes back what was said before."""
        return self.claim == WITHDRAWN

    @property
    def name(self) -> bytes:
        """The term in few bytes, for the table of announcements."""
        return hashlib.blake2b(pack([str(self.term.field), self.term.value]), digest_size=TERM_SIZE).digest()


class Sayings:
    """Everything to be said about some studies, each term once."""

    def __init__(self) -> None:
        self.by_term: dict[Term, Saying] = {}

    def add(self, publication: Publication) -> None:
        """Say what one study asks for."""
        if publication.study is None:
            term = Term(Field.STUDY, publication.uid)
            self.by_term[term] = Saying(term, WITHDRAWN, {publication.uid})
            return
        for term in study_terms(publication.study):
            saying = self.by_term.setdefault(term, Saying(term))
            saying.uids.add(publication.uid)
            if term.field is Field.STUDY:
                saying.claim = publication.study.instance_count


@dataclass(frozen=True, slots=True)
class ClaimDraft:
    """One record to be: the place is known, the signatures are made when it is sent."""

    saying: Saying
    place: SigningKey
    blinder: Blinder
    identity: SigningKey
    clock: Clock

    @property
    def key(self) -> bytes:
        """The Kademlia key: 20 bytes."""
        return self.place.node_id.kademlia_id

    def sign(self) -> Record:
        """The record, as of now."""
        return self.blinder.claim_record(
            self.identity,
            self.place,
            count=max(0, self.saying.claim),
            withdrawn=self.saying.is_withdrawn,
            now=self.clock.now(),
        )

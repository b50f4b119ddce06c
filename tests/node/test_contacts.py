from __future__ import annotations

import pytest

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import BadConfiguration
from idas_p2p.node.contacts import MAX_JOINED, Contacts
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.wire.address import Address, Contact

ONE, OTHER, OURS = (SigningKey(bytes([number]) * 32).node_id for number in (1, 2, 3))
HERE = Address("192.0.2.1", 7_000)
CONFIGURED, INVITED = Contact(HERE, ONE), Contact(Address("192.0.2.2", 443), OTHER)


def test_the_contact_of_an_invitation_is_called_after_those_configured_and_once(database: Database) -> None:
    contacts = Contacts((CONFIGURED,), Settings(database))
    assert contacts.known() == (CONFIGURED,)
    contacts.remember(INVITED)
    assert Contacts((CONFIGURED,), Settings(database)).known() == (CONFIGURED, INVITED)
    contacts.remember(CONFIGURED)
    assert contacts.known() == (CONFIGURED, INVITED)


def test_the_contacts_of_the_latest_invitations_are_kept_one_for_each_federation(database: Database) -> None:
    contacts = Contacts((), Settings(database))
    invited = [Contact(Address("192.0.2.2", port), OTHER) for port in range(1, MAX_JOINED + 3)]
    for contact in invited:
        contacts.remember(contact)
    assert contacts.known() == tuple(invited[2:])
    contacts.remember(invited[2])
    assert contacts.known() == (*invited[3:], invited[2])


def test_others_are_sent_to_a_bootstrap_node_and_to_this_node_where_there_is_none(database: Database) -> None:
    settings = Settings(database)
    assert Contacts((CONFIGURED,), settings).for_others(OURS, (HERE,)) == CONFIGURED
    assert Contacts((), settings).for_others(OURS, (HERE,)) == Contact(HERE, OURS)


def test_a_node_that_nobody_can_reach_sends_others_to_whom_it_was_invited_by_and_else_says_what_to_do(
    database: Database,
) -> None:
    contacts = Contacts((), Settings(database))
    with pytest.raises(BadConfiguration, match="name a bootstrap node"):
        contacts.for_others(OURS, ())
    contacts.remember(INVITED)
    assert contacts.for_others(OURS, ()) == INVITED

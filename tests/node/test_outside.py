"""A node's side towards the world, without the node: the parts know one another as the configuration says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from idas_p2p.access.federations import Federations
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.node.config import NodeConfig
from idas_p2p.node.outside import Outside
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.http_proxy import HttpProxy
from tests.node.nodes import make_config

BOOTSTRAP = Contact(Address("192.0.2.1", 443), SigningKey(b"\1" * 32).node_id)


def made(config: NodeConfig) -> Outside:
    """Nothing of it is started."""
    identity = SigningKey.load(config.key_path)
    database = Database.open(config.database_url)
    settings = Settings(database)
    tasks = TaskOwner(limit=8)
    outside = Outside(
        identity,
        config,
        settings,
        Federations(identity, settings, random_bytes=random_bytes),
        take=lambda connection, path: None,
        tasks=tasks,
        channels=tasks,
        clock=SystemClock(),
    )
    database.close()
    return outside


async def test_bootstrap_nodes_are_known_as_contacts_and_the_way_is_direct_where_there_is_no_proxy(
    tmp_path: Path,
) -> None:
    outside = made(replace(make_config(tmp_path, "anna"), bootstrap=(BOOTSTRAP,)))
    assert list(outside.contacts.known()) == [BOOTSTRAP]
    assert outside.way.is_direct
    assert outside.links.peers == {}


async def test_where_there_is_a_proxy_nothing_goes_out_but_through_it(tmp_path: Path) -> None:
    proxy = HttpProxy(Address("192.0.2.9", 3_128))
    outside = made(replace(make_config(tmp_path, "anna"), proxy=proxy))
    assert not outside.way.is_direct
    assert list(outside.whereabouts.meetings._seen_as()) == []

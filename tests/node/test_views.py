from __future__ import annotations

import asyncio
import json

import pytest

from idas_p2p.dicom.services import Caller
from idas_p2p.errors import SignInNeeded
from idas_p2p.node import federation_views, views
from idas_p2p.node.node import Node
from idas_p2p.store.settings import User, Workstation
from idas_p2p.wire.address import Address
from tests.node.nodes import STUDY, fill, retrieve, share, until


async def test_status_tells_what_a_node_is_and_holds(pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    await fill(anna)
    status = views.status(anna)
    assert (status["institution"], status["aet"]) == ("anna Hospital", "ANNA")
    of_it = {key: status["federation"][key] for key in ("name", "epoch", "members", "admin")}
    assert of_it == {"name": "Lake Region", "epoch": 2, "members": 2, "admin": True}
    assert status["catalog"] == {"studies": 1, "instances": 4}
    assert [(row["name"], row["studies"]) for row in status["archives"]] == [("embedded", 1)]
    assert status["directory"]["joined"]
    assert (status["spool_bytes"], status["spool_limit_bytes"], status["spool_encrypted"]) == (0, 20_000_000_000, False)


async def test_a_node_outside_a_federation_says_so(lone: Node) -> None:
    assert views.status(lone)["federation"] is None
    assert views.peers(lone) == {"peers": []}


async def test_peers_are_idle_until_they_are_linked(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await berg.links.close()
    berg.links.peers.clear()
    assert [peer["state"] for peer in views.peers(berg)["peers"]] == ["idle"]
    await berg.links.control(anna.identity.node_id)
    await berg.links.ping_all()
    (peer,) = views.peers(berg)["peers"]
    assert (peer["state"], peer["path"], peer["aet"]) == ("connected", "direct", "ANNA")
    assert peer["address"] == str(anna.network_address)
    assert peer["rtt_ms"] >= 0


async def test_transfers_are_listed_on_both_sides(pair: tuple[Node, Node]) -> None:
    anna, berg = pair
    await fill(anna)
    await share(anna)
    await retrieve(berg, user="dr-lee")
    await until(lambda: not anna.transfers.running)
    for node, direction, peer in ((anna, "out", "berg Hospital"), (berg, "in", "anna Hospital")):
        (row,) = views.transfers(node)["transfers"]
        assert (row["direction"], row["peer"], row["user"], row["state"]) == (direction, peer, "dr-lee", "done")
        assert (row["instances"], row["total"], row["failed"]) == (4, 4, 0)


async def test_studies_are_shown_by_keyword_with_their_archives(lone: Node) -> None:
    await fill(lone)
    (study,) = views.studies(lone)["studies"]
    assert (study["StudyInstanceUID"], study["PatientName"], study["Archives"]) == (STUDY, "CANARY^BIRD", ["embedded"])


async def test_everything_shown_is_plain_json(pair: tuple[Node, Node]) -> None:
    anna, _ = pair
    await fill(anna)
    for view in (views.status, views.peers, views.transfers, views.studies):
        json.dumps(view(anna))
    json.dumps(federation_views.members(anna.federation, anna.identity.node_id))


async def test_the_policy_and_whoever_waits_to_sign_in_are_shown(lone: Node) -> None:
    lone.settings.add_workstation(Workstation(aet="VIEWER", address=Address("127.0.0.1", 104)))
    lone.settings.add_user(User(name="dr-lee", password_hash="x"))
    viewer = Caller(aet="VIEWER", called_aet="LONE", address="127.0.0.1", local_address="127.0.0.1")
    with pytest.raises(SignInNeeded):
        lone.lan.callers.user(viewer)
    status = views.status(lone)
    assert status["policy"] == {"rules": 0, "refusal": ""}
    assert [(one["aet"], one["address"]) for one in status["sign_ins_wanted"]] == [("VIEWER", "127.0.0.1")]


async def test_connections_that_were_turned_away_are_counted_by_name(lone: Node) -> None:
    assert views.status(lone)["connections"] == {"channels": 0, "handshakes": 0, "refused": {}}
    host, port = lone.network_address.host, lone.network_address.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"\xff\xff\xff\xff")  # a frame of 4 GB
    assert await reader.read() == b""
    writer.close()
    await until(lambda: bool(views.status(lone)["connections"]["refused"]))
    assert views.status(lone)["connections"] == {"channels": 0, "handshakes": 0, "refused": {"bad_hello": 1}}

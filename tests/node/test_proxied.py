"""A node whose network has an HTTP proxy: every connection it opens goes through it, or it says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from idas_p2p.node.views import status
from idas_p2p.wire.address import Contact
from idas_p2p.wire.http_proxy import HttpProxy
from tests.bootstrap.relaying import relaying
from tests.node.nodes import data_of, fill, join, make_config, retrieve, running, share, until
from tests.transport.proxying import proxying


async def test_joining_questions_images_and_the_relay_go_through_the_proxy(tmp_path: Path) -> None:
    async with proxying() as proxy, relaying() as relay, running(make_config(tmp_path, "anna")) as anna:
        config = replace(make_config(tmp_path, "berg"), proxy=proxy.setting, bootstrap=(relay.contact,))
        async with running(config) as berg:
            berg.directory.add_contact(Contact(anna.network_address, anna.identity.node_id))
            await until(lambda: berg.directory.status().contacts > 0)
            anna.membership.create("Lake Region")
            await join(berg, anna)
            await share(anna)
            stored = await fill(anna, size=50_000)
            assert data_of(await retrieve(berg)) == stored
            await until(lambda: len(berg.whereabouts.relays.offers()) == 1)
            assert {str(anna.network_address), str(relay.address)} <= set(proxy.asked)
            assert proxy.carried > 200_000
            assert berg.whereabouts.meetings.answer(anna.identity.node_id, (anna.network_address,), 0.1) == ()
            assert status(berg)["proxy"] == {"address": str(proxy.setting.address), "refusal": ""}
            assert status(anna)["proxy"] is None


async def test_what_the_proxy_says_is_shown_in_the_status(tmp_path: Path) -> None:
    async with proxying(user="anna", password="geheim") as proxy, relaying() as relay:
        wrong = HttpProxy(proxy.setting.address, "anna", "falsch")
        config = replace(make_config(tmp_path, "berg"), proxy=wrong, bootstrap=(relay.contact,))
        async with running(config) as berg:
            await until(lambda: bool(status(berg)["proxy"]["refusal"]))
            assert "(407)" in status(berg)["proxy"]["refusal"]
            assert "falsch" not in repr(status(berg))

"""What is counted: every refusal has its counter from the start, and no figure tells who."""

from __future__ import annotations

from collections import Counter

import psutil

from bootstrap.figures import Kind, Turned, as_values, carrier_figures, door_figures, metrics_figures, process_figures
from bootstrap.figures import relay_figures as figures_of
from bootstrap.relay_link import Fault
from idas_p2p.clock import SystemClock
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carrier import CarriageRefusal, Carrier
from idas_p2p.wire.relay import RelayRefusal, Reserve
from tests.bootstrap.relaying import dial_through, relaying, until, waiting
from tests.transport.pairs import ALICE, BOB


async def test_a_relay_shows_who_waits_what_was_carried_and_every_refusal() -> None:
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        channel = await dial_through(reservation.offer)
        await channel.send(bytes(10_000))
        await channel.receive()
        shown = as_values(figures_of(relay.relay))
        assert (shown["relay_reservations"], shown["relay_sessions"], shown["relay_sessions_begun_total"]) == (1, 1, 1)
        assert isinstance(shown["relay_bytes_total"], float | int)
        assert shown["relay_bytes_total"] > 20_000  # of the stream that is still open
        assert shown["relay_refusals_total"] == dict.fromkeys(map(str, RelayRefusal), 0)
        await channel.close()
        await until(lambda: not relay.relay.traffic.sessions)
        after = as_values(figures_of(relay.relay))
        assert after["relay_bytes_total"] >= shown["relay_bytes_total"]
        relay.relay.reservations.is_draining = True
        await relay.ask(ALICE, Reserve())
        refused = as_values(figures_of(relay.relay))["relay_refusals_total"]
        assert isinstance(refused, dict)
        assert refused["draining"] == 1


async def test_no_figure_holds_a_name_or_an_address() -> None:
    async with relaying() as relay, waiting(relay.contact) as reservation:
        assert reservation.offer is not None
        await (await dial_through(reservation.offer)).close()
        shown = repr(list(figures_of(relay.relay)))
    for secret in (str(BOB.node_id), BOB.node_id.short, ALICE.node_id.short, "127.0.0.1"):
        assert secret not in shown


def test_every_way_to_be_turned_away_has_a_counter_that_starts_at_zero() -> None:
    carrier = Carrier(policy=AddressPolicy(allow_private=True), clock=SystemClock())
    for figures, name, reasons in (
        (door_figures(Counter()), "connections_closed_total", Fault),
        (carrier_figures(carrier), "carriage_refusals_total", CarriageRefusal),
        (metrics_figures(Counter()), "metrics_refusals_total", Turned),
    ):
        assert as_values(figures)[name] == {str(reason): 0.0 for reason in reasons}


def test_names_of_counters_end_as_prometheus_has_it() -> None:
    for figure in process_figures(psutil.Process()):
        assert figure.name.endswith("_total") == (figure.kind is Kind.COUNTER)

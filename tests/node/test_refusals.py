"""Whoever is turned away is recorded, but cannot fill the log by knocking."""

from __future__ import annotations

from idas_p2p.access.audit.events import Device
from idas_p2p.node.refusals import INTERVAL, MAX_AT_ONCE, MAX_DEVICES, Refusals
from idas_p2p.wire.audit import Event, Kind
from tests.directory.network import ManualClock


def test_the_first_is_recorded_at_once_and_those_like_it_are_summed_up(clock: ManualClock) -> None:
    noted: list[Event] = []
    refusals, device = Refusals(noted.append, clock), Device("EVIL", "192.0.2.66")
    for _ in range(1_000):
        refusals.add(device, "user.unknown_caller")
    assert [(one.kind, one.aet, one.reason) for one in noted] == [(Kind.ALERT, "EVIL", "user.unknown_caller")]
    clock.advance(INTERVAL)
    refusals.add(device, "user.unknown_caller")
    assert len(noted) == 2
    assert "999 times more" in noted[1].text


def test_another_device_or_reason_has_a_record_of_its_own(clock: ManualClock) -> None:
    noted: list[Event] = []
    refusals = Refusals(noted.append, clock)
    for device, reason in ((Device("A", "1"), "x"), (Device("A", "2"), "x"), (Device("A", "1"), "y")):
        refusals.add(device, reason)
    assert len(noted) == 3


def test_what_is_remembered_is_bounded(clock: ManualClock) -> None:
    noted: list[Event] = []
    refusals = Refusals(noted.append, clock)
    for number in range(2 * MAX_DEVICES):
        clock.advance(INTERVAL)
        refusals.add(Device("A", str(number)), "x")
    assert len(noted) == 2 * MAX_DEVICES
    assert len(refusals._recorded) == MAX_DEVICES


def test_many_that_knock_once_do_not_fill_the_log_and_are_counted(clock: ManualClock) -> None:
    noted: list[Event] = []
    refusals = Refusals(noted.append, clock)
    for number in range(10 * MAX_AT_ONCE):
        refusals.add(Device(address=f"2001:db8::{number}"), "unknown_psk")
    assert len(noted) == MAX_AT_ONCE
    clock.advance(INTERVAL)
    refusals.add(Device(address="192.0.2.9"), "unknown_psk")
    assert f"and {9 * MAX_AT_ONCE} of others" in noted[-1].text

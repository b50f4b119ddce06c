from __future__ import annotations

from idas_p2p.crypto.datagram_keys import Session
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.session_table import SessionTable

PEER = SigningKey(b"p" * 32).node_id


def session(number: int, *, host: str = "192.0.2.1") -> Session:
    name = number.to_bytes(8, "big")
    return Session(
        PEER,
        (host, number + 1),
        cookie=name + bytes(16),
        opening=None,
        send=(b"s" + name[1:], bytes(32)),
        receive=(b"r" + name[1:], bytes(32)),
        now=0.0,
    )


def test_a_session_is_found_by_everything_a_datagram_may_carry() -> None:
    table, ours, theirs = SessionTable(), session(1), session(2)
    table.add(ours, is_ours=True)
    table.add(theirs, is_ours=False)
    assert table.by_receive_id(ours.receive_id) is ours
    assert table.by_token(ours.send_id + bytes(8)) is ours
    assert table.by_token(ours.cookie[:16]) is ours
    assert table.by_cookie(theirs.cookie) is theirs
    assert table.by_cookie(ours.cookie) is None
    assert table.current(PEER, theirs.endpoint) is theirs


def test_a_retired_session_is_read_and_not_sent_in() -> None:
    table, old = SessionTable(), session(1)
    table.add(old, is_ours=False)
    table.retire(old)
    assert table.current(PEER, old.endpoint) is None
    assert table.by_receive_id(old.receive_id) is old


def test_the_least_recently_used_session_goes_first() -> None:
    table, made = SessionTable(limit=2), [session(number) for number in range(3)]
    table.add(made[0], is_ours=False)
    table.add(made[1], is_ours=False)
    table.use(made[0])
    table.add(made[2], is_ours=False)
    assert [table.by_receive_id(one.receive_id) for one in made] == [made[0], None, made[2]]


def test_a_site_with_too_many_sessions_loses_its_own_and_nobody_elses() -> None:
    table = SessionTable(share_of=lambda endpoint: (endpoint[0], 2))
    honest = session(100, host="198.51.100.1")
    table.add(honest, is_ours=False)
    crowd = [session(number) for number in range(10)]
    for one in crowd:
        table.add(one, is_ours=False)
    assert len(table) == 3
    assert table.by_receive_id(honest.receive_id) is honest
    assert [one for one in crowd if table.by_receive_id(one.receive_id)] == crowd[-2:]


def test_a_removed_session_leaves_nothing_behind() -> None:
    table, one = SessionTable(), session(1)
    table.add(one, is_ours=False)
    table.remove(one)
    table.use(one)
    assert not any(value for name, value in vars(table).items() if isinstance(value, dict))

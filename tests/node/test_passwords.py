from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from idas_p2p.access.lockout import FIRST_DELAY, FREE_AT_ADDRESS
from idas_p2p.access.passwords import hash_password
from idas_p2p.errors import SignInRefused
from idas_p2p.node.passwords import MAX_HASHING, Passwords
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Settings, User
from idas_p2p.store.sign_ins import SignIns
from tests.directory.network import ManualClock

HASH = hash_password("correct horse")
HERE, THERE = "192.0.2.7", "192.0.2.8"


@pytest.fixture
def passwords(database: Database, clock: ManualClock) -> Passwords:
    settings = Settings(database)
    settings.add_user(User(name="dr-lee", password_hash=HASH))
    return Passwords(settings, SignIns(database), clock=clock)


def is_right(passwords: Passwords, password: str, *, name: str = "dr-lee", address: str = HERE) -> bool | str:
    try:
        return passwords.check(name, password, address=address).name == name
    except SignInRefused as refused:
        return refused.detail


def test_a_right_password_after_a_few_wrong_ones_is_right_and_wipes_them_out(
    passwords: Passwords, database: Database
) -> None:
    for _ in range(FREE_AT_ADDRESS - 1):
        assert is_right(passwords, "wrong") == "no such user, or a wrong password"
    assert is_right(passwords, "correct horse") is True
    assert SignIns(database).counts() == {}


@pytest.mark.parametrize("name", ["dr-lee", "nobody"])
def test_too_many_wrong_passwords_shut_the_door_for_a_growing_time_also_to_the_right_one(
    passwords: Passwords, clock: ManualClock, name: str
) -> None:
    for _ in range(FREE_AT_ADDRESS):
        is_right(passwords, "wrong", name=name)
    shut = "too many wrong passwords; wait and try again"
    assert is_right(passwords, "correct horse", name=name) == shut
    clock.advance(FIRST_DELAY)
    assert is_right(passwords, "wrong", name=name) == "no such user, or a wrong password"
    clock.advance(FIRST_DELAY)
    assert is_right(passwords, "correct horse", name=name) == shut
    clock.advance(FIRST_DELAY)
    assert is_right(passwords, "correct horse", name=name) in (True, "no such user, or a wrong password")


def test_whoever_guesses_shuts_out_itself_and_not_whom_it_pretends_to_be(passwords: Passwords) -> None:
    for _ in range(FREE_AT_ADDRESS + 5):
        is_right(passwords, "wrong", address=THERE)
    assert is_right(passwords, "correct horse") is True


def test_many_guesses_at_once_are_not_more_than_were_free(passwords: Passwords) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: is_right(passwords, "wrong"), range(8)))
    assert answers.count("no such user, or a wrong password") == FREE_AT_ADDRESS


def test_an_unknown_user_takes_the_same_way_as_a_wrong_password(database: Database, clock: ManualClock) -> None:
    compared = list[str]()

    def matches(_password: str, hashed: str) -> bool:
        compared.append(hashed[:30])  # the algorithm and what it costs
        return True

    Settings(database).add_user(User(name="dr-lee", password_hash=HASH))
    passwords = Passwords(Settings(database), SignIns(database), clock=clock, matches=matches)
    assert is_right(passwords, "guess") is True
    assert is_right(passwords, "guess", name="nobody") == "no such user, or a wrong password"
    assert compared == [HASH[:30]] * 2


def test_guesses_at_many_names_at_once_do_not_take_the_memory(database: Database, clock: ManualClock) -> None:
    lock, now, most, together = threading.Lock(), [0], [0], threading.Barrier(MAX_HASHING)

    def matches(_password: str, _hashed: str) -> bool:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(timeout=20)
        with lock:
            now[0] -= 1
        return False

    passwords = Passwords(Settings(database), SignIns(database), clock=clock, matches=matches)
    with ThreadPoolExecutor(2 * MAX_HASHING) as threads:
        answers = list(threads.map(lambda n: is_right(passwords, "guess", name=f"n{n}"), range(2 * MAX_HASHING)))
    assert set(answers) == {"no such user, or a wrong password"}
    assert most[0] == MAX_HASHING

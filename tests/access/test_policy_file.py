"""policy.toml is read whole or refused whole, with line and reason."""

from __future__ import annotations

import datetime

import pytest

from idas_p2p.access.objects import Objects, Patient
from idas_p2p.access.policy_file import parse_policy
from idas_p2p.errors import BadConfiguration

FILE = """\
# The rules of City Hospital.

[[rule]]
name = "staff who are patients here"
to = "everyone"
labels = ["VIP"]
level = "none"

[[rule]]
to = ["nodes:Lake Region", "user:dr-lee@Berg Hospital"]
modalities = ["ct", "MR"]
patients = ["123^^^City", "77"]
dates = "20240101-"
archives = "pacs"
level = "full"
expires = 2026-12-31
"""


def test_a_file_is_read_as_rules_in_its_order_which_say_where_they_stand() -> None:
    vip, lake = parse_policy(FILE).rules
    assert (vip.origin, vip.level.name, str(vip.subjects[0])) == (
        "policy.toml line 3 (staff who are patients here)",
        "none",
        "everyone",
    )
    assert vip.objects == Objects(labels=("vip",))
    assert lake.origin == "policy.toml line 9"
    assert [str(subject) for subject in lake.subjects] == ["nodes:Lake Region", "user:dr-lee@Berg Hospital"]
    assert lake.objects == Objects(
        modalities=("CT", "MR"),
        patients=(Patient("123", "city"), Patient("77")),
        dates=("20240101", "99999999"),
        archives=("pacs",),
    )
    assert lake.expires == datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC).timestamp()


def test_an_empty_file_has_no_rules() -> None:
    assert parse_policy("# none yet\n").rules == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('level = "none"', 'level = "some"'), "policy.toml, line 7: rule.level: level 'some': known are full,"),
        (('labels = ["VIP"]', 'label = ["VIP"]'), "policy.toml, line 6: rule.label: is not known here"),
        (('to = "everyone"', 'to = "everybody"'), "policy.toml, line 5: rule.to: subject 'everybody': write everyone"),
        (('to = "everyone"\n', ""), "policy.toml, line 3: rule.to: is missing"),
        (('level = "none"\n', ""), "policy.toml, line 3: rule.level: is missing"),
        (('"ct"', '"c-t"'), "policy.toml, line 11: rule.modalities: a modality has"),
        (("20240101-", "2024"), "policy.toml, line 13: rule.dates: a date is YYYYMMDD"),
        (("20240101-", "20240101-20230101"), "policy.toml, line 13: rule.dates: a range of dates begins before"),
        (('"77"', '"77^^^"'), "policy.toml, line 12: rule.patients: a patient is written ID or ID"),
        (("2026-12-31", "2026-12-31T10:00:00"), "policy.toml, line 16: rule.expires: write a date"),
        (("[[rule]]", "[rule]"), "policy.toml is not valid TOML"),
        (('level = "none"', "level = none"), "policy.toml is not valid TOML: Invalid value (at line 7"),
    ],
)
def test_an_error_refuses_the_whole_file_with_line_and_reason(change: tuple[str, str], says: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_policy(FILE.replace(*change, 1))
    assert says in refused.value.detail


def test_an_error_never_repeats_whom_a_condition_names() -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_policy(FILE.replace('"77"', '"CANARY^^^"'))
    assert "CANARY" not in refused.value.detail


OWN = """
[levels.law-12]
base = "full"
remove = ["PatientBirthDate"]
"""


def test_a_level_of_the_house_is_defined_beside_the_rules_that_give_it() -> None:
    read = parse_policy(FILE.replace('level = "none"', 'level = "law-12"') + OWN)
    assert read.rules[0].level == read.levels.get("law-12")
    assert read.rules[0].level.mark.startswith("law-12#")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (OWN.replace("remove", "removes"), "policy.toml, line 20: level law-12: unknown key 'removes'"),
        (OWN.replace('"full"', '"half"'), "policy.toml, line 19: level law-12: base 'half': known are"),
    ],
)
def test_an_error_in_a_level_refuses_the_whole_file_too(wrong: str, says: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_policy(FILE + wrong)
    assert says in refused.value.detail


def test_conditions_of_too_many_combinations_are_refused_with_the_line_of_the_rule() -> None:
    many = ", ".join(f'"1.2.{number}"' for number in range(900))
    labels = ", ".join(f'"l{number}"' for number in range(20))
    text = f'[[rule]]\nto = "everyone"\nlevel = "full"\nstudies = [{many}]\nlabels = [{labels}]\n'
    with pytest.raises(BadConfiguration, match=r"line 1: rule\.rule: the conditions have more than 10000"):
        parse_policy(text)

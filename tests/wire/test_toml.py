from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import BadConfiguration
from idas_p2p.wire.address import Address
from idas_p2p.wire.toml import TomlTable, line_of

TEXT = """\
# a comment with key = 1
name = "x"
[one]
key = 1
[two]   # and a comment
  key = 2
three.key = 3
[[four]]
key = 4
"""


def root(text: str) -> TomlTable:
    return TomlTable.parse(text, file="f.toml")


@pytest.mark.parametrize(
    ("table", "key", "line"),
    [("", "name", 2), ("one", "key", 4), ("two", "key", 6), ("", "one", 3), ("one", "gone", 3), ("", "gone", 0)],
)
def test_the_line_of_a_key_is_told(table: str, key: str, line: int) -> None:
    assert line_of(TEXT, table, key) == line


def test_values_are_read_as_what_they_are() -> None:
    table = root('t = "text"\na = "h:1"\nn = 1.5\nw = 7\nf = true\nl = ["h:1", "h:2"]\n[sub]\n')
    assert table.string("t", 1, 4) == "text"
    assert table.address("a") == Address("h", 1)
    assert (table.number("n", default=0, low=1, high=2), table.whole("w", default=0, low=0, high=9)) == (1.5, 7)
    assert table.flag("f", default=False) is True
    assert table.parsed_list("l", Address.parse) == (Address("h", 1), Address("h", 2))
    table.table("sub").refuse_unknown()
    table.refuse_unknown()


def test_what_is_missing_is_its_default_or_refused() -> None:
    assert root("").whole("w", default=3, low=0, high=9) == 3
    with pytest.raises(BadConfiguration, match=r"^f.toml: t: is missing"):
        root("").string("t", 1, 4)


def test_a_default_out_of_bounds_is_refused_like_any_other_value() -> None:
    with pytest.raises(BadConfiguration, match="whole number from 5 to 9"):
        root("").whole("w", default=3, low=5, high=9)


@given(st.text(max_size=60))
def test_any_text_is_a_table_or_refused_as_configuration(text: str) -> None:
    try:
        root(text).refuse_unknown()
    except BadConfiguration as refused:
        detail = refused.detail
    else:
        return
    assert detail.startswith("f.toml")


def test_tables_of_an_array_know_their_lines() -> None:
    first, second = root('a = 1\n[[rule]]\nk = "x"\n\n[[ rule ]]\n k = 2\n').tables("rule")
    assert (first.line, first.string("k", 1, 1)) == (2, "x")
    with pytest.raises(BadConfiguration, match=r"line 6: rule\.k"):
        second.string("k", 1, 1)
    with pytest.raises(BadConfiguration, match=r"line 5: rule\.gone"):
        second.string("gone", 1, 1)
    assert root("").tables("rule") == []
    for text in ("rule = [{k = 1}]", "[rule]\nk = 1", "rule = 1"):
        with pytest.raises(BadConfiguration, match="write each as a table of its own"):
            root(text).tables("rule")


def test_a_date_ends_with_its_day_and_a_time_needs_a_zone() -> None:
    table = root("d = 1970-01-01\nt = 1970-01-01T01:00:00+01:00\nn = 1970-01-01T01:00:00\n")
    assert (table.moment("d"), table.moment("t"), table.moment("gone")) == (86_400.0, 0.0, None)
    with pytest.raises(BadConfiguration, match="with its zone"):
        table.moment("n")


def test_one_text_may_stand_for_a_list_of_it() -> None:
    table = root('l = "h:1"\n')
    assert table.parsed_list("l", Address.parse, may_be_text=True) == (Address("h", 1),)
    assert table.parsed("l", Address.parse) == Address("h", 1)

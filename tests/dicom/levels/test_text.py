from __future__ import annotations

import pytest

from idas_p2p.dicom.levels.text import MAX_CLEANED, Identity

CODECS = ("utf_8", "latin_1")
WHO = Identity(("Doering^Jane^M", "Housegood^Gregory"), ("PID-4711", "19610203"), ("latin_1",))


@pytest.mark.parametrize(
    "text",
    [
        "CT of Jane Doering",
        "DOERING, JANE: chest",
        "Doering^Jane^M",
        "for Mr. Doering's knee",
        "asked by Housegood",
        "pid-4711 follow up",
        "born 19610203",
        "/export/DOERING_JANE/ct.dcm",
        "JaneDoering doeringjane",
        "housegood_gregory PID-4711_a",
    ],
)
def test_the_names_and_numbers_of_an_instance_are_cut_out_of_text(text: str) -> None:
    cleaned = WHO.without(text).lower()
    assert not [part for part in ("doering", "jane", "housegood", "4711", "1961") if part in cleaned]


@pytest.mark.parametrize("text", ["CHEST W/O CONTRAST", "Doeringer cells", "T2 TSE axial 3.0mm", "kVp 120, 250 mAs"])
def test_text_that_names_nobody_is_kept_as_it_is(text: str) -> None:
    assert WHO.without(text) == WHO.cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call 555-123-4567 chest", "call chest"),
        ("mail j.doe@example.org", "mail"),
        ("seen 03/04/2019 by Dr. Smith, left knee", "seen by , left knee"),
        ("MRN 1234567 abdomen", "abdomen"),
        ("prior 1.2.840.113619.2.55.3.604688119 compared", "prior compared"),
        ("on 5 Nov 2023 again", "on again"),
        ("SSN 078-05-1120", ""),
        ("DOB: 1961-02-03", ""),
    ],
)
def test_what_looks_like_an_identifier_is_cut_out_of_descriptions(text: str, left: str) -> None:
    assert WHO.cleaned(text) == left


def test_a_short_part_of_a_name_is_no_part_of_a_code() -> None:
    who = Identity(("Workflow^RIS",), ("TOSHIBA",))
    assert who.without("SIEMENS_RIS TOSHIBA_MEC") == "SIEMENS_RIS TOSHIBA_MEC"
    assert who.without("by ris of toshiba") == "by of"


def test_a_name_is_found_in_capitals_and_in_latin_1_where_the_object_says_another_character_set() -> None:
    who = Identity(("Sjöbäck^Åke",), (), ("utf_8",))
    assert all(who.may_occur(f"x {form} x".encode(codec)) for form in ("SJÖBÄCK", "sjöbäck") for codec in CODECS)


def test_a_text_too_long_to_be_looked_at_does_not_stay() -> None:
    assert WHO.cleaned("x" * MAX_CLEANED) == "x" * MAX_CLEANED
    assert WHO.cleaned("x" * (MAX_CLEANED + 1)) == ""


def test_a_made_up_name_of_radiology_costs_no_description_its_words() -> None:
    phantom = Identity(("HEAD^PHANTOM",), ("PLASTIC",))
    assert phantom.without("HEAD 5mm phantom") == "HEAD 5mm phantom"
    assert phantom.without("HEAD PHANTOM 5mm") == "5mm"


@pytest.mark.parametrize(
    ("codec", "name"),
    [("iso2022_jp", "山田^太郎"), ("latin_1", "Müller^Jörg"), ("utf_8", "Müller^Jörg"), ("gb18030", "欧阳^小东")],
)
def test_a_name_is_looked_for_in_the_bytes_of_its_character_set(codec: str, name: str) -> None:
    who = Identity((name,), (), (codec,))
    assert who.may_occur(f"xx{name.split('^')[0]}yy".encode(codec))
    assert not who.may_occur(b"nothing of the kind")
    assert who.without(f"of {name.split('^')[0]} today") == "of today"


def test_an_identity_never_prints_itself() -> None:
    assert repr(WHO) == "Identity(…)"

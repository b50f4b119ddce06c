from collections import defaultdict

from idas_p2p.dicom.get_contexts import (
    COMPRESSED,
    MAX_CONTEXTS,
    PLAIN_SYNTAXES,
    SYNTAXES,
    classes_of_modalities,
    get_contexts,
)

GET = "1.2.840.10008.5.1.4.1.2.2.3"
CT = "1.2.840.10008.5.1.4.1.1.2"


def proposed(classes: list[str]) -> dict[str, list[list[str]]]:
    """SOP class to the syntaxes of each of its contexts."""
    found = defaultdict(list)
    for context in get_contexts(GET, classes)[0]:
        found[str(context.abstract_syntax)].append([str(uid) for uid in context.transfer_syntax])
    return found


def test_a_known_class_is_proposed_once_for_each_syntax_it_may_be_stored_in() -> None:
    assert proposed([CT])[CT] == [[syntax] for syntax in SYNTAXES]


def test_many_classes_share_the_room_the_likeliest_syntaxes_first() -> None:
    found = proposed([f"1.2.{number}" for number in range(20)])
    assert sum(map(len, found.values())) <= MAX_CONTEXTS
    assert found["1.2.19"] == [[syntax] for syntax in SYNTAXES[:6]]


def test_more_classes_than_fit_are_cut_not_refused() -> None:
    assert sum(map(len, proposed([f"1.2.{number}" for number in range(500)]).values())) == MAX_CONTEXTS


def test_unknown_classes_mean_the_common_ones_as_the_archive_chooses() -> None:
    found = proposed([])
    assert len(found) == 121
    assert found[CT] == [list(SYNTAXES)]


def test_a_second_attempt_proposes_nothing_uncompressed() -> None:
    contexts, _ = get_contexts(GET, [CT], COMPRESSED)
    assert not any(set(context.transfer_syntax) & set(PLAIN_SYNTAXES) for context in contexts[1:])


def test_the_archive_is_asked_to_send_every_class_proposed() -> None:
    contexts, roles = get_contexts(GET, [CT, CT])
    assert [role.sop_class_uid for role in roles] == [CT]
    assert roles[0].scp_role
    assert str(contexts[0].abstract_syntax) == GET


def test_modalities_tell_the_classes_to_expect_and_secondary_captures_with_them() -> None:
    found = classes_of_modalities(["CT", "CT"])
    assert found[0] == CT
    assert "1.2.840.10008.5.1.4.1.1.7" in found


def test_an_unknown_modality_tells_nothing() -> None:
    assert classes_of_modalities(["CT", "??"]) == []
    assert classes_of_modalities([]) == []


def test_every_modality_in_the_table_has_registered_classes() -> None:
    for modality in ("CR", "DOC", "MG", "SR", "RTPLAN", "XA", "SM", "PT"):
        assert all(uid.startswith("1.2.840.10008.5.1.4.1.1") for uid in classes_of_modalities([modality]))

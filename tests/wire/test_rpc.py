from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_CONTACTS_PER_REPLY, MAX_RECORD_SIZE
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.datagrams import MAX_REPLY_SIZE, MAX_REQUEST_SIZE
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import (
    DialBack,
    Dialling,
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Reply,
    ReplyMessage,
    Request,
    RequestMessage,
    Socket,
    Store,
    Stored,
    Values,
    WireContact,
    decode_message,
    encode_reply,
    encode_request,
    is_request,
)

ID = b"question"
V6 = WireContact(node_id=NodeId(b"n" * 32), socket=Socket.of(("2001:db8::1", 65_535)))
PAIRS: list[tuple[Request, Reply]] = [
    (Ping(), Pong(observed=Socket.of(("192.0.2.1", 7000)))),
    (DialBack(port=7_000, nonce=bytes(8)), Dialling(at=Socket.of(("192.0.2.1", 7_000)), accepted=False)),
    (FindNode(target=b"t" * 20), Nodes(contacts=(V6,) * 8)),
    (FindValue(key=b"k" * 20, after=b""), Values(records=(b"r",), more=True, contacts=(V6,))),
    (Store(records=(b"one", b"two")), Stored(outcomes=(0, 3))),
]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@given(st.binary(max_size=200) | PLAIN.map(pack))
def test_any_bytes_are_a_message_or_raise_wire_error(data: bytes) -> None:
    try:
        message = decode_message(data)
    except WireError:
        return
    if isinstance(message, RequestMessage):
        assert encode_request(message.request_id, message.request, is_server=message.is_server) == data


@given(st.sampled_from([0, 1]), st.booleans(), st.integers(0, 6), PLAIN)
def test_a_frame_around_any_fields_is_a_message_or_raises_wire_error(
    kind: int, is_server: bool, method: int, fields: object
) -> None:
    data = pack([0, ID, is_server, method, fields] if kind == 0 else [1, ID, fields])
    try:
        message = decode_message(data)
    except WireError:
        return
    if isinstance(message, ReplyMessage):
        for request, _ in PAIRS:
            try:
                reply = message.read(request)
            except WireError:
                continue
            assert encode_reply(ID, reply) == data


@pytest.mark.parametrize(("request_", "reply"), PAIRS, ids=lambda value: type(value).__name__)
def test_every_question_and_answer_survives_the_wire(request_: Request, reply: Reply) -> None:
    got = decode_message(encode_request(ID, request_, is_server=True))
    assert got == RequestMessage(request_id=ID, is_server=True, request=request_)
    answer = decode_message(encode_reply(ID, reply))
    assert isinstance(answer, ReplyMessage)
    assert answer.read(request_) == reply


@pytest.mark.parametrize("hostile", [{"x": 1}, {"value": [1]}, [[1, 2, 3, 4, 5]], [["id", "ip", 1]], None])
def test_limit_26_malformed_replies_of_the_stock_library_raise_wire_error(hostile: object) -> None:
    with pytest.raises(WireError):
        ReplyMessage(request_id=ID, plain=hostile).read(FindNode(target=bytes(20)))


@pytest.mark.parametrize("size", [0, 19, 21, 40])
def test_limit_27_ids_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(WireError):
        decode_message(pack([0, ID, True, 2, [bytes(size)]]))


def test_limit_32_a_reply_with_more_contacts_than_allowed_is_refused() -> None:
    one, question = V6.to_bytes(), FindNode(target=bytes(20))
    most = ReplyMessage(request_id=ID, plain=[[one] * MAX_CONTACTS_PER_REPLY]).read(question)
    assert isinstance(most, Nodes)
    with pytest.raises(WireError):
        ReplyMessage(request_id=ID, plain=[[one] * (MAX_CONTACTS_PER_REPLY + 1)]).read(question)


def test_a_store_reply_must_speak_of_every_record() -> None:
    with pytest.raises(WireError):
        ReplyMessage(request_id=ID, plain=[[0]]).read(Store(records=(b"one", b"two")))


def test_the_largest_record_fits_a_request_and_eight_v6_contacts_fit_a_reply() -> None:
    largest = Store(records=(bytes(MAX_RECORD_SIZE),))
    assert len(encode_request(ID, largest, is_server=True)) <= MAX_REQUEST_SIZE
    assert len(encode_reply(ID, Nodes(contacts=(V6,) * 8))) <= MAX_REPLY_SIZE


@pytest.mark.parametrize("request_", [Ping(), FindNode(target=bytes(20))])
def test_only_what_begins_like_a_request_is_decoded_as_one(request_: Request) -> None:
    data = encode_request(bytes(8), request_, is_server=True)
    assert is_request(data)
    assert not is_request(encode_reply(bytes(8), Nodes(contacts=())))
    with pytest.raises(WireError):
        decode_message(data[:1] + b"\xc2" + data[2:])  # False, which Python takes for 0


@pytest.mark.parametrize("size", [0, 33, 37, 39, 49, 51])
def test_a_contact_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(WireError):
        ReplyMessage(request_id=ID, plain=[[b"\1" * size]]).read(FindNode(target=bytes(20)))


@pytest.mark.parametrize("contact", [bytes(32) + bytes([10, 0, 0, 1, 0, 0]), [bytes(32), [bytes(4), 1]], "text", None])
def test_a_contact_without_a_port_or_in_another_form_is_refused(contact: object) -> None:
    with pytest.raises(WireError):
        ReplyMessage(request_id=ID, plain=[[contact]]).read(FindNode(target=bytes(20)))

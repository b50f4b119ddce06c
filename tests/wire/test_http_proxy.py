"""The words between a node and an HTTP proxy, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.http_proxy import DEFAULT_PORT, MAX_HEAD, Answer, HttpProxy, read_answer

TARGET = Address("relay.example.org", 443)
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example.org:8080", HttpProxy(Address("proxy.example.org", 8_080))),
        ("http://192.0.2.1/", HttpProxy(Address("192.0.2.1", DEFAULT_PORT))),
        ("http://[2001:db8::1]:3128", HttpProxy(Address("2001:db8::1", 3_128))),
        ("http://anna:pass%3Aword%40x@192.0.2.1:80", HttpProxy(Address("192.0.2.1", 80), "anna", "pass:word@x")),
        ("http://anna@192.0.2.1:80", HttpProxy(Address("192.0.2.1", 80), "anna", "")),
    ],
)
def test_a_setting_names_a_proxy_and_who_we_are_there(text: str, proxy: HttpProxy) -> None:
    assert HttpProxy.parse(text) == proxy


@pytest.mark.parametrize(
    "text",
    ["", "proxy:3128", "https://proxy:3128", "http://", "http://proxy:99999", "http://proxy:x", "http://proxy/path",
     "http://proxy?x", "http://:secret@proxy:1", "http://a%3Ab:secret@proxy", "http://a%0d%0a:secret@proxy",
     f"http://anna:{'s' * 300}@proxy", "http://[::1", "http://under the:secret@pro xy"],
    ids=repr,
)  # fmt: skip
def test_another_text_is_refused_and_no_password_is_told(text: str) -> None:
    with pytest.raises(WireError) as refused:
        HttpProxy.parse(text)
    assert "secret" not in refused.value.detail
    assert "sss" not in refused.value.detail


def test_a_password_never_prints_itself() -> None:
    proxy = HttpProxy.parse("http://anna:secret@192.0.2.1:80")
    for shown in (repr(proxy), str(proxy), f"{[proxy]}"):
        assert "secret" not in shown
        assert "anna" not in shown
        assert "192.0.2.1:80" in shown


def test_the_request_is_that_of_rfc_9110() -> None:
    assert HttpProxy(Address("192.0.2.1", 80)).request(TARGET) == (
        b"CONNECT relay.example.org:443 HTTP/1.1\r\nHost: relay.example.org:443\r\n\r\n"
    )
    assert (
        HttpProxy(Address("192.0.2.1", 80))
        .request(Address("2001:db8::2", 443))
        .startswith(b"CONNECT [2001:db8::2]:443 HTTP/1.1\r\n")
    )


def test_name_and_password_are_told_as_basic_has_it() -> None:
    # RFC 7617 section 2: the example
    request = HttpProxy(Address("192.0.2.1", 80), "Aladdin", "open sesame").request(TARGET)
    assert b"\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in request


@pytest.mark.parametrize("status", [b"200 OK", b"200", b"204 Fine", b"299 "])
def test_any_2xx_opens_the_way_and_what_follows_is_the_targets(status: bytes) -> None:
    answer = read_answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nhello")
    assert answer == Answer(int(status[:3]), (), b"hello")
    assert answer.is_open


def test_an_answer_may_come_byte_by_byte_and_interim_ones_are_passed_over() -> None:
    whole = b"HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n" + OPEN
    for size in range(len(whole)):
        assert read_answer(whole[:size]) is None
    assert read_answer(whole + b"x") == Answer(200, (), b"x")


def test_a_refusal_tells_how_one_may_say_who_one_is() -> None:
    head = (
        b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n"
        b'proxy-authenticate: Basic realm="clinic", NTLM\r\n\r\n<html>'
    )
    answer = read_answer(head)
    assert answer is not None
    assert (answer.status, answer.schemes, answer.is_open) == (407, ("negotiate", "basic", "ntlm"), False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH", b"H ", b"HTTP/2 200 OK\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 600 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * MAX_HEAD, b"HTTP/1.1 100 a\r\n\r\n" * MAX_HEAD,
        b"HTTP/1.1" + b"1" * MAX_HEAD,
    ],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
def test_what_is_no_answer_or_has_no_end_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read_answer(data)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda rest: b"HTTP/1.1 200 OK\r\n" + rest))
def test_any_bytes_are_an_answer_not_yet_one_or_a_wire_error(data: bytes) -> None:
    try:
        answer = read_answer(data)
    except WireError:
        return
    assert answer is None or data.endswith(answer.rest)

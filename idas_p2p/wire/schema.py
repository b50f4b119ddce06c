"""Frozen dataclasses to plain lists and back, checked against their annotations.

A dataclass becomes the list of its field values in order of declaration. Annotations allowed: int, bool, bytes, str,
`X | None`, `tuple[X, ...]`, another dataclass, Packed, NodeId, Address, each possibly `Annotated[X, Limit(low, high)]`.
An unlimited bytes, str or tuple is a programming error. Source: docs/spec/wire.md section 2.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from idas_p2p.blob import Octets
from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.ids import NodeId

T = TypeVar("T")
Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds, both included: of the value of an int, of the length of bytes (bytes), str (characters) or a tuple."""

    low: int
    high: int


def exactly(size: int) -> Limit:
    """A length that cannot vary."""
    return Limit(size, size)


U64 = Annotated[int, Limit(0, 2**64 - 1)]
Bytes32 = Annotated[bytes, exactly(32)]
Bytes64 = Annotated[bytes, exactly(64)]


class Packed:
    """A value whose plain form is bytes of its own making: for what there is much of; a list of fields costs more."""

    __slots__ = ()

    def to_bytes(self) -> bytes:
        """The plain form."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """From the plain form; WireError when it is none."""
        raise NotImplementedError


def to_plain(value: Any) -> Any:
    """Return the plain form of a dataclass or of a value it may contain."""
    kind = type(value)
    if kind is bytes or kind is int or kind is bool or kind is str:
        return value
    if (names := _names(kind)) is not None:  # type: ignore[arg-type]  # a class can be hashed
        return [to_plain(getattr(value, name)) for name in names]
    if isinstance(value, NodeId):
        return value.raw
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Address):
        return [value.host, value.port]
    if isinstance(value, Packed):
        return value.to_bytes()
    return value


@cache
def _names(cls: type[Any]) -> tuple[str, ...] | None:
    """The fields of a dataclass that has a list as its plain form; None of any other type."""
    if not is_dataclass(cls) or issubclass(cls, NodeId | Address | Packed):
        return None
    return tuple(field.name for field in fields(cls))


def from_plain(cls: type[T], plain: Any) -> T:
    """Build `cls` from its plain form.

    Raises:
        WireError: a field is missing, left over, of another type or out of its limits.
    """
    value: T = _dataclass_reader(cls)(plain)  # type: ignore[arg-type]
    return value


def encode(value: Any) -> bytes:
    """Return the canonical bytes of a dataclass."""
    return pack(to_plain(value))


def decode(cls: type[T], data: bytes, *, max_size: int) -> T:
    """Read canonical bytes as `cls`.

    Raises:
        WireError: not canonical bytes of a valid `cls`.
    """
    return from_plain(cls, unpack(data, max_size=max_size))


@cache
def _dataclass_reader(cls: type[Any]) -> Reader:
    hints = get_type_hints(cls, include_extras=True)
    readers = [(field.name, _reader(hints[field.name])) for field in fields(cls)]

    def read(plain: Any) -> Any:
        if not isinstance(plain, list) or len(plain) != len(readers):
            raise WireError(f"{cls.__name__} has {len(readers)} fields")
        values = {}
        try:
            for (name, reader), item in zip(readers, plain, strict=True):  # `name` tells where it went wrong
                values[name] = reader(item)
        except WireError as error:
            raise WireError(f"{cls.__name__}.{name}: {error.detail}") from None
        return cls(**values)

    return read


def _reader(hint: Any) -> Reader:
    limit: Limit | None = None
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        limit = next((mark for mark in marks if isinstance(mark, Limit)), None)
    if hint == Octets:
        hint = bytes
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not types.NoneType)
        return _optional_reader(_reader(Annotated[inner, limit] if limit else inner))
    if get_origin(hint) is tuple:
        return _tuple_reader(_reader(get_args(hint)[0]), _bounded(limit, hint))
    if hint is bool:
        return _bool_reader
    if hint is NodeId:
        return _node_id_reader
    if hint is Address:
        return _address_reader
    if isinstance(hint, type) and issubclass(hint, Packed):
        return _packed_reader(hint)
    if hint in (int, bytes, str):
        return _scalar_reader(hint, _bounded(limit, hint))
    if is_dataclass(hint):
        return _dataclass_reader(hint)  # type: ignore[arg-type]
    raise TypeError(f"no wire form for {hint}")


def _bounded(limit: Limit | None, hint: Any) -> Limit:
    if limit is None:
        raise TypeError(f"{hint} needs a Limit")
    return limit


def _scalar_reader(kind: type[Any], limit: Limit) -> Reader:
    def read(item: Any) -> Any:
        if type(item) is not kind:
            raise WireError(f"not {kind.__name__}")
        if not limit.low <= (item if kind is int else len(item)) <= limit.high:
            raise WireError(f"outside {limit.low} to {limit.high}")
        return item

    return read


def _tuple_reader(reader: Reader, limit: Limit) -> Reader:
    def read(item: Any) -> tuple[Any, ...]:
        if not isinstance(item, list):
            raise WireError("not a list")
        if not limit.low <= len(item) <= limit.high:
            raise WireError(f"outside {limit.low} to {limit.high} items")
        return tuple(reader(element) for element in item)

    return read


def _packed_reader(cls: type[Packed]) -> Reader:
    def read(item: Any) -> Any:
        if type(item) is not bytes:
            raise WireError("not bytes")
        return cls.from_bytes(item)

    return read


def _optional_reader(reader: Reader) -> Reader:
    return lambda item: None if item is None else reader(item)


def _bool_reader(item: Any) -> bool:
    if type(item) is not bool:
        raise WireError("not bool")
    return item


def _node_id_reader(item: Any) -> NodeId:
    if type(item) is not bytes:
        raise WireError("not bytes")
    return NodeId(item)


def _address_reader(item: Any) -> Address:
    if not isinstance(item, list) or len(item) != 2 or type(item[0]) is not str or type(item[1]) is not int:
        raise WireError("not an address")
    return Address(item[0], item[1])

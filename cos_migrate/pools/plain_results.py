"""Results as plain data, for workers on other machines: what they send is never unpickled.

A frame is one MessagePack value: None for a heartbeat, the units that limits were asked for, or
results. A result is its number, its kind, the index of its content in `_CONTENTS` and the content
itself. Every value is checked against the types of its fields before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import msgpack

from cos_migrate.checksums import Check
from cos_migrate.errors import Side
from cos_migrate.http.pacing import LANES, QUANTITIES, Units
from cos_migrate.model import Described, Failure, Fingerprint, RestoreState
from cos_migrate.pools.results import (
    Comparison,
    Completed,
    Content,
    CredentialsEnded,
    Deleted,
    Digested,
    Initiated,
    Latency,
    ListedParts,
    PartStored,
    Requested,
    Result,
    ResultKind,
    SourceHead,
    Spooled,
    TargetExists,
)

Frame = list[Result] | Units | None
"""Results, what limits were asked for, or a heartbeat."""

_UNITS, _RESULTS = 0, 1
_KINDS = len(ResultKind)
_NO_FRAME, _NO_RESULT = "it is no frame", "it is no result"
_TEXTS = "surrogatepass"
"""Names of files may hold surrogates."""

_Parser = Callable[[Any], Any]
"""Returns the value that plain data stands for. Raises ValueError."""


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    if frame is None:
        plain: Any = None
    elif isinstance(frame, Units):
        plain = (_UNITS, frame)
    else:
        plain = (_RESULTS, [_plain(result) for result in frame])
    packed: bytes = msgpack.packb(plain, unicode_errors=_TEXTS, default=_plain_value)
    return packed


def decode(data: bytes) -> Frame:
    """Return the frame of bytes that an untrusted process has sent. Raises ValueError."""
    try:
        plain = msgpack.unpackb(data, use_list=False, unicode_errors=_TEXTS, strict_map_key=True)
    except (msgpack.UnpackException, ValueError) as error:
        raise ValueError(f"{_NO_FRAME}: {error}") from None
    if plain is None:
        return None
    if type(plain) is not tuple or len(plain) != 2:  # noqa: PLR2004 - a kind and a content
        raise ValueError(_NO_FRAME)
    kind, content = plain
    if kind == _UNITS:
        return _units(content)
    if kind != _RESULTS or type(content) is not tuple:
        raise ValueError(_NO_FRAME)
    return [_result(each) for each in content]


def _plain(result: Result) -> tuple[int, int, int, Content]:
    number, kind, content = result
    return number, int(kind), _INDEX[type(content)], content


def _plain_value(value: object) -> object:
    """Return plain data for what MessagePack does not know: sides, and the headers of objects."""
    if isinstance(value, Side):
        return value.value
    return dict(cast("Any", value))


def _result(plain: Any) -> Result:
    if type(plain) is not tuple or len(plain) != 4:  # noqa: PLR2004 - as `_plain` returns it
        raise ValueError(_NO_RESULT)
    number, kind, index, content = plain
    if type(number) is not int or type(kind) is not int or not 0 <= kind < _KINDS:
        raise ValueError(_NO_RESULT)
    if type(index) is not int or not 0 <= index < len(_CONTENTS):
        raise ValueError(_NO_RESULT)
    _, parse = _CONTENTS[index]
    return number, kind, parse(content)


def _units(plain: Any) -> Units:
    epochs, units = _fields(plain, (_many(_whole), _many(_whole)))
    if len(epochs) != QUANTITIES or len(units) != QUANTITIES * LANES:
        raise ValueError("these are no units")
    return Units(epochs, units)


def _of_type(expected: type) -> _Parser:
    def parse(plain: Any) -> Any:
        if type(plain) is not expected:
            raise ValueError(f"{type(plain).__name__} instead of {expected.__name__}")
        return plain

    return parse


_text, _whole, _flag, _nothing = (_of_type(each) for each in (str, int, bool, type(None)))


def _number(plain: Any) -> float:
    if type(plain) is not float and type(plain) is not int:
        raise ValueError("it is no number")
    return float(plain)


def _or_nothing(parse: _Parser) -> _Parser:
    return lambda plain: None if plain is None else parse(plain)


def _many(parse: _Parser) -> _Parser:
    def parse_all(plain: Any) -> tuple[Any, ...]:
        if type(plain) is not tuple:
            raise ValueError("it is no list")
        return tuple(map(parse, plain))

    return parse_all


def _fields(plain: Any, parsers: tuple[_Parser, ...]) -> list[Any]:
    if type(plain) is not tuple or len(plain) != len(parsers):
        raise ValueError("it has other fields")
    return [parse(field) for parse, field in zip(parsers, plain, strict=True)]


def _tuple_of(*parsers: _Parser) -> _Parser:
    return lambda plain: tuple(_fields(plain, parsers))


def _made(make: Callable[..., Any], *parsers: _Parser) -> _Parser:
    return lambda plain: make(*_fields(plain, parsers))


def _side(plain: Any) -> Side:
    return Side(_text(plain))


def _headers(plain: Any) -> dict[str, str]:
    if type(plain) is not dict:
        raise ValueError("these are no headers")
    return {_text(name): _text(value) for name, value in plain.items()}


_check = _made(Check, _text, _text)
_fingerprint = _made(Fingerprint, _whole, _whole, _text)
_described = _made(
    Described,
    *(_fingerprint, _headers, _text, _whole, _many(_check), _many(_text), _text, _text, _whole),
)
_stored = _tuple_of(_text, _text, _whole, _whole, _whole, _text, _text)
_part = _tuple_of(_whole, _text, _whole)
_failure = _made(Failure, *(_text, _text, _whole, _text, _text, _text, _flag, _flag, _side))
_comparison = _made(Comparison, *(_whole, _whole, _flag, _whole, _whole, _text), _text)
_initiated = _made(Initiated, _text, _whole, _many(_check), _flag)

_CONTENTS: Final[tuple[tuple[type, _Parser], ...]] = (
    (tuple, _stored),  # the most frequent one: ObjectStored
    (type(None), _nothing),
    (Failure, _failure),
    (TargetExists, _made(TargetExists, _flag)),
    (int, _whole),
    (float, _number),
    (str, _text),
    (Side, _side),
    (Latency, _made(Latency, _whole, _number, _flag)),
    (CredentialsEnded, _made(CredentialsEnded, _side, _whole)),
    (Requested, _made(Requested, _text, _whole)),
    (Spooled, _made(Spooled, _text, _fingerprint)),
    (Described, _described),
    (Digested, _made(Digested, _text, _or_nothing(_described))),
    (Initiated, _initiated),
    (ListedParts, _made(lambda parts: ListedParts(list(parts)), _many(_part))),
    (PartStored, _made(PartStored, _text, _whole, _whole, _text, _whole)),
    (Completed, _made(Completed, _text, _text, _text)),
    (Fingerprint, _fingerprint),
    (SourceHead, _made(SourceHead, _fingerprint, _text)),
    (Comparison, _comparison),
    (RestoreState, _made(RestoreState, _flag, _flag, _text, _flag)),
    (Deleted, _made(Deleted, _many(_tuple_of(_text, _text)))),
)
"""The types of contents, with what parses them. Both ends have the same version of the tool."""
_INDEX: Final[dict[type, int]] = {made: index for index, (made, _) in enumerate(_CONTENTS)}

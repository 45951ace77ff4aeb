"""Requests: what a proof signs and what caveats read, one and the same object (SPEC §7).

The rules of this file:

- A request is normalised once, before its digest *and* before any caveat; the service acts on what is here,
  not on what it was made from.
- Arguments are JSON values and bytes. A double that is one integer becomes that integer; what has no single
  meaning (NaN, a lone surrogate, a repeated key, an integer beyond 64 bits) is refused.
- Nothing of it can be changed afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NoReturn

from delegate.core.chain.printable import has_space, is_plain, shown
from delegate.core.chain.urls import http_action, join_target, split_url
from delegate.core.patterns.plain_form import plain_form
from delegate.core.wire import cbor
from delegate.errors import DelegateError, Reason
from delegate.limits import (
    ACTION_CHARACTERS,
    EXACT_DOUBLE,
    INTEGER_MAX,
    INTEGER_MIN,
    REQUEST_BYTES,
    REQUEST_DEPTH,
    RESOURCE_CHARACTERS,
)
from delegate.regular import regular

_EXACT: Final = frozenset({str, int, bool, bytes, float, dict, list, tuple, type(None)})
_BASE16: Final = regular(r"\$*base16")
_HEX: Final = regular(r"(?:[0-9a-f]{2})*")
_DIGEST_PREFIX: Final = b"delegate/1 request\0"


class Request:
    r"""One request: an action, a resource or none, and arguments.

    Attributes:
        action: 1 to 256 printable characters, no white space: `files.read`, `http.get`, a tool's name.
        resource: a path or URL, or `None`.
        args: the normalised arguments, read-only all the way down.
        digest: 32 bytes, SHA-256("delegate/1 request\0" + CBOR([action, resource, args])): what a proof signs.
    """

    __slots__ = ("_encoded", "_frozen", "action", "digest", "resource", "resource_is_plain", "values")

    action: str
    resource: str | None
    resource_is_plain: bool
    values: dict[str, Any]
    digest: bytes
    _encoded: bytes
    _frozen: Mapping[str, Any] | None

    def __init__(self, action: str, resource: str | None = None, args: Mapping[str, object] | None = None) -> None:
        """Normalise a request.

        Args:
            action: what is asked for.
            resource: what it is asked of; `None` where the action has no object.
            args: JSON values and bytes, keys text; at most 64 KiB encoded, nested at most 16 deep.

        Raises:
            DelegateError: MALFORMED for a value without a single meaning, LIMIT_EXCEEDED for size and depth.
            TypeError: a type that JSON does not have (bytes apart).

        Source: SPEC §7.
        """
        put = object.__setattr__
        action, resource = _plain_text(action), _plain_text(resource)
        if type(action) is not str or not _is_action(action):
            _check_action(action)
        if resource is not None:
            _check_resource(resource)
        budget = _Budget()
        values = _mapping(args, 1, budget, "args") if args else {}
        item = [action, resource, values]
        encoded = cbor.encode(item) if budget.has_float else cbor.encode_sorted(item)
        if len(encoded) > REQUEST_BYTES:
            _refuse(Reason.LIMIT_EXCEEDED, f"a request of {len(encoded)} bytes")
        put(self, "action", action)
        put(self, "resource", resource)
        put(self, "resource_is_plain", resource is not None and plain_form(resource))
        put(self, "values", values)
        put(self, "digest", hashlib.sha256(_DIGEST_PREFIX + encoded).digest())
        put(self, "_encoded", encoded)
        put(self, "_frozen", None)

    @property
    def args(self) -> Mapping[str, Any]:
        """The normalised arguments, read-only; lists come back as tuples. As JSON has them: `to_json()["args"]`."""
        if self._frozen is None:
            object.__setattr__(self, "_frozen", _freeze_map(self.values))
        return self._frozen or {}

    @classmethod
    def http(cls, method: str, url: str, args: Mapping[str, object] | None = None) -> Request:
        """Map an HTTP request: the mapping that every integration shares.

        The action is `http.` and the lower-case method; the resource is scheme, host, port unless it is the
        scheme's own, and path. Scheme and host are in lower case; what a path cannot hold as it is (a letter beyond
        ASCII, `{`, `"`) stands behind percent signs in capitals, and nothing else does. A query becomes
        `args["query"]`, a map from name to the list of its values, in order.

        For whoever sends a request. A service that receives one has no URL, only a target and its own origin: see
        `from_target`.

        Raises:
            DelegateError: MALFORMED for a relative URL, userinfo, a fragment, an odd host or port, a path that is read
                in several ways (SPEC §7.4), or what is no HTTP method.
            ValueError: `args` has a `query` of its own beside the URL's.
        """
        action = http_action(method)
        resource, query = split_url(url)
        merged = dict(args or {})
        if query:
            if "query" in merged:
                raise ValueError("both the url and args have a query")
            merged["query"] = query
        return cls(action, resource, merged)

    @classmethod
    def from_target(
        cls, origin: str, method: str, target: str | bytes, args: Mapping[str, object] | None = None
    ) -> Request:
        """Map an HTTP request as a service receives it: `http` of its own origin and the raw target.

        Never of a `Host` header or of a URL that a framework made from one: whoever sends the request chooses it.

        Args:
            origin: where clients reach this service, as configured: `https://files.example.com`. No path.
            method: of the request line.
            target: of the request line, undecoded: path and query, such as `/reports/q3.csv?page=2`. ASGI has them in
                `scope["raw_path"]` and `scope["query_string"]`; WSGI servers in `REQUEST_URI` or `RAW_URI`.
            args: further arguments.

        Raises:
            DelegateError: MALFORMED as `http` does; and for a target that does not begin with `/`, that begins with
                `//`, or that has anything but visible ASCII.
            ValueError: `origin` is none; or `args` has a `query` of its own beside the target's.
        """
        return cls.http(method, join_target(origin, target), args)

    @classmethod
    def tool(cls, name: str, arguments: Mapping[str, object] | None = None) -> Request:
        """Map a tool call: the action is the tool's name, there is no resource, the args are its arguments."""
        return cls(name, None, arguments)

    @classmethod
    def from_json(cls, text: str | bytes) -> Request:
        """Read `{"action": …, "resource": …, "args": {…}}`; resource and args may be absent.

        Within `args`, `{"base16": "00ff"}` is bytes, and `{"$base16": …}` an object whose only key is `base16`.

        Raises:
            DelegateError: MALFORMED for what is not such an object, repeated keys and NaN included.
        """
        value = parse_json(text)
        if not isinstance(value, dict) or not value.keys() <= {"action", "resource", "args"}:
            _refuse(Reason.MALFORMED, "a request is an object with `action`, `resource` and `args`")
        args = value.get("args")
        if args is not None and not isinstance(args, dict):
            _refuse(Reason.MALFORMED, "`args` is not an object")
        for name in ("action", "resource"):
            if name in value and not isinstance(value[name], str) and (name == "action" or value[name] is not None):
                _refuse(Reason.MALFORMED, f"`{name}` is not text")
        if "action" not in value:
            _refuse(Reason.MALFORMED, "a request without an `action`")
        return cls(
            value["action"], value.get("resource"), args and {key: from_jsonable(item) for key, item in args.items()}
        )

    def to_json(self) -> dict[str, object]:
        """Give the request as JSON values, which `from_json` reads back; bytes as `{"base16": "00ff"}` (SPEC §7.1)."""
        return {
            "action": self.action,
            "resource": self.resource,
            "args": {key: to_jsonable(item) for key, item in self.values.items()},
        }

    def describe(self) -> str:
        r"""Give the canonical text of this request: what was digested, in CBOR's diagnostic notation.

        Two requests have the same text if and only if they have the same digest, in any release of this format. It is
        one line of printable ASCII, such as `["pay", null, {"amount": 5, "note": "caf\u00e9"}]`. Nothing of it is
        left out or shortened: it can have some six times the 64 KiB of the request.

        A service may send it to whoever sent the request, to compare with what they proved: there is nothing in it but
        the request. Source: SPEC §7.1.
        """
        return describe([self.action, self.resource, self.values])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Request cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Request cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self._encoded == other._encoded

    def __hash__(self) -> int:
        return hash(self._encoded)

    def __reduce__(self) -> tuple[type[Request], tuple[str, str | None, dict[str, Any]]]:
        return type(self), (self.action, self.resource, self.values)

    def __repr__(self) -> str:
        return f"Request({self.action!r}, {self.resource!r}, {self.values!r})"


def normalise(values: Mapping[str, object], where: str) -> dict[str, Any]:
    """Normalise values as arguments are; `where` names them in an error. Raises as `Request` does."""
    return _mapping(values, 1, _Budget(), where)


def describe(value: object) -> str:
    """Write a normalised value as diagnostic notation (RFC 8949 §8), in one way and in printable ASCII (SPEC §7.1)."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{describe(key)}: {describe(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(describe, value))}]"
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    import json

    return json.dumps(value).replace("\x7f", "\\u007f")


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is any of its types
    """Parse JSON strictly: no repeated keys, no NaN or infinity, no integer beyond 64 bits.

    Raises:
        DelegateError: MALFORMED; LIMIT_EXCEEDED for a text that no request could come from.
    """
    import json

    if len(text) > REQUEST_BYTES * 8:
        _refuse(Reason.LIMIT_EXCEEDED, f"{len(text)} bytes of JSON")
    try:
        if isinstance(text, bytes):
            text = text.decode()  # of itself, `json` would take UTF-16 and UTF-32 too
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int)
    except (ValueError, RecursionError) as error:
        _refuse(Reason.MALFORMED, f"not JSON: {shown(str(error))}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a repeated key")
    return result


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is not a JSON number"
    raise ValueError(message)


def _bounded_int(digits: str) -> int:
    if len(digits) > 20 or not INTEGER_MIN <= int(digits) <= INTEGER_MAX:
        message = "an integer beyond 64 bits"
        raise ValueError(message)
    return int(digits)


def _plain_text(given: Any) -> Any:  # noqa: ANN401 - its caller says which type is wanted
    """Take a member of an enumeration, or another subclass, as the text that it is."""
    return str.__str__(given) if isinstance(given, str) and type(given) is not str else given


def _refuse(reason: Reason, detail: str) -> NoReturn:
    raise DelegateError(reason, detail)


@lru_cache(512)  # a service is asked for the same few actions: saves 0.3 µs a request
def _is_action(action: str) -> bool:
    try:
        _check_action(action)
    except DelegateError:
        return False
    return True


def _check_action(action: str) -> None:
    if type(action) is not str:
        message = f"an action is a str, not {type(action).__name__}"
        raise TypeError(message)
    if not 0 < len(action) <= ACTION_CHARACTERS:
        _refuse(Reason.LIMIT_EXCEEDED if action else Reason.MALFORMED, f"an action of {len(action)} characters")
    if not (action.isascii() and action.isprintable()) and not is_plain(action):
        _refuse(Reason.MALFORMED, f"an action with a control or format character: `{shown(action)}`")
    if has_space(action):
        _refuse(Reason.MALFORMED, f"an action with a space: `{shown(action)}`")


def _check_resource(resource: str) -> None:
    if type(resource) is not str:
        message = f"a resource is a str or None, not {type(resource).__name__}"
        raise TypeError(message)
    if len(resource) > RESOURCE_CHARACTERS:
        _refuse(Reason.LIMIT_EXCEEDED, f"a resource of {len(resource)} characters")
    if not resource.isascii():
        _check_unicode(resource, "resource")


def _check_unicode(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(Reason.MALFORMED, f"a lone surrogate in {where}")


class _Budget:
    """What normalising may still look at, so that a vast argument is refused before it is walked."""

    __slots__ = ("has_float", "left")

    def __init__(self) -> None:
        self.left = REQUEST_BYTES
        self.has_float = False

    def spend(self, size: int) -> None:
        self.left -= 1 + size
        if self.left < 0:
            _refuse(Reason.LIMIT_EXCEEDED, "a request of more than 64 KiB")


def _mapping(value: Mapping[str, object], depth: int, budget: _Budget, where: str) -> dict[str, Any]:
    if any(isinstance(key, str) and type(key) is not str for key in value):
        value = {_plain_text(key): item for key, item in value.items()}
    if depth > REQUEST_DEPTH:
        _refuse(Reason.LIMIT_EXCEEDED, f"arguments nested deeper than {REQUEST_DEPTH}")
    for key in value:
        if type(key) is not str:
            message = f"a key in {where} is a {type(key).__name__}, not a str"
            raise TypeError(message)
        budget.spend(len(key))
        if not key.isascii():
            _check_unicode(key, where)
    keys = cbor.sorted_keys(value) if len(value) > 1 else value
    return {key: _value(value[key], depth + 1, budget, where) for key in keys}


def _value(value: object, depth: int, budget: _Budget, where: str) -> object:
    kind = type(value)
    if kind not in _EXACT:
        exact: Any = next((each for each in (int, bytes) if isinstance(value, each)), _plain_text)
        value = exact(value)
        kind = type(value)
    if kind is str or kind is bytes:
        budget.spend(len(value))  # type: ignore[arg-type]
        if kind is str and not value.isascii():  # type: ignore[attr-defined]
            _check_unicode(value, where)  # type: ignore[arg-type]
        return value
    budget.spend(0)
    if value is None or kind is bool:
        return value
    if kind is int:
        if not INTEGER_MIN <= value <= INTEGER_MAX:  # type: ignore[operator]
            _refuse(Reason.MALFORMED, f"an integer beyond 64 bits in {where}")
        return value
    if isinstance(value, float):
        return _number(value, budget, where)
    if isinstance(value, Mapping):
        return _mapping(value, depth, budget, where)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        if depth > REQUEST_DEPTH:
            _refuse(Reason.LIMIT_EXCEEDED, f"arguments nested deeper than {REQUEST_DEPTH}")
        return [_value(item, depth + 1, budget, where) for item in value]
    message = f"{where} holds a {kind.__name__}; only JSON values and bytes can be arguments"
    raise TypeError(message)


def _number(value: float, budget: _Budget, where: str) -> int | float:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        _refuse(Reason.MALFORMED, f"a number that is not finite in {where}")
    if value.is_integer() and -EXACT_DOUBLE <= value <= EXACT_DOUBLE:
        return int(value)
    budget.has_float = True
    return float(value)


def _freeze_map(values: Mapping[str, object]) -> Mapping[str, object]:
    return MappingProxyType({key: _freeze(item) for key, item in values.items()})


def _freeze(value: object) -> object:
    if isinstance(value, dict):
        return _freeze_map(value)
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value


def to_jsonable(value: object) -> object:
    """Give a normalised value as JSON has it: bytes as the object `{"base16": "00ff"}` (SPEC §7.1)."""
    if isinstance(value, dict):
        only = next(iter(value)) if len(value) == 1 else ""
        escape = "$" if _BASE16.fullmatch(only) else ""  # else an object would look like bytes
        return {escape + key: to_jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_jsonable(item) for item in value]
    return {"base16": value.hex()} if isinstance(value, bytes) else value


def from_jsonable(value: object, depth: int = REQUEST_DEPTH) -> object:
    """Read back what `to_jsonable` gives; raises DelegateError: MALFORMED where `base16` is no text of pairs of digits.

    What is nested deeper than `depth` is left as it is: the request will be refused for it.
    """
    if isinstance(value, dict) and depth:
        only = next(iter(value)) if len(value) == 1 else ""
        if only == "base16":
            text = value[only]
            if type(text) is not str or not _HEX.fullmatch(text):
                _refuse(Reason.MALFORMED, "`base16` is not pairs of hex digits; for an object with that key: `$base16`")
            return bytes.fromhex(text)
        cut = 1 if _BASE16.fullmatch(only) else 0
        return {key[cut:]: from_jsonable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list) and depth:
        return [from_jsonable(item, depth - 1) for item in value]
    return value

"""Signing by a PKCS#11 token: a hardware module, a smart card, or one in software (OASIS PKCS #11 3.0).

The rules of this file:

- The key never leaves the token: it is made there, cannot be exported, and only signs.
- A log-in is the process's, not the caller's: there is one session for each token, and the PIN is given once. It is
  kept for the child of a `fork`, which must log in anew, and nowhere else; it never prints.
- A wrong PIN is never tried twice: tokens lock themselves.
- Ed25519 signs the message itself (EdDSA); P-256 signs its SHA-256 (raw ECDSA), since not every token hashes. What
  comes is checked before it counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from types import ModuleType
from typing import Any, Final, NoReturn, Self
from urllib.parse import unquote

from delegate.authoring.elsewhere import checked, refused
from delegate.core.chain.printable import shown
from delegate.core.decide.remembered import Process, ProcessLock, this_process
from delegate.core.keys.public import Algorithm, PublicKey
from delegate.errors import DelegateError, Reason, TokenError

SCHEME: Final = "pkcs11:"
_ED25519_PARAMETERS: Final = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
_P256_PARAMETERS: Final = bytes.fromhex("06082a8648ce3d030107")
_OCTETS: Final = 0x04
_PARTS: Final = frozenset({"token", "object", "id", "serial", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_PIN_BYTES: Final = 256

Pin = str | Callable[[], str] | None


class Pkcs11Signer:
    """A key in a PKCS#11 token: Ed25519, or P-256 for ESP256. Several threads may use one."""

    __slots__ = ("_find", "_held", "_name", "_public_key", "_token")

    def __init__(
        self,
        module: str,
        *,
        token: str,
        label: str | None = None,
        id: bytes | None = None,  # noqa: A002 - as PKCS #11 calls it
        pin: Pin = None,
    ) -> None:
        """Find a key in a token, and log in.

        Args:
            module: path of the module: a shared library, whose code is run in this process.
            token: label of the token.
            label: of the key; with `id`, or with that alone: together they must fit one private key and no other.
            id: of the key.
            pin: the user's PIN, or what gives it when it is needed. None: a token that needs no log-in, or to which
                this process is logged in already.

        Raises:
            ImportError: the extra `pkcs11` is not installed.
            StateError: STATE_UNAVAILABLE: no such module, token or key, or several; a wrong PIN.
            TokenError: UNSUPPORTED_ALGORITHM: the key is neither Ed25519 nor P-256.
        """
        if label is None and id is None:
            message = "say which key of the token: label or id"
            raise TypeError(message)
        library = _pkcs11()
        self._token = _Token.at(module, token, pin)
        self._find = {
            library.Attribute.CLASS: library.ObjectClass.PRIVATE_KEY,
            **({} if label is None else {library.Attribute.LABEL: label}),
            **({} if id is None else {library.Attribute.ID: id}),
        }
        self._name = label or (id or b"").hex()
        with self._token.use() as session:
            key = self._key(session)
            self._public_key = _public_key(session, key)
            self._held = (this_process(), key)

    @classmethod
    def from_uri(cls, uri: str, *, pin: Pin = None) -> Self:
        """Find the key that a PKCS #11 URI names (RFC 7512).

        Args:
            uri: `pkcs11:token=…;object=…?module-path=…`, perhaps with `id`, and `pin-source` for a file with the PIN.
                `pin-value` is refused: what is in a command line or a file of settings is no secret.
            pin: as for the signer itself; `pin-source` where it is not given.

        Raises:
            ValueError: not such a URI. Else as the signer itself.
        """
        found = parse_uri(uri)
        return cls(
            found.get("module-path", ""),
            token=found["token"],
            label=found.get("object"),
            id=_id(found["id"]) if "id" in found else None,
            pin=_pin_of(found) if pin is None else pin,
        )

    @classmethod
    def generate(
        cls, module: str, *, token: str, label: str, pin: Pin = None, algorithm: Algorithm = Algorithm.ED25519
    ) -> Self:
        """Make a new key in a token, which can sign and cannot be exported.

        Args:
            module: as for the signer itself.
            token: the same.
            pin: the same.
            label: of the key; there is none of that label yet.
            algorithm: which kind of key.

        Raises:
            StateError: STATE_UNAVAILABLE: there is such a key, or the token does not make one. Else as the signer.
        """
        library = _pkcs11()
        held = _Token.at(module, token, pin)
        with held.use(writing=True) as session:
            template = {library.Attribute.CLASS: library.ObjectClass.PRIVATE_KEY, library.Attribute.LABEL: label}
            if list(session.get_objects(template)):
                refused(f"the token has a private key `{shown(label)}` already")
            _generate(library, session, label, algorithm)
        return cls(module, token=token, label=label, pin=pin)

    @classmethod
    def generate_at(cls, uri: str, *, pin: Pin = None, algorithm: Algorithm = Algorithm.ED25519) -> Self:
        """Make a new key where a PKCS #11 URI says, which has no `id`; as `generate`. Raises ValueError too."""
        found = parse_uri(uri)
        if "id" in found:
            message = "a new key is named by its label: object=…"
            raise ValueError(message)
        given = _pin_of(found) if pin is None else pin
        return cls.generate(
            found.get("module-path", ""), token=found["token"], label=found["object"], pin=given, algorithm=algorithm
        )

    @property
    def public_key(self) -> PublicKey:
        """The key that the signatures hold under."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature; raises StateError, STATE_UNAVAILABLE, where the token gives none."""
        library = _pkcs11()
        is_edwards = self._public_key.algorithm is Algorithm.ED25519
        mechanism = library.Mechanism.EDDSA if is_edwards else library.Mechanism.ECDSA
        signed = message if is_edwards else hashlib.sha256(message).digest()
        with self._token.use() as session:
            process, key = self._held
            if process is not this_process():  # handles are of the process that found them
                key = self._key(session)
                self._held = (this_process(), key)
            signature = bytes(key.sign(signed, mechanism=mechanism))
        return checked(self._public_key, message, signature, "the token")

    def _key(self, session: Any) -> Any:  # noqa: ANN401 - the library's own types
        keys = list(session.get_objects(self._find))
        if len(keys) != 1:
            what = "no private key" if not keys else f"{len(keys)} private keys"
            refused(f"the token has {what} `{shown(self._name)}`" + ("" if keys else ": is the PIN needed?"))
        return keys[0]

    def __repr__(self) -> str:
        return f"Pkcs11Signer({self._public_key})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        message = "a signer is not pickled: its session is this process's"
        raise TypeError(message)


def parse_uri(uri: str) -> dict[str, str]:
    """Read a PKCS #11 URI (RFC 7512): its attributes, unescaped.

    Raises:
        ValueError: not one; an attribute that is not known here, or twice; `pin-value`; no `token`.
    """
    found: dict[str, str] = {}
    if not uri.startswith(SCHEME) or not uri.isascii() or not uri.isprintable():
        message = "a key in a token is written pkcs11:token=…;object=…?module-path=…"
        raise ValueError(message)
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    for text, between, names in ((path, ";", _PARTS), (query, "&", _QUERY)):
        for part in filter(None, text.split(between)):
            name, sign, value = part.partition("=")
            if name == "pin-value":
                message = "a PIN does not belong into a URI: use pin-source=/path/of/a/file"
                raise ValueError(message)
            if not sign or name not in names or name in found:
                message = f"`{shown(name)}` is not known in a pkcs11 URI, or stands there twice"
                raise ValueError(message)
            # An id is bytes: one character for each, whatever they are.
            found[name] = unquote(value, "latin-1" if name == "id" else "utf-8", "strict")
    if "token" not in found or ("object" not in found and "id" not in found):
        message = "a pkcs11 URI names the token and the key: pkcs11:token=…;object=…"
        raise ValueError(message)
    if found.pop("type", "private") != "private":
        message = "a pkcs11 URI names a private key"
        raise ValueError(message)
    if found.pop("serial", None) is not None:
        message = "a token is named by its label here: token=…"
        raise ValueError(message)
    return found


def _id(text: str) -> bytes:
    return text.encode("latin-1")


def _pin_of(found: dict[str, str]) -> Pin:
    source = found.get("pin-source")
    if source is None:
        return None
    path = source.removeprefix("file:").removeprefix("//") if source.startswith("file:") else source
    return lambda: _read_pin(path)


def _read_pin(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - one way to open files
        content = file.read(_PIN_BYTES + 1)
    try:
        pin = content.decode().split("\n")[0].removesuffix("\r")
    except UnicodeDecodeError:
        pin = ""
    if not pin or len(content) > _PIN_BYTES:
        refused("the file of pin-source has no PIN on its first line")
    return pin


class _Token:
    """One token in one module, and this process's session with it."""

    __slots__ = ("_label", "_lock", "_module", "_opened", "_pin")
    _known: dict[tuple[str, str], _Token] = {}  # noqa: RUF012 - a log-in is the process's, whoever asks for it
    _making = Lock()

    def __init__(self, module: str, label: str) -> None:
        self._module = module
        self._label = label
        self._pin: Callable[[], str] | None = None
        self._lock = ProcessLock()
        self._opened: tuple[Process, Any, bool] | None = None

    @classmethod
    def at(cls, module: str, label: str, pin: Pin) -> _Token:
        if not module:
            refused("say which module reaches the token: module-path=/usr/lib/…")
        with cls._making:
            found = cls._known.setdefault((module, label), cls(module, label))
        if pin is not None:
            found.give(pin)
        return found

    def give(self, pin: str | Callable[[], str]) -> None:
        """Take a PIN, unless this process is logged in with one."""
        with self._lock.mine():
            if self._pin is not None and self._opened is not None:
                return
            self.forget()
            self._pin = (lambda: pin) if isinstance(pin, str) else pin

    def use(self, *, writing: bool = False) -> _Use:
        return _Use(self, writing=writing)

    def session(self, *, writing: bool) -> Any:  # noqa: ANN401 - the library's own type
        """Give this process's session; its lock is held."""
        opened = self._opened
        if opened is not None and opened[0] is this_process() and (opened[2] or not writing):
            return opened[1]
        if opened is not None and opened[0] is this_process():
            with suppress(Exception):
                opened[1].close()
        self._opened = None
        library = _pkcs11().lib(self._module)
        if opened is not None and opened[0] is not this_process():
            library.reinitialize()
        token = library.get_token(token_label=self._label)
        session = self._open(token, writing=writing)
        self._opened = (this_process(), session, writing)
        return session

    def forget(self) -> None:
        """Rely on a session no longer that has failed: the token may have been taken out."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):
                opened[1].close()

    def lock(self) -> Lock:
        return self._lock.mine()

    def _open(self, token: Any, *, writing: bool) -> Any:  # noqa: ANN401 - the library's own types
        from pkcs11.exceptions import PinIncorrect, UserAlreadyLoggedIn

        if self._pin is None:
            return token.open(rw=writing)
        try:
            return token.open(rw=writing, user_pin=self._pin())
        except UserAlreadyLoggedIn:  # by something else in this process
            return token.open(rw=writing)
        except PinIncorrect:
            self._pin = None
            raise


class _Use:
    """The use of a session by one thread at a time; what the library raises becomes StateError."""

    __slots__ = ("_lock", "_token", "_writing")

    def __init__(self, token: _Token, *, writing: bool) -> None:
        self._token = token
        self._writing = writing

    def __enter__(self) -> Any:  # noqa: ANN401 - the library's own type
        self._lock = self._token.lock()
        self._lock.acquire()
        try:
            return self._token.session(writing=self._writing)
        except BaseException as error:
            self._lock.release()
            self._told(error)
            raise

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if error is not None and not isinstance(error, DelegateError):
                self._token.forget()
        finally:
            self._lock.release()
        self._told(error)

    @staticmethod
    def _told(error: BaseException | None) -> None:
        """Raise StateError for what the library raised, without its arguments."""
        from pkcs11.exceptions import PinIncorrect, PinLocked, PKCS11Error

        if isinstance(error, PinIncorrect):
            refused("the token's PIN is wrong; it is not tried again")
        if isinstance(error, PinLocked):
            refused("the token's PIN is locked after too many wrong ones")
        if isinstance(error, PKCS11Error):
            words = f": {shown(str(error), 200)}" if str(error) else ""
            refused(f"the token did not do it: {type(error).__name__}{words}")


def _generate(library: ModuleType, session: Any, label: str, algorithm: Algorithm) -> None:  # noqa: ANN401 - as above
    attribute, mechanism = library.Attribute, library.Mechanism
    edwards = algorithm is Algorithm.ED25519
    parameters = session.create_domain_parameters(
        library.KeyType.EC_EDWARDS if edwards else library.KeyType.EC,
        {attribute.EC_PARAMS: _ED25519_PARAMETERS[0] if edwards else _P256_PARAMETERS},
        local=True,
    )
    parameters.generate_keypair(
        mechanism=mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else mechanism.EC_KEY_PAIR_GEN,
        store=True,
        label=label,
        id=hashlib.sha256(label.encode()).digest()[:16],
        private_template={attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.SIGN: True},
    )


def _public_key(session: Any, key: Any) -> PublicKey:  # noqa: ANN401 - as above
    """Read the public half of a key: of the public object beside it, or of itself where the token has it there."""
    library = _pkcs11()
    attribute = library.Attribute
    template = {attribute.CLASS: library.ObjectClass.PUBLIC_KEY, attribute.ID: bytes(key[attribute.ID])}
    objects = [each for each in session.get_objects(template) if each.key_type == key.key_type] or [key]
    try:
        parameters, point = bytes(objects[0][attribute.EC_PARAMS]), bytes(objects[0][attribute.EC_POINT])
    except Exception:  # noqa: BLE001 - a key of another kind, or a token that keeps no public half
        refused("the token does not give the public half of the key, or it is no elliptic-curve key")
    for size in (32, 65):  # most tokens wrap the point into an octet string
        if len(point) == size + 2 and point[:2] == bytes((_OCTETS, size)):
            point = point[2:]
    try:
        if parameters in _ED25519_PARAMETERS:
            return PublicKey(Algorithm.ED25519, point)
        if parameters == _P256_PARAMETERS and point[:1] == b"\x04":
            return PublicKey(Algorithm.ESP256, point[1:])
    except ValueError:
        refused("the public half of the key has another length than its kind")
    raise TokenError(Reason.UNSUPPORTED_ALGORITHM, "a key that is neither ed25519 nor esp256")


def _pkcs11() -> ModuleType:
    try:
        import pkcs11
    except ImportError:
        message = "keys in PKCS#11 tokens need the extra: pip install 'delegate-token[pkcs11]'"
        raise ImportError(message) from None
    return pkcs11

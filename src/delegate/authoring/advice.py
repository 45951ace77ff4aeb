"""What an author may not have meant: told, and never refused (SPEC §6.1).

The rules of this file:

- It gives texts, and raises and logs nothing: a program that turns warnings into errors is none the worse for it.
- It looks at one block alone, the last: what is above was somebody else's to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from delegate.core.chain.spans import span
from delegate.language.capability import Capability, decode_capabilities

if TYPE_CHECKING:
    from delegate.authoring.bearer import BearerToken
    from delegate.authoring.token import Token

LONG_S: Final = 90 * 24 * 3600  # what nobody remembers to have handed out


def advice(token: Token | BearerToken) -> tuple[str, ...]:
    """Say what of a token's last block grants more, or something else, than its author may have meant.

    Args:
        token: as it was just made.

    Returns:
        Sentences for people, each saying what is granted; none, where nothing is remarkable.
    """
    link = token.link
    found = [words for each in decode_capabilities(link.block.can) for words in _of(each)] if link.block.can else []
    if link.hop:
        found = [f"{words}, as far as the hops above permit it" for words in found]
    length_s = link.expires - link.block.issued
    if length_s > LONG_S and link.block.expires is not None:
        found.append(f"it is valid for {span(length_s)}: only a revocation that reaches every service ends it before")
    return tuple(dict.fromkeys(found))


def _of(capability: Capability) -> Iterator[str]:
    action, resource = capability.action, capability.resource
    limited = "" if capability.condition is None else ", under its condition"
    where = f"on `{resource}`" if isinstance(resource, str) else "on one resource"
    where = "without a resource" if resource is None else "on every resource" if resource == "**" else where
    if action == "**":
        yield f"`{capability}` permits every action {where}{limited}"
    elif action == "*":
        yield f"`{capability}` permits every action of one word, such as `pay` and not `files.read`, {where}{limited}"
    elif resource == "**":
        yield f"`{capability}` permits `{action}` on every resource{limited}"
    if isinstance(resource, str) and "/" in resource and resource[0] not in "/*" and ":" not in resource:
        yield f"`{resource}` has no slash at its start: it covers no path such as `/{resource.split('*')[0]}…`"

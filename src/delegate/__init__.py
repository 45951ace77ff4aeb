"""Narrow, short-lived, traceable authority for AI agents: chains that any service verifies offline.

A person mints a token for an agent; the agent narrows it and hands it to a sub-agent, with no server; the
sub-agent proves possession of its key over one request; a service checks the whole chain back to the person.
"""

from delegate.caveats import (
    Caveat,
    Constraint,
    any_value,
    at_least,
    at_most,
    between,
    each,
    equals,
    host_in,
    ip_in,
    length,
    matching,
    none_of,
    one_of,
    regex,
    some,
    when,
    within,
)
from delegate.chain.ask import Ask
from delegate.chain.bearer import BearerToken
from delegate.chain.capability import Capability, can, exactly
from delegate.chain.discharge import Discharge
from delegate.chain.holder import Holder
from delegate.chain.hop import Hop
from delegate.chain.identity import Identity
from delegate.chain.mint import Draft
from delegate.chain.needs import Need, need
from delegate.chain.request import Request
from delegate.chain.revocations import RevocationList, RevokedBlock, RevokedKey
from delegate.chain.token import Presentation, Token
from delegate.chain.unverified import UnverifiedToken
from delegate.errors import (
    AttenuationError,
    CaveatError,
    CaveatSyntaxError,
    DelegateError,
    Denied,
    Reason,
    StateError,
    TokenError,
    VerificationError,
)
from delegate.keys import Principal, PublicKey, Signer
from delegate.limits import Limits
from delegate.state import MemoryReplay
from delegate.verify import AsyncVerifier, Authorization, Decision, Root, VerifiedChain, Verifier

__all__ = [
    "Ask",
    "AsyncVerifier",
    "AttenuationError",
    "Authorization",
    "BearerToken",
    "Capability",
    "Caveat",
    "CaveatError",
    "CaveatSyntaxError",
    "Constraint",
    "Decision",
    "DelegateError",
    "Denied",
    "Discharge",
    "Draft",
    "Holder",
    "Hop",
    "Identity",
    "Limits",
    "MemoryReplay",
    "Need",
    "Presentation",
    "Principal",
    "PublicKey",
    "Reason",
    "Request",
    "RevocationList",
    "RevokedBlock",
    "RevokedKey",
    "Root",
    "Signer",
    "StateError",
    "Token",
    "TokenError",
    "UnverifiedToken",
    "VerificationError",
    "VerifiedChain",
    "Verifier",
    "any_value",
    "at_least",
    "at_most",
    "between",
    "can",
    "each",
    "equals",
    "exactly",
    "host_in",
    "ip_in",
    "length",
    "matching",
    "need",
    "none_of",
    "one_of",
    "regex",
    "some",
    "when",
    "within",
]

"""Narrow, short-lived, traceable authority for AI agents: chains that any service verifies offline.

A person mints a token for an agent; the agent narrows it and hands it to a sub-agent, with no server; the
sub-agent proves possession of its key over one request; a service checks the whole chain back to the person.

Importing this package loads none of it: each name is loaded when it is first used.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.authoring.advice import advice
    from delegate.authoring.ask import Ask
    from delegate.authoring.bearer import BearerToken
    from delegate.authoring.discharge import Discharge
    from delegate.authoring.draft import Draft
    from delegate.authoring.identity import Identity
    from delegate.authoring.revoke import RevokedBlock, RevokedKey
    from delegate.authoring.root_bundle import trusted
    from delegate.authoring.signers import Signer
    from delegate.authoring.token import Presentation, Token
    from delegate.core.chain.request import Request
    from delegate.core.chain.revocations import RevocationList
    from delegate.core.keys.principal import Principal
    from delegate.core.keys.public import PublicKey
    from delegate.errors import (
        AttenuationError,
        CaveatError,
        CaveatSyntaxError,
        DelegateError,
        Reason,
        StateError,
        TokenError,
        VerificationError,
    )
    from delegate.explain.hops import Hop
    from delegate.explain.unverified import UnverifiedToken
    from delegate.holder import Holder
    from delegate.journal.file import Journal
    from delegate.language.capability import Capability, can, exactly
    from delegate.language.conditions import Caveat, when
    from delegate.language.constraints import (
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
        within,
    )
    from delegate.language.needs import Need, need
    from delegate.limits import Limits
    from delegate.state.memory_replay import MemoryReplay
    from delegate.trust.bundle import RootBundle, TrustedKey
    from delegate.verifier.decision import Authorization, Decision
    from delegate.verifier.denied import Denied
    from delegate.verifier.roots import Root
    from delegate.verifier.verified import VerifiedChain
    from delegate.verifier.verifier import AsyncVerifier, Verifier
else:
    from delegate.faces import face

    _HOMES = {
        "authoring.advice": ("advice",),
        "authoring.ask": ("Ask",),
        "authoring.bearer": ("BearerToken",),
        "authoring.discharge": ("Discharge",),
        "authoring.draft": ("Draft",),
        "holder": ("Holder",),
        "authoring.identity": ("Identity",),
        "authoring.revoke": ("RevokedBlock", "RevokedKey"),
        "authoring.root_bundle": ("trusted",),
        "authoring.signers": ("Signer",),
        "authoring.token": ("Presentation", "Token"),
        "core.chain.request": ("Request",),
        "core.chain.revocations": ("RevocationList",),
        "core.keys.principal": ("Principal",),
        "core.keys.public": ("PublicKey",),
        "errors": (
            *("AttenuationError", "CaveatError", "CaveatSyntaxError", "DelegateError", "Reason"),
            *("StateError", "TokenError", "VerificationError"),
        ),
        "explain.hops": ("Hop",),
        "explain.unverified": ("UnverifiedToken",),
        "journal.file": ("Journal",),
        "language.capability": ("Capability", "can", "exactly"),
        "language.conditions": ("Caveat", "when"),
        "language.constraints": (
            *("Constraint", "any_value", "at_least", "at_most", "between", "each", "equals", "host_in", "ip_in"),
            *("length", "matching", "none_of", "one_of", "regex", "some", "within"),
        ),
        "language.needs": ("Need", "need"),
        "limits": ("Limits",),
        "state.memory_replay": ("MemoryReplay",),
        "trust.bundle": ("RootBundle", "TrustedKey"),
        "verifier.decision": ("Authorization", "Decision"),
        "verifier.denied": ("Denied",),
        "verifier.roots": ("Root",),
        "verifier.verified": ("VerifiedChain",),
        "verifier.verifier": ("AsyncVerifier", "Verifier"),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

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
    "Journal",
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
    "RootBundle",
    "Signer",
    "StateError",
    "Token",
    "TokenError",
    "TrustedKey",
    "UnverifiedToken",
    "VerificationError",
    "VerifiedChain",
    "Verifier",
    "advice",
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
    "trusted",
    "when",
    "within",
]

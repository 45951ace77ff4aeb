"""Chains from identities that exist: an issuer, its policy, and what agents and people ask it with.

An issuer turns an identity that somebody has (a login, a workload's or a CI job's token, a certificate) into a short
chain for a key that they have proven, by a policy that a person can read. It is the one part that is not offline; what
it issues is checked like any other chain.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.issue.binding import nonce_of
    from delegate.issue.issuer import Issuance, Issued, Issuer
    from delegate.issue.policy import Policy
    from delegate.issue.refusals import IssuerUnavailable, NotIssued, PolicyError
else:
    from delegate.faces import face

    _HOMES = {
        "issue.binding": ("nonce_of",),
        "issue.issuer": ("Issuance", "Issued", "Issuer"),
        "issue.policy": ("Policy",),
        "issue.refusals": ("IssuerUnavailable", "NotIssued", "PolicyError"),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = [
    "Issuance",
    "Issued",
    "Issuer",
    "IssuerUnavailable",
    "NotIssued",
    "Policy",
    "PolicyError",
    "nonce_of",
]

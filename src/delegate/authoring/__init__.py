"""What makes chains: identities, minting and narrowing, proofs, asks and discharges, signed lists, keys, signers.

Importing this package loads none of it: a name is loaded when it is first used.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.authoring.draft import Draft
    from delegate.authoring.identity import Identity
    from delegate.authoring.pkcs11 import Pkcs11Signer
    from delegate.authoring.signers import Ed25519Signer, Esp256Signer, Signer
    from delegate.authoring.ssh_agent import SshAgent, SshAgentSigner
else:
    from delegate.faces import face

    _HOMES = {
        "authoring.draft": ("Draft",),
        "authoring.identity": ("Identity",),
        "authoring.pkcs11": ("Pkcs11Signer",),
        "authoring.signers": ("Ed25519Signer", "Esp256Signer", "Signer"),
        "authoring.ssh_agent": ("SshAgent", "SshAgentSigner"),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = [
    "Draft",
    "Ed25519Signer",
    "Esp256Signer",
    "Identity",
    "Pkcs11Signer",
    "Signer",
    "SshAgent",
    "SshAgentSigner",
]

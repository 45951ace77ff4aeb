"""Keys, signers, principals and their files; the only package that calls a cryptographic library."""

from delegate.keys.files import is_private, load_private, needs_passphrase, save_private
from delegate.keys.names import check_name, is_name
from delegate.keys.principal import Principal
from delegate.keys.public import Algorithm, PublicKey
from delegate.keys.signer import Ed25519Signer, Esp256Signer, Signer

__all__ = [
    "Algorithm",
    "Ed25519Signer",
    "Esp256Signer",
    "Principal",
    "PublicKey",
    "Signer",
    "check_name",
    "is_name",
    "is_private",
    "load_private",
    "needs_passphrase",
    "save_private",
]

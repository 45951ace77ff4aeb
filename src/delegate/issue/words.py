"""The names that the exchange has for things: OAuth's, and ours (ISSUER 2)."""

from __future__ import annotations

from typing import Final

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
CHAIN: Final = "urn:delegate-token:token-type:chain"
ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a type
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the same
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
X509_SVID: Final = "urn:delegate-token:token-type:x509-svid"

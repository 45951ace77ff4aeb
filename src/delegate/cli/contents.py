"""What a file is, by how it begins: for whoever gave another one than they meant.

Nothing is decided by it: it words a refusal that has been made already, and quotes nothing of the file.
"""

from __future__ import annotations

import re
from typing import Final

_BEGINNINGS: Final = (
    (re.compile(rb"principal: |.{0,400}-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----", re.DOTALL), "a private key"),
    (re.compile(rb"ed25519:|esp256:|-----BEGIN PUBLIC KEY-----"), "a public key"),
    (re.compile(rb"dlgt_"), "a token"),
    (re.compile(rb"dlgb_"), "a bearer token"),
    (re.compile(rb"dlgp_"), "a presentation: a token with its proof"),
    (re.compile(rb"dlgr_"), "a revocation list"),
    (re.compile(rb"dlgd_"), "a confirmation"),
    (re.compile(rb"dlga_"), "an ask"),
    (re.compile(rb"dlgk_"), "a root bundle"),
    (re.compile(rb"-----BEGIN "), "another PEM file"),
)
# What can be done with what was given in the place of a token.
USES: Final = {
    "a revocation list": "to look at a revocation list: delegate revocations show FILE",
    "a confirmation": "a confirmation goes with a proof: delegate prove --discharge FILE",
    "an ask": "to answer an ask: delegate approve FILE",
}
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_LOOK: Final = 64


def what_it_is(content: bytes) -> str:
    """Name what a content is: `a private key`; empty where it is nothing of ours."""
    begin = content[:1024].lstrip()
    return next((name for beginning, name in _BEGINNINGS if beginning.match(begin)), "")


def odd_encoding(content: bytes) -> str:
    """Say what is odd about the encoding of a text, and what to do; empty where nothing is."""
    if content.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark; save it as UTF-8 without one"
    begin = content[:_LOOK]
    halves = begin[::2], begin[1::2]
    if content.startswith(_MARKS) or (len(begin) > 3 and any(not any(half) for half in halves) and any(begin)):
        return "it is UTF-16 text, as some shells write it; save it as UTF-8"
    return ""


def mistaken(content: bytes, wanted: str) -> str:
    """Say what was given in the place of something else; empty where that cannot be told."""
    odd = odd_encoding(content)
    if odd:
        return odd
    found = what_it_is(content)
    return f"this is {found}, where {wanted} is wanted" if found else ""

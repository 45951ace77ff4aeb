"""Random and mutated requests to an issuer: a chain for the right person and key, or `NotIssued`.

`python -m tests.campaigns.issuance --count 50000 --seed 1`. A request is an honest one in which something was changed:
bytes of the token or the proof, claims and headers (signed again with the right key, so that what reads them meets
them), parameters, or all of it noise. What is issued is held to what the policy says, by what is in the chain itself.
"""

# ruff: noqa: ANN401, T201, S311 - what is mutated may be anything; a command prints; nothing here is a secret
from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from delegate.core.wire.armor import to_base64url
from delegate.issue import NotIssued
from delegate.issue.compact import jkt, sign, to_jwk
from delegate.issue.words import ACCESS_TOKEN, EXCHANGE, ID_TOKEN, JWT, X509_SVID
from tests.issue.world import AGENT, NOW, SALT, THIEF, URL, World, signed

PEOPLE = (AGENT, THIEF)
TEXTS = (
    "",
    "a",
    "delegate",
    "cli",
    "analysts",
    "alice@example.com",
    "\u202e",
    "é",
    "a b",
    '"',
    "**",
    "agent:x",
    "\0",
    "1",
)
NUMBERS = (0, 1, -1, NOW, NOW + 60, NOW - 60, 2**31, 2**63, 2**64, 1.5, 1e400, -0.0, True)
CLAIMS = ("iss", "aud", "azp", "sub", "email", "email_verified", "groups", "iat", "exp", "nbf", "nonce", "cnf", "x")
HEADERS = ("alg", "kid", "typ", "crit", "jwk", "jku", "b64", "x")
FIELDS = ("grant_type", "subject_token_type", "nonce_salt", "agent", "audience", "scope", "ttl", "requested_token_type")


class Result(NamedTuple):
    """What came of a campaign."""

    outcomes: Counter[str]
    faults: list[str]
    seconds: float


def value(chance: random.Random, depth: int = 0) -> Any:
    """Any JSON value, often one that means something."""
    kind = chance.randrange(9 if depth < 3 else 5)
    if kind < 3:
        return chance.choice(TEXTS)
    if kind == 3:
        return chance.choice(NUMBERS)
    if kind == 4:
        return chance.choice((None, True, False))
    if kind < 7:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = (*CLAIMS, "jkt", "x5t#S256", "kty", "crv")
    return {chance.choice(keys): value(chance, depth + 1) for _ in range(chance.randrange(4))}


def mutated(chance: random.Random, text: str) -> str:
    """A text with a few characters changed, cut out, doubled or moved."""
    found = list(text)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(found)) if found else 0
        match chance.randrange(4):
            case 0:
                found[place : place + 1] = chance.choice("AZaz09-_.=é ")
            case 1:
                del found[place : place + chance.randrange(1, 9)]
            case 2:
                found[place:place] = found[place : place + chance.randrange(1, 40)]
            case _:
                found = found[place:] + found[:place]
    return "".join(found)


class Request(NamedTuple):
    """One request, and which address its token's provider signed."""

    form: list[tuple[str, str]]
    proofs: Sequence[str]
    email: object = None


def request(chance: random.Random, world: World) -> Request:
    """Make one request."""
    who = chance.choice(PEOPLE) if chance.random() < 0.3 else AGENT
    claims = world.provider.claims()
    header: dict[str, Any] = {"alg": "ES256", "kid": "k1"}
    if chance.random() < 0.4:
        claims["cnf"] = {"jkt": jkt(AGENT.public_key)}
    for _ in range(chance.randrange(3)):
        claims[chance.choice(CLAIMS)] = value(chance)
    if chance.random() < 0.2:
        header[chance.choice(HEADERS[1:])] = value(chance)
    token = signed(header, json.dumps(claims).encode())
    proof_claims: dict[str, Any] = {"jti": str(chance.random()), "htm": "POST", "htu": f"{URL}/token", "iat": NOW}
    proof_header: dict[str, Any] = {"typ": "dpop+jwt", "jwk": to_jwk(who.public_key)}
    if chance.random() < 0.2:
        proof_claims[chance.choice(("jti", "htm", "htu", "iat", "exp", "x"))] = value(chance)
    if chance.random() < 0.2:
        proof_header[chance.choice(HEADERS)] = value(chance)
    proof = sign(who.signer, proof_header, proof_claims)
    if chance.random() < 0.15:
        token = mutated(chance, token)
    if chance.random() < 0.15:
        proof = mutated(chance, proof)
    form = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": ID_TOKEN,
        "nonce_salt": to_base64url(SALT),
        "agent": "agent:planner",
    }
    if chance.random() < 0.3:
        kinds = (ID_TOKEN, ACCESS_TOKEN, JWT, X509_SVID, "reports", "ci", "mail.example.com", "5m", *TEXTS)
        form[chance.choice(FIELDS)] = chance.choice(kinds)
    if chance.random() < 0.1:
        form.pop(chance.choice(list(form)))
    proofs = [proof] * chance.choice((1, 1, 1, 1, 1, 0, 2))
    return Request(list(form.items()), proofs, claims.get("email"))


def right(world: World, token: Any, email: object) -> str:
    """Say what is wrong with a chain that was issued; empty text where it is as the policy says."""
    block = token.link.block
    known = block.key in {each.public_key for each in PEOPLE}
    if not known or block.originator not in {f"user:{email}", "svc:ci"}:
        return f"for {block.originator}, and a key of nobody's"
    if not block.holder.startswith("agent:") or token.expires > NOW + 900 or token.link.hops_left > 1:
        return "more than the policy gives"
    if block.originator != "svc:ci" and block.key != AGENT.public_key:
        return "Alice's, for a thief's key"
    if not world.events[-1].issued or world.events[-1].block_id != token.id.hex():
        return "no event"
    return ""


def run(count: int, seed: int, make: Callable[[random.Random, World], Request] = request) -> Result:
    """Offer so many requests to issuers."""
    outcomes: Counter[str] = Counter()
    faults: list[str] = []
    begin = time.perf_counter()
    world = World()
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        if number % 500 == 0:
            world = World()  # its memory of proofs is bounded
        offered = make(chance, world)
        before = len(world.events)
        try:
            issued = world.issuer.exchange(offered.form, dpop=offered.proofs)
        except NotIssued as error:
            outcomes[str(error.reason)] += 1
            if any(each.issued for each in world.events[before:]):
                faults.append(f"seed {seed} number {number}: refused, and told as issued")
            if any(ord(each) < 32 for each in error.told):
                faults.append(f"seed {seed} number {number}: a control character is told")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            faults.append(f"seed {seed} number {number}: {type(error).__name__}: {error}")
        else:
            outcomes["issued"] += 1
            wrong = right(world, issued.token, offered.email)
            if wrong:
                faults.append(f"seed {seed} number {number}: {wrong}")
    return Result(outcomes, faults, time.perf_counter() - begin)


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; gives 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    result = run(given.count, given.seed)
    for word, number in result.outcomes.most_common():
        print(f"{number:8} {word}")
    for fault in result.faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{given.count} requests, seed {given.seed}, {result.seconds:.0f} s: {len(result.faults)} faults")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Random authority: capabilities, caveats, chains and requests over a small world, so that they often meet."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from delegate import BearerToken, Identity, Request, Token, when
from delegate.errors import AttenuationError
from delegate.language.conditions import Caveat

NOW = 1_790_000_000
AUDIENCE = "files.example.com"
ROOT = Identity.from_seed("user:alice@example.com", bytes((1,)) * 32)
AGENTS = [Identity.from_seed(f"agent:a{n}", bytes((n,)) * 32) for n in range(2, 6)]

actions = st.sampled_from(["files.read", "files.write", "files.read.all", "pay"])
action_patterns = st.sampled_from(["files.read", "files.*", "files.**", "**", "pay", "*.read"])
resources = st.sampled_from([None, "/data", "/data/a", "/data/a/b", "/data/../etc", "/etc", "https://x.org/data/a", ""])
resource_patterns = st.sampled_from(
    ["", " **", " /data/**", " /data/*", " /data/a", ' exactly "/data/../etc"', " https://x.org/**", " /*/a"]
)
conditions = st.sampled_from(
    [
        "args.n <= 5",
        "args.n > 2 && args.n < 9",
        "!(args.n == 3)",
        "args.to in ['bob', 'carol']",
        "args.to.startsWith('b') || args.n == 1",
        "has(args.n) ? args.n != 4 : true",
        "args.xs.all(x, x < 4)",
        "args.xs.exists(x, x == args.n)",
        "size(args) < 3",
        "resource != '/etc'",
        "env.zone == 'eu'",
        "now < timestamp('2030-01-01T00:00:00Z')",
        "aud == 'files.example.com'",
        "origin == 'user:alice@example.com'",
        "true",
        "false",
    ]
)
scalars = st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["bob", "carol", "eve", ""]) | st.just(2.5)
arguments = st.fixed_dictionaries(
    {},
    optional={"n": scalars, "to": scalars, "xs": st.lists(scalars, max_size=3), "other": scalars},
) | st.fixed_dictionaries(
    {
        "n": st.integers(0, 9),
        "to": st.sampled_from(["bob", "carol"]),
        "xs": st.lists(st.integers(0, 5), max_size=3),
    },
)
requests = st.builds(Request, actions, resources, arguments)
environments = st.sampled_from([{}, {"zone": "eu"}, {"zone": "us"}])


@st.composite
def capability_texts(draw: st.DrawFn) -> str:
    """A capability as text, with or without a closed list of arguments and a condition."""
    names = draw(st.sampled_from(["", "", "(n)", "(n, to)", "(n, to, xs)"]))
    condition = draw(st.none() | conditions)
    return draw(action_patterns) + names + draw(resource_patterns) + (f" if {condition}" if condition else "")


@st.composite
def caveats(draw: st.DrawFn) -> Caveat:
    """A condition, with a value bound or not."""
    if draw(st.booleans()):
        return when(draw(conditions))
    return when(draw(st.sampled_from(["args.n == value", "args.to != value", "value in args.xs"])), value=draw(scalars))


class Narrowed(NamedTuple):
    """A chain, and the chains that it was made from, each with its holder; the last is the longest."""

    chain: list[tuple[Identity, Token]]


_TERMS: dict[str, st.SearchStrategy[Any]] = {
    "caveats": st.lists(caveats(), min_size=1, max_size=2),
    "can": st.lists(capability_texts(), min_size=1, max_size=3),
    "ttl": st.sampled_from([60, 3600, 86_400]),
    "audience": st.sampled_from([[AUDIENCE], [AUDIENCE, "mail.example.com"], ["mail.example.com"]]),
    "hops": st.integers(0, 4),
    "not_before": st.sampled_from([NOW - 60, NOW + 20, NOW + 3600]),
    "why": st.sampled_from(["a purpose", "四半期"]),
}


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    """What one block says: one or two things, so that some requests get through several blocks."""
    said = draw(st.lists(st.sampled_from(["caveats", "caveats", "can", *_TERMS]), max_size=2))
    return {name: draw(_TERMS[name]) for name in said}


@st.composite
def chains(draw: st.DrawFn, most: int = 3) -> Narrowed:
    """A random chain and all its prefixes. An author's refusal (nothing left to narrow) ends it there."""
    first: dict[str, Any] = {"can": ["**", "** **"], "ttl": 3600, "hops": draw(st.sampled_from([4, 4, 1, 0]))}
    if draw(st.integers(0, 3)) == 0:
        first |= draw(terms())
    holder = draw(st.sampled_from(AGENTS))
    token = ROOT.mint(to=holder.principal, now=NOW - 30, **first)
    found = [(holder, token)]
    for _ in range(draw(st.integers(1, most))):
        to = draw(st.none() | st.sampled_from(AGENTS))
        try:
            token = holder.attenuate(token, to=None if to is None else to.principal, now=NOW - 30, **draw(terms()))
        except AttenuationError:
            break
        holder = to or holder
        found.append((holder, token))
    return Narrowed(found)


@st.composite
def bearer_chains(draw: st.DrawFn) -> list[BearerToken]:
    """A random bearer token and what it was narrowed to."""
    token = ROOT.mint(
        bearer=True,
        can=["**", "** **"],
        ttl=3600,
        audience=AUDIENCE,
        caveats=draw(st.none() | caveats()),
        now=NOW - 30,
    )
    found = [token]
    for _ in range(draw(st.integers(1, 2))):
        try:
            found.append(found[-1].attenuate(now=NOW - 30, **draw(terms())))
        except AttenuationError:
            break
    return found

"""Whether an appended block can take effect: seen at a glance, it is as working it out would say."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from delegate import AttenuationError, Identity, Reason, Token
from delegate.analysis import futile as effect

NOW = 1_790_000_000
ALICE, AGENT, WORKER = (
    Identity.from_seed(name, bytes((n,)) * 32) for n, name in enumerate(("user:a@x.org", "agent:a", "agent:w"), 1)
)
CONDITIONS = [
    "args.a < 5",
    "args.a > 7",
    "args.a <= 5.5",
    "args.a == 'x'",
    "args.a < 'x'",
    "args.a != 5",
    "args.b >= 1",
    "args.a in [1, 9]",
    "args.a in []",
    "!(args.a < 5)",
    "5 > args.a",
    "args.a < 5 && args.b < 1",
    "args.s.startsWith('x')",
    "args.s.endsWith('y')",
    "args.a == true",
    "string(args.a).startsWith('x')",
    "!string(args.a).startsWith('x')",
    "!(args.a == 5)",
    "!(args.s.startsWith('x'))",
    "glob.match(args.s, 'x*')",
    "!glob.match(args.s, 'x*')",
    "glob.match(args.s, 'x*') && args.b > 3",
    "has(args.c)",
    "!has(args.c)",
    "!has(args.c) || args.a < 5",
    "args.s in ['x', 'y'] && args.b < 3",
    "args.a > 9007199254740993",
    "args.all(k, k in ['b'])",
    "true",
    "false",
    "args.a.b == 1",
    "args.a < 1 || args.b < 1",
]


@cache
def _token(capability: str, caveat: str) -> Token:
    return ALICE.mint(to=AGENT.principal, can=capability, caveats=caveat, ttl="1h", hops=1, now=NOW)


def _outcome(token: Token, caveats: tuple[str, ...]) -> tuple[Reason, int | None] | None:
    try:
        AGENT.attenuate(token, to=WORKER.principal, caveats=caveats, now=NOW)
    except AttenuationError as error:
        return error.reason, error.hop
    return None


def test_a_glance_says_what_working_it_out_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of conditions, above and below, in a caveat and in a capability: refused alike, by the same hop."""
    cases: list[tuple[Token, tuple[str, ...]]] = [
        (_token(can, above), (below,))
        for can, above, below in product(("x if args.a > 6", "x(a, s)"), CONDITIONS[:-3], CONDITIONS)
    ]
    cases += [(_token("x", "args.z < 1"), pair) for pair in product(CONDITIONS, repeat=2)]
    at_a_glance = [_outcome(*case) for case in cases]
    monkeypatch.setattr(effect, "_cannot_clash", lambda *_: False)
    worked_out = [_outcome(*case) for case in cases]
    assert at_a_glance == worked_out
    assert {None, (Reason.CAVEAT_FAILED, 0)} <= set(worked_out)


@pytest.mark.parametrize(
    "caveats",
    [
        ("args.a <= 3", "args.b == 1"),
        ("args.a <= 3 && args.b == 1",),
        ("args.a in [1, 2]",),
        ("args.s.startsWith('xy')",),
        ("string(args.b).startsWith('z')",),
        ("string(args.a).startsWith('z')",),
        ("args.b == 1 || args.a == 1",),
        ("!(args.b == 1)", "!(args.a == 1)"),
        ("3 > args.a",),
        ("glob.match(args.s, '*z')",),
    ],
)
def test_the_glance_is_taken(caveats: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What agrees with what stands above, or is about something new, needs no working out."""
    monkeypatch.setattr(effect, "_forbidding", None)
    token = _token("x(a, s)", "args.a < 5 && args.s.startsWith('x')")
    assert _outcome(token, caveats) is None


def test_what_is_much_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many conditions on one path are compared where the work is counted."""
    asked: list[object] = []
    monkeypatch.setattr(effect, "_forbidding", lambda *given: asked.append(given))
    token = _token("x", " && ".join(f"args.s.contains('{n}')" for n in range(8)))
    assert _outcome(token, ("args.s.contains('y')",)) is None
    assert len(asked) == 1
    others = " && ".join(f"args.f{n}" for n in range(33))
    assert _outcome(_token("x", "args.z"), (others,)) is None
    assert len(asked) == 2
    assert _outcome(_token("x", others), ("args.z",)) is None
    assert len(asked) == 3

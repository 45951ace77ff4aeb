"""A policy is read whole, or its mistake is found with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from delegate import Identity, Principal
from delegate.directory import connect
from delegate.issue import Issuer, NotIssued, Policy, PolicyError, nonce_of
from tests.issue.world import AGENT, ISSUER, NOW, POLICY, SALT, THIEF, World

TRUST = POLICY[POLICY.index("[[trust]]") : POLICY.index("[[grant]]")]
GRANT = POLICY[POLICY.index("[[grant]]") :].partition("\n\n")[0]
# Each: what to write in the place of what, the place that is named, and words of what is said.
MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "no TOML": ("[issuer]", "[issuer", "policy", "not TOML"),
    "no url": ('url = "https://issuer.example.com"', "", "issuer", "`url` is missing"),
    "a url that is none": ("https://issuer.example.com", "issuer.example.com", "url", "no address"),
    "a url without TLS": ("https://issuer.example.com", "http://issuer.example.com", "url", "https is needed"),
    "a url with a slash": ('issuer.example.com"', 'issuer.example.com/"', "url", "slash"),
    "an unknown section": ("[issuer]", "[isuer]\n[issuer]", "policy", "no `isuer`"),
    "an unknown key of the issuer": ("[issuer]", '[issuer]\nname = "x"', "name", "no `name`"),
    "an unknown key of a trust": ('clients = ["cli"]', 'client = ["cli"]', "client", "no `client`"),
    "an unknown key of a grant": ("hops = 1", "hop = 1", "hop", "no `hop`"),
    "nobody is trusted": (TRUST, "", "policy", "[[trust]]"),
    "nothing is granted": (POLICY[POLICY.index("[[grant]]") :], "", "policy", "[[grant]]"),
    "two parties of one name": ("[[grant]]", TRUST + "\n[[grant]]", "policy", "two parties"),
    "two grants of one name": ('name = "ci"', 'name = "reports"', "policy", "two grants"),
    "a type that there is not": ('type = "oidc"', 'type = "saml"', "type", "one of oidc"),
    "an audience that is empty": ('audience = "delegate"', 'audience = ""', "audience", "empty"),
    "an audience that is missing": ('audience = "delegate"', "", "trust 1", "`audience` is missing"),
    "no algorithm": ('clients = ["cli"]', "algorithms = []", "algorithms", "empty"),
    "alg none": ('clients = ["cli"]', 'algorithms = ["none"]', "algorithms", "`none` is none of"),
    "HMAC": ('clients = ["cli"]', 'algorithms = ["HS256"]', "algorithms", "`HS256` is none of"),
    "a token that there is not": ('clients = ["cli"]', 'tokens = ["refresh_token"]', "tokens", "none of id_token"),
    "a requirement that is a list": ('clients = ["cli"]', 'require = { tid = ["a"] }', "require", "a text"),
    "no condition": ("if = 'claims.sub == \"ci\"'", "", "grant 2", "`if` is missing"),
    "a condition that is true": ("if = 'claims.sub == \"ci\"'", "if = true", "if", "a condition"),
    "a condition that is text": ("'claims.sub == \"ci\"'", "'claims.sub + \"ci\"'", "grant 2, if", "true or false"),
    "a typing mistake": ("claims.sub ==", "claim.sub ==", "grant 2, if", "unknown name `claim`"),
    "what a caveat reads": ("claims.sub ==", "args.sub ==", "grant 2, if", "unknown name `args`"),
    "one equals sign": ("claims.sub ==", "claims.sub =", "grant 2, if", "unexpected"),
    "a name that is a number": ("'\"svc:\" + claims.sub'", "'5'", "for", "a string is wanted"),
    "no capability": ('can = ["deploy"]', "", "grant 2", "`can` is missing"),
    "a capability that is none": ('can = ["deploy"]', 'can = ["deploy (("]', "can", "expected"),
    "a pattern with a claim": ('can = ["deploy"]', 'can = ["deploy /${claims.sub}/** x"]', "can", "expected"),
    "a caveat that reads claims": ("args.size < 1000000", "args.size < claims.n", "caveats", "unknown name `claims`"),
    "a caveat that could only fail": ("args.size < 1000000", "now < 5", "caveats", "`<` does not take"),
    "a value that nothing uses": ("hops = 1", "let = { x = 'claims.x' }", "let", "no caveat reads `x`"),
    "a value under a name of the request's": ("hops = 1", "let = { args = 'claims.x' }", "let", "cannot be given"),
    "no life": ('ttl = "5m"', "", "grant 2", "`ttl` is missing"),
    "a life that is a number": ('ttl = "5m"', "ttl = 300", "ttl", "a length of time"),
    "a life that is none": ('ttl = "5m"', 'ttl = "5 minutes"', "ttl", "not a duration"),
    "too many hops": ("hops = 1", "hops = 17", "hops", "from 0 to 16"),
    "hops that are true": ("hops = 1", "hops = true", "hops", "whole number"),
    "an audience that is no name": ('"mail.example.com"', '"mail example"', "grant 1", "audience"),
    "a budget that is text": ("hops = 1", 'budget = "much"', "budget", "table of amounts"),
    "a budget below nothing": ("hops = 1", "budget = { calls = -1 }", "grant 1", ""),
    "a need of nobody": ("hops = 1", "needs = [{}]", "grant 1", "`by` is missing"),
    "a need of a file that is not there": ("hops = 1", 'needs = [{ by = ["x.pub"] }]', "by", "no such file"),
    "a need with a typing mistake": ("hops = 1", 'needs = [{ by = "b.pub", iff = "x" }]', "needs", "no `iff`"),
    "trust in nobody": ('name = "ci"', 'name = "ci"\ntrust = "nobody"', "trust", "nobody here"),
    "unbound in words": ("unbound = true", 'unbound = "yes"', "unbound", "true or false"),
    "a login at nobody's": (
        "[[trust]]", '[login]\ntrust = "x"\nclient = "c"\n[[trust]]', "login", "no OpenID provider",
    ),
    "a login without openid": (
        "[[trust]]", '[login]\ntrust = "corp"\nclient = "c"\nscope = "email"\n[[trust]]', "scope", "no ID token",
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", MISTAKES)
def test_a_mistake_is_found_with_its_place(story: str, tmp_path: Path) -> None:
    """When the policy is read, and not when somebody asks."""
    before, after, place, told = MISTAKES[story]
    Identity.generate("user:b").principal.save(tmp_path / "b.pub")
    assert before in POLICY
    with pytest.raises(PolicyError) as caught:
        Policy.parse(POLICY.replace(before, after), folder=tmp_path)
    assert place in caught.value.where
    assert told in caught.value.detail


def test_several_parties_need_a_name_beside_each_grant() -> None:
    """What CI calls `sub` is not what people's provider calls so: a grant says whose claims it reads."""
    second = TRUST.replace('"corp"', '"ci"').replace("login.", "ci.")
    with pytest.raises(PolicyError, match="`trust` is missing"):
        Policy.parse(POLICY.replace("[[grant]]", second + "\n[[grant]]", 1))


def test_another_party_s_token_gets_nothing_of_a_grant() -> None:
    """CI's provider says that it is the group of analysts: that is another word there."""
    second = TRUST.replace('"corp"', '"ci"').replace("login.", "ci.")
    policy = POLICY.replace("[[grant]]", second + "\n[[grant]]", 1)
    policy = policy.replace('name = "reports"', 'name = "reports"\ntrust = "ci"').replace(
        'name = "ci"\nif', 'name = "ci"\ntrust = "ci"\nif'
    )
    with pytest.raises(NotIssued) as caught:
        World(policy).ask()
    assert "about tokens of ci" in caught.value.detail


def test_the_place_is_a_line_and_a_mark() -> None:
    """As a person reads it."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse(POLICY.replace("claims.email", "claim.email"))
    line = POLICY.splitlines().index("for = '\"user:\" + claims.email'") + 1
    assert str(caught.value) == (
        f'policy:{line}, grant 1, for: unknown name `claim`\n  "user:" + claim.email\n            ^^^^^'
    )


def test_loose_patterns_are_told() -> None:
    """`matches` finds its pattern anywhere: `repo:acme/app` is also in `repo:acme/app-evil`."""
    loose = POLICY.replace('claims.sub == "ci"', 'claims.sub.matches("repo:acme/app") && true')
    (warning,) = Policy.parse(loose).warnings
    assert "repo:acme/app" in warning
    tied = loose.replace("repo:acme/app", "^repo:acme/app$")
    assert Policy.parse(tied).warnings == ()


def test_claims_are_values_and_never_text() -> None:
    """A region that would end a string, or widen a pattern, is a region of that name."""
    policy = POLICY.replace(
        'caveats = ["args.size < 1000000"]', 'let = { region = "claims.region" }\ncaveats = ["args.region == region"]'
    )
    world = World(policy)
    for nasty in ('" || true || "', "**", 'eu" || args.size > 0', ["eu"], {"a": 1}, 5, None):
        token = world.provider.token(region=nasty if nasty is not None else "")
        text = str(world.ask(token).token.link.block.caveats)
        assert "true" not in text or nasty == '" || true || "'
    (found,) = _caveats(world, '" || true || "')
    assert found == r'args.region == "\" || true || \""'
    with pytest.raises(NotIssued):
        world.ask(world.provider.token(region=2**64))
    with pytest.raises(NotIssued):
        world.ask(world.provider.token())


def _caveats(world: World, region: str) -> tuple[str, ...]:
    from delegate.language.capability import caveat_texts

    return caveat_texts(world.ask(world.provider.token(region=region)).token.link.block.caveats)


def test_a_grant_says_all_that_a_block_can(tmp_path: Path) -> None:
    """Budget, tenant, purpose, facts and needs, with the key files beside the policy."""
    boss = Identity.generate("user:boss")
    boss.principal.save(tmp_path / "boss.pub")
    more = (
        'budget = { calls = 50 }\ntenant = "acme"\nwhy = "quarterly reports"\nwho = { team = "claims.team" }\n'
        'needs = [{ by = "boss.pub", if = "said.ok == true", max_age = "15m", standing = true }]\nhops = 2'
    )
    world = World(POLICY.replace("hops = 1", more), folder=tmp_path)
    block = world.ask(world.provider.token(team="red")).token.link.block
    assert (block.budget, block.tenant, block.why) == ((("calls", 50),), "acme", "quarterly reports")
    assert (block.who, block.hops) == ((("team", "red"),), 2)
    assert boss.public_key.thumbprint in block.needs
    with pytest.raises(NotIssued):
        world.ask(world.provider.token(team=5))
    with pytest.raises(NotIssued):
        world.ask(world.provider.token(team="x" * 300))


def test_a_holder_may_be_named_by_its_claims() -> None:
    """As a workload is: the name that it asks for does not count."""
    world = World(POLICY.replace('ttl = "15m"', 'ttl = "15m"\nagent = \'"spiffe://example.org/" + claims.sub\''))
    for asked in ("agent:planner", "agent:other"):
        assert world.ask(agent=asked).token.link.block.holder == "spiffe://example.org/alice-17"


class Known(NamedTuple):
    """Whom a directory knows a key as."""

    name: str
    who: Mapping[str, str]
    fault: str = ""


class Directory:
    """A directory that knows the agent's key, or does not answer."""

    def __init__(self, known: Known | None) -> None:
        """`None`: it does not answer."""
        self.known = known

    def find(self, thumbprints: Sequence[bytes], *, now: int) -> Mapping[bytes, Known]:
        """As a directory."""
        assert now == NOW
        if self.known is None:
            raise RuntimeError
        return {each: self.known for each in thumbprints if each == AGENT.public_key.thumbprint}


def test_a_grant_may_ask_the_directory() -> None:
    """Whether it knows the agent by this key, and whether the person is its sponsor."""
    known = POLICY.replace("hops = 1", "known = true")
    sponsored = POLICY.replace("hops = 1", "sponsored = true")
    agent, alices = Known("agent:planner", {}), Known("agent:planner", {"sponsor": "user:alice@example.com"})
    assert World(known, directory=Directory(agent)).ask().grant == "reports"
    assert World(sponsored, directory=Directory(alices)).ask().grant == "reports"
    refused: list[tuple[str, Known | None, str]] = [
        (known, agent, "agent:other"),
        (known, agent._replace(fault="agent:planner is disabled"), "agent:planner"),
        (sponsored, Known("agent:planner", {"sponsor": "user:bob@example.com"}), "agent:planner"),
        (sponsored, agent, "agent:planner"),
        (sponsored, alices._replace(name="agent:other"), "agent:planner"),
        (sponsored, None, "agent:planner"),
    ]
    for policy, found, name in refused:
        with pytest.raises(NotIssued) as caught:
            World(policy, directory=Directory(found)).ask(agent=name)
        assert (caught.value.reason == "state_unavailable") == (found is None)
    world = World(known, directory=Directory(agent))
    token = world.provider.token(nonce=nonce_of(SALT, THIEF.public_key))
    with pytest.raises(NotIssued):
        world.ask(token, who=THIEF)
    with pytest.raises(ValueError, match="asks a directory"):
        Issuer(Policy.parse(known), ISSUER)
    with pytest.raises(PolicyError, match="there is none"):
        World().issuer.replace(Policy.parse(known))


def test_the_directory_is_the_verifiers_own(tmp_path: Path) -> None:
    """One directory for both: who is disabled there, or has another key now, gets nothing here."""
    sponsored = POLICY.replace("hops = 1", "sponsored = true")
    with connect(f"sqlite:///{tmp_path}/directory.db", clock=lambda: NOW - 60) as directory:
        directory.add(Identity.generate("user:alice@example.com").principal)
        directory.add(AGENT.principal, sponsor="user:alice@example.com")
        world = World(sponsored, directory=directory)
        assert world.ask().grant == "reports"
        directory.disable("agent:planner", why="misbehaved")
        with pytest.raises(NotIssued) as caught:
            world.ask()
        assert "agent:planner is disabled" in caught.value.detail
        directory.enable("agent:planner")
        directory.rotate(Principal("agent:planner", THIEF.public_key))
        with pytest.raises(NotIssued) as caught:
            world.ask()
        assert "another key now" in caught.value.detail


def test_an_issuer_opens_what_its_policy_names(tmp_path: Path) -> None:
    """Its key and its store, from the policy's folder; without a key there is no issuer."""
    ISSUER.save(tmp_path / "issuer.key")
    more = f'key = "issuer.key"\nstate = "sqlite:///{tmp_path}/issuer.db"\n\n[[trust]]'
    (tmp_path / "policy.toml").write_text(POLICY.replace("[[trust]]", more, 1))
    with Issuer(Policy.load(tmp_path / "policy.toml")) as issuer:
        assert issuer.principal == ISSUER.principal
        assert repr(issuer) == "<Issuer svc:issuer at https://issuer.example.com>"
        (tmp_path / "policy.toml").write_text("[issuer")
        with pytest.raises(PolicyError):
            issuer.reload()
    assert (tmp_path / "issuer.db").exists()
    with pytest.raises(ValueError, match="no key"):
        Issuer(Policy.parse(POLICY))
    (tmp_path / "policy.toml").write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="UTF-8"):
        Policy.load(tmp_path / "policy.toml")
    (tmp_path / "policy.toml").write_text("# " + "x" * (1 << 20))
    with pytest.raises(PolicyError, match="at most"):
        Policy.load(tmp_path / "policy.toml")

"""What the documented commands print, whole: keys from seeds and a fixed clock make every line the same each time."""

from __future__ import annotations

from textwrap import dedent

from tests.cli.conftest import HERE, MINT, Desk, Prove, asking


def text(block: str) -> str:
    """A block as it is printed."""
    return dedent(block).lstrip("\n")


CHAIN = """\
user:alice@example.com
 0 ─▶ agent:planner                      until 2026-12-01 20:00 UTC (in 8h)
      may       files.read /data/**                           any arguments
                pay(amount, currency) if args.amount <= 500
                mail.send                                     any arguments
      if        args.size < 1000000
      at        files.example.com
      hands on  3 more times
      why       "quarterly report"
 1 ─▶ agent:researcher                   until 2026-12-01 14:00 UTC (in 2h)
      may       files.read /data/**   any arguments
      if        action in ["files.read", "files.list"]
      who       manager: alice
 2 ─▶ agent:summarizer                   until 2026-12-01 12:22 UTC (in 22m)
      may       files.read /data/q3/**   any arguments
      hands on  to nobody
"""
DIFF = """\
user:alice@example.com
 0 ─▶ agent:planner      files.read /data/**   pay(amount, currency) if args.amount <= 500
                         mail.send   + args.size < 1000000   at files.example.com
                         hands on 3 more times   8h left   "quarterly report"
 1 ─▶ agent:researcher   − pay mail.send   + action in ["files.read", "files.list"]   2h left
 2 ─▶ agent:summarizer   /data/** → /data/q3/**   hands on to nobody   22m left
"""
SUM = """\

Grants      files.read /data/q3/** if args.size < 1000000 && action in ["files.read", "files.list"]
            any other arguments · until 2026-12-01 12:22 UTC (in 22m) · at files.example.com
            may not be handed on
"""
CHECKED_CHAIN = """\
Checked     signatures 3/3 ✓ · root user:alice@example.com ✓ · in time ✓ · audience not checked
            holder not proven · revocation not checked (no list given)
            names not checked (no directory)
"""
CHECKED_PROOF = """\
Checked     signatures 3/3 ✓ · root user:alice@example.com ✓ · in time ✓
            audience files.example.com ✓ · holder proven ✓ · revocation not checked (no list given)
            used proofs are not remembered between runs · names not checked (no directory)
"""


def test_key_new_says_which_file_is_secret(desk: Desk) -> None:
    """Two files with the right modes, named after the principal; nothing on stdout."""
    ran = desk.run("key", "new", "agent:worker", now=None)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "agent:worker: keep worker.key secret; worker.pub is for everybody\n"
    assert (desk.folder / "worker.key").stat().st_mode & 0o777 == 0o600
    assert (desk.folder / "worker.pub").read_text().endswith(" agent:worker\n")


def test_key_public(desk: Desk) -> None:
    """The line of the .pub, from the .key."""
    ran = desk.run("key", "public", "planner.key", now=None)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "ed25519:gTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5Q agent:planner\n"
    assert ran.out == (desk.folder / "planner.pub").read_text()


def test_key_show(desk: Desk) -> None:
    """Whose key, and what identifies it."""
    ran = desk.run("key", "show", "planner.pub", now=None)
    assert ran.out == text("""
        name        agent:planner
        algorithm   ed25519
        thumbprint  01565176601c895cad856c02c18a1c14eb9f49b26e2fdcae7040c2530350982b
        kid         01565176601c895c
    """)


def test_mint_prints_the_token_alone(desk: Desk) -> None:
    """The token on stdout, one line about it on stderr."""
    ran = desk.run(*MINT)
    assert ran.status == 0
    assert ran.out.startswith("dlgt_")
    assert ran.out.count("\n") == 1
    assert ran.err == "token: user:alice@example.com → agent:planner, valid until 2026-12-01 20:00 UTC (in 8h)\n"


def test_inspect_without_a_root_says_that_nothing_was_checked(story: Desk) -> None:
    """What is claimed, and that it is a claim, first and last."""
    ran = story.run("inspect", "summarizer.token")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "CLAIMED, not checked: anyone could have written this. Token of 3 hops, 808 bytes\n\n"
        + CHAIN
        + SUM
        + "Checked     nothing; give --root, the public key of somebody you trust\n"
    )


def test_inspect_with_a_root(story: Desk) -> None:
    """The same, and what was checked and what was not."""
    ran = story.run("inspect", "summarizer.token", "--root", "alice.pub")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "GENUINE  Token of 3 hops, 808 bytes\n\n" + CHAIN + SUM + CHECKED_CHAIN


def test_inspect_with_another_root(story: Desk) -> None:
    """A root that did not sign: shown as a claim, and status 4."""
    ran = story.run("inspect", "summarizer.token", "--root", "planner.pub")
    assert ran.status == 4
    assert ran.out.startswith("CLAIMED, but the check failed. Token of 3 hops, 808 bytes\n")
    assert ran.out.endswith("Checked     not signed by a given root ✗ · signatures not checked\n")
    assert ran.err == "not trusted: hop 0: no root has the key dd2fb4e18b5e1ce3… [unknown_root]\n"


def test_inspect_of_an_expired_chain(story: Desk) -> None:
    """Genuine and expired: everything is shown, and status 1."""
    ran = story.run("inspect", "summarizer.token", "--root", "alice.pub", now="2026-12-01T13:00Z")
    assert ran.status == 1
    assert " · until 2026-12-01 12:22 UTC (38m ago) · " in ran.out
    assert "Checked     signatures 3/3 ✓ · root user:alice@example.com ✓ · expired ✗ · " in ran.out
    assert ran.err == "refused: hop 2 (agent:researcher → agent:summarizer): expired 38m ago [expired]\n"


def test_inspect_of_what_every_hop_took_away(story: Desk) -> None:
    """One line a hop where a line holds it, claimed as verified; and what is left, as without --diff."""
    ran = story.run("inspect", "summarizer.token", "--root", "alice.pub", "--diff")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "GENUINE  Token of 3 hops, 808 bytes\n\n" + DIFF + SUM + CHECKED_CHAIN
    assert DIFF + SUM in story.run("inspect", "summarizer.token", "--diff").out


def test_dry_run_shows_the_block_and_what_it_takes_away(story: Desk) -> None:
    """Everything but a token: the block, the chain by what each hop takes away, and what is left."""
    ran = story.run("attenuate", "summarizer.token", "--key", "summarizer.key", "--if", "args.size < 10", "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "WOULD append this block; no token was made\n"
        " 3 ─▶ agent:summarizer, narrowing its own chain\n"
        "      if        args.size < 10\n"
        "\nThe chain would then be as follows; each hop shows what it takes away\n"
        + DIFF
        + " 3 └─ agent:summarizer   + args.size < 10\n"
        + SUM.replace("1000000", "10")
    )


def test_verify_allows(story: Desk, proven: Prove) -> None:
    """A proven request, allowed: who, on whose authority, until when."""
    proven("/data/q3/a.csv", size=10)
    ran = story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *asking("/data/q3/a.csv", size=10))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        text("""
            ALLOWED
              request   files.read on /data/q3/a.csv with size=10
              holder    agent:summarizer, on the authority of user:alice@example.com
              until     2026-12-01 12:22 UTC (in 22m)
        """)
        + CHECKED_PROOF
    )


def test_verify_refuses_in_one_line(story: Desk, proven: Prove) -> None:
    """The hop, the condition, the value that it saw, and the reason; nothing on stdout."""
    proven("/data/q3/a.csv", size=2000000)
    ran = story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *asking("/data/q3/a.csv", size=2000000))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 0 (user:alice@example.com → agent:planner): "
        "args.size < 1000000, and args.size is 2000000 [caveat_failed]\n"
    )


def test_verify_explains(story: Desk, proven: Prove) -> None:
    """What every hop says to the request."""
    proven("/data/q4/a.csv", size=10)
    ran = story.run("verify", "x.proof", "--root", "alice.pub", *HERE, *asking("/data/q4/a.csv", size=10), "--explain")
    assert ran.status == 1
    assert ran.out == (
        text("""
            REFUSED  capability_missing at hop 2 (agent:researcher → agent:summarizer)
              request   files.read on /data/q4/a.csv with size=10
              holder    agent:summarizer, on the authority of user:alice@example.com
              until     2026-12-01 12:22 UTC (in 22m)
              hop 0     agent:planner     ✓ files.read /data/** · 1 caveat holds
              hop 1     agent:researcher  ✓ files.read /data/** · 1 caveat holds
              hop 2     agent:summarizer  ✗ only files.read /data/q3/**
              agent:researcher can hand out files.read again; agent:summarizer cannot.
        """)
        + CHECKED_PROOF
    )
    assert ran.err == (
        "refused: hop 2 (agent:researcher → agent:summarizer): `files.read` on `/data/q4/a.csv` "
        "is not among what it permits: files.read /data/q3/** [capability_missing]\n"
    )


def test_verify_of_a_chain_alone(story: Desk) -> None:
    """Without a request nothing is decided, and that is said first."""
    ran = story.run("verify", "summarizer.token", "--root", "alice.pub")
    assert (ran.status, ran.err) == (0, "")
    first = "GENUINE  the chain is genuine; the holder is not proven; no request was decided\n\n"
    assert ran.out == first + CHAIN + SUM + CHECKED_CHAIN


def test_verify_of_a_request_without_a_proof(story: Desk) -> None:
    """A copied chain is worth nothing: status 1, never 0."""
    ran = story.run("verify", "summarizer.token", "--root", "alice.pub", *HERE, *asking("/data/q3/a.csv", size=10))
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == (
        "refused: hop 2 (agent:researcher → agent:summarizer): "
        "the chain came without a proof; present it with prove [proof_missing]\n"
    )


def test_check_says_what_would_be_allowed(story: Desk) -> None:
    """The same without a proof, and never the word allowed alone."""
    ran = story.run("check", "summarizer.token", "--root", "alice.pub", *asking("/data/q3/a.csv", size=10))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        text("""
            WOULD be allowed
              request   files.read on /data/q3/a.csv with size=10
              holder    agent:summarizer, on the authority of user:alice@example.com
              until     2026-12-01 12:22 UTC (in 22m)
              hop 0     agent:planner     ✓ files.read /data/** · 1 caveat holds
              hop 1     agent:researcher  ✓ files.read /data/** · 1 caveat holds
              hop 2     agent:summarizer  ✓ files.read /data/q3/**
        """)
        + CHECKED_CHAIN
    )


def test_check_refuses(story: Desk) -> None:
    """Every hop answers for itself, those below the one that refuses too; and who could do something about it."""
    ran = story.run("check", "summarizer.token", "--root", "alice.pub", *asking("/data/q3/a.csv", size=2000000))
    assert ran.status == 1
    assert ran.out.split("\n", 4)[4].startswith(
        "  hop 0     agent:planner     ✗ args.size < 1000000, and args.size is 2000000\n"
        "  hop 1     agent:researcher  ✓ files.read /data/** · 1 caveat holds\n"
        "  hop 2     agent:summarizer  ✓ files.read /data/q3/**\n"
        "  user:alice@example.com can hand out files.read without that condition;\n"
        "    agent:planner, agent:researcher, agent:summarizer cannot.\n"
    )


def test_a_bearer_token_sealed(desk: Desk) -> None:
    """A bearer token is called a secret, and what it is good for is said."""
    minted = desk.run("mint", "--key", "alice.key", "--bearer", "--can", "files.read /data/**", "--ttl", "5m", *HERE)
    assert minted.err == (
        "bearer token, a secret: user:alice@example.com → whoever has it, valid until 2026-12-01 12:05 UTC (in 5m)\n"
    )
    sealed = desk.run("seal", "-", stdin=minted.out.encode())
    assert sealed.status == 0
    ran = desk.run("inspect", "-", stdin=sealed.out.encode())
    assert ran.out == text("""
        CLAIMED, not checked: anyone could have written this. Bearer token of 2 hops, 437 bytes

        user:alice@example.com
         0 ─▶ whoever has it (a bearer block)    until 2026-12-01 12:05 UTC (in 5m)
              may       files.read /data/**   any arguments
              at        files.example.com
         1 ─▶ whoever has it (a bearer block)
              hands on  to nobody

        Grants      files.read /data/** · any arguments · until 2026-12-01 12:05 UTC (in 5m)
                    at files.example.com · may not be handed on
        Bearer      whoever has it can use it; a service accepts it only if it is set up to
        Checked     nothing; give --root, the public key of somebody you trust
    """)


def test_a_condition_that_does_not_parse_is_underlined(desk: Desk) -> None:
    """The place at fault, and a usage status."""
    ran = desk.run(
        "mint", "--key", "alice.key", "--to", "planner.pub", "--ttl", "1h", "--can", "files.read /a if args.n <"
    )
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == (
        "usage: the text ends where a value is expected\n  files.read /a if args.n <\n                           ^\n"
    )

"""The implementation in JavaScript: all vectors, and a slice of the campaign that compares it with this one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from delegate import PublicKey, VerificationError
from delegate.core.evaluator import regex
from tests.campaigns import javascript
from tests.core.keys import curve
from tests.servers import found
from tests.vectors import load, load_lists, load_requests

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ROOT / "src" / "delegate" / "js"
MESSAGE = b"a request"


@pytest.fixture(scope="module")
def node() -> str:
    """Node, or the test is skipped; where all tests are required it fails."""
    return found("node", "nodejs")


@pytest.fixture(scope="module")
def other(node: str) -> Iterator[javascript.Javascript]:
    """A process that answers for the implementation in JavaScript."""
    with javascript.Javascript(node) as started:
        yield started


def test_all_vectors_agree(node: str) -> None:
    """Every vector of every file comes out in JavaScript as the file says, by Node's own count."""
    command = [node, "--no-warnings", str(HERE / "vectors.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [(int(agree), int(of)) for agree, of in re.findall(r": ([0-9]+) of ([0-9]+)$", done.stdout, re.MULTILINE)]
    assert all(agree == of for agree, of in counts)
    assert sum(of for _, of in counts) == len(load()) + len(load_lists()) + len(load_requests())


@pytest.mark.usefixtures("node")
def test_a_slice_of_the_campaign_finds_no_difference() -> None:
    """Random conditions, step limits, regular expressions and presentations have one answer in both implementations."""
    counts, found_differences = javascript.run(1_500, 1_500, 300, 60, 1_500, seed=7)
    assert found_differences == []
    for word in (
        "language steps",
        "language error",
        "language true",
        "regex true",
        "regex error",
        "decide allow",
        "list accept",
    ):
        assert counts[word] > 0, word


def test_the_campaign_would_notice_a_difference(other: javascript.Javascript) -> None:
    """An answer that differs is counted, and given with what was asked."""
    cases = iter([("false", ["a", "a"], "1 false")])
    counts = javascript.Counts()
    (difference,) = javascript.compare(other, "regex", cases, 1, counts)
    assert difference == (["a", "a"], "1 false", "1 true")
    assert counts["regex DIFFERENT"] == 1


def crafted() -> Iterator[tuple[PublicKey, bytes, bytes]]:
    """Keys and commitments of every mixed order, with signatures that hold by the equation with the cofactor."""
    small = [curve.multiply(factor, curve.point_of_order_8()) for factor in range(8)]
    nonce = curve.multiply(7_654_321, curve.BASE)
    for secret in (1_234_567, 2**251 + 9):
        public = curve.multiply(secret, curve.BASE)
        for of_key in range(8):
            key = curve.encode(curve.add(public, small[of_key]))
            for of_commitment in range(8):
                commitment = curve.encode(curve.add(nonce, small[of_commitment]))
                message = MESSAGE + bytes((of_key, of_commitment))
                response = (7_654_321 + curve.challenge(commitment, key, message) * secret) % curve.L
                yield PublicKey.from_raw(key), commitment + response.to_bytes(32, "little"), message
                beyond = response + curve.L
                yield PublicKey.from_raw(key), commitment + beyond.to_bytes(32, "little"), message


def test_signatures_under_keys_of_mixed_order_have_one_verdict(other: javascript.Javascript) -> None:
    """The equation without the cofactor decides, also where a key has a part of low order; S is below L."""
    cases = list(crafted())
    verdicts = []
    for key, signature, message in cases:
        try:
            key.verify(message, signature)
            verdicts.append("true")
        except VerificationError:
            verdicts.append("false")
    asked = [(key.cose_key.hex(), signature.hex(), message.hex()) for key, signature, message in cases]
    assert other.answers("signature", asked) == verdicts
    # Of each key, one commitment in eight or so fits; with a key of prime order, exactly that of prime order.
    assert len(cases) // 32 < verdicts.count("true") < len(cases) // 4
    assert not any(verdict == "true" for verdict in verdicts[1::2])


def test_a_commitment_of_low_order_holds_nowhere(other: javascript.Javascript) -> None:
    """The 14 encodings are refused as R before WebCrypto sees them; as keys they are none."""
    secret = 1_234_567
    key = curve.encode(curve.multiply(secret, curve.BASE))
    cose = PublicKey.from_raw(key).cose_key
    small = [curve.multiply(factor, curve.point_of_order_8()) for factor in range(8)]
    encodings = [curve.encode(point) for point in small]
    asked = []
    for commitment in encodings:
        response = curve.challenge(commitment, key, MESSAGE) * secret % curve.L
        asked.append((cose.hex(), (commitment + response.to_bytes(32, "little")).hex(), MESSAGE.hex()))
    assert other.answers("signature", asked) == ["false"] * 8
    keys = [(cose.hex().replace(key.hex(), encoding.hex()), bytes(64).hex(), "") for encoding in encodings]
    assert other.answers("signature", keys) == ["weak_key"] * 8


def test_windows_and_nesting(node: str) -> None:
    """A memory that two windows share takes a proof once, and 32 brackets or signs are read: as in Python."""
    command = [node, "--no-warnings", str(HERE / "windows.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert done.returncode == 0, done.stderr


def test_an_engine_that_takes_more_is_not_believed(node: str) -> None:
    """Where WebCrypto's Ed25519 is not that of the specification, no verdict rests on it, and that is said."""
    command = [node, "--no-warnings", str(HERE / "lax_engine.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert done.stdout == "not evaluated here: Ed25519, which this engine takes otherwise\n"


def test_what_a_chain_says_can_be_read_unverified(node: str) -> None:
    """`inspect` gives the claims of each block as plain data, and refuses what is no chain with the words of §9."""
    presented = next(vector for vector in load() if vector.name == "claim-all").fields["presentation"]
    command = [node, "--no-warnings", str(HERE / "inspected.mjs")]
    lines = f"{presented}\ndlgp_\n"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    said, refused = map(json.loads, done.stdout.splitlines())
    first, second = said["blocks"]
    assert (first["issuer"], first["originator"], first["holder"]) == (
        "svc:issuer",
        "user:dana@example.com",
        "agent:planner",
    )
    assert first["can"] == ["files.read /reports/**"]
    assert first["who"] == {"run": "17", "model": "m-2"}
    assert second["holder"] == "agent:worker"
    assert refused == {"reason": "truncated", "hop": None}


def test_it_is_modules_without_dependencies() -> None:
    """Each file imports from its own folder alone, and none reads a clock, a file or the network."""
    modules = {path.name for path in SOURCES.glob("*.js")}
    assert len(modules) > 30
    for path in sorted(SOURCES.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r'from "([^"]+)"', text):
            assert name.startswith("./"), path.name
            assert name[2:] in modules, path.name
        for word in ("Date.now", "fetch(", "require(", "process.", "Math.random", "eval("):
            assert word not in text, (path.name, word)


def test_the_tables_of_zones_are_those_of_the_package() -> None:
    """`spec/generate_zones.py` makes the same table again, where the release is the one that it was made of."""
    _same_release("zone_tables.js", "tzdata")
    command = [sys.executable, str(ROOT / "spec" / "generate_zones.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own command


def test_the_tables_of_unicode_are_those_of_the_library(other: javascript.Javascript) -> None:
    """Groups and folding agree with RE2 at the edges of their ranges, where the release is the tables' own."""
    _same_release("unicode_tables.js", "google-re2")
    library, options = regex._library()
    samples = [
        chr(point) for point in (*range(0x250), 0x3C2, 0x1E9E, 0x212A, 0x2126, 0xA7CB, 0x10400, 0x10428, 0x1E921)
    ]
    patterns = ["\\pL", "\\p{Lu}", "\\p{Latin}", "\\p{Common}", "(?i)[k-s]", "(?i)\\p{Lu}", "(?i)[^k]", "\\p{^N}"]
    asked = [(pattern, sample) for pattern in patterns for sample in samples]
    said = [answer.split()[1] for answer in other.answers("regex", asked)]
    compiled = {pattern: library.compile(pattern, options) for pattern in patterns}
    assert said == [str(compiled[pattern].search(sample) is not None).lower() for pattern, sample in asked]


def _same_release(table: str, package: str) -> None:
    made_of = re.search(r'RELEASE = "[a-z0-9-]+ ([^"]+)"', (SOURCES / table).read_text(encoding="utf-8"))
    assert made_of is not None
    if made_of[1] != version(package):
        pytest.skip(f"{table} is made of {package} {made_of[1]}; here is {version(package)}")

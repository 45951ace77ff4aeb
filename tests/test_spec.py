"""The specification and the code say the same: tables are compared, and the worked example is made again."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import cbor2
import pytest

import delegate
from delegate import Identity, Reason, Request, Token, errors, limits, when
from delegate.cli.status import STATUS_OF, status_of
from delegate.core.chain import claims as blocks
from delegate.core.chain import revocations
from delegate.core.chain.printable import is_plain
from delegate.core.evaluator import scope
from delegate.core.evaluator.opcodes import FLAT_OPS, GENERAL, Op
from delegate.core.keys import ed25519
from delegate.core.wire import armor
from delegate.language.codec import to_wire
from delegate.language.meaning import parse
from delegate.trust import bundle
from tests import cddl, specification, vectors

ROOT = Path(__file__).parents[1]
SPEC = specification.TEXT
SOURCES = sorted(Path(delegate.__file__).parent.rglob("*.py"))
ERROR_CLASSES = {"TokenError", "VerificationError", "Denied", "StateError", "DelegateError"}
NOW = 1_790_000_000


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _reasons() -> dict[Reason, list[tuple[str, int, int]]]:
    """Each reason of §9 with its rows of error class, HTTP status and exit status."""
    found = {}
    for reason, _, classes, http, exits in specification.rows("reasons"):
        statuses = [int(each) for each in http.split(",")]
        endings = [int(each) for each in exits.split(",")]
        endings = endings * len(statuses) if len(endings) == 1 else endings
        found[Reason(_quoted(reason)[0])] = list(zip(_quoted(classes), statuses, endings, strict=True))
    return found


def _plain(row: str) -> str:
    """A row of the step table, whichever sign it multiplies with and wherever it refers to."""
    return row.replace("·", "*").replace(" (§6.6)", "").replace(" (`regex.py`)", "")


def _example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_example", ROOT / "spec" / "generate_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_reason_is_in_section_9_once_and_in_the_code_s_order() -> None:
    """A verifier's words are the table's, all of them and no other."""
    assert [_quoted(row[0])[0] for row in specification.rows("reasons")] == [str(reason) for reason in Reason]


def test_http_statuses_of_section_9_are_those_of_the_error_classes() -> None:
    """Whoever maps a refusal to HTTP by the table answers as the library does."""
    for reason, rows in _reasons().items():
        for name, http, _ in rows:
            assert getattr(errors, name).http_status == http, reason


def test_exit_statuses_of_section_9_are_those_of_the_command_line() -> None:
    """The command's exit is the table's, also where it depends on the class."""
    for reason, rows in _reasons().items():
        assert rows[0][2] == STATUS_OF[reason], reason
        for name, _, ending in rows:
            assert status_of(getattr(errors, name)(reason)) == ending, (reason, name)


def test_the_code_raises_each_reason_in_a_class_that_section_9_names() -> None:
    """No `raise` of the library pairs a word with a class that the table does not have."""
    table = {(name, reason) for reason, rows in _reasons().items() for name, _, _ in rows}
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            first = node.args[0]
            named = (
                isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "Reason"
            )
            if node.func.id in ERROR_CLASSES and named:
                assert isinstance(first, ast.Attribute)
                found.add((node.func.id, Reason[first.attr]))
    assert found <= table, found - table
    assert len(found) >= len(Reason) - 2, "the search finds nothing any more"


def test_every_limit_is_in_section_8_with_its_number() -> None:
    """Each constant of `limits.py` has a row, each row a constant, and the numbers agree."""
    table = {_quoted(row[0])[0]: int(row[1]) for row in specification.rows("limits")}
    code = {name: value for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)}
    assert table == code


def test_what_a_verifier_may_lower_is_marked_in_section_8() -> None:
    """The limits marked with a star are the fields of `Limits`."""
    marked = {_quoted(row[0])[0].lower() for row in specification.rows("limits") if "*" in row[2]}
    assert marked == set(limits.Limits.__slots__)


def test_the_claims_table_is_the_code_s() -> None:
    """§4.1 has the claims of `blocks`, in their order, with their kinds and their place."""
    kinds = {"text": str, "array": list, "time": int, "integer": int, "8": bytes, "bytes": bytes, "map": dict}
    table = []
    places = {place.name.lower(): place for place in blocks.Place}
    for key, _, kind, first, others, _ in specification.rows("claims"):
        name = _quoted(key)[0] if "`" in key else int(key)
        table.append((name, kinds[re.split(r"[\s:,]", kind)[0]], places[first], places[others]))
    assert table == [(claim.key, claim.kind, claim.first, claim.later) for claim in blocks.CLAIMS]
    assert tuple(claim.field for claim in blocks.CLAIMS) == blocks.Block._fields


def test_the_claims_table_of_revocation_lists_is_the_code_s() -> None:
    """§10.2 has the claims of a list, in the order of their encoding, with their types and which must be there."""
    kinds = {"text": str, "array": list, "time": int, "integer": int, "map": dict}
    rows = specification.rows("revocation-claims")
    keys = [_quoted(key)[0].strip('"') if "`" in key else int(key) for key, *_ in rows]
    table = {key: kinds[re.split(r"[\s:,]", row[2])[0]] for key, row in zip(keys, rows, strict=True)}
    assert table == revocations._TYPES
    assert list(table) == sorted(table, key=cbor2.dumps)
    needed = [key for key, row in zip(keys, rows, strict=True) if row[3] == "always"]
    assert needed == list(revocations._NEEDED)


def test_the_tables_of_root_bundles_are_the_code_s() -> None:
    """§15.1 has the claims of a bundle and of its keys, in the order of their encoding, with their types."""
    kinds = {"text": str, "array": list, "time": int, "integer": int, "map": dict}
    for name, types in (("bundle-claims", bundle._CLAIMS), ("bundle-keys", bundle._ENTRY)):
        rows = specification.rows(name)
        keys = [_quoted(key)[0] if "`" in key else int(key) for key, *_ in rows]
        table = {key: kinds[re.split(r"[\s:,]", row[2])[0]] for key, row in zip(keys, rows, strict=True)}
        assert table == types
        assert list(table) == sorted(table, key=cbor2.dumps)
    assert f"at most {bundle.BUNDLE_BYTES} bytes" in SPEC
    assert f"array of 1 to {bundle.KEYS} keys" in SPEC
    assert f"array of 1 to {bundle.PATTERNS} texts" in SPEC
    assert bundle.AAD[2:].hex() in SPEC


def test_the_claims_of_section_4_are_in_the_order_of_their_encoding() -> None:
    """The order of the table is the bytewise order of the encoded keys."""
    keys = [claim.key for claim in blocks.CLAIMS]
    assert keys == sorted(keys, key=cbor2.dumps)


def test_the_opcode_table_is_the_code_s() -> None:
    """§6.4 has every opcode under its number and no other."""
    table = {int(row[0]): row[1] for row in specification.rows("opcodes")}
    assert table == {int(op): op.name for op in Op}
    assert "whose number is 20 more" in SPEC
    assert GENERAL == 20
    assert frozenset(range(4, 18)) == FLAT_OPS


@pytest.mark.parametrize("row", specification.rows("opcodes"), ids=lambda row: row[1])
def test_the_text_of_each_opcode_has_that_opcode(row: list[str]) -> None:
    """The column "in text" shows text that parses to a node of that number."""
    text = _quoted(row[3])[0].replace("\\|", "|")
    for name in ("a", "b", "c", "t", "r", "e"):
        text = re.sub(rf"(?<![\w.\"]){name}(?![\w\"(])", f"args.{name}", text)
    for word, written in (("body", "x"), ("result", "x"), ("filter)", "x)"), ("filter, ", "x, "), ("f(", "dyn(")):
        text = text.replace(word, written)
    encoded = to_wire(parse(text))
    assert isinstance(encoded, list)
    assert encoded[0] == int(row[0]), (text, encoded)


def test_the_step_costs_are_those_of_the_code_s_table() -> None:
    """§6.5 has the rows that the module which charges them documents."""
    lines = [line for line in (scope.__doc__ or "").splitlines() if line.startswith("| ")][2:]
    code = [line.replace("||", "\\|\\|") for line in lines]
    ours = SPEC.partition("<!-- steps -->\n")[2].partition("<!-- /steps -->")[0].splitlines()[2:]
    assert [_plain(line) for line in ours] == [_plain(line) for line in code]


def test_the_list_of_low_order_encodings_is_the_code_s() -> None:
    """§3.5 lists the 14 encodings."""
    listed = re.findall(r"^[0-9a-f]{64}$", SPEC.partition("### 3.5")[2].partition("### 3.6")[0], re.MULTILINE)
    assert len(listed) == 14
    assert {bytes.fromhex(each) for each in listed} == ed25519.LOW_ORDER


def test_the_code_points_of_section_4_2_are_the_code_s() -> None:
    """The list of what text for people may not hold is complete and exact, over all of Unicode."""
    text = SPEC.partition("### 4.2")[2].partition("```\n")[2].partition("```")[0]
    refused = set()
    for first, last in re.findall(r"(?:U\+)([0-9A-F]{4,6})(?:–([0-9A-F]{4,6}))?", text):
        refused |= set(range(int(first, 16), int(last or first, 16) + 1))
    assert refused == {code for code in range(0x110000) if not is_plain(chr(code))}


def test_sections_that_the_code_cites_exist() -> None:
    """A comment that names a section of the specification names one that there is."""
    cited = {
        (path.name, section)
        for path in SOURCES
        for section in re.findall(r"SPEC §?(\d+(?:\.\d+)?)", path.read_text("utf-8"))
    }
    assert cited, "the search finds nothing any more"
    assert {each for each in cited if each[1] not in specification.SECTIONS} == set()


def test_the_worked_example_is_what_the_code_makes() -> None:
    """§13 is made again from its seeds, verified and compared byte for byte."""
    example = _example()
    assert example.current() == example.section()


# Refusals that only what is well-formed can meet.
WELL_FORMED = {
    "allow",
    "caveat_failed",
    "capability_missing",
    "expired",
    "wrong_audience",
    "unknown_root",
    "too_many_hops",
}
JUDGED = [vector for vector in vectors.load() if vector.fields["expect"] in WELL_FORMED]


@pytest.mark.parametrize("vector", JUDGED, ids=lambda vector: vector.name)
def test_well_formed_vectors_match_the_cddl(vector: vectors.Vector) -> None:
    """Whatever gets as far as a clock, a place or a caveat has the shapes of `delegate.cddl`."""
    source = vector.source
    assert cddl.check("envelope", armor.decode(source)[1] if isinstance(source, str) else source)


def test_sections_that_the_vectors_cite_exist() -> None:
    """A vector is about a section that there is."""
    assert {vector.fields["spec"] for vector in vectors.load()} <= specification.SECTIONS


def _well_formed() -> dict[str, bytes]:
    """Envelopes of each kind, with every claim and many shapes of capabilities."""
    alice = Identity.from_seed("user:alice@example.com", b"\x01" * 32)
    planner = Identity.from_seed("agent:planner", b"\x02" * 32)
    chain = alice.mint(
        to=planner.principal,
        can=[
            "files.read /reports/**",
            "pay(amount) if args.amount <= 500",
            'x exactly "/a//b"',
            "y",
            "z exactly q if true",
        ],
        ttl="8h",
        hops=1,
        why="quarterly report",
        not_before=NOW,
        audience=["a", "b"],
        on_behalf_of="user:bob@example.com",
        tenant="t",
        who={"run": "7"},
        caveats=["args.size < 1.5", "true"],
        now=NOW,
    )
    narrower = planner.attenuate(chain, caveats=when("args.a in allowed", allowed=["x", 1, None]), ttl="1h", now=NOW)
    bearer = alice.mint(bearer=True, can="x **", audience="y", ttl="1h", now=NOW)
    return {
        "token": chain.to_bytes(),
        "presentation": planner.prove(narrower, Request("y"), "a", now=NOW, nonce=bytes(16)).to_bytes(),
        "bearer": bearer.attenuate(can="x /y/*", now=NOW).seal(now=NOW).to_bytes(),
    }


@pytest.mark.parametrize("name", ["token", "presentation", "bearer"])
def test_well_formed_envelopes_match_the_cddl(name: str) -> None:
    """`delegate.cddl` takes what the library makes; so does pycddl, as far as it goes."""
    data = _well_formed()[name]
    assert cddl.check("envelope", data)
    assert cddl.check(name, data)
    _, chain, *_ = cbor2.loads(data)
    for index, block in enumerate(chain):
        protected, _, payload, _ = cbor2.loads(block)
        assert cddl.pycddl_check("first-protected" if index == 0 else "bare-protected", protected)
        assert cddl.pycddl_check("first-claims" if index == 0 else "later-claims", payload)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((1, "alice"), (2, "x y"), (3, []), (3, ["a b"]), (4, -1), (6, 1.0), (7, b"short"), (8, {}), ("why", "")),
        *(("hops", 17), ("who", {}), ("can", "text"), ("can", b""), ("for", "x"), ("tenant", ""), ("need", [])),
        (True, 1),
    ],
)
def test_the_cddl_refuses_claims_of_another_form(key: int | str, value: object) -> None:
    """One claim replaced by a wrong one, and the schema no longer takes the block's claims."""
    first = cbor2.loads(Token.parse(_well_formed()["token"]).blocks[0])
    claims = cbor2.loads(first[2])
    assert cddl.check("first-claims", cbor2.dumps(claims))
    claims[key] = value
    if key is True:
        claims = {key: value, **{name: claim for name, claim in claims.items() if name != 1}}
    assert not cddl.check("first-claims", cbor2.dumps(claims))


@pytest.mark.parametrize("missing", [1, 2, 4, 6, 7, 8, "can"])
def test_the_cddl_refuses_a_block_0_without_what_it_must_have(missing: int | str) -> None:
    """One claim left out of block 0, and the schema no longer takes it."""
    claims = cbor2.loads(cbor2.loads(Token.parse(_well_formed()["token"]).blocks[0])[2])
    del claims[missing]
    assert not cddl.check("first-claims", cbor2.dumps(claims))


@pytest.mark.parametrize(
    "wrong",
    [[], [-1, "x"], [72, 1], [0], [1, 1], [3], [3, 1, 2], [4, "args"], [4, 1, 1], [10, "args", "a"], [18, "args"],
     [19, 1, "1x", 1], [21, 1, 2], [24, 1], [45, 1, 1], [47, [1]], [62, 1, 2, 3], [True, 1], {1: 1}],
    ids=repr,
)  # fmt: skip
def test_the_cddl_refuses_what_is_no_expression(wrong: object) -> None:
    """Arrays that begin with no opcode, or have another number or kind of operands."""
    assert not cddl.check("caveat-list", cbor2.dumps([wrong]))


@pytest.mark.parametrize("row", specification.rows("opcodes"), ids=lambda row: row[1])
def test_the_cddl_takes_an_expression_of_each_opcode(row: list[str]) -> None:
    """One expression for each opcode, as the library encodes it."""
    made = {
        "SELECT": "args.l[0].f",
        "HAS_FIELD": "has(args.l[0].f)",
        "INDEX": "args.l[0]",
        "MAP": '{"a": 1}',
        "LIST": "[1, args.a]",
        "CONDITION": "args.a ? 1 : 2",
    }
    number = int(row[0])
    encoded = to_wire(parse(made[row[1]])) if row[1] in made else _sample(number)
    assert isinstance(encoded, list)
    assert encoded[0] == number
    assert cddl.check("caveat-list", cbor2.dumps([encoded]))


def _sample(number: int) -> list[object]:
    path: list[object] = [0, "args", "a"]
    name = Op(number)
    if number in FLAT_OPS:
        return [number, "args", "a", ["x", 1]] if name is Op.IN_FLAT else [number, "args", "a", "x"]
    if name in {Op.PATH, Op.HAS}:
        return [number, "args", "a"]
    if name in {Op.AND, Op.OR} or Op.EQ <= name <= Op.MODULO:
        return [number, path, path]
    if name in {Op.ALL, Op.EXISTS, Op.EXISTS_ONE, Op.MAP_EACH, Op.FILTER}:
        return [number, path, "x", [0, "x"]]
    return [number, path, "x", True, [0, "x"]] if name is Op.MAP_SOME else [number, path]

"""Signed notes, checkpoints, proofs and policies: what others' tools wrote, and what is refused."""

from __future__ import annotations

import base64
import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegate.audit.tree.checkpoints import Checkpoint, InclusionProof, open_checkpoint
from delegate.audit.tree.cose_receipts import ED25519, EDDSA, CoseReceipt, make, signed_bytes
from delegate.audit.tree.merkle import EMPTY_ROOT, leaf_hash, node_hash
from delegate.audit.tree.notes import Note, NoteKey, NoteSigner, Use, opened
from delegate.audit.tree.policies import Policy
from delegate.errors import DelegateError, Reason, TokenError, VerificationError

# The example of the format's own specification.
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
LOG = NoteSigner("example.com/log", Use.LOG, b"l" * 32)
OTHER = NoteSigner("example.com/log", Use.LOG, b"o" * 32)
WITNESSES = [NoteSigner(f"witness.example/{number}", Use.WITNESS, bytes([number]) * 32) for number in range(1, 6)]
LEAVES = [leaf_hash(b"%d" % number) for number in range(2)]
ROOT = node_hash(*LEAVES)
POINT = Checkpoint("example.com/log", 2, ROOT)
SIGNED = POINT.sign(LOG)
PROOF = InclusionProof(1, (LEAVES[0],), SIGNED, b"1")


def cosigned(*signers: NoteSigner, time: int = 1_790_000_000) -> Note:
    """The checkpoint, seen by these."""
    note = SIGNED
    for each in signers:
        note = note.with_line(each.line(note.text, time))
    return note


def test_the_example_of_the_specification_holds() -> None:
    """Key and note read, hold, and print as they came."""
    key, note = NoteKey.parse(KEY), Note.parse(NOTE)
    assert [each.key for each in opened(note, [key])] == [key]
    assert (key.to_text(), note.to_text()) == (KEY, NOTE)
    assert Note.parse(NOTE.encode()) == note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no signature\n",
        "text\n\n",
        "text\n\n— example.com/foo\n",
        "text\n\n- example.com/foo AAAAAAA=\n",
        "text\n\n— example.com/foo AAAAAAA=",
        "text\n\n— example.com/foo AAAAAAA=\n\n",
        "text\n\n— exa+mple AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— example.com/foo AAAAAA==\n",
        "text\n\n— example.com/foo AAAAAAB=\n",
        "te\0xt\n\n— example.com/foo AAAAAAA=\n",
        "te\txt\n\n— example.com/foo AAAAAAA=\n",
        "\n\n— example.com/foo AAAAAAA=\n",
        "te\ud800xt\n\n— example.com/foo AAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 example.com/foo AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(text: str | bytes) -> None:
    """Whatever is not written in the one way."""
    with pytest.raises(TokenError):
        Note.parse(text)


def test_too_many_signatures_are_refused() -> None:
    """A note has a bound, and 16 signatures are within it."""
    line = "— example.com/foo AAAAAAA=\n"
    assert len(Note.parse("text\n\n" + line * 16).signatures) == 16
    for text in ("text\n\n" + line * 65, "x" * (1 << 20) + "\n\n" + line):
        with pytest.raises(TokenError) as refusal:
            Note.parse(text)
        assert refusal.value.reason is Reason.LIMIT_EXCEEDED


def test_a_line_by_a_known_key_that_does_not_hold_refuses_the_note() -> None:
    """And one by an unknown key is left alone, whatever it is."""
    forged = SIGNED.signatures[0]._replace(signature=bytes(64))
    note = Note(SIGNED.text, (*SIGNED.signatures, forged))
    with pytest.raises(VerificationError) as refusal:
        opened(note, [LOG.key])
    assert refusal.value.reason is Reason.BAD_SIGNATURE
    assert opened(Note(SIGNED.text, (forged,)), [OTHER.key]) == ()


def test_a_checkpoint_needs_its_own_log() -> None:
    """Another log's key of the same name, another origin's, or a witness's alone do not do."""
    assert open_checkpoint(SIGNED, [LOG.key]).checkpoint == POINT
    elsewhere = NoteSigner("example.com/other", Use.LOG, b"l" * 32)
    for keys in ([], [OTHER.key], [elsewhere.key], [WITNESSES[0].key]):
        with pytest.raises(VerificationError) as refusal:
            open_checkpoint(SIGNED, keys)
        assert refusal.value.reason is Reason.UNKNOWN_ROOT


def test_a_key_has_one_use() -> None:
    """A log's key signs no cosignature and a witness's no checkpoint, and neither passes for the other."""
    with pytest.raises(ValueError, match="signed by the log key"):
        POINT.sign(WITNESSES[0])
    with pytest.raises(ValueError, match="signed by the log key"):
        Checkpoint("example.com/other", 2, ROOT).sign(LOG)
    with pytest.raises(ValueError, match="signed by the log's key"):
        make(WITNESSES[0], ROOT, 2, 1, (LEAVES[0],))
    both = NoteSigner("example.com/log", Use.WITNESS, b"l" * 32)
    assert both.key.raw == LOG.key.raw
    assert both.key.id != LOG.key.id
    as_witness = Note(SIGNED.text, (SIGNED.signatures[0]._replace(key_id=both.key.id),))
    with pytest.raises(VerificationError):
        opened(as_witness, [both.key])


def test_a_cosignature_says_when() -> None:
    """The time is what the witness signed, and another time does not hold."""
    seen = open_checkpoint(cosigned(WITNESSES[0], time=1_679_315_147), [LOG.key], [WITNESSES[0].key])
    assert [each.time for each in seen.witnesses] == [1_679_315_147]
    line = cosigned(WITNESSES[0]).signatures[1]
    for changed in (line.signature[:7] + b"\0" + line.signature[8:], bytes(8) + line.signature[8:], line.signature[8:]):
        with pytest.raises(VerificationError):
            opened(Note(SIGNED.text, (line._replace(signature=changed),)), [WITNESSES[0].key])


@pytest.mark.parametrize(
    "text",
    [
        "example.com/log\n2\n",
        "example.com/log\n2\nAAAA\n",
        "\n2\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.com/log\n02\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.com/log\n-2\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.com/log\n٢\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.com/log\n9223372036854775808\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "example.com/log\n2\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n",
        "example.com/log\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Lines that are missing or too many, numbers and hashes that are none, a root of nothing that is not that."""
    with pytest.raises(TokenError):
        Checkpoint.parse(text)


def test_an_empty_log_has_the_root_of_nothing() -> None:
    """As RFC 9162 has it."""
    empty = Checkpoint("example.com/log", 0, EMPTY_ROOT)
    assert Checkpoint.parse(empty.to_text()) == empty


def test_a_proof_reads_as_it_was_written() -> None:
    """With and without further data."""
    for proof in (PROOF, PROOF._replace(extra=b""), PROOF._replace(place=0, hashes=())):
        assert InclusionProof.parse(proof.to_text()) == proof
    assert PROOF.check(LEAVES[1], [LOG.key]).checkpoint == POINT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 1", "index 01"),
        ("index 1\n", ""),
        ("extra MQ==", "extra MQ"),
        ("extra MQ==", "extra"),
        ("index 1\n", "index 1\n\n"),
        ("\n\n", "\n"),
    ],
)
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    """A change of form."""
    with pytest.raises(TokenError):
        InclusionProof.parse(PROOF.to_text().replace(old, new, 1))


def test_a_proof_of_something_else_does_not_hold() -> None:
    """Another leaf, another place, another log."""
    for proof, leaf, key in (
        (PROOF, LEAVES[0], LOG.key),
        (PROOF._replace(place=0), LEAVES[1], LOG.key),
        (PROOF, LEAVES[1], OTHER.key),
    ):
        with pytest.raises(VerificationError):
            proof.check(leaf, [key])


def policy(*lines: str) -> Policy:
    """A policy over the log and the five witnesses."""
    names = (f"witness w{number} {each.key.to_text()}" for number, each in enumerate(WITNESSES, 1))
    return Policy.parse("\n".join([f"log {LOG.key.to_text()} https://example.com/log", *names, *lines]) + "\n")


NESTED = (
    "# two of three, and one of two",
    "group x 2 w1 w2 w3",
    "\tgroup y any w4 w5 ",
    "group all all x y",
    "quorum all",
)


@pytest.mark.parametrize(
    ("lines", "who", "enough"),
    [
        (("quorum none",), (), True),
        (("quorum w1",), (), False),
        (("quorum w1",), (2,), False),
        (("quorum w1",), (1,), True),
        (NESTED, (1, 2), False),
        (NESTED, (1, 4), False),
        (NESTED, (1, 3, 5), True),
        (NESTED, (1, 2, 3), False),
    ],
)
def test_a_policy_says_how_many_witnesses_there_must_be(
    lines: tuple[str, ...], who: tuple[int, ...], enough: bool
) -> None:
    """Single ones, and groups of groups."""
    note = cosigned(*(WITNESSES[number - 1] for number in who))
    if enough:
        assert len(policy(*lines).check(note).witnesses) == len(who)
        return
    with pytest.raises(VerificationError) as refusal:
        policy(*lines).check(note)
    assert refusal.value.reason is Reason.UNKNOWN_ROOT


def test_groups_within_groups_within_groups() -> None:
    """Thousands of them: a policy is a file, and a file of any shape ends in an answer."""
    deep = ["group g0 any w1", *(f"group g{each} any g{each - 1}" for each in range(1, 3_000)), "quorum g2999"]
    assert len(policy(*deep).check(cosigned(WITNESSES[0])).witnesses) == 1
    with pytest.raises(VerificationError):
        policy(*deep).check(cosigned(WITNESSES[1]))


def test_one_witness_does_not_count_twice() -> None:
    """Whatever number of lines it writes."""
    note = cosigned(WITNESSES[0]).with_line(WITNESSES[0].line(SIGNED.text, 1_790_000_001))
    with pytest.raises(VerificationError):
        policy("group two 2 w1 w2", "quorum two").check(note)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("quorum none", "quorum none"),
        ("quorum nobody",),
        ("group g any nobody", "quorum g"),
        ("group g 3 w1 w2", "quorum g"),
        ("group g 0 w1 w2", "quorum g"),
        ("group g +1 w1", "quorum g"),
        ("group g any", "quorum g"),
        ("group w1 any w2", "quorum w1"),
        ("group none any w2", "quorum none"),
        ("group g any w1 w1", "quorum g"),
        ("group g any w1", "group h any w1", "quorum h"),
        ("group g any none", "quorum g"),
        (f"witness again {WITNESSES[0].key.to_text()}", "quorum none"),
        (f"log {WITNESSES[0].key.to_text()}", "quorum none"),
        (f"witness log {LOG.key.to_text()}", "quorum none"),
        (f"witness forger {NoteKey('a.example', Use.WITNESS, LOG.key.raw).to_text()}", "quorum none"),
        ("quorum none more",),
        ("unknown line",),
        ("quorum none\r",),
    ],
)
def test_what_is_no_policy_is_refused(lines: tuple[str, ...]) -> None:
    """Whatever would count wrong, and a key that is a log's and a witness's: it could forge either."""
    with pytest.raises(TokenError):
        policy(*lines)


def test_a_secret_key_reads_back_and_never_prints() -> None:
    """Nor travels."""
    again = NoteSigner.parse(LOG.to_text())
    assert again.key == LOG.key
    assert base64.b64encode(b"l" * 32).decode()[:20] not in repr(again)
    for leave in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leave(again)
    for text in ("", "PRIVATE+KEY+x", LOG.to_text()[:-4], LOG.to_text().replace("log+", "lag+"), KEY):
        with pytest.raises(TokenError) as refusal:
            NoteSigner.parse(text)
        assert text[-20:] not in refusal.value.detail or not text


@pytest.mark.parametrize("algorithm", [EDDSA, ED25519])
def test_a_receipt_of_inclusion_holds(algorithm: int) -> None:
    """As RFC 9942 has it: the bytes, the path, and the signature over the root."""
    receipt = make(LOG, ROOT, 2, 1, (LEAVES[0],), algorithm)
    again = CoseReceipt.parse(receipt.encode())
    assert again == receipt
    again.check(LEAVES[1], ROOT, LOG.key)
    assert receipt.encode().startswith(bytes.fromhex("d284 47 a201"))
    for leaf, root, key in ((LEAVES[0], ROOT, LOG.key), (LEAVES[1], EMPTY_ROOT, LOG.key), (LEAVES[1], ROOT, OTHER.key)):
        with pytest.raises(VerificationError):
            again.check(leaf, root, key)


def test_a_sig_structure_is_no_note() -> None:
    """So that signing a receipt signs no checkpoint, and the other way round."""
    with pytest.raises(UnicodeDecodeError):
        signed_bytes(EDDSA, ROOT).decode()
    with pytest.raises(ValueError, match="Sig_structure"):
        LOG.sign_structure(POINT.to_text().encode())


@given(st.data())
def test_changed_receipts_are_refused_by_name(data: st.DataObject) -> None:
    """Whatever byte is changed, added or cut off, the outcome is a refusal, never another error."""
    whole = make(LOG, ROOT, 2, 1, (LEAVES[0],)).encode()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    for given_ in (changed, whole[:place], whole + b"\0"):
        if given_ == whole:
            continue
        with pytest.raises(DelegateError):
            CoseReceipt.parse(given_).check(LEAVES[1], ROOT, LOG.key)


@given(st.text() | st.binary())
def test_any_bytes_give_a_result_or_a_refusal(source: str | bytes) -> None:
    """Of every form that is read here."""
    for parse in (Note.parse, InclusionProof.parse, Policy.parse):
        try:
            parse(source)
        except DelegateError:
            continue
    for parse_text in (NoteKey.parse, NoteSigner.parse, Checkpoint.parse):
        try:
            parse_text(source if isinstance(source, str) else source.decode("latin-1"))
        except DelegateError:
            continue
    try:
        CoseReceipt.parse(source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass"))
    except DelegateError:
        return


def test_a_policy_of_groups_in_groups_is_counted_from_the_first_on() -> None:
    """However deep: each group names only what stands above it."""
    witness = WITNESSES[0]
    lines = [f"witness w {witness.key.to_text()}", "group g0 any w"]
    lines += [f"group g{number} any g{number - 1}" for number in range(1, 3_000)]
    policy = Policy.parse("\n".join([f"log {LOG.key.to_text()}", *lines, "quorum g2999", ""]))
    assert policy.check(cosigned(witness)).witnesses
    with pytest.raises(VerificationError):
        policy.check(SIGNED)

"""What people ask of chains that people make: each answered, and rightly."""

from __future__ import annotations

from collections import Counter

import pytest

from delegate.analysis.proofs.question import NEVER, OPEN, YES
from tests.analysis.proofs.chains import of_texts, reply_to
from tests.analysis.proofs.corpus import CHAINS

VERDICTS = {"yes": YES, "never": NEVER, "open": OPEN}


@pytest.mark.parametrize("name", CHAINS)
def test_each_question_has_its_answer(name: str) -> None:
    """A `yes` comes with a request that the evaluator allowed; a `never` is a proof."""
    token = of_texts(CHAINS[name].blocks)
    found = {asked: reply_to(token, asked) for asked, _ in CHAINS[name].questions}
    assert {asked: reply.verdict for asked, reply in found.items()} == {
        asked: VERDICTS[wanted] for asked, wanted in CHAINS[name].questions
    }
    for reply in found.values():
        assert (reply.example is not None) is (reply.verdict == YES)
        assert bool(reply.because) is (reply.verdict == OPEN)


def test_nine_of_ten_are_decided_of_more_than_two_hundred() -> None:
    """So many of the corpus; and most without z3 too."""
    told = Counter(wanted for chain in CHAINS.values() for _, wanted in chain.questions)
    assert told.total() >= 200
    assert told["open"] * 10 <= told.total()


WITHOUT = ["payments", "reports", "mail", "web fetch", "addresses", "database", "kubernetes", "records", "git"]


@pytest.mark.parametrize("name", WITHOUT)
def test_without_z3_cases_bounds_and_automata_decide_the_same(name: str) -> None:
    """What needs no sums over several arguments."""
    token = of_texts(CHAINS[name].blocks)
    for asked, wanted in CHAINS[name].questions:
        assert reply_to(token, asked, use_z3=False).verdict == VERDICTS[wanted], asked

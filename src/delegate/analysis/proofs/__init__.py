"""Proofs: that a chain can never do something, or a request with which it can (SPEC §6.9). No decision rests on them.

    from delegate.analysis.proofs import ever

    ever(chain, 'action == "pay" && args.amount > 500').verdict  # "yes", "never" or "cannot tell"

Conditions become formulas (`translate`), in which true, false and an error are kept apart; texts become automata
(`languages`, `texts`, `expressions`); a search finds a request or shows that there is none (`search`, `theory`); what
it finds is tried with the evaluator that decides (`attempt`). All of that runs in a child process (`child`,
`question`). Nothing of this package is loaded but by whoever asks.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate.analysis.proofs.asking import Answer, ever, removes, within
    from delegate.analysis.proofs.attempt import Example
else:
    from delegate.faces import face

    _HOMES = {
        "analysis.proofs.asking": ("Answer", "ever", "removes", "within"),
        "analysis.proofs.attempt": ("Example",),
    }
    __getattr__, __dir__ = face(__name__, _HOMES)

__all__ = ["Answer", "Example", "ever", "removes", "within"]

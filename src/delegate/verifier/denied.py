"""`Denied` with the type of its decision: to type checkers, which `errors` below everything cannot tell.

To Python there is one class, that of `delegate.errors`.
"""

TYPE_CHECKING = False  # as `typing` has it, which need not be loaded for that
if TYPE_CHECKING:
    from delegate import errors
    from delegate.verifier.decision import Decision

    class Denied(errors.Denied):
        """Genuine and proven, and this request is not allowed."""

        decision: Decision | None

else:
    from delegate.errors import Denied

__all__ = ["Denied"]

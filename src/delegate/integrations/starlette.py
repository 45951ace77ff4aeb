"""Starlette's own words for who is calling: `request.user`, `request.auth` and `@requires("delegate")`.

A backend sees no body, so it decides nothing: `DelegateMiddleware` did, further out.

    from delegate.integrations.asgi import DelegateMiddleware
    from delegate.integrations.starlette import DelegateBackend

    middleware = [Middleware(DelegateMiddleware, guard), Middleware(AuthenticationMiddleware, DelegateBackend())]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

try:
    from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser
except ImportError as error:  # pragma: no cover - the tests have it
    message = "delegate.integrations.starlette needs Starlette: pip install 'delegate-token[starlette]'"
    raise ImportError(message) from error

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from delegate.verifier.decision import Authorization

KEY: Final = "delegate"
SCOPE: Final = "delegate"


class DelegateUser(BaseUser):
    """Who acts, and on whose authority.

    Attributes:
        authorization: all of it.
    """

    def __init__(self, authorization: Authorization) -> None:
        """Made of what a guard allowed."""
        self.authorization = authorization

    @property
    def is_authenticated(self) -> bool:
        """Always: nobody else becomes one."""
        return True

    @property
    def display_name(self) -> str:
        """Who acts, as the chain names it."""
        return self.authorization.holder

    @property
    def identity(self) -> str:
        """On whose authority."""
        return self.authorization.originator


class DelegateBackend(AuthenticationBackend):
    """Tells Starlette what `DelegateMiddleware` found; where nothing was decided, nobody is authenticated."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Give who calls: with the scope `delegate`."""
        found = conn.scope.get(KEY)
        return None if found is None else (AuthCredentials([SCOPE]), DelegateUser(found[1]))

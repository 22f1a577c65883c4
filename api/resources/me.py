"""Who the caller is: to try a token."""

from ninja import Router
from pydantic import Field

from api.access import Request
from api.routing import read
from api.scopes import SCOPES
from api.shapes import Instant, Out

router = Router()


class MeOut(Out):
    """The caller, and what it may do."""

    user: str = Field(examples=["ada"])
    token: str | None = Field(description="Name of the token; null in a browser's session.")
    expires_at: Instant | None
    scopes: list[str] = Field(description="What token and user both allow.", examples=[["incidents:read"]])


@read(router, "/me", scope=None, out=MeOut, id="getMe", summary="Who am I")
def get_me(request: Request) -> MeOut:
    """Tells the user, the token and the scopes that really open something: those the token has and its user's rights
    allow."""
    caller = request.caller
    token = caller.token
    return MeOut(
        user=caller.user.get_username(),
        token=token.name if token else None,
        expires_at=token.expires_at if token else None,
        scopes=[scope for scope in SCOPES if caller.may(scope)],
    )

"""Tokens: made, recognised, revoked."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from .models import SHOWN, ApiToken, digest_of, new_secret
from .scopes import check

NOTE_USE_EVERY = timedelta(minutes=1)


class TokenRefused(Exception):
    """A token that opens nothing; the text says why."""


def issue(name: str, *, user, scopes: Iterable[str], expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """Make a token that acts as `user`; return its row and the token itself, which is kept nowhere.

    UnknownScope names scopes that do not exist; IntegrityError when the name is taken.
    """
    secret = new_secret()
    row = ApiToken.objects.create(name=name, user=user, scopes=check(scopes), expires_at=expires_at, **facts_of(secret))
    return row, secret


def facts_of(secret: str) -> dict[str, str]:
    """The columns that are kept of a token."""
    return {"digest": digest_of(secret), "shown": secret[:SHOWN]}


def recognise(secret: str, *, at: datetime) -> ApiToken:
    """Return the token that is good at `at`, with its user, and note its use at most once a minute.

    TokenRefused says what is wrong with it. One query, and a write where its use is noted.
    """
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    if token is None:
        raise TokenRefused("This token is not known.")
    if token.revoked_at is not None:
        raise TokenRefused(f"The token {token.name} was revoked at {token.revoked_at:%Y-%m-%d %H:%M} UTC.")
    if not token.is_good(at):
        raise TokenRefused(f"The token {token.name} expired at {token.expires_at:%Y-%m-%d %H:%M} UTC.")
    if not token.user.is_active:
        raise TokenRefused(f"The token {token.name} acts as {token.user.get_username()}, who is switched off.")
    if token.last_used_at is None or at - token.last_used_at >= NOTE_USE_EVERY:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=at - NOTE_USE_EVERY)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=at)
    return token


def revoke(tokens, *, at: datetime) -> int:
    """Revoke those of `tokens` (a QuerySet) that are not yet; return how many."""
    return tokens.filter(revoked_at=None).update(revoked_at=at)

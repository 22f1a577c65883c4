"""`manage.py api_token add NAME --user U --scopes a,b`: a new token; `list` and `revoke`."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from api import tokens
from api.models import ApiToken
from api.scopes import KNOWN, UnknownScope

LONGEST_DAYS = 3650


class Command(BaseCommand):
    help = "Make, list and revoke tokens of the HTTP API; prints JSON. A token is shown once, when it is made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="make a token and print it")
        add.add_argument("name", help="what uses it; unique")
        add.add_argument("--user", required=True, metavar="NAME", help="whom it acts as; it never may do more")
        add.add_argument("--scopes", required=True, metavar="SCOPE,…", help=f"of {', '.join(sorted(KNOWN))}")
        add.add_argument("--days", type=int, help="it expires after so many; without it never")
        actions.add_parser("list", help="print all tokens, without the tokens themselves")
        revoke = actions.add_parser("revoke", help="make a token useless")
        revoke.add_argument("name")

    def handle(self, *, action: str, **options) -> None:
        deeds: dict[str, Callable[..., Any]] = {"add": self.add, "list": self.listed, "revoke": self.revoke}
        self.stdout.write(json.dumps(deeds[action](**options), indent=2))

    def add(self, *, name: str, user: str, scopes: str, days: int | None, **options) -> dict:
        if not name.strip() or len(name) > 120:
            raise CommandError("A token needs a name of at most 120 characters.")
        acts_as = get_user_model().objects.filter(username=user).first()
        if acts_as is None:
            raise CommandError(f"There is no user {user!r}; `manage.py createsuperuser` or the admin makes one.")
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days is from 1 to {LONGEST_DAYS}, not {days}.")
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"There is a token {name!r} already; `api_token list` shows it.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        given = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        try:
            row, secret = tokens.issue(name, user=acts_as, scopes=given, expires_at=expires_at)
        except UnknownScope as unknown:
            raise CommandError(str(unknown)) from None
        return {**_shown(row), "token": secret}

    def listed(self, **options) -> list[dict]:
        return [_shown(row) for row in ApiToken.objects.select_related("user")]

    def revoke(self, *, name: str, **options) -> dict:
        found = ApiToken.objects.filter(name=name)
        row = found.select_related("user").first()
        if row is None:
            raise CommandError(f"There is no token {name!r}; `api_token list` shows those that are.")
        tokens.revoke(found, at=timezone.now())
        row.refresh_from_db()
        return _shown(row)


def _shown(row: ApiToken) -> dict:
    instants = {name: getattr(row, name) for name in ("expires_at", "revoked_at", "last_used_at", "created_at")}
    return {
        "name": row.name,
        "begins": row.shown,
        "user": row.user.get_username(),
        "scopes": row.scopes,
        **{name: instant and instant.isoformat() for name, instant in instants.items()},
    }

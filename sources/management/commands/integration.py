"""`manage.py integration add KIND NAME`: a new door; `integration list`: those that are."""

import json
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from policies.models import Policy
from sources import doors, preview
from sources.heartbeats.managing import DOOR as HEARTBEAT
from sources.inbound import ALIASES, INBOUND, PATHS
from sources.management import heartbeats
from sources.models import Integration, new_token


class Command(BaseCommand):
    help = "Add a door for a sender, or list the doors; prints JSON."

    def add_arguments(self, parser):
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="make a door and print its address and key")
        add.add_argument("kind", help=f"how the sender speaks: {', '.join(sorted(PATHS))}")
        add.add_argument("name", help="unique, for people")
        add.add_argument("--key", help="stands in the address; made up when not given")
        add.add_argument("--secret", default="", help="signs the sender's requests; without it the key alone lets in")
        add.add_argument("--policy", metavar="KEY", help="whose levels and targets its alerts follow")
        add.add_argument("--group-by", metavar="LABEL,…", default="", help="labels that make one incident")
        add.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="what else this kind wants to know; JSON or text",
        )
        add.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=PATH",
            help="generic JSON: where our field stands in the payload",
        )
        add.add_argument(
            "--level",
            action="append",
            default=[],
            metavar="THEIRS=OURS",
            help="what a level of the sender is called here",
        )
        heartbeats.add_arguments(add)
        actions.add_parser("list", help="print all doors")

    def handle(self, *, action: str, **options) -> None:
        self.stdout.write(json.dumps(_add(**options) if action == "add" else _list(), indent=2))


def _add(*, kind: str, name: str, key: str | None, secret: str, policy: str | None, group_by: str, **more) -> dict:
    kind = kind.strip().lower().replace("_", "-").replace(" ", "-")
    kind = ALIASES.get(kind, kind)
    if kind not in PATHS:
        close = get_close_matches(kind, [*PATHS, *ALIASES], n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise CommandError(f"There is no kind of door {kind!r}; {hint}there are: {', '.join(sorted(PATHS))}.")
    if not name.strip():
        raise CommandError("A door needs a name.")
    if key is not None and not (key.isascii() and key.replace("-", "").replace("_", "").isalnum() and len(key) <= 64):
        raise CommandError("A key has 1 to 64 ASCII letters, digits, - or _, since it stands in the address.")
    if Integration.objects.filter(name=name).exists():
        raise CommandError(f"There is a door named {name!r} already; `integration list` shows it.")
    if key and (taken := Integration.objects.filter(key=key).first()):
        raise CommandError(f"The key is taken by the door {taken.name!r}; choose another.")
    followed = Policy.objects.filter(key=policy).first() if policy else None
    if policy and followed is None:
        known = ", ".join(Policy.objects.values_list("key", flat=True)) or "none yet, load a pack"
        raise CommandError(f"There is no policy {policy!r}; there are: {known}.")
    tables = _tables(kind, more)
    if kind != HEARTBEAT:
        heartbeats.refuse(kind, more)
    labels = [label.strip() for label in group_by.split(",") if label.strip()]
    labels = labels or (list(INBOUND[kind].groups_by) if kind in INBOUND else [])
    made_up = INBOUND[kind].new_key() if kind in INBOUND else new_token()
    if kind == HEARTBEAT:
        door = {"policy": followed, "group_by": labels}
        return _shown(heartbeats.add(name, key, door, more, at=timezone.now()))
    integration = Integration.objects.create(
        kind=kind, name=name, key=key or made_up, secret=secret, policy=followed, group_by=labels, **tables
    )
    return _shown(integration) | ({"secret": secret} if secret else {})


def _tables(kind: str, more: dict) -> dict[str, dict]:
    """Options, mapping and levels as they were given."""
    options, mapping, levels = (_pairs(f"--{name}", more.get(name) or []) for name in ("option", "map", "level"))
    tables = {
        "options": {name: _value(text) for name, text in options.items()},
        "mapping": mapping,
        "severities": levels,
    }
    try:
        doors.check_options(kind, tables["options"])
        preview.check_mapping(mapping)
    except (doors.UnknownOption, preview.BadMapping) as error:
        raise CommandError(str(error)) from error
    return tables


def _pairs(name: str, given: list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        left, equals, right = text.partition("=")
        if not (left and equals and right):
            raise CommandError(f"{name} {text!r} must read NAME=VALUE.")
        pairs[left.strip()] = right.strip()
    return pairs


def _value(text: str) -> Any:
    """A value that is JSON as what it says, anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _list() -> list[dict]:
    return [
        _shown(integration)
        | {
            "policy": integration.policy and integration.policy.key,
            "group_by": integration.group_by,
            "signed": bool(integration.secrets),
            "enabled": integration.enabled,
            "last_seen_at": integration.last_seen_at and integration.last_seen_at.isoformat(),
        }
        for integration in Integration.objects.select_related("policy")
    ]


def _shown(integration: Integration) -> dict:
    path = PATHS.get(integration.kind, "").format(key=integration.key)
    url = settings.BASE_URL + path if path else ""
    return {"kind": integration.kind, "name": integration.name, "url": url, "key": integration.key}

"""Sections of a pack for where its facts come from: places its rules ask, and doors at which others tell."""

from typing import Any

from policies.models import Policy
from policies.pack import PASSWORD_IN_URL
from policies.sections import Section, Values, length_of, length_text
from policies.shapes import (
    Choice,
    Desk,
    Entry,
    Filled,
    Key,
    Length,
    Many,
    Path,
    Table,
    Text,
    Whole,
    optional,
    refer_to_params,
    shown,
)

from .inbound import ALIASES, INBOUND, PATHS
from .models import Connection, Integration, new_token
from .models.connection import MOST_AT_A_TIME
from .probes import HERE, PROBES


def _no_password(values: Values, path: Path, desk: Desk) -> None:
    if PASSWORD_IN_URL.search(values["url"]):
        desk.problem(
            (*path, "url"), "A password does not stand in a pack; put the address into a parameter of type secret."
        )


class Connections(Section):
    """Databases and base addresses by name, their secrets in parameters."""

    name, thing, returns = "connections", "connection", True
    hidden = frozenset({"url"})
    shape = Entry(
        _no_password,
        key=Key(80),
        kind=Choice(tuple(sorted(PROBES.keys() - HERE))),
        url=Filled(2000),
        timeout=optional(Length(positive=True)),
        concurrency=optional(Whole(1, MOST_AT_A_TIME)),
    )

    def rows(self, policy: Policy) -> dict[str, Connection]:
        return {row.key: row for row in policy.connections.order_by("pk")}

    def present(self, row: Connection) -> Values:
        timeout = length_text(row.timeout)
        return {
            "key": row.key, "kind": row.kind, "url": row.url, "timeout": timeout, "concurrency": row.concurrency,
        }  # fmt: skip

    def write(self, policy: Policy, row: Connection | None, values: Values) -> Connection:
        row = row or Connection(policy=policy, key=values["key"])
        row.kind, row.url, row.timeout = values["kind"], values["url"], length_of(values["timeout"])
        row.concurrency = values["concurrency"]
        row.save()
        return row


class _Kind:
    """A kind of door, by its name or one of its other words."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        word = str(value).strip().lower()
        return Choice(tuple(sorted(PATHS))).read(ALIASES.get(word, word), path, desk)


class _Options:
    """What a door wants to know beside; texts in it may name parameters."""

    def read(self, value: Any, path: Path, desk: Desk) -> Any:
        if not isinstance(value, dict):
            return desk.problem(path, f"This should be options with a value each, and it is {shown(value)}.")
        refer_to_params(value, path, desk)
        return value


def _no_secret(values: Values, path: Path, desk: Desk) -> None:
    if values["secret"] and "${" not in values["secret"]:
        words = "A secret does not stand in a pack; put it into a parameter of type secret, and write ${NAME} here."
        desk.problem((*path, "secret"), words)


class Integrations(Section):
    """Doors for senders. A pack makes those it names; their keys and secrets are the house's from then on."""

    name, shared, returns = "integrations", True, True
    hidden = frozenset({"secret"})
    shape = Entry(
        _no_secret,
        name=Text(120, line=True, empty=False),
        kind=_Kind(),
        secret=optional(Filled(500), ""),
        options=optional(_Options(), {}),
        mapping=optional(Table(Text(500, line=True)), {}),
        severities=optional(Table(Text(40, line=True)), {}),
        group_by=optional(Many(Text(80, line=True, empty=False)), []),
    )

    def key(self, values: Values) -> str:
        return values["name"]

    def rows(self, policy: Policy) -> dict[str, Integration]:
        return {row.name: row for row in Integration.objects.all()}

    def present(self, row: Integration) -> Values:
        names = ("name", "kind", "secret", "options", "mapping", "severities", "group_by")
        return {name: getattr(row, name) for name in names}

    def write(self, policy: Policy, row: Integration | None, values: Values) -> Integration:
        if row is None:
            kind = values["kind"]
            key = INBOUND[kind].new_key() if kind in INBOUND else new_token()
            row = Integration(name=values["name"], policy=policy, key=key, secret=values["secret"])
        for name in ("kind", "options", "mapping", "severities", "group_by"):
            setattr(row, name, values[name])
        row.save()
        return row

    def remove(self, row: Integration) -> str:
        return ""


SECTIONS: list[Section] = [Connections(), Integrations()]

"""The section of a pack that names the places its rules ask."""

from policies.models import Policy
from policies.pack import PASSWORD_IN_URL
from policies.sections import Section, Values, length_of, length_text
from policies.shapes import Choice, Desk, Entry, Filled, Key, Length, Path, optional

from .models import Connection
from .probes import PROBES


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
        kind=Choice(tuple(sorted(PROBES))),
        url=Filled(2000),
        timeout=optional(Length(positive=True)),
    )

    def rows(self, policy: Policy) -> dict[str, Connection]:
        return {row.key: row for row in policy.connections.order_by("pk")}

    def present(self, row: Connection) -> Values:
        return {"key": row.key, "kind": row.kind, "url": row.url, "timeout": length_text(row.timeout)}

    def write(self, policy: Policy, row: Connection | None, values: Values) -> Connection:
        row = row or Connection(policy=policy, key=values["key"])
        row.kind, row.url, row.timeout = values["kind"], values["url"], length_of(values["timeout"])
        row.save()
        return row


SECTIONS: list[Section] = [Connections()]

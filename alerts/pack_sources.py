"""How a pack writes a rule's sources: `source:` with one, or `any_of:` with alternatives that feed one alert.

source: {sql: {connection: crm, query: SELECT …}}
any_of:
  - {variant: sql, sql: {connection: crm, query: SELECT …}}
  - {variant: sql, fallback: true, sql: {…}}          asked only when the one before it failed
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from policies.sections import Values, one_named
from policies.shapes import BAD, Desk, Flag, Key, Path, Ref, allowed, refer_to_params, shown
from policies.substitute import names
from sources.addresses import filled
from sources.models import Connection
from sources.probes import HERE, KINDS, LOCAL, BadSpec

from .asking import STAND_IN_FILE, STAND_INS
from .models import AlertRule, RuleSource

BESIDE = ("variant", "fallback")


def read(one: Any, several: Any, path: Path, desk: Desk) -> Any:
    """Return the sources as records, in order, from `source` or `any_of`; BAD after telling the desk what is wrong."""
    if (one is None) == (several is None):
        return desk.problem(path, "This needs either `source` or `any_of`, and one of them only.")
    if one is not None:
        found = [read_one(one, (*path, "source"), desk)]
    elif not isinstance(several, list) or not several:
        return desk.problem((*path, "any_of"), f"This should be a list of sources, and it is {shown(several)}.")
    else:
        found = [read_one(entry, (*path, "any_of", place), desk) for place, entry in enumerate(several)]
    if any(source is BAD for source in found):
        return BAD
    if found[0]["fallback"]:
        return desk.problem((*path, "any_of", 0, "fallback"), "The first source has none before it that could fail.")
    return found


def read_one(entry: Any, path: Path, desk: Desk) -> Any:
    """Return one source as a record; BAD after telling the desk what is wrong with it."""
    if not isinstance(entry, dict):
        return desk.problem(path, f"This should be a source such as {{sql: {{…}}}}, and it is {shown(entry)}.")
    kinds = [key for key in entry if key in KINDS]
    for key in entry:
        if key not in KINDS and key not in BESIDE:
            return desk.problem((*path, key), f"There is no kind of source {key!r}{allowed(key, [*KINDS, *BESIDE])}")
    if len(kinds) != 1:
        return desk.problem(path, f"This needs one kind of source{allowed('', KINDS)}")
    kind = kinds[0]
    spec, where = entry[kind], (*path, kind)
    if not isinstance(spec, dict):
        return desk.problem(where, f"This should be a set of keys, and it is {shown(spec)}.")
    variant = Key(24).read(entry.get("variant", kind), (*path, "variant"), desk)
    fallback = Flag().read(entry.get("fallback", False), (*path, "fallback"), desk)
    connection = None
    if "connection" in spec and kind in LOCAL:
        words = f"Sources of kind {kind} are rows of our own; no connection leads there."
        return desk.problem((*where, "connection"), words)
    if "connection" in spec and kind in HERE:
        words = f"Sources of kind {kind} ask the machine that Opscenter runs on; no connection leads there."
        return desk.problem((*where, "connection"), words)
    if "connection" in spec:
        connection = Ref("connection").read(spec["connection"], (*where, "connection"), desk)
    if BAD in (variant, fallback, connection):
        return BAD
    rest = {key: value for key, value in spec.items() if key != "connection"}
    refer_to_params(rest, where, desk)
    if _check(kind, rest, connection, where, desk) is BAD:
        return BAD
    return {"variant": variant, "kind": kind, "connection": connection, "fallback": fallback, "spec": rest}


def _check(kind: str, spec: Values, connection: str | None, path: Path, desk: Desk) -> Any:
    """Let the probe look at the spec, with stand-ins for what only an installation knows."""
    if connection and "url" in spec:
        return desk.problem((*path, "url"), "The connection says the address; leave `url` out, or the connection.")
    if "path" in spec and not (connection and kind != "sql"):
        return desk.problem((*path, "path"), "A path is put behind the address of an HTTP connection; name one.")
    if not isinstance(spec.get("path", ""), str):
        return desk.problem((*path, "path"), f"This should be a text, and it is {shown(spec['path'])}.")
    url = spec.get("url")
    stand_in = STAND_INS.get(kind)
    known = {**spec, "url": stand_in} if stand_in and isinstance(url, str) and names(url) else spec
    if isinstance(file := spec.get("file"), str) and names(file):
        known = {**known, "file": STAND_IN_FILE}
    try:
        KINDS[kind].check(filled(known, stand_in if connection else None, _StandIns()))
    except BadSpec as error:
        steps = tuple(int(step) if step.isdigit() else step for step in error.path.split(".")) if error.path else ()
        return desk.problem((*path, *steps), error.sentence)
    return None


class _StandIns(dict):
    """Any parameter, as the text 1: fit for a number, a name and a length."""

    def __missing__(self, key: str) -> str:
        return "1"

    def get(self, key: str, default: Any = None) -> str:
        return "1"


def dump(sources: list[Values]) -> Values:
    """Return `source` or `any_of` as a person would write them."""
    entries = []
    for source in sources:
        spec = ({"connection": source["connection"]} if source["connection"] else {}) | source["spec"]
        entry = {} if source["variant"] == source["kind"] else {"variant": source["variant"]}
        entry |= {"fallback": True} if source["fallback"] else {}
        entries.append(entry | {source["kind"]: spec})
    return {"source": entries[0]} if len(entries) == 1 else {"any_of": entries}


def present(rows: Iterable[Any]) -> list[Values]:
    """What rows of sources say."""
    return [
        {
            "variant": source.variant,
            "kind": source.kind,
            "connection": source.connection.key if source.connection else None,
            "fallback": source.fallback,
            "spec": source.spec,
        }
        for source in rows
    ]


def write(rule: AlertRule, sources: list[Values], connections: QuerySet[Connection]) -> None:
    """Make the rule's rows say `sources`; rows that already do keep their error and when they were last seen."""
    rows = list(rule.sources.order_by("position", "pk"))
    for place, said in enumerate(sources):
        row = rows[place] if place < len(rows) else RuleSource(rule=rule)
        row.position, row.variant, row.kind = place, said["variant"], said["kind"]
        row.connection = one_named(connections, said["connection"])
        row.fallback, row.spec = said["fallback"], said["spec"]
        row.save()
    for row in rows[len(sources) :]:
        row.delete()
    rule.__dict__.pop("_prefetched_objects_cache", None)  # what was read before is no longer so

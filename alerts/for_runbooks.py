"""What rules and alerts have for runbooks: sources asked now, rules checked now, alerts of a watch, silences for a job.

Handed down to the room of runbooks at start-up (see alerts/apps.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.http import urlencode

from policies.fields import SecretUnreadable
from policies.models import Policy
from policies.shapes import BAD, Desk, Path
from policies.substitute import MissingParameter
from runbooks.ways import Began, Said
from sources.addresses import filled
from sources.models import Connection
from sources.probes import KEEPERS, KINDS, OWN, PROBES, Asker, BadSpec, ProbeError, Reading, log_entries
from sources.probes.base import text_of
from sources.probes.event_filter import COLUMNS
from sources.probes.events import fetch, read_spec
from sources.probes.masking import mask, mask_url

from . import evaluation, messages, pack_sources, silencing
from .conditions.when import BadCondition, CannotJudge, compile_when
from .models import AlertRule, Liveness, Silence
from .world import World

LONGEST = 300
MOST_COLUMNS = 8
LINES = ("loki", "elasticsearch", "logs")
OF_LIVE = ("name", "expect", "note", "says", "fails", "rows", "columns", "every", "after", "confirms")
RULE_WORDS = {
    AlertRule.State.UNKNOWN: "not checked yet", AlertRule.State.INACTIVE: "calm", AlertRule.State.PENDING: "pending",
    AlertRule.State.FIRING: "firing", AlertRule.State.ERROR: "cannot be read", AlertRule.State.NODATA: "no data",
}  # fmt: skip
PAGES = {"alerts": "alerts", "webhooks": "webhooks", "channel": "channels", "queue": "rules", "deploys": "incidents"}


class Unset(Exception):
    """It cannot be asked because something is not set up; the text names it."""


class Alerts:
    """What `runbooks.ways.Ways` asks for."""

    def check_source(self, source: Any, path: Path, desk: Desk) -> None:
        pack_sources.read_one(source, path, desk)

    def check_condition(self, text: str, path: Path, desk: Desk) -> Iterator[str]:
        try:
            when = compile_when(text)
        except BadCondition as error:
            yield f"{error.message}\n{error.pointer}"
            return
        for name in when.parameters():
            desk.references.append(("parameter", name, path))
        for key in when.rules:
            desk.references.append(("rule", key, path))

    def check_words(self, text: str) -> str:
        try:
            messages.compiled(text)
        except messages.BadMessage as error:
            return str(error)
        return ""

    # live items

    def ask(
        self, policy: Policy, item: Mapping[str, Any], marks: Mapping[str, Any], *, at: datetime, within: timedelta
    ) -> Said:
        world = World(policy)
        try:
            readings, lines = _read(policy, item, world, at=at, within=within)
        except Unset as unset:
            return Said("unset", str(unset))
        except ProbeError as error:
            if error.reason == "unset":
                return Said("unset", str(error))
            return Said("red", (item.get("fails") or {}).get("error", str(error)))
        return _said(item, readings, lines, world, marks, at=at)

    def rule_said(self, policy: Policy, key: str, labels: Mapping[str, str]) -> Said:
        rule = AlertRule.objects.filter(policy=policy, key=key).first()
        if rule is None:
            return Said("unset", f"The policy has no rule {key} now.")
        return _rule_said(rule, labels)

    def recheck(self, policy: Policy, keys: Collection[str], *, at: datetime, within: timedelta) -> dict[str, Said]:
        rules = AlertRule.objects.filter(policy=policy, key__in=keys)
        evaluation.check_due(at=at, rules=rules.filter(enabled=True), force=True, patience=within)
        return {rule.key: _rule_said(rule, {}) for rule in rules.order_by("key")}

    def since_deploy(self, service: str, *, at: datetime) -> Said:
        from . import since_deploy

        found = since_deploy.look(service, at=at)
        if found.deploy is None:
            return Said("unset", "No deploy of this service is known.")
        count = len(found.criticals)
        words = f"{count or 'no'} critical alert{'' if count == 1 else 's'} since the deploy of "
        words += f"{found.deploy.version or found.deploy.summary} at {found.deploy.at:%H:%M} UTC"
        return Said("green" if found.ok else "red", words)

    def queues(self, policy: Policy, key: str, *, at: datetime) -> Said:
        from . import queues

        card = next((card for card in queues.cards(policy) if card.key == key), None)
        if card is None:
            return Said("unset", f"There is no queue card {key}.")
        board = queues.board(card)
        rows = [[one.name, queues.figure(one.depth), one.pace or "not known yet"] for one in board.queues]
        worst = min((one.rank for one in board.queues), default=99)
        shown = (
            board.fault or f"{len(rows)} queues, read {board.read_at:%H:%M:%S} UTC" if board.read_at else board.fault
        )
        return Said("red" if board.fault or worst < 99 else "green", shown, ["queue", "waiting", "drains"], rows)

    # alerts and rules

    def rules_of(self, incidents: Collection[int]) -> dict[int, list[str]]:
        rows = Liveness.objects.filter(incident__in=incidents, alert__rule__isnull=False).order_by()
        found: dict[int, list[str]] = defaultdict(list)
        for incident, key in rows.values_list("incident_id", "alert__rule__key").distinct():
            found[incident].append(key)
        return found

    def began(
        self, policy: Policy, *, since: datetime, until: datetime, levels: Collection[str], service: str
    ) -> list[Began]:
        rows = Liveness.objects.filter(alert__rule__policy=policy) | Liveness.objects.filter(incident__policy=policy)
        rows = rows.filter(starts_at__gte=since, starts_at__lte=until).select_related("alert")
        if levels:
            rows = rows.filter(severity_key__in=levels)
        return [
            Began(str(row.alert_id), str(row.alert.annotations.get("summary") or row.alert), row.severity_key,
                  row.starts_at, reverse("alert", args=[row.alert_id]), row.firing)
            for row in rows.order_by("-starts_at", "-pk").distinct()[:100]
        ]  # fmt: skip

    @transaction.atomic
    def silence(
        self, policy: Policy, label: str, value: str, *, reason: str, by: str, at: datetime, until: datetime
    ) -> str:
        wanted = silencing.Wanted(
            [{"name": label, "value": value}], until, created_by=by, comment=reason, policy=policy,
            annotations={"runbook": "yes"},
        )  # fmt: skip
        return str(silencing.create(wanted, at=at).pk)

    def lift(self, ids: Collection[str], *, by: str, at: datetime) -> None:
        for silence in Silence.objects.filter(pk__in=ids, ends_at__gt=at):
            silence.ends_at = at
            silencing.settle(silence, at=at)

    def address(self, page: str, query: Mapping[str, str]) -> str:
        if page == "rule" and query.get("rule"):
            return reverse("rule", args=[query["policy"], query["rule"]])
        rest = {name: value for name, value in query.items() if name not in ("policy", "rule") and value}
        return reverse(PAGES.get(page, "alerts")) + (f"?{urlencode(rest)}" if rest else "")


def _rule_said(rule: AlertRule, labels: Mapping[str, str]) -> Said:
    keys = [key for key in rule.memory.get("keys", {}).values() if labels.items() <= key.get("labels", {}).items()]
    fires = any("fired_at" in key for key in keys) if labels else rule.fires
    words = RULE_WORDS[AlertRule.State(rule.state)] if not labels else "firing" if fires else "calm"
    sample = rule.samples.order_by("-at").first()
    value = f"{sample.value:g}, " if sample and sample.value is not None and not labels else ""
    told = f": {rule.verdict}" if rule.verdict and not labels else ""
    when = f" (checked {rule.checked_at:%H:%M:%S} UTC)" if rule.checked_at else ""
    if rule.state == AlertRule.State.UNKNOWN or not rule.enabled:
        return Said("unset", f"{rule}: {'switched off' if not rule.enabled else words}")
    bad = fires or rule.state == AlertRule.State.ERROR
    return Said("red" if bad else "green", f"{value}{words}{told}{when}"[:LONGEST])


def _read(
    policy: Policy, item: Mapping[str, Any], world: World, *, at: datetime, within: timedelta
) -> tuple[list[Reading], list[log_entries.Entry]]:
    desk = Desk()
    source = pack_sources.read_one({name: one for name, one in item.items() if name not in OF_LIVE}, (), desk)
    if source is BAD:
        raise ProbeError(" ".join(problem.text for problem in desk.problems), reason="query")
    base = None
    if key := source["connection"]:
        rows = Connection.objects.filter(key=key)
        base = rows.filter(policy=policy).first() or rows.filter(policy=None).first()
        if base is None:
            raise Unset(f"not set: the connection {key}")
    said, kind = dict(source["spec"]), source["kind"]
    if kind == "sql" and item.get("rows"):
        said.setdefault("mode", "rows")
    try:
        spec = filled(said, base.url if base else None, world.values)
    except MissingParameter as missing:
        raise Unset(f"not set: {missing.name}") from None
    except (ValueError, SecretUnreadable) as error:
        raise Unset(str(error)) from None
    if base and not base.url:
        raise Unset(f"not set: the address of the connection {base.key}")
    if kind == "events" and item.get("rows"):
        return [], _events(policy, spec, item["rows"], at=at)
    wanted: list[log_entries.Entry] = []
    token = log_entries.collected.set(wanted)
    try:
        KINDS[kind].check(spec)
        asker = Asker(policy.pk)
        timeout = min(base.timeout, within) if base and base.timeout else within
        if kind in OWN:
            readings = OWN[kind].read(spec, at=at, asker=asker)
        elif kind in KEEPERS:
            readings = KEEPERS[kind].read(spec, at=at, timeout=timeout, asker=asker)
        else:
            readings = PROBES[kind].read(spec, at=at, timeout=timeout)
    except BadSpec as error:
        raise ProbeError(f"This source cannot be asked as it is written: {error}", reason="query") from None
    finally:
        log_entries.collected.reset(token)
    return readings, wanted if kind in LINES and item.get("rows") else []


def _events(policy: Policy, spec: Mapping[str, Any], most: int, *, at: datetime) -> list[log_entries.Entry]:
    """The events themselves, the latest first."""
    asked = read_spec(spec)
    rows = [row for row in fetch(asked, after=at - asked.window, until=at, policy=policy.pk) if asked.which.fits(row)]
    found = []
    for row in rows[::-1][:most]:
        columns = {name: str(getattr(row, name)) for name in COLUMNS if getattr(row, name)}
        found.append(log_entries.Entry(row.at, row.text, {**columns, **row.labels}))
    return found


def _said(
    item: Mapping[str, Any], readings: list[Reading], lines: list[log_entries.Entry], world: World,
    marks: Mapping[str, Any], *, at: datetime,
) -> Said:  # fmt: skip
    columns, rows = _table(item, readings, lines)
    first = readings[0] if readings else Reading({})
    status = str(first.fields.get("status_code", ""))
    if words := (item.get("fails") or {}).get(status):
        return Said("red", words, columns, rows)
    shown = _words(item, first, len(readings), bool(rows), world, at)
    judged: list[bool | None] = []
    for word in ("expect", "note"):
        if not (text := item.get(word)):
            judged.append(word == "expect" and first.fields.get("reachable") is not False)
            continue
        try:
            held = [_holds(text, reading, world, marks, at=at) for reading in readings or [Reading({})]]
        except CannotJudge as error:
            return Said("red", f"{shown} ({error})"[:LONGEST], columns, rows)
        judged.append(all(one is True for one in held))
    if not judged[0]:
        words = (item.get("fails") or {}).get("error") if first.fields.get("reachable") is False else None
        return Said("red", words or shown, columns, rows)
    return Said("noted" if judged[1] else "green", shown, columns, rows)


def _holds(text: str, reading: Reading, world: World, marks: Mapping[str, Any], *, at: datetime) -> bool | None:
    when = compile_when(text)
    fields = {"count": 0, **reading.fields, **marks}
    if reading.value is not None:
        fields.setdefault("value", reading.value)
    rules = world.rules if when.rules else {}
    outcome = when.holds(fields, reading.labels, world.params, at, rules, world.zone, world.in_hours)
    return outcome.holds


def _words(item: Mapping[str, Any], first: Reading, count: int, is_table: bool, world: World, at: datetime) -> str:
    if template := item.get("says"):
        fields = {name: messages.plainly(value) for name, value in first.fields.items()}
        values = {"count": count, "params": world.params, **first.labels, **fields, "fields": fields,
                  "labels": first.labels, "now": at}  # fmt: skip
        values.setdefault("value", messages.plainly(first.value))
        try:
            return messages.render(template, values)[:LONGEST]
        except messages.BadMessage as error:
            return str(error)
    if is_table:
        return ""
    if not first.fields:
        return "nothing was found"
    parts = []
    if first.fields.get("reachable") is False:
        return str(first.fields.get("error", "not reachable"))[:LONGEST]
    if status := first.fields.get("status_code"):
        parts.append(str(status))
    if (answer := first.fields.get("answer")) is not None:
        parts.append(str(answer).strip())
    elif first.fields.get("latency_ms") == first.value and first.fields.get("ok") is True and not status:
        parts.append("PONG" if "redis" in item else "answers")
    elif first.value is not None:
        parts.append(text_of(first.value))
    if latency := first.fields.get("latency_ms"):
        parts.append(f"{latency:.0f} ms")
    words = ", ".join(parts) or ", ".join(f"{name} {text_of(value)}" for name, value in first.fields.items())
    return mask(" ".join(words.split()))[:LONGEST]


def _table(
    item: Mapping[str, Any], readings: list[Reading], lines: list[log_entries.Entry]
) -> tuple[list[str], list[list[str]]]:
    most, wanted = item.get("rows"), item.get("columns")
    if not most:
        return [], []
    if lines:
        newest = sorted(lines, key=lambda entry: entry.at, reverse=True)[:most]
        columns = wanted or ["at", "text"]
        known = [{**entry.labels, "at": f"{entry.at:%Y-%m-%d %H:%M:%S}", "text": mask(entry.text)} for entry in newest]
    else:
        known = [{**reading.labels, **reading.fields} for reading in readings[:most]]
        if readings and any(kind in item for kind in LINES):
            known = []
        columns = wanted or [name for name in (known[0] if known else {}) if name != "value" or len(known[0]) == 1]
    columns = columns[:MOST_COLUMNS]
    return columns, [[_cell(row.get(name)) for name in columns] for row in known]


def _cell(value: Any) -> str:
    return "" if value is None else mask_url(" ".join(text_of(value).split()))[:LONGEST]

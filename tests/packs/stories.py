"""End to end: a monitored system whose levers are pulled over HTTP, a loaded pack, and the commands that cron runs."""

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from django.core.management import call_command
from django.test import Client

from alerts.models import AlertRule, Liveness
from incidents import lifecycle, roles
from incidents.models import Incident, Status
from oncall.models import EscalationContact
from policies.models import Policy
from reviews import drafting
from runbooks import plan, runs
from runbooks.models import Run
from sources.models import Integration
from targets import levers
from targets.doors import signed
from targets.service import Service
from tests.factories import NINE

MINUTE = timedelta(minutes=1)
Pull = tuple[str, dict[str, Any]]
Step = Pull | timedelta
"""A lever with its fields; or so long until the next look."""
UNPULLED = {"reset", "hold_clock"}
"""Levers that the story itself pulls."""


@dataclass(frozen=True)
class Case:
    """A lever pulled to the far side of an edge, what must come of it, and the lever put back.

    below    steps to the near side first: nothing may come of them
    pulls    steps over the edge
    opens    key of each incident that opens -> its level and its title
    hidden   keys of alerts that fire and open nothing, as another explains them
    owners   of these incidents, where the rule has owners of its own
    back     steps that heal it; empty: `reset`
    settle   how long until the alerts have ended
    keep     whether what keeps the system calm goes on meanwhile
    """

    pulls: Sequence[Step]
    opens: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    below: Sequence[Step] = ()
    hidden: Sequence[str] = ()
    owners: Sequence[str] = ()
    back: Sequence[Step] = (("reset", {}),)
    settle: timedelta = timedelta()
    keep: bool = True

    @property
    def levers(self) -> set[str]:
        return {step[0] for step in (*self.below, *self.pulls, *self.back) if not isinstance(step, timedelta)}


class Letters:
    """What a target would post: kept, and posted in the test's own thread, whose transaction the doors see."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, Any, datetime]] = []

    def tell(self, kind: str, payload: Any, *, at: datetime) -> None:
        self.waiting.append((kind, payload, at))


class Story:
    """One pack, one system, one clock.

    owners   level -> who owns its incidents
    calm     levers pulled before each look that keep the system calm
    step     how long from one look to the next
    """

    def __init__(
        self, policy: str, target: Any, monkeypatch, *, owners: Callable[[str], list[str]],
        calm: Sequence[Pull] = (), step: timedelta = MINUTE, secrets: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.policy, self.target, self.owners = Policy.objects.get(key=policy), target, owners
        self.calm, self.step, self.secrets, self.at = calm, step, secrets or {}, NINE
        self.letters, self.client, self.session = Letters(), Client(), requests.Session()
        monkeypatch.setattr("django.utils.timezone.now", lambda: self.at)
        self.quiet_time = self.policy.resolve_after
        self.go_on(timedelta())

    # the system

    def pull(self, lever: str, **fields: Any) -> None:
        """Pull a lever over HTTP, and hand what it told to Opscenter's doors."""
        if lever == "accept":  # the one that cannot be pulled from outside: nobody answers there
            self.target.accept()
            return
        answer = self.session.post(f"{self.target.url}/_levers/{lever}", json=fields, timeout=10)
        assert answer.status_code == 200, answer.text
        if lever == "reset":
            self.hold()
        waiting, self.letters.waiting = self.letters.waiting, []
        for kind, payload, at in waiting:
            self.post(kind, payload, at)

    def post(self, kind: str, payload: Any, at: datetime) -> None:
        body = json.dumps(payload).encode()
        door = Integration.objects.get(policy=self.policy, kind=kind)
        headers = signed(kind, body, self.secrets.get(kind, ""), at)
        sent = self.client.post(f"/api/ingest/{door.key}", body, content_type="application/json", headers=headers)
        assert sent.status_code in (200, 202), sent.content

    def hold(self) -> None:
        self.pull("hold_clock", at=self.at.isoformat())

    # time and the commands

    def go_on(self, length: timedelta) -> None:
        self.at += length
        self.hold()

    def look(self, *, calm: bool = True) -> int:
        """`manage.py run_checks` now; its exit status."""
        for lever, fields in self.calm if calm else ():
            self.pull(lever, **fields)
        try:
            with redirect_stdout(io.StringIO()):
                call_command("run_checks", "--pack", self.policy.key, "--now", self.at.isoformat())
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def do(self, steps: Sequence[Step], *, calm: bool = True) -> int:
        """Take the steps and look at the end; the exit status of that look."""
        for step in steps:
            if isinstance(step, timedelta):
                self.look(calm=calm)
                self.go_on(step)
            else:
                self.pull(step[0], **step[1])
        return self.look(calm=calm)

    # what came of it

    @property
    def firing(self) -> set[str]:
        return set(Liveness.objects.filter(firing=True).values_list("alert__key", flat=True))

    @property
    def open(self) -> dict[str, tuple[str, str]]:
        """Key -> level and title of each open incident."""
        rows = Incident.objects.open().select_related("severity")
        return {row.key: (row.severity.key, row.title) for row in rows}

    def play(self, case: Case) -> None:
        """The whole case, from calm to calm."""
        if case.below:
            self.go_on(self.step)
            self.do(case.below, calm=case.keep)
            assert (self.firing, self.open) == (set(), {})
            self.do(case.back)
        self.go_on(self.step)
        status = self.do(case.pulls, calm=case.keep)
        assert self.open == dict(case.opens), self.open
        assert self.firing == {*case.opens, *case.hidden}
        self.judge(case, status)
        self.go_on(self.step)
        self.do(case.back)
        if case.settle:
            self.go_on(case.settle)
            self.look()
        assert self.firing == set()
        self.recover(case)

    def judge(self, case: Case, status: int) -> None:
        """The owners of what opened, and the exit status of the look that found it."""
        gravest = self.policy.severities.order_by("rank").values_list("key", flat=True)[0]
        for row in Incident.objects.open().select_related("severity").prefetch_related("owners"):
            wanted = list(case.owners) or self.owners(row.severity.key)
            assert sorted(owner.name for owner in row.owners.all()) == sorted(wanted), row.key
        unread = AlertRule.objects.filter(policy=self.policy, state=AlertRule.State.ERROR).exists()
        judged = [level for key, (level, _) in case.opens.items() if not key.startswith("source:")]
        assert status == (2 if gravest in judged else 3 if unread else 1 if judged else 0)

    def recover(self, case: Case) -> None:
        """Nothing fires; just before the quiet time is over all is still open, then all is resolved."""
        assert set(self.open) == set(case.opens)
        self.do_what_is_required()
        ends = Incident.objects.open().values_list("quiet_until", flat=True)
        assert all(ends)
        if not case.opens:
            return
        last = max(end for end in ends if end)
        self.timers(min(end for end in ends if end) - timedelta(seconds=1))
        assert set(self.open) == set(case.opens)
        self.at = last
        self.timers(last)
        self.declare_over()
        assert self.open == {}
        self.hold()
        self.look()

    def declare_over(self) -> None:
        """What only a role may resolve is resolved by somebody who has it, with its cause and a day for its review."""
        for incident in Incident.objects.open():
            gate = incident.policy.gates.exclude(role="").get(to=Status.RESOLVED, severities=incident.severity)
            person = EscalationContact.objects.get(name=self.owners(incident.severity.key)[0])
            roles.assign(incident, gate.role, person, by=person, at=self.at)
            lifecycle.edit(incident, cause="The queue was full.", by=person, at=self.at)
            review = drafting.of(incident, at=self.at, by=person)
            review.meeting_at = self.at + timedelta(days=1)
            review.save()
            lifecycle.resolve(incident, by=person, at=self.at + timedelta(minutes=10))

    def do_what_is_required(self) -> None:
        """The steps without which these incidents stay open, done by somebody."""
        for run in Run.objects.filter(incident__in=Incident.objects.open(), state=Run.State.OPEN):
            steps = plan.leaves(plan.of_version(run.version, run.runbook.kind))
            for step in (step for step in steps if step.before):
                given = runs.Given({field["name"]: "told" for field in step.said["ask"] or []})
                with suppress(runs.Refused):  # it does not apply
                    runs.tick(run, step.key, given, by=None, at=self.at)

    @staticmethod
    def timers(at: datetime) -> None:
        with redirect_stdout(io.StringIO()):
            call_command("run_timers", "--only", "resolve_due", "--now", at.isoformat())


def every_lever_is_pulled(target: Service, cases: Iterable[Case], *calm: Pull, but: Sequence[str] = ()) -> None:
    """Fail when a lever of `target` is in no case; `but` are those that have no edge."""
    pulled = {lever for case in cases for lever in case.levers} | {lever for lever, _ in calm}
    assert set(levers.names(target)) - pulled - UNPULLED - set(but) == set()

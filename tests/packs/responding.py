"""Runbooks of a loaded pack, gone through over HTTP by a commander while a test holds the time."""

from datetime import timedelta

from django.urls import reverse

from incidents import lifecycle
from incidents.models import Incident, TimelineEntry
from opscenter import clock
from runbooks import live
from runbooks.models import Run
from tests.runbooks.showing import ShownStep, shown_steps


class Room:
    """A system that is watched, its policy with its runbooks, and a commander at the page.

    watch   whoever holds the time: `at`, `policy`, `go_on(length)`
    """

    def __init__(self, watch, client) -> None:
        self.watch, self.client = watch, client

    def start(self, key: str, incident: Incident | None = None) -> Run:
        """A run of the runbook, begun by hand over HTTP."""
        url = reverse("runbook-start", args=[self.watch.policy.key, key])
        answer = self.client.post(url, {"incident": incident.pk} if incident else {})
        assert answer.status_code == 302, answer.content
        return Run.objects.filter(runbook__key=key).latest("pk")

    def declare(self, level: str, title: str = "Declared") -> Incident:
        policy = self.watch.policy
        opening = lifecycle.Opening(
            policy=policy, severity=policy.severities.get(key=level), key=f"declared {level}", title=title,
            service=policy.service,
        )  # fmt: skip
        return lifecycle.open_incident(opening, at=self.watch.at)

    def step(self, run: Run, key: str) -> ShownStep:
        html = self.client.get(run.get_absolute_url()).content.decode()
        return next(one for one in shown_steps(html, run) if one.key == key)

    def ask(self, run: Run, key: str) -> str:
        """ "Probe now" on a step; what it then shows."""
        assert self.client.post(reverse("run-ask", args=[run.pk, key])).status_code == 302
        return self.step(run, key).live[0]

    def tick(self, run: Run, key: str, **post: str):
        return self.client.post(reverse("run-tick", args=[run.pk, key]), post)

    def go_on(self, length: timedelta) -> None:
        """Let time pass with the clock running at its end."""
        self.watch.go_on(length)
        while clock.run(clock.TIMERS, at=self.watch.at).done:
            pass
        live.ask_due(at=self.watch.at)

    def texts(self, incident: Incident) -> str:
        return "\n".join(TimelineEntry.objects.filter(incident=incident).values_list("text", flat=True))

    def run_of(self, incident: Incident, key: str) -> Run:
        return Run.objects.get(incident=incident, runbook__key=key)

    def first_of(self, incident: Incident) -> str:
        """The runbook that stands first on the incident's page."""
        return Run.objects.filter(incident=incident).order_by("rank", "pk")[0].runbook.key

    def move(self, incident: Incident, act: str, **post: str) -> str:
        """Press a button of the incident's page; return its state then."""
        self.client.post(f"{incident.get_absolute_url()}{act}/", post)
        incident.refresh_from_db()
        return incident.status

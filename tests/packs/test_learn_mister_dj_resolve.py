"""Mister DJ: resolved once it is quiet and its ticket has a cause; a critical one when the Incident Commander says so,
with actions verified and a date for the post-mortem."""

from datetime import timedelta

import pytest
import requests
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from incidents import lifecycle, roles
from incidents.models import Incident, Status
from policies.models import Policy
from reviews import actions, followup
from reviews.models import PostIncidentReview
from targets.misterdj import MisterDJ
from targets.sink import Sink
from tests.accounts import signed_in
from tests.packs.mister_dj import LIMITS, Stage
from tests.stories.watched import Watched
from tickets.models import Ticket

PACK = "mister-dj"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pack_of_module")]


@pytest.fixture
def incident(grace):
    policy, at = Policy.objects.get(key=PACK), timezone.now() - timedelta(hours=1)
    level = policy.severities.get(key="critical")
    opening = lifecycle.Opening(policy=policy, severity=level, key="backlog", title="Backlog critical")
    opened = lifecycle.open_incident(opening, at=at)
    lifecycle.acknowledge(opened, by=grace, at=at)
    roles.assign(opened, "commander", grace, by=grace, at=at)
    lifecycle.edit(opened, by=grace, at=at, cause="Redis was full.")
    return opened


def resolve(client, incident) -> tuple[int, str]:
    address = reverse("incident-act", args=[incident.pk, "resolve"])
    response = client.post(address)
    incident.refresh_from_db()
    page = client.get(incident.get_absolute_url()).content.decode()
    return response.status_code, page


@pytest.mark.req("DJ-57")
def test_only_the_commander_declares_it_resolved_with_actions_verified_and_a_date_set(incident, grace, ada):
    responder = signed_in(Client(), ada, "Responder")
    commander = signed_in(Client(), grace, "Incident Commander")
    item = actions.add(incident=incident, title="Give Redis more memory", by=grace, at=timezone.now())
    when = timezone.now() + timedelta(days=3)

    code, page = resolve(responder, incident)
    assert code == 409
    assert "Only the commander may do this." in page

    code, page = resolve(commander, incident)  # what is missing is listed
    assert code == 409
    assert "Action items must be verified: Give Redis more memory" in page
    assert "Set the date of the post-mortem." in page
    assert "Only the commander" not in page

    plan = reverse("review-plan", args=[incident.pk])
    assert plan in page
    assert responder.get(plan).status_code == 403
    assert commander.post(plan, {"meeting_at": ""}).status_code == 422
    assert commander.post(plan, {"meeting_at": "2020-01-01T10:00"}).status_code == 409
    assert (
        commander.post(plan, {"meeting_at": f"{when:%Y-%m-%dT%H:%M}", "meeting_place": "War room"}).status_code == 302
    )
    assert PostIncidentReview.objects.get(incident=incident).meeting_at == when.replace(second=0, microsecond=0)
    code, page = resolve(commander, incident)
    assert code == 409
    assert "Set the date of the post-mortem." not in page
    assert "Action items must be verified: Give Redis more memory" in page

    actions.done(item, by=ada, at=timezone.now())
    assert resolve(commander, incident)[0] == 409  # done is not verified
    actions.verify(item, by=grace, at=timezone.now())
    assert incident.status == Status.ACKNOWLEDGED
    code, page = resolve(responder, incident)
    assert code == 409
    assert "Only the commander may do this." in page
    assert resolve(commander, incident)[0] == 302
    assert incident.status == Status.RESOLVED


def test_the_early_review_is_filled_in_when_the_incident_is_over(incident, grace):
    commander = signed_in(Client(), grace, "Incident Commander")
    when = timezone.now() + timedelta(days=3)
    commander.post(reverse("review-plan", args=[incident.pk]), {"meeting_at": f"{when:%Y-%m-%dT%H:%M}"})
    review = PostIncidentReview.objects.get(incident=incident)
    assert review.filled_at is None
    assert "once incident" in commander.get(review.get_absolute_url()).content.decode()
    lifecycle.resolve(incident, by=grace, at=timezone.now(), override_reason="Not what is tested here.")
    followup.remind_due(at=timezone.now())
    review.refresh_from_db()
    assert review.filled_at is not None
    assert review.answers.get(key="root_cause").text == "Redis was full."
    assert "Acknowledged by grace" in review.timeline
    calendar = commander.get(reverse("review-calendar", args=[review.pk])).content.decode()
    assert f"DTSTART:{when:%Y%m%dT%H%M}00Z" in calendar


class Room(Watched):
    """The backend, Jira, and a commander at the page."""

    def fires(self, backlog: int) -> Incident:
        self.watch.backend.queue(backlog=backlog)
        self.at("09:00:30")
        return Incident.objects.get()

    def calms_down(self, incident: Incident, wall: str) -> None:
        """The queue is empty, and that is seen at `wall`: the last event."""
        self.watch.backend.flush()
        self.at(wall)
        life = incident.alerts.get()
        assert (life.firing, life.ends_at) == (False, self.watch.at)

    def states(self, incident: Incident, cause: str) -> None:
        incident.refresh_from_db()
        shown = {"initial-title": incident.title, "initial-cause": incident.cause}
        facts = {**shown, "title": incident.title, "cause": cause}
        assert self.client.post(reverse("incident-act", args=[incident.pk, "facts"]), facts).status_code == 302
        incident.refresh_from_db()
        assert incident.cause == cause

    def resolves(self, incident: Incident) -> tuple[int, str]:
        """Press it; status and page that come."""
        answer = self.client.post(reverse("incident-act", args=[incident.pk, "resolve"]))
        return answer.status_code, answer.content.decode()

    def issue_status(self) -> str:
        address = self.sink.address("jira", "dj") + "/rest/api/3/issue/OPS-1"
        issue = requests.get(address, headers={"Authorization": "Bearer jira"}, timeout=5).json()
        return issue["fields"]["status"]["name"]

    def stored(self, incident: Incident) -> tuple:
        """All that a refusal must leave as it is."""
        self.settle()
        [row] = Incident.objects.filter(pk=incident.pk).values()
        tickets = list(Ticket.objects.order_by("pk").values_list("state", "remote_status", "told"))
        return row, tickets, list(incident.timeline.values_list("pk", flat=True)), len(self.got("/jira/dj"))


@pytest.fixture
def room(client, grace, monkeypatch):
    with MisterDJ() as backend, Sink() as sink:
        more = {
            "MISTER_DJ_BASE_URL": backend.url, "ALERT_JIRA_ENDPOINT": sink.address("jira", "dj"),
            "ALERT_JIRA_TOKEN": "jira",
        }  # fmt: skip
        for name, value in {**LIMITS, **more}.items():
            monkeypatch.setenv(name, value)
        stage = Stage(monkeypatch, backend)

        def look() -> None:
            stage.trace()
            stage.look(force=False)

        look()
        yield Room(stage, signed_in(client, grace, "Incident Commander"), sink, look, stride=30 * SECOND)


@pytest.mark.req("DJ-55")
@pytest.mark.parametrize(("level", "backlog"), [("warning", 100), ("critical", 600)])
def test_it_is_resolved_ten_minutes_after_the_last_event_and_with_the_cause_of_its_ticket(room, grace, level, backlog):
    incident = room.fires(backlog)
    assert incident.severity.key == level
    if level == "critical":  # what else step 5 asks for
        roles.assign(incident, "commander", grace, by=grace, at=room.watch.at)
        when = f"{room.watch.at + timedelta(days=3):%Y-%m-%dT%H:%M}"
        assert room.client.post(reverse("review-plan", args=[incident.pk]), {"meeting_at": when}).status_code == 302
    room.at("09:15:30")
    assert incident.tickets.get().key == "OPS-1"
    code, page = room.resolves(incident)
    assert code == 409
    assert "Something still fires in it" in page

    room.calms_down(incident, "09:16")
    room.states(incident, "Redis was full")
    room.watch.go_on(10 * MINUTE - SECOND)
    before = room.stored(incident)
    code, page = room.resolves(incident)
    assert code == 409
    assert "the last event is 9:59 min ago, 0:01 min left" in page
    assert "State the root cause" not in page
    assert room.stored(incident) == before

    room.states(incident, "")
    room.watch.go_on(SECOND)
    before = room.stored(incident)  # the clock has come by, and has not resolved it either
    assert before[0]["status"] == Status.DETECTED
    assert "State the root cause: it goes into OPS-1." in incident.timeline.filter(kind="recovered").latest("pk").text
    code, page = room.resolves(incident)
    assert code == 409
    assert "State the root cause: it goes into OPS-1." in page
    assert "min left" not in page
    assert room.stored(incident) == before

    room.states(incident, "Redis was full")
    assert room.resolves(incident)[0] == 302
    incident.refresh_from_db()
    assert (incident.status, incident.resolved_at) == (Status.RESOLVED, room.watch.at)
    assert room.issue_status() != "Resolved"
    room.settle()
    assert room.issue_status() == "Resolved"
    comments = [str(one.json) for one in room.got("/jira/dj/rest/api/3/issue/OPS-1/comment")]
    assert "Root cause: Redis was full" in comments[-1]


@pytest.mark.req("DJ-55")
def test_a_warning_without_a_ticket_resolves_by_itself_after_ten_quiet_minutes(room):
    incident = room.fires(100)
    room.at("09:04:30")
    room.calms_down(incident, "09:05")
    room.at("09:14:59")
    incident.refresh_from_db()
    assert incident.status == Status.DETECTED
    code, page = room.resolves(incident)
    assert code == 409
    assert "0:01 min left" in page
    room.at("09:15")
    incident.refresh_from_db()
    assert (incident.status, incident.resolved_at) == (Status.RESOLVED, room.watch.at)
    room.at("09:16")
    assert [ticket.key for ticket in incident.tickets.all()] == [""]  # its time never came
    assert room.got("/jira/dj") == []

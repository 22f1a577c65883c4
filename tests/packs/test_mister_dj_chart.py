"""An incident of Mister DJ: its chart overlays the backlog with what happened, and Grafana is told the same."""

import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from incidents.models import Incident
from notifications import outbox
from targets.misterdj import MisterDJ
from tests.accounts import signed_in
from tests.factories import NINE, ChangeFactory
from tests.packs.mister_dj import LIMITS, Stage

PACK = "mister-dj"
MINUTE = timedelta(minutes=1)
MARK = re.compile(r'<li class="mark m-(\w+)" id="([\w-]+)"')


@pytest.fixture
def stage(pack_of_module, db, monkeypatch):
    with MisterDJ() as backend:
        for name, value in (LIMITS | {"MISTER_DJ_BASE_URL": backend.url}).items():
            monkeypatch.setenv(name, value)
        yield Stage(monkeypatch, backend)


def instant(milliseconds: int) -> timedelta:
    return datetime.fromtimestamp(milliseconds / 1000, NINE.tzinfo) - NINE


@pytest.mark.req("DJ-21")
def test_the_chart_of_an_incident_of_thirty_minutes(stage, ada):
    client = signed_in(Client(), ada, "Responder")
    for minute, backlog in [(0, 20), (5, 60), (10, 600), (15, 900), (30, 300), (40, 0)]:
        stage.at = NINE + minute * MINUTE
        stage.backend.queue(backlog=backlog)
        stage.trace()
        stage.look()
        if minute == 5:
            ChangeFactory(summary="deploy", version="4.2.0", service="mr-dj-backend", at=stage.at)
            ChangeFactory(summary="deploy", version="9.9", service="another", at=stage.at)
        if minute == 10:
            incident = Incident.objects.get()
            outbox.deliver_due(at=stage.at)
        if minute == 15:
            stage.at += 2 * MINUTE
            assert client.post(f"{incident.get_absolute_url()}acknowledge/").status_code == 302
            client.post(f"{incident.get_absolute_url()}note/", {"text": "Redis was restarted."})
    Incident.objects.filter(pk=incident.pk).update(status="resolved", resolved_at=stage.at)
    incident.refresh_from_db()
    stage.at += 20 * MINUTE

    page = client.get(incident.get_absolute_url()).content.decode()
    part = reverse("incident-chart-part", args=[incident.pk])
    assert f'hx-get="{part}"' in page and f'href="{reverse("incident-chart", args=[incident.pk])}"' in page
    assert "<polyline" in client.get(part).content.decode()

    chart = client.get(reverse("incident-chart", args=[incident.pk])).content.decode()
    picture = chart.partition("<svg")[2].partition("</svg>")[0]
    assert "Queue backlog: backlog" in chart and 'aria-label="Queue backlog: backlog' in picture
    assert "critical 500" in picture and "warning 100" in picture, "the limits it is held against"
    heights = [float(point.split(",")[1]) for point in re.findall(r'points="([^"]+)"', picture)[0].split()]
    assert heights.index(min(heights)) == 3 and heights[-1] == max(heights), "900 stands highest, 0 lowest"
    assert "Job latency (P95)" in chart, "what the pack wants beside it"

    told = client.get(reverse("incident-annotations", args=[incident.pk])).json()
    assert [mark["id"] for mark in told] == [id for _, id in MARK.findall(chart)], "the same marks, in the same order"
    kinds = {mark["kind"]: mark for mark in told}
    assert {"alert", "move", "acknowledge", "note", "delivery", "deploy"} <= set(kinds)
    assert instant(kinds["alert"]["time"]) == 10 * MINUTE
    assert instant(kinds["acknowledge"]["time"]) == 17 * MINUTE and "ada" in kinds["acknowledge"]["text"]
    assert kinds["note"]["text"].endswith("Redis was restarted.") and "4.2.0" in kinds["deploy"]["text"]
    assert kinds["alert"]["tags"][:2] == ["alert", f"incident:{incident.pk}"] and "critical" in kinds["alert"]["tags"]
    assert kinds["alert"]["url"].startswith("http://testserver/alerts/")
    assert "9.9" not in str(told) and "9.9" not in chart, "a deploy of another service is no mark of this one"
    for mark in told:
        assert picture.count(f"{mark['title']}: ") >= 1
    assert picture.count('<g class="mark ') == len(told)


def test_only_who_may_see_the_incident_sees_its_chart(stage, ada, grace):
    from tests.factories import IncidentFactory

    incident = IncidentFactory(private=True)
    stranger, nobody = signed_in(Client(), grace, "Viewer"), Client()
    for name in ("incident-chart", "incident-chart-part", "incident-annotations"):
        address = reverse(name, args=[incident.pk])
        assert stranger.get(address).status_code == 404
        assert nobody.get(address).status_code in (302, 401)
    assert stranger.get(reverse("incident-chart", args=[10**6])).status_code == 404
    shown = IncidentFactory(title="Told by somebody else")
    page = stranger.get(reverse("incident-chart", args=[shown.pk]))
    assert page.status_code == 200 and "its alerts were told by somebody else" in page.content.decode()
    odd = stranger.get(reverse("incident-chart", args=[shown.pk]), {"from": "yesterday"})
    assert "is no instant" in odd.content.decode()

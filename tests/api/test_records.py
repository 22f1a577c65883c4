"""What is kept of an incident elsewhere, over the API: tickets, disaster recovery, evidence."""

import pytest

from recovery.models import Bridge
from tests.api.conftest import problem
from tests.factories import (
    NINE,
    CallEntryFactory,
    EvidenceFactory,
    IncidentFactory,
    PromptFactory,
    RecoveryFactory,
    TicketFactory,
)

pytestmark = pytest.mark.django_db


def test_tickets_recovery_and_evidence_of_an_incident(api):
    incident = IncidentFactory()
    for path in ("tickets", "recovery", "evidence"):
        assert api.get(f"/incidents/{incident.pk}/{path}").status_code == 200
        problem(api.get(f"/incidents/4711/{path}"), 404)
    assert api.get(f"/incidents/{incident.pk}/recovery").json()["state"] == "none"
    TicketFactory(incident=incident, key="OPS-1", state="made", remote_status="Done", remote_done=True)
    dr = RecoveryFactory(incident=incident, state="prompted")
    PromptFactory(recovery=dr, condition="active-10m-critical", text="Critical for long", at=NINE)
    CallEntryFactory(recovery=dr, number="+31205550100")
    Bridge.objects.create(recovery=dr, state="open", links={"huddle": "https://x.test/h"})
    EvidenceFactory(incident=incident, label="Redis", sha256="f" * 64)
    (ticket,) = api.get(f"/incidents/{incident.pk}/tickets").json()["tickets"]
    assert (ticket["key"], ticket["status"], ticket["done"]) == ("OPS-1", "Done", True)
    told = api.get(f"/incidents/{incident.pk}/recovery").json()
    assert (told["state"], told["links"]) == ("prompted", {"huddle": "https://x.test/h"})
    assert (told["prompts"][0]["text"], told["calls"][0]["number"]) == ("Critical for long", "+31205550100")
    kept = api.get(f"/incidents/{incident.pk}/evidence").json()
    assert (kept["files"][0]["sha256"], kept["missing"]) == ("f" * 64, [])

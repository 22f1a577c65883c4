"""DeelRx' recovery of payments ends with what should change: ticking it makes an action item for the review."""

import pytest
from django.test import Client
from django.utils import timezone

from incidents import lifecycle
from policies.models import Policy
from reviews.models import ActionItem, PostIncidentReview
from runbooks.models import Run
from tests.accounts import signed_in
from tests.factories import MINUTE

PACK = "deelrx-crm"


@pytest.mark.req("DX-56")
def test_prevention_makes_an_action_item_for_the_review(pack_of_module, db, grace, ada):
    policy = Policy.objects.get(key="deelrx-crm")
    at = timezone.now()
    opening = lifecycle.Opening(
        policy=policy, severity=policy.severities.get(key="P1"), scope=f"policy:{policy.pk}", key="payments",
        title="Payments fail", labels={"alertname": "payment-errors"},
    )  # fmt: skip
    incident = lifecycle.open_incident(opening, at=at - 60 * MINUTE)
    lifecycle.acknowledge(incident, by=grace, at=at - 50 * MINUTE)
    run = Run.objects.get(incident=incident, runbook__key="failed-payment-processing")
    client = signed_in(Client(), grace, "Incident Commander")
    page = f"/runs/{run.pk}/"
    assert "Makes an action item for the review." in client.get(page).content.decode()
    assert not ActionItem.objects.exists()
    ticked = client.post(f"{page}prevention/tick/", {"field-action": "Give up after 3 tries, not 30."})
    assert ticked.status_code == 302
    item = ActionItem.objects.get()
    assert (item.title, item.text) == ("Adjust retry logic or timeouts", "Give up after 3 tries, not 30.")
    assert (item.incident, item.created_by, item.rule) == (incident, grace, "payment-errors")
    review = PostIncidentReview.objects.get(incident=incident)
    assert item.review == review
    assert f'href="/actions/{item.pk}/"' in client.get(page).content.decode()
    # taken back and ticked again there is still one
    client.post(f"{page}prevention/undo/", {"reason": "too early"})
    assert client.post(f"{page}prevention/tick/", {"field-action": "Again"}).status_code == 302
    assert ActionItem.objects.count() == 1
    # the review that is drafted at the end shows it
    lifecycle.resolve(incident, by=grace, at=at, override_reason="only its review is looked at")
    client.post(f"/reviews/of/{incident.pk}/")
    shown = client.get(f"/reviews/{review.pk}/").content.decode()
    assert "Adjust retry logic or timeouts" in shown
    assert list(PostIncidentReview.objects.get().actions.all()) == [item]

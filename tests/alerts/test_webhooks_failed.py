"""The log of received webhooks, filtered to those that failed."""

import hashlib
import hmac
import json

import pytest
from django.urls import reverse

from sources.models import WebhookLog
from tests.accounts import signed_in
from tests.factories import IntegrationFactory

pytestmark = pytest.mark.django_db
SECRET = "s3cret"


@pytest.mark.req("RB-21")
@pytest.mark.parametrize("query", [{"verdict": "refused"}, {"status": "failed"}])
def test_of_three_valid_and_one_badly_signed_the_filter_shows_the_one_with_its_reason(client, ada, query):
    IntegrationFactory(name="inbox", key="inbox-1", secret=SECRET)
    for number in range(4):
        body = json.dumps({"title": f"Campaign {number} failed", "key": str(number)}).encode()
        secret = SECRET if number else "wrong"
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
        client.post("/api/ingest/inbox-1", body, content_type="application/json", headers=headers)
    assert WebhookLog.objects.count() == 4
    viewer = signed_in(client, ada, "Responder")
    whole = viewer.get(reverse("webhooks")).content.decode()
    failed = viewer.get(reverse("webhooks"), query).content.decode()
    assert (whole.count('class="card webhook'), failed.count('class="card webhook')) == (4, 1)
    [row] = WebhookLog.objects.filter(verdict="refused")
    assert row.reason and row.reason[:40] in failed and "401 refused" in failed and "inbox" in failed
    assert "Campaign 0 failed" in failed and "Campaign 1 failed" not in failed

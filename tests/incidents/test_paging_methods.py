"""What a failed page leaves on the contact's method."""

import pytest

from incidents import escalation, lifecycle, paging
from notifications.models import Delivery
from tests.factories import MINUTE, NINE, EscalationPolicyFactory, EscalationStepFactory, SeverityFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("refused", "usable"), [(True, False), (False, True)])
def test_only_an_address_that_was_refused_is_not_tried_again(ada, refused, usable):
    level = SeverityFactory()
    EscalationStepFactory(policy=EscalationPolicyFactory(policy=level.policy), contacts=[ada])
    lifecycle.open_incident(lifecycle.Opening(policy=level.policy, severity=level, key="x", title="x"), at=NINE)
    escalation.climb_due(at=NINE)
    Delivery.objects.update(status="failed", next_attempt_at=None, error="550 no such user", address_refused=refused)
    paging.follow_up_due(at=NINE + MINUTE)
    method = ada.methods.get()
    assert method.usable is usable
    assert method.failure == "550 no such user"

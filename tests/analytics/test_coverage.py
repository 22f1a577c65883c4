"""Which services lack a rule, a runbook, an owner, a schedule or a drill."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from analytics import coverage
from policies.models import Service
from tests.accounts import signed_in
from tests.factories import (
    AlertRuleFactory,
    ContactFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    IncidentFactory,
    OwnershipFactory,
    PolicyFactory,
    RunbookFactory,
    ScheduleFactory,
    ServiceFactory,
    SeverityFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def viewer(linus):
    return signed_in(Client(), linus, "Viewer")


def whole(key: str):
    """A service that lacks nothing, and its policy."""
    service = ServiceFactory(key=key, name=key.title())
    policy = PolicyFactory(service=service)
    AlertRuleFactory(policy=policy, severity=SeverityFactory(policy=policy), key=f"{key}-down")
    RunbookFactory(policy=policy)
    OwnershipFactory(policy=policy).contacts.add(ContactFactory())
    EscalationStepFactory(policy=EscalationPolicyFactory(policy=policy), schedule=ScheduleFactory())
    IncidentFactory(policy=policy, service=service, drill=True, detected_at=timezone.now() - DAY)
    return service, policy


def test_each_gap_is_named_and_what_lacks_nothing_is_not(viewer):
    good, _ = whole("good")
    gaps = {}
    for name in coverage.GAPS:
        service, policy = whole(f"no-{name}")
        gaps[name] = service
        if name == "rule":
            policy.rules.update(enabled=False)
        elif name == "runbook":
            policy.runbooks.update(offered=False)
        elif name == "owner":
            policy.ownerships.all().delete()
        elif name == "schedule":
            policy.escalation_policies.all().delete()
        else:
            service.incidents.update(detected_at=timezone.now() - coverage.DRILL_WITHIN)
    mine = {good, *gaps.values()}  # factories make others
    for name, service in gaps.items():
        rows = viewer.get("/coverage/", {"gap": name}).context["rows"]
        found = {row.service: row.gaps for row in rows if row.service in mine}
        assert found == {service: [name]}, name
    page = viewer.get("/coverage/")
    assert [row.gaps for row in page.context["rows"] if row.service == good] == [[]]
    lacking = viewer.get("/coverage/?gap=any").context
    assert {row.service for row in lacking["rows"]} & mine == set(gaps.values())
    assert {name: count for name, _, count in page.context["figures"]} == {
        name: len(viewer.get("/coverage/", {"gap": name}).context["rows"]) for name in gaps
    }
    lines = viewer.get("/coverage/?format=csv").content.decode().splitlines()
    assert lines[0].startswith("service,rules") and len(lines) == 1 + Service.objects.count()


def test_it_takes_as_many_queries_for_many_services_as_for_one(viewer, django_assert_max_num_queries, client):
    def queries() -> int:
        with django_assert_max_num_queries(30) as captured:
            assert viewer.get("/coverage/").status_code == 200
        return len(captured)

    whole("first")
    few = queries()
    ServiceFactory.create_batch(40)
    assert queries() == few
    assert client.get("/coverage/").status_code == 302


def test_a_rule_without_words_of_what_to_do_is_counted():
    service, policy = whole("shop")
    AlertRuleFactory(policy=policy, severity=policy.severities.get(), key="said", no_runbook="It explains itself.")
    policy.rules.filter(key="shop-down").update(runbook="")
    row = coverage.covered(coverage.services(at=timezone.now()).filter(pk=service.pk))[0]
    assert (row.service, row.rules, row.bare, row.runbooks, row.owners, row.steps) == (service, 2, 1, 1, 1, 1)

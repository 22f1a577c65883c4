"""A mailbox that its server refuses for good: what becomes of the address, who is told, and how it comes back."""

import pytest

from incidents import escalation, lifecycle, paging
from incidents.models import Incident
from notifications import outbox
from notifications.models import AppNotice, Delivery
from oncall.models import ContactMethod
from tests.accounts import account
from tests.factories import (
    MINUTE,
    NINE,
    ContactFactory,
    ContactMethodFactory,
    EscalationPolicyFactory,
    EscalationStepFactory,
    SeverityFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(receiver):
    """Reached by mail, else by chat; mail is tried first."""
    ada = ContactFactory(name="ada")
    account(ada, "Responder")
    ContactMethodFactory(contact=ada, kind="email", address="ada@example.org", position=0)
    ContactMethodFactory(contact=ada, kind="slack", address=receiver.url("/ada"), position=1)
    return ada


@pytest.fixture
def plan(ada):
    level = SeverityFactory(key="P1", page=True)
    step = EscalationStepFactory(policy=EscalationPolicyFactory(policy=level.policy), contacts=[ada])
    return step.policy


def alert(plan, key: str, at) -> Incident:
    level = plan.policy.severities.get()
    opening = lifecycle.Opening(policy=plan.policy, severity=level, key=key, title=f"{key} is down")
    incident = lifecycle.open_incident(opening, at=at)
    escalation.climb_due(at=at)
    work(at)
    return incident


def work(at) -> None:
    while outbox.deliver_due(at=at) + paging.follow_up_due(at=at):
        pass


@pytest.mark.req("DX-40")
def test_a_hard_bounce_flags_the_address_tells_its_owner_and_the_admins_and_is_mended_by_a_confirmed_one(
    ada, plan, mailbox, receiver, client
):
    root = UserFactory(username="root", is_superuser=True, is_staff=True)
    UserFactory(username="somebody-else")
    mailbox.answers["ada@example.org"] = ["550 5.1.1 No such user here"]
    alert(plan, "checkout", NINE)
    mail = ada.methods.get(kind="email")
    assert (mail.usable, mail.state) == (False, "refused") and "550" in mail.failure
    assert mailbox.asked == ["ada@example.org"], "no second try"
    assert len(receiver.at("/ada")) == 1, "this page goes on by the other channel"
    assert {notice.user.username for notice in AppNotice.objects.select_related("user")} == {"ada", "root"}

    alert(plan, "search", NINE + MINUTE)
    assert mailbox.asked == ["ada@example.org"] and len(receiver.at("/ada")) == 2

    client.force_login(ada.user)
    assert "Your contact method does not work" in client.get("/me/").content.decode()
    client.post(f"/me/methods/{mail.pk}/change/", {"address": "ada@new.example.org"})
    mail.refresh_from_db()
    assert (mail.usable, mail.state) == (False, "not verified")
    work(NINE + 2 * MINUTE)
    confirmation = Delivery.objects.filter(thread=f"method:{mail.pk}").latest("pk")
    link = "/v/" + confirmation.actions[0]["url"].partition("/v/")[2]
    alert(plan, "basket", NINE + 3 * MINUTE)
    assert len(receiver.at("/ada")) == 3, "it does not count before its link was opened"
    client.get(link)
    assert not ContactMethod.objects.get(pk=mail.pk).usable, "programs that read mail open links too"
    client.post(link)
    assert ContactMethod.objects.get(pk=mail.pk).usable
    alert(plan, "login", NINE + 4 * MINUTE)
    assert len(receiver.at("/ada")) == 3 and mailbox.asked[-1] == "ada@new.example.org"

    client.force_login(root)
    assert "ada@example.org (email) does not take our messages" in client.get("/incidents/").content.decode()

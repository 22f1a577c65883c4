"""DeelRx's post-incident review: demanded of P0 and P1, its questions, what is filled in and what must be said."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from alerts.models import AlertRule
from incidents import impact, lifecycle
from incidents.models import Status
from policies.models import Policy
from reviews import followup
from reviews.models import PostIncidentReview
from tests.accounts import signed_in

PACK = "deelrx-crm"
TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pack_of_module")]


@pytest.fixture
def commander(grace):
    return signed_in(Client(), grace, "Incident Commander")


@pytest.fixture
def approver(ada):
    return signed_in(Client(), ada, "Review Approver")


def over(grace, level: str = "P1"):
    """Detected at 10:00, acknowledged at 10:07, restored at 10:50."""
    policy = Policy.objects.get(key=PACK)
    level = policy.severities.get(key=level)
    opening = lifecycle.Opening(policy=policy, severity=level, key=f"checkout {level}", title="Checkout down",
                                labels={"component": "payments"})  # fmt: skip
    incident = lifecycle.open_incident(opening, at=TEN)
    lifecycle.acknowledge(incident, by=grace, at=TEN + 7 * MINUTE)
    lifecycle.edit(incident, by=grace, at=TEN + 9 * MINUTE, impact="Nobody could pay by card.")
    impact.count(incident, by=grace, at=TEN + 10 * MINUTE, users=120, orders=14)
    lifecycle.resolve(incident, by=grace, at=TEN + 50 * MINUTE)
    followup.remind_due(at=TEN + 50 * MINUTE)
    return incident


def fields(client, review, **typed) -> dict[str, str]:
    form = client.get(review.get_absolute_url()).context["form"]
    return {**{name: str(form[name].value() or "") for name in form.fields}, **typed}


def post(client, review, do: str, **typed):
    return client.post(review.get_absolute_url(), {**fields(client, review, **typed), "do": do})


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


@pytest.mark.req("DX-117")
@pytest.mark.parametrize("level", ["P0", "P1", "P2", "P3"])
def test_a_review_is_demanded_of_the_two_highest_levels_before_they_are_closed(commander, approver, grace, level):
    incident = over(grace, level)
    review = PostIncidentReview.objects.filter(incident=incident).first()
    close = reverse("incident-act", args=[incident.pk, "close"])
    page = commander.get(incident.get_absolute_url()).content.decode()
    if level in ("P2", "P3"):
        assert review is None
        assert "Write a review" in page
        assert commander.post(close).status_code == 302
        return
    assert review.status == "draft"
    assert review in commander.get("/reviews/").context["page"]
    for do in ("submit", "approve"):
        assert commander.post(close).status_code == 409
        incident.refresh_from_db()
        assert incident.status == Status.RESOLVED
        if do == "submit":
            post(commander, review, do, **{"answer-root_cause": "An expired key.", "answer-integrity": "no"})
        else:
            post(approver, review, do)
    assert commander.post(close).status_code == 302
    incident.refresh_from_db()
    assert incident.status == Status.CLOSED


@pytest.mark.req("DX-118", "CARD-15")
def test_the_timeline_questions_are_filled_in_may_be_changed_and_want_the_root_cause(commander, grace):
    review = PostIncidentReview.objects.get(incident=over(grace))
    rows = {row.key: row for row in review.answers.filter(section="timeline")}
    assert list(rows) == ["detected", "response", "root_cause", "restored"]
    shown = fields(commander, review)
    assert shown["answer-detected"] == "2026-11-20 10:00"
    assert shown["answer-response"] == "7 min"
    assert shown["answer-restored"] == "2026-11-20 10:50"
    assert shown["answer-root_cause"] == ""
    response = post(commander, review, "submit", **{"answer-integrity": "no"})
    assert response.status_code == 409
    assert "What was the root cause?" in said(response)
    review.refresh_from_db()
    assert review.status == "draft"
    changed = {"answer-detected": "2026-11-20 09:58", "answer-response": "9 min", "answer-restored": "soon"}
    wrong = post(commander, review, "save", **changed)
    assert wrong.status_code == 422
    assert "Write date and time in UTC as 2026-12-31 10:00." in wrong.content.decode()
    changed |= {"answer-restored": "2026-11-20 10:51", "answer-root_cause": "An expired key.", "answer-integrity": "no"}
    assert post(commander, review, "submit", **changed).status_code == 302
    texts = dict(review.answers.values_list("key", "text"))
    assert texts["detected"] == "2026-11-20 09:58 UTC"
    assert texts["response"] == "9 min"
    assert texts["restored"] == "2026-11-20 10:51 UTC"
    review.refresh_from_db()
    assert review.status == "submitted"


@pytest.mark.req("DX-119")
def test_the_impact_questions_are_filled_in_and_a_yes_says_what(commander, grace):
    review = PostIncidentReview.objects.get(incident=over(grace))
    rows = list(review.answers.filter(section="impact"))
    assert [row.prompt for row in rows] == [
        "How many users were affected?", "What functionality was impacted?",
        "Were there any data integrity issues?", "What was the business impact?",
    ]  # fmt: skip
    assert [row.text for row in rows] == [
        "120 users",
        "payments, deelrx-crm",
        "",
        "Nobody could pay by card; 14 orders",
    ]
    cause = {"answer-root_cause": "An expired key."}
    neither = post(commander, review, "submit", **cause)
    assert neither.status_code == 409
    assert "data integrity issues? (needs yes or no)" in said(neither)
    bare = post(commander, review, "submit", **cause, **{"answer-integrity": "yes"})
    assert bare.status_code == 409
    assert "data integrity issues? (needs what it was" in said(bare)
    assert post(commander, review, "submit", **{"answer-integrity-text": "4 orders twice."}).status_code == 302
    row = review.answers.get(key="integrity")
    assert row.text == "Yes: 4 orders twice."
    assert row.data == {"yes": True, "text": "4 orders twice."}


def tuning_card(client, rule) -> str:
    """The rule's card on the tuning page."""
    page = client.get(reverse("tuning"), {"q": rule.key}).content.decode()
    _, found, rest = page.partition(reverse("tuning-rule", args=[PACK, rule.key]) + "?")
    assert found
    return rest.partition("</li>")[0]


@pytest.mark.req("DX-120")
@pytest.mark.parametrize(
    ("field", "wrong", "value", "other"),
    [("resolve_after", "soon", "17m", "18m"), ("when", "share >", "share > 7", "share > 8")],
)
def test_an_answer_with_rule_and_value_is_a_proposal_on_the_tuning_page(commander, grace, field, wrong, value, other):
    review = PostIncidentReview.objects.get(incident=over(grace))
    assert list(review.answers.filter(section="actions").values_list("prompt", flat=True)) == [
        "What monitoring could have detected this sooner?", "What changes prevent this from happening again?",
        "Are there process improvements needed?", "Should alert thresholds be adjusted?",
    ]  # fmt: skip
    rule = AlertRule.objects.get(policy__key=PACK, key="api-error-rate")
    before = rule.condition
    assert before["when"] == "share > 5"
    choices = commander.get(review.get_absolute_url()).context["form"].fields["answer-thresholds-rule"].choices
    setting = f"{rule.pk}:{field}"
    assert setting in dict(choices)
    lone = post(commander, review, "save", **{"answer-thresholds-rule": setting})
    assert lone.status_code == 422
    assert "Say which value you propose" in lone.content.decode()
    typed = {"answer-thresholds-rule": setting, "answer-thresholds": "It came and went."}
    refused = post(commander, review, "save", **typed, **{"answer-thresholds-value": wrong})
    assert refused.status_code == 409
    assert not review.proposals.exists()
    assert "to decide" not in tuning_card(commander, rule)
    assert post(commander, review, "save", **typed, **{"answer-thresholds-value": value}).status_code == 302
    proposal = review.proposals.get()
    assert (proposal.state, proposal.why, proposal.by) == ("open", "It came and went.", grace)
    assert (proposal.rule, proposal.field, proposal.new) == (rule, field, value)
    assert proposal.get_absolute_url() in commander.get(review.get_absolute_url()).content.decode()
    listed = commander.get(reverse("proposals")).content.decode()
    assert proposal.get_absolute_url() in listed
    assert "1 proposal to decide" in tuning_card(commander, rule)
    # saved again it is the same one; another value takes its place
    post(commander, review, "save")
    assert review.proposals.count() == 1
    post(commander, review, "save", **{"answer-thresholds-value": other})
    assert list(review.proposals.order_by("pk").values_list("state", "new")) == [("refused", value), ("open", other)]
    assert "1 proposal to decide" in tuning_card(commander, rule)
    rule.refresh_from_db()
    assert rule.condition == before  # proposed, and not done

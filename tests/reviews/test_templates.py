"""What a pack says of reviews: kinds of questions, templates by level, class and label; and a draft's figures."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents import lifecycle, roles
from packs import dumper, loader
from policies.models import Policy, ReviewPlan
from reviews import drafting, kinds
from tests.accounts import signed_in
from tests.factories import AlertFactory, AlertRuleFactory, LivenessFactory, SampleFactory

HEAD = """
pack: {key: shop, version: 1, name: The shop}
severities: [{key: P1, label: High}, {key: P2, label: Low}]
classes: [{key: outage, label: Outage}]
contacts: [{name: ada}]
params: {CHAT: {type: secret}}
destinations: [{key: chat, kind: slack, address: "${CHAT}"}]
routes: [{default: true, to: chat}]
"""
REVIEW = """
review:
  required: [P1]
  within: 5d
  remind_before: 2d
  skip: nobody
  approvals: 2
  reviewers: [ada]
  factors: [people, process]
  questions:
    - {key: cause, prompt: "What was it?", required: true}
    - {key: mood, prompt: "How was it?", kind: choice, options: [good, bad]}
  templates:
    - {key: hard, classes: [outage], within: 2d, questions: [{key: whys, kind: whys, required: true}]}
    - {key: mail, severities: [P2], labels: {type: mail}, questions: [{key: lost, kind: number}]}
"""


def load(text: str):
    return loader.load(HEAD + text, name="shop.yaml", at=timezone.now())


@pytest.mark.django_db
def test_a_pack_says_all_of_it_writes_it_back_and_takes_it_away():
    load(REVIEW)
    plan = ReviewPlan.objects.get()
    assert (plan.skip, plan.approvals, plan.remind_before) == ("nobody", 2, timedelta(days=2))
    assert not load(REVIEW).changed_anything
    written = dumper.dump("shop")
    assert not loader.load(written, name="again.yaml", at=timezone.now()).changed_anything
    load("")
    assert not ReviewPlan.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("review", "complaint"),
    [
        ("{questions: [{key: a, kind: choice}]}", "needs options to choose from"),
        ("{questions: [{key: a, options: [x]}]}", "Options belong to kind choice"),
        ("{questions: [{key: a, kind: time, fill: impact}]}", "A question of kind time cannot be filled with impact"),
        ("{questions: [{key: a, kind: dance}]}", "There is no 'dance' here"),
        ("{questions: [{key: a}, {key: a}]}", "Two questions have the key 'a'"),
        ("{templates: [{key: a, questions: []}]}", "This list needs 1 or more members"),
        ("{templates: [{key: a, questions: [{key: b}]}, {key: a, questions: [{key: b}]}]}", "Two templates are called"),
        ("{templates: [{key: a, severities: [P9], questions: [{key: b}]}]}", "There is no severity 'P9'"),
        ("{reviewers: [nobody]}", "There is no contact 'nobody'"),
        ("{approvals: 0}", "0 is out of range"),
    ],
)
def test_what_is_wrong_in_it_is_told_with_its_line(review, complaint):
    with pytest.raises(loader.PackRefused) as refused:
        load(f"review: {review}\n")
    assert complaint in str(refused.value)
    assert "shop.yaml:9: review" in str(refused.value)


def over(policy: Policy, level: str, *, at, **more):
    opening = lifecycle.Opening(
        policy=policy, severity=policy.severities.get(key=level), key=f"{level} {more}", title="Down", **more
    )
    incident = lifecycle.open_incident(opening, at=at)
    lifecycle.resolve(incident, at=at + timedelta(hours=1))
    return incident


@pytest.mark.django_db
def test_the_first_template_that_fits_counts(grace):
    load(REVIEW)
    policy, at = Policy.objects.get(key="shop"), timezone.now() - timedelta(hours=2)
    outage = policy.classes.get(key="outage")
    usual = drafting.begin(over(policy, "P1", at=at), at=at)
    hard = drafting.begin(over(policy, "P1", at=at, alert_class=outage), at=at)
    mail = drafting.begin(over(policy, "P2", at=at, labels={"type": "mail"}), at=at)
    other = drafting.begin(over(policy, "P2", at=at, labels={"type": "other"}), at=at)
    assert [review.template for review in (usual, hard, mail, other)] == ["", "hard", "mail", ""]
    keys = [list(review.answers.values_list("key", flat=True)) for review in (usual, hard, mail)]
    assert keys == [["cause", "mood"], ["whys"], ["lost"]]
    assert usual.due_at - usual.incident.resolved_at == timedelta(days=5)
    assert hard.due_at - hard.incident.resolved_at == timedelta(days=2)
    assert [str(row.contact) for row in usual.reviewers.all()] == ["ada"]


@pytest.mark.django_db
def test_whys_choices_and_factors_are_stored_as_what_they_are(grace):
    load(REVIEW.replace("kind: number", "kind: factors"))
    policy, at = Policy.objects.get(key="shop"), timezone.now() - timedelta(hours=2)
    commander = signed_in(Client(), grace, "Incident Commander")
    hard = drafting.begin(over(policy, "P1", at=at, alert_class=policy.classes.get()), at=at)
    bare = {"do": "submit", "answer-whys": "Payments failed."}
    assert commander.post(hard.get_absolute_url(), {**bare, "seen": seen(commander, hard)}).status_code == 409
    gap = {"answer-whys": "Payments failed.", "answer-whys-2": "Nobody looked.", "do": "save"}
    assert commander.post(hard.get_absolute_url(), {**gap, "seen": seen(commander, hard)}).status_code == 422
    whole = {**gap, "answer-whys-1": "It had expired.", "do": "submit", "seen": seen(commander, hard)}
    assert commander.post(hard.get_absolute_url(), whole).status_code == 302
    answer = hard.answers.get()
    assert answer.data == {"problem": "Payments failed.", "whys": ["It had expired.", "Nobody looked."]}
    assert answer.text == "Payments failed.\n1. Why? It had expired.\n2. Why? Nobody looked."
    mail = drafting.begin(over(policy, "P2", at=at, labels={"type": "mail"}), at=at)
    typed = {"answer-lost-1-kind": "process", "answer-lost-1": "No list", "answer-lost-2": "Night", "do": "save"}
    assert commander.post(mail.get_absolute_url(), {**typed, "seen": seen(commander, mail)}).status_code == 302
    assert list(mail.factors.values_list("category", "text")) == [("process", "No list"), ("", "Night")]
    kept = mail.factors.first().pk
    typed = {"answer-lost-1-kind": "people", "answer-lost-1": "No list", "answer-lost-2": "", "do": "save"}
    assert commander.post(mail.get_absolute_url(), {**typed, "seen": seen(commander, mail)}).status_code == 302
    assert list(mail.factors.values_list("pk", "category", "text")) == [(kept, "people", "No list")]


def seen(client, review) -> str:
    return client.get(review.get_absolute_url()).context["form"]["seen"].value()


@pytest.mark.django_db
def test_the_draft_holds_figures_roles_and_charts(grace, ada):
    load(REVIEW)
    policy, at = Policy.objects.get(key="shop"), timezone.now() - timedelta(hours=2)
    opening = lifecycle.Opening(policy=policy, severity=policy.severities.get(key="P1"), key="x", title="Down")
    incident = lifecycle.open_incident(opening, at=at)
    rule = AlertRuleFactory(policy=policy, severity=incident.severity, name="Queue is long")
    for minute, value in ((-5, 1), (0, 9), (30, 4)):
        data = f'{{"read":[[{{"value":{value}}},{{}},""]]}}'
        SampleFactory(rule=rule, at=at + timedelta(minutes=minute), value=value, data=data)
    LivenessFactory(alert=AlertFactory(rule=rule), incident=incident)
    lifecycle.acknowledge(incident, by=grace, at=at + timedelta(minutes=7))
    roles.assign(incident, "commander", ada, by=grace, at=at + timedelta(minutes=8))
    lifecycle.resolve(incident, by=grace, at=at + timedelta(minutes=50))
    review = drafting.begin(incident, at=at + timedelta(hours=1))
    figures = review.figures
    rows = dict(figures["rows"])
    assert rows["Time to acknowledge"] == "7 min"
    assert rows["Time to resolve"] == "50 min"
    assert rows["Alerts"] == "1"
    assert figures["roles"] == [["commander", "ada"]]
    phases = [(phase["name"], phase["title"]) for phase in figures["course"]["phases"]]
    assert phases[:2] == [("detected", "Detected: for 7 min"), ("acknowledged", "Acknowledged: for 43 min")]
    assert [chart["title"] for chart in figures["charts"]] == ["Queue is long"]
    page = signed_in(Client(), grace, "Incident Commander").get(review.get_absolute_url()).content.decode()
    assert 'class="course"' in page
    assert "Queue is long" in page
    assert page.count("<svg") >= 2
    assert review.author == ada  # whoever commanded writes it


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7 min", 420), ("1 h 5 min", 3900), ("90 s", 90), ("1h5m", 3900), ("2 days", 172800), ("0.5 h", 1800)],
)
def test_a_length_is_read_as_people_write_it(text, seconds):
    assert kinds.read_length(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["soon", "7", "min", "7 parsecs", "-3 min"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(kinds.Wrong):
        kinds.read_length(text)


@pytest.mark.parametrize("text", ["10:00", "2026-11-20", "yesterday", "2026-13-01 10:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(kinds.Wrong):
        kinds.read_time(text)

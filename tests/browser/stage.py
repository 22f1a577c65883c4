"""What the browser tests find on the pages: run as a script in an empty, migrated data folder; prints what is where.

Accounts grace and linus (Incident Commander), ada (Review Approver), margaret (Viewer); no process but the web runs, so
nothing moves by itself.
"""

import json
import os
from datetime import datetime, timedelta

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opscenter.settings")
    django.setup()
    from django.utils import timezone

    print(json.dumps(build(timezone.now())))


def build(at: datetime) -> dict[str, str]:
    """Everything the tests visit, by name -> path."""
    from django.conf import settings

    from incidents import escalation, lifecycle, links, targets
    from reviews import drafting
    from tests import factories as make
    from tests.accounts import account
    from tests.conftest import person

    minute = timedelta(minutes=1)
    grace, ada, linus, margaret = people = [person(name) for name in ("grace", "ada", "linus", "margaret")]
    account(grace, "Incident Commander"), account(linus, "Incident Commander")
    account(ada, "Review Approver"), account(margaret, "Viewer")

    policy = make.PolicyFactory(key="shop", name="The shop", service=make.ServiceFactory(key="checkout"))
    words = "Nobody can pay, or data is being lost."
    urgent = make.SeverityFactory(policy=policy, key="P1", label="Critical", rank=0, meaning=words)
    mild = make.SeverityFactory(policy=policy, key="P2", label="High", rank=1, page=False)
    slight = make.SeverityFactory(policy=policy, key="P3", label="Low", rank=2, page=False)
    for kind, within in (("acknowledge", 5 * minute), ("mitigate", 60 * minute), ("resolve", 240 * minute)):
        make.TargetPlanFactory(severity=urgent, kind=kind, within=within)
    make.TargetPlanFactory(policy=policy, severity=None, kind="review", within=timedelta(days=2), anchor="resolved")
    make.CadencePlanFactory(severity=urgent, every=30 * minute, fields=["impact"])
    make.ReviewPlanFactory(policy=policy, within=timedelta(days=2)).severities.set([urgent])
    primary = make.ScheduleFactory(key="primary", name="Primary on-call")
    make.LayerFactory(schedule=primary, members=[grace, ada], first_handoff_at=at - timedelta(days=1))
    make.ScheduleFactory(key="vendor", name="Vendor desk")
    plan = make.EscalationPolicyFactory(policy=policy, name="Shop escalation")
    make.EscalationStepFactory(policy=plan, schedule=primary)
    make.EscalationStepFactory(policy=plan, after=10 * minute, contacts=[ada], position=1)

    def opened(key: str, level, title: str, ago: timedelta, **more):
        begun = at - ago
        opening = lifecycle.Opening(policy=policy, severity=level, key=key, title=title, **more)
        incident = lifecycle.open_incident(opening, at=begun)
        escalation.climb_due(at=begun)
        return incident

    labels = {"alertname": "CheckoutDown", "region": "eu-west"}
    paged = opened("story", urgent, "Checkout is down in eu-west", 2 * minute, labels=labels)
    watched = opened("watched", urgent, "Search is slow", 3 * minute)
    long = opened("long", urgent, f"Campaigns of {'acme-international-' * 5}{'x' * 60} are stuck", 20 * minute)
    targets.check_due(at=at)
    make.LivenessFactory(incident=paged, verdict="joined", assign_at=None, starts_at=at, last_seen_at=at)
    make.LivenessFactory(
        verdict="suppressed", reason="silenced by ada: moving house", assign_at=None, starts_at=at, last_seen_at=at
    )
    make.AlertRuleFactory(policy=policy, severity=mild, name="Queue rises", state="error", verdict="No connection.")
    taken = opened("taken", mild, "Invoices are sent twice", 50 * minute)
    lifecycle.acknowledge(taken, by=linus, at=at - 49 * minute)
    lifecycle.assign_role(taken, "commander", linus, by=linus, at=at - 49 * minute)
    for number in range(200):
        lifecycle.note(taken, f"note {number}", by=people[number % 2], at=at - 48 * minute + timedelta(seconds=number))
    make.ChangeFactory(
        at=at - 62 * minute, version="4.2.1", outcome="failed", source="ci", url="https://ci.example.org/7"
    )
    make.ChangeFactory(summary="Flag new-cart on", kind="flag", at=at - 40 * minute, service="checkout")
    told = {
        "links": '[{"href": "https://runbook.example.org/", "text": "Runbook"}]', "client": "Nagios",
        "images": '[{"src": "https://chart.example.org/a.png", "alt": "Mails an hour"}]',
        "custom_details": '{"mails": 4000, "lines": "first\\nsecond"}',
    }  # fmt: skip
    make.LivenessFactory(
        alert=make.AlertFactory(name="MailsTwice", annotations=told), incident=taken, verdict="joined", assign_at=None,
        starts_at=at, last_seen_at=at,
    )  # fmt: skip
    wrong = lifecycle.note(taken, "It was shop-3.", by=linus, at=at)
    held = opened("held", urgent, "The database is out of connections", 90 * minute)
    lifecycle.mitigate(held, by=linus, at=at - 80 * minute)
    slow = opened("slow", slight, "A drill", minute, drill=True)

    def over(key: str):
        incident = opened(key, urgent, f"Payments failed ({key})", 600 * minute)
        lifecycle.acknowledge(incident, by=linus, at=at - 599 * minute)
        lifecycle.resolve(incident, by=linus, at=at - 500 * minute)
        review = drafting.begin(incident, at=at - 500 * minute, author=linus)
        review.actions.create(title="Watch the disk", owner=ada)
        return incident, review

    unwritten = opened("unwritten", urgent, "Nobody could pay by card", 600 * minute)
    lifecycle.acknowledge(unwritten, by=linus, at=at - 598 * minute)
    lifecycle.mitigate(unwritten, by=linus, at=at - 560 * minute)
    lifecycle.resolve(unwritten, by=linus, at=at - 540 * minute)
    resolved, draft = over("draft")
    _, submitted = over("submitted")
    closed, approved = over("approved")
    for review in (submitted, approved):
        drafting.save_answers(review, {answer.key: "An honest answer." for answer in review.answers.all()})
        drafting.submit(review, by=linus, at=at - 400 * minute)
    drafting.approve(approved, by=ada, at=at - 300 * minute)
    lifecycle.close(closed, by=linus, at=at - 200 * minute)
    false = opened("false", slight, "A certificate expires", 700 * minute)
    lifecycle.mark_false_positive(false, by=linus, at=at - 690 * minute, reason="It renews itself.")

    body = '{"key": "disk", "title": "Disk is full", "lines": ["' + "a long line " * 40 + '"]}'
    door = make.IntegrationFactory(name="shop backend")
    told = make.WebhookLogFactory(
        integration=door, at=at, raw=body, payload=body, became={"alerts": [1]}, headers={"Content-Type": "text/plain"}
    )
    make.WebhookLogFactory(integration=door, at=at, verdict="accepted", status_code=202, replay_of=told)
    make.WebhookLogFactory(
        integration=None, at=at, verdict="refused", status_code=404, reason="There is no door with this key."
    )

    def link(incident, contact, since=at) -> str:
        return links.ack_url(incident, contact, at=since).removeprefix(settings.BASE_URL)

    incidents = {
        "paged": paged, "watched": watched, "long": long, "taken": taken, "held": held, "drill": slow,
        "resolved": resolved, "unwritten": unwritten, "closed": closed, "false positive": false,
    }  # fmt: skip
    return {
        **{name: incident.get_absolute_url() for name, incident in incidents.items()},
        "correct": f"{taken.get_absolute_url()}timeline/{wrong.pk}/",
        "draft": f"/reviews/{draft.pk}/",
        "webhook": f"/webhooks/{told.pk}/",
        "submitted": f"/reviews/{submitted.pk}/",
        "approved": f"/reviews/{approved.pk}/",
        "link": link(paged, grace),
        "link of another": link(long, ada),
        "link too late": link(taken, ada),
        "link expired": link(paged, grace, at - timedelta(days=4)),
    }


if __name__ == "__main__":
    main()

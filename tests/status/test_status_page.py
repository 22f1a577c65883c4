"""The public status page: what is published of incidents, and what is not; its documents, feeds and history."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from incidents import lifecycle, seeing, update_sending
from incidents.models import Incident, UpdateTemplate
from notifications.models import Delivery
from packs import loader
from policies.models import Policy
from status import components, site
from status.models import Component, Post
from status.site import Place
from tests.accounts import signed_in
from tests.factories import HOUR, MINUTE, NINE, ComponentFactory, PostFactory, SubscriberFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PACK = """
pack: {key: shop, version: 1, service: shop}
severities: [{key: critical, label: Critical}, {key: warning, label: Warning}]
destinations:
  - {key: "status:host", kind: json, address: "http://127.0.0.1:9/status"}
  - {key: "chat:team", kind: json, address: "http://127.0.0.1:9/team"}
routes: [{default: true, to: ["chat:team"]}]
comms:
  - key: public
    name: Status page
    publish: true
    to: ["status:host"]
    text: "We see errors in {{ service }}."
    by: [communications, commander]
  - key: closing
    name: Closing update
    publish: true
    to: ["status:host"]
    closing: true
    text: "It works again. {{ cause }}"
    by: [communications, commander]
status_page:
  - {key: checkout, name: Checkout, group: Shop, services: [shop]}
  - {key: search, name: Search, group: Shop, services: [search]}
  - {key: mail, name: E-mail, services: [shop], labels: {channel: [mail, sms]}}
"""


@pytest.fixture
def policy(db):
    loader.load(PACK, name="shop.yaml", at=NINE)
    components.settle(at=NINE - 10 * DAY)
    return Policy.objects.get(key="shop")


@pytest.fixture
def incident(policy):
    severity = policy.severities.get(key="critical")
    opening = lifecycle.Opening(policy=policy, severity=severity, key="checkout", title="Checkout fails")
    return lifecycle.open_incident(opening, at=NINE)


@pytest.fixture
def web(client, ada, incident):
    lifecycle.assign_role(incident, "communications", ada, by=ada, at=NINE)
    return signed_in(client, ada, "Responder")


def publish(incident, key="public", at=NINE, **more):
    template = UpdateTemplate.objects.get(policy=incident.policy, key=key)
    return update_sending.send(incident, template, by=None, at=at, **more)


def summary(client) -> dict:
    return json.loads(client.get("/status/api/v2/summary.json").content)


def states(client) -> dict:
    return {one["name"]: one["status"] for one in summary(client)["components"] if not one["group"]}


def test_before_anything_is_published_all_is_well_and_no_login_is_needed(client, incident):
    answer = client.get("/status/")
    assert answer.status_code == 200
    assert "All Systems Operational" in answer.content.decode()
    assert "Checkout fails" not in answer.content.decode()
    assert set(states(client).values()) == {"operational"}
    assert "sessionid" not in answer.cookies and "csrftoken" not in answer.cookies


@pytest.mark.req("DJ-33")
def test_only_communications_lead_and_commander_publish(client, policy, incident, ada, grace):
    web = signed_in(client, ada, "Responder")
    page = reverse("incident-tell", args=[incident.pk, "public"])
    refused = web.post(page, {"text": "Checkout fails."})
    assert refused.status_code == 409
    assert "Only the commander or the communications may send" in refused.content.decode()
    assert not Post.objects.exists()
    for role in ("communications", "commander"):
        web.post(reverse("incident-act", args=[incident.pk, "role"]), {"role": role, "contact": grace.pk})
    assert web.post(page, {"text": "Checkout fails."}).status_code == 409  # grace is both, ada none
    web.post(reverse("incident-act", args=[incident.pk, "role"]), {"role": "communications", "contact": ada.pk})
    assert web.post(page, {"text": "Checkout fails."}).status_code == 302
    web.post(reverse("incident-act", args=[incident.pk, "role"]), {"role": "communications", "contact": grace.pk})
    web.post(reverse("incident-act", args=[incident.pk, "role"]), {"role": "commander", "contact": ada.pk})
    assert web.post(page, {"text": "Still looking."}).status_code == 302
    assert "Still looking." in client.get("/status/").content.decode()


def test_a_published_incident_makes_its_components_as_bad_as_its_level(client, incident):
    publish(incident)
    assert states(client) == {"Checkout": "major_outage", "Search": "operational", "E-mail": "operational"}
    told = summary(client)
    assert told["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    (post,) = told["incidents"]
    assert (post["name"], post["status"], post["impact"]) == ("Checkout fails", "investigating", "critical")
    assert [one["body"] for one in post["incident_updates"]] == ["We see errors in shop."]
    assert [one["name"] for one in post["components"]] == ["Checkout"]
    group = next(one for one in told["components"] if one["group"])
    assert (group["name"], group["status"], group["components"]) == ("Shop", "major_outage", ["checkout", "search"])


@pytest.mark.req("DJ-56")
def test_what_was_published_is_not_resolved_before_its_closing_update(web, incident):
    publish(incident)
    resolve = reverse("incident-act", args=[incident.pk, "resolve"])
    with time_machine.travel(NINE + HOUR, tick=False):
        shut = web.post(resolve)
        assert shut.status_code == 409
        assert "It was published on the status page: send the closing update first." in shut.content.decode()
        assert (
            web.post(reverse("incident-tell", args=[incident.pk, "closing"]), {"text": "It works."}).status_code == 302
        )
        web.post(resolve)
    incident.refresh_from_db()
    assert incident.status == "resolved"
    told = Delivery.objects.filter(to="status:host").order_by("pk")
    assert [row.data["public_status"] for row in told] == ["investigating", "resolved"]
    assert "It works." in told.last().text
    assert set(states(web).values()) == {"operational"}
    recent = json.loads(web.get("/status/api/v2/incidents.json").content)["incidents"]
    assert [(one["status"], one["resolved_at"]) for one in recent] == [("resolved", "2026-11-23T10:00:00.000Z")]
    assert json.loads(web.get("/status/api/v2/incidents/unresolved.json").content)["incidents"] == []


def test_an_incident_that_was_never_published_needs_no_closing_update(web, incident):
    web.post(reverse("incident-act", args=[incident.pk, "resolve"]))
    incident.refresh_from_db()
    assert incident.status == "resolved"
    assert not Post.objects.exists()


@pytest.mark.parametrize("fact", ["private", "drill"])
def test_nothing_of_a_private_incident_or_a_drill_is_published(incident, fact):
    Incident.objects.filter(pk=incident.pk).update(**{fact: True})
    incident.refresh_from_db()
    with pytest.raises(update_sending.UpdateRefused, match="nothing of it goes on the status page"):
        publish(incident)


def test_what_becomes_private_disappears(client, incident):
    publish(incident)
    post = Post.objects.get()
    assert client.get(post.get_absolute_url()).status_code == 200
    seeing.limit(incident, private=True, readers=[], by=None, at=NINE + MINUTE)
    assert client.get(post.get_absolute_url()).status_code == 404
    for path in ("", "history/", "history.atom", "history.rss", "api/v2/summary.json", "api/v2/incidents.json"):
        assert "Checkout fails" not in client.get(f"/status/{path}").content.decode(), path
    assert states(client)["Checkout"] == "operational"


def test_a_false_positive_ends_what_was_published(client, incident, ada):
    publish(incident)
    lifecycle.mark_false_positive(incident, by=ada, at=NINE + MINUTE, reason="A test")
    assert set(states(client).values()) == {"operational"}
    assert Post.objects.get().status == "resolved"


def test_a_person_says_by_hand_what_a_component_is(client, policy, admin_client):
    search = Component.objects.get(key="search")
    address = reverse("admin:status_component_change", args=[search.pk])
    form = {
        "key": "search", "position": 1, "name": "Search", "group": "Shop", "description": "", "policy": policy.pk,
        "services": '["search"]', "labels": "{}", "by_hand": "degraded_performance",
    }  # fmt: skip
    inline = {f"history-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    assert admin_client.post(address, {**form, **inline}).status_code == 302
    assert states(client)["Search"] == "degraded_performance"
    assert "Partially Degraded Service" in client.get("/status/").content.decode()


def test_uptime_counts_outages_and_keeps_ninety_days(policy):
    checkout = Component.objects.get(key="checkout")
    checkout.by_hand = "major_outage"
    checkout.save()
    components.settle(at=NINE - 2 * DAY)
    checkout = Component.objects.get(key="checkout")
    checkout.by_hand = ""
    checkout.save()
    components.settle(at=NINE - 2 * DAY + 6 * HOUR)
    history = list(checkout.history.all())
    days = components.days(checkout, history, at=NINE)
    assert len(days) == 90
    assert [day.state for day in days[-3:]] == ["major_outage", "operational", "operational"]
    assert days[-3].uptime == pytest.approx(75)
    assert days[0].state is None
    assert components.uptime(history, at=NINE) == pytest.approx(100 * (1 - 6 / 240))
    assert "97.50 % up" in site.index(Place(), at=NINE)


@pytest.mark.parametrize(("kind", "name"), [("atom", "feed"), ("rss", "rss")])
def test_the_feeds_tell_of_what_was_published(client, incident, kind, name):
    publish(incident)
    answer = client.get(f"/status/history.{kind}")
    assert answer["Content-Type"].startswith(f"application/{kind}+xml")
    assert f"<{name} " in answer.content.decode()
    assert "Checkout fails" in answer.content.decode() and "We see errors in shop." in answer.content.decode()


def test_the_documents_are_readable_by_pages_of_other_hosts_and_unknown_ones_are_told(client, policy):
    for path in ("summary", "status", "components", "incidents", "incidents/unresolved", "scheduled-maintenances",
                 "scheduled-maintenances/upcoming", "scheduled-maintenances/active"):  # fmt: skip
        answer = client.get(f"/status/api/v2/{path}.json")
        assert answer.status_code == 200 and answer["Access-Control-Allow-Origin"] == "*", path
        assert set(json.loads(answer.content)["page"]) == {"id", "name", "url", "time_zone", "updated_at"}
    assert client.get("/status/api/v2/nothing.json").status_code == 404


def test_subscribers_hear_of_what_touches_their_components(incident):
    everything, search = SubscriberFactory(), SubscriberFactory()
    search.components.add(Component.objects.get(key="search"))
    SubscriberFactory(confirmed_at=None)
    publish(incident)
    mail = Delivery.objects.get(thread__startswith="status:")
    assert mail.address == everything.address
    assert mail.subject == "[Service status] Investigating: Checkout fails"
    assert "We see errors in shop." in mail.text and f"/status/unsubscribe/{everything.token}/" in mail.text
    assert mail.data["incident"]["status"] == "investigating"


def test_a_post_by_hand_without_a_component_counts_by_its_impact(client, policy):
    PostFactory(impact="major")
    assert summary(client)["status"]["indicator"] == "major"


def test_whoever_publishes_says_how_bad_it_is_and_the_approver_sees_it(web, incident, grace):
    UpdateTemplate.objects.filter(key="public").update(approval=15 * MINUTE)
    tell = reverse("incident-tell", args=[incident.pk, "public"])
    with time_machine.travel(NINE, tick=False):
        assert web.post(tell, {"text": "Slow.", "component_status": "gone"}).status_code == 422
        assert web.post(tell, {"text": "Slow.", "component_status": "degraded_performance"}).status_code == 302
        proposed = incident.proposed_updates.get()
        assert states(web)["Checkout"] == "operational"
        second = signed_in(web, grace, "Responder")
        overview = second.get(reverse("incident-updates", args=[incident.pk])).content.decode()
        assert "<dd>degraded_performance</dd>" in overview
        second.post(reverse("incident-decide", args=[incident.pk, proposed.pk, "approve"]))
    assert states(web)["Checkout"] == "degraded_performance"
    assert "component_status" not in incident.updates.get().fields


def test_readers_see_the_subject_of_the_template_and_not_our_own_title(client, incident):
    UpdateTemplate.objects.filter(key="public").update(subject="Payments fail")
    publish(incident)
    page = client.get("/status/").content.decode()
    assert "Payments fail" in page and "Checkout fails" not in page


def test_components_of_other_policies_are_not_touched(incident):
    other = ComponentFactory(services=["elsewhere"])
    nothing = ComponentFactory()
    assert not other.touched_by(incident) and not nothing.touched_by(incident)


def test_who_is_on_duty_keeps_the_page_by_hand(client, policy, ada, grace):
    manage = reverse("status-manage")
    assert signed_in(client, grace, "Responder").get(manage).status_code == 403
    commander = signed_in(client, ada, "Incident Commander")
    assert commander.get(manage).status_code == 200
    checkout = Component.objects.get(key="checkout")
    commander.post(f"{manage}component/", {"component": checkout.pk, "by_hand": "partial_outage"})
    assert states(client)["Checkout"] == "partial_outage"
    commander.post(f"{manage}component/", {"component": checkout.pk, "by_hand": ""})
    form = {
        "title": "A supplier is down",
        "text": "We wait.",
        "state": "degraded_performance",
        "components": checkout.pk,
    }
    commander.post(f"{manage}post/", form)
    assert states(client)["Checkout"] == "degraded_performance"
    commander.post(f"{manage}say/", {"post": Post.objects.get().pk, "status": "resolved", "text": "It is back."})
    assert states(client)["Checkout"] == "operational"
    work = {
        "title": "New disks",
        "text": "We add disks.",
        "starts_at": "2030-01-01 10:00",
        "ends_at": "2030-01-01 09:00",
    }
    refused = commander.post(f"{manage}maintenance/", work)
    assert refused.status_code == 422 and "We add disks." in refused.content.decode()
    assert commander.post(f"{manage}maintenance/", {**work, "ends_at": "2030-01-01 11:00"}).status_code == 302
    assert "New disks" in client.get("/status/").content.decode()

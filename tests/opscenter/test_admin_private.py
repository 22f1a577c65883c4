"""The admin keeps a private incident, and all that belongs to it, from whom the pages keep it."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import ForeignKey
from django.urls import reverse

from alerts.models import Liveness
from incidents.models import Incident
from tests import factories
from tests.factories import IncidentFactory, UserFactory

pytestmark = pytest.mark.django_db

FACTORIES = {
    cls._meta.model: cls
    for name, cls in vars(factories).items()
    if name.endswith("Factory") and getattr(cls, "_meta", None) and cls._meta.model
}
REFERS = {
    "alerts.Liveness": "an alert is for everybody; only its incident is not named, see below",
    "alerts.Firing": "likewise an alert that fired",
    "analytics.Proposal": "the change of a rule; the review is only where it was proposed",
    "flags.Temporary": "a switch that was set for a time; whoever sets flags must see it",
    "status.Post": "published to everybody",
}
"""Rows that name an incident and are not a part of it: they are shown."""


def paths_of(model, depth: int = 3) -> list[str]:
    """The ways by foreign keys from the model to an incident, over `depth` - 1 models between them at most."""
    found = []
    for field in model._meta.get_fields():
        if not isinstance(field, ForeignKey):  # a one-to-one field is one too
            continue
        if field.related_model is Incident:
            found.append(field.name)
        elif depth > 1 and field.related_model is not model:
            found += [f"{field.name}__{rest}" for rest in paths_of(field.related_model, depth - 1)]
    return found


NO_WAY = {("reviews.ReviewComment", "answer__review__incident")}  # an answer is one of the comment's own review
WAYS = [
    pytest.param(model, path, id=f"{model._meta.label}-{path}")
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label)
    if model in FACTORIES and model is not Incident and model._meta.label not in REFERS
    for path in paths_of(model)
    if (model._meta.label, path) not in NO_WAY
]


def made(model, path: str, incident):
    """A row whose incident, by `path`, is this one."""
    first, _, rest = path.partition("__")
    to = model._meta.get_field(first).related_model
    return FACTORIES[model](**{first: made(to, rest, incident) if rest else incident})


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def assert_kept_from_others(client, row):
    """A superuser sees the row in the list and opens it; who may view all models but no private incident does not."""
    model = type(row)
    clerk = UserFactory(username="clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    for user, sees in ((UserFactory(username="chief", is_staff=True, is_superuser=True), True), (clerk, False)):
        client.force_login(user)
        listed = client.get(address(model, "changelist"))
        assert listed.status_code == 200
        assert (row in listed.context["cl"].result_list) is sees
        for page in ("change", "history"):
            assert client.get(address(model, page, row.pk)).status_code == (200 if sees else 302)


@pytest.fixture
def private():
    return IncidentFactory(title="Salaries were read", private=True)


@pytest.mark.parametrize(("model", "path"), WAYS)
def test_what_belongs_to_a_private_incident_is_kept_from_who_may_not_see_it(client, private, model, path):
    assert_kept_from_others(client, made(model, path, private))


def test_the_incident_itself(client, private):
    assert_kept_from_others(client, private)


def test_messages_about_it(client, private):
    """They are filed under its thread."""
    assert_kept_from_others(client, factories.DeliveryFactory(thread=private.thread, subject="Salaries were read"))


def test_a_review_that_another_one_was_joined_to(client, private):
    joined = factories.JoinedIncidentFactory(incident=private)
    assert_kept_from_others(client, joined.review)


def test_who_reads_it_sees_what_belongs_to_it(client, private):
    clerk = UserFactory(username="clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    private.readers.add(factories.ContactFactory(name="clerk", user=clerk))
    item = factories.ActionItemFactory(review__incident=private)
    client.force_login(clerk)
    assert client.get(address(type(item), "change", item.pk)).status_code == 200


def test_each_way_leads_somewhere():
    assert {"incidents.Call-page__incident", "reviews.ActionTicket-item__run__incident"} <= {way.id for way in WAYS}
    assert REFERS.keys() <= {model._meta.label for model in admin.site._registry if paths_of(model)}


@pytest.mark.parametrize("sees", [True, False])
def test_an_alert_is_for_everybody_and_does_not_tell_of_its_private_incident(client, private, sees):
    alert = factories.LivenessFactory(incident=private, verdict="joined")
    factories.FiringFactory(alert=alert.alert, incident=private)
    user = UserFactory(username="clerk", is_staff=True, is_superuser=sees)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    pages = ["/alerts/", f"/alerts/{alert.pk}/", address(Liveness, "changelist"), address(Liveness, "change", alert.pk)]
    for page in pages:
        shown = client.get(page)
        assert shown.status_code == 200
        assert ("Salaries were read" in shown.content.decode()) is sees
        if page in pages[:2]:
            assert (private.get_absolute_url() in shown.content.decode()) is sees
    told = client.get(f"/api/v1/alerts/{alert.pk}").json()
    assert told["name"] == "CheckoutDown" and told["incident"] == (private.pk if sees else None)
    assert [row["incident"] for row in client.get("/api/v1/alerts").json()["items"]] == [private.pk if sees else None]
    asked = client.get("/api/v1/alerts", {"incident": private.pk}).json()["items"]
    assert len(asked) == (1 if sees else 0)

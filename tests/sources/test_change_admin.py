"""The list of changes in the admin: read, found, and never written."""

import pytest

from sources.models import Change
from tests.factories import NINE, IntegrationFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/sources/change/"


@pytest.fixture
def admin(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def test_changes_are_listed_found_and_only_read(admin):
    door = IntegrationFactory(kind="deploys", name="ci")
    facts = {"at": NINE, "received_at": NINE}
    deploy = Change.objects.create(summary="Checkout 4.2.1", service="checkout", integration=door, **facts)
    Change.objects.create(summary="Flag on", kind="flag", **facts)
    assert "Flag on" in admin.get(LIST).content.decode()
    found = admin.get(LIST, {"q": "checkout", "kind__exact": "deploy"}).content.decode()
    assert "Checkout 4.2.1" in found and "Flag on" not in found
    page = admin.get(f"{LIST}{deploy.pk}/change/")
    assert page.status_code == 200 and "Checkout 4.2.1" in page.content.decode()
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{deploy.pk}/change/", {"summary": "x"}).status_code == 403
    assert admin.post(f"{LIST}{deploy.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Change.objects.count() == 2


def test_the_list_costs_the_same_however_many_there_are(admin, django_assert_max_num_queries):
    door = IntegrationFactory(kind="deploys", name="ci")
    Change.objects.bulk_create(
        Change(summary=f"Change {n}", integration=door, at=NINE, received_at=NINE) for n in range(120)
    )
    with django_assert_max_num_queries(12):
        assert admin.get(LIST).status_code == 200

"""The way in and the words at shut doors: login, lock-out, rights of the groups, pages for refusals and faults."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from django.urls import include, path

from opscenter import rights
from opscenter.models import GivenRight
from tests.accounts import PASSWORD, account
from tests.factories import IntegrationFactory, UserFactory


def broken(request):
    raise RuntimeError("a fault of ours")


def refused(request):
    raise PermissionDenied("Only on Tuesdays.")


def absent(request):
    raise Http404


urlpatterns = [
    path("broken/", broken),
    path("refused/", refused),
    path("absent/", absent),
    path("", include("opscenter.urls")),
]


@pytest.mark.django_db
def test_a_commander_who_is_no_staff_logs_in_and_comes_where_they_wanted(client, grace):
    account(grace, "Incident Commander")
    asked = client.get("/incidents/new/")
    response = client.post(asked.url, {"username": "grace", "password": PASSWORD, "next": "/incidents/new/"})
    assert response.url == "/incidents/new/"
    assert client.get("/incidents/new/").status_code == 200
    assert client.get("/login/").url == "/incidents/"  # nobody logs in twice
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").url == "/login/"
    assert client.get("/incidents/").status_code == 302


@pytest.mark.django_db
def test_a_login_leads_to_no_other_site(client, grace):
    account(grace, "Viewer")
    form = {"username": "grace", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/login/", form).url == "/incidents/"


@pytest.mark.django_db
def test_a_wrong_password_is_told_and_too_many_lock_the_door(client, grace, settings):
    settings.AXES_FAILURE_LIMIT = 3
    account(grace, "Viewer")
    wrong = {"username": "grace", "password": "guess"}
    first = client.post("/login/", wrong)
    assert first.status_code == 200
    assert "Please enter a correct username and password" in first.content.decode()
    assert [client.post("/login/", wrong).status_code for _ in range(2)] == [200, 429]
    locked = client.post("/login/", {**wrong, "password": PASSWORD})
    assert locked.status_code == 429
    assert "Too many attempts" in locked.content.decode()


@pytest.mark.django_db
def test_the_page_of_somebody_without_any_right_says_so_and_offers_the_way_out(client):
    client.force_login(UserFactory(username="margaret"))
    response = client.get("/incidents/")
    assert response.status_code == 403
    text = response.content.decode()
    assert "margaret has not been given the right" in text
    assert "Log out" in text


@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_refusals_and_absent_pages_are_told_in_words(client):
    response = client.get("/refused/")
    assert (response.status_code, "Only on Tuesdays." in response.content.decode()) == (403, True)
    response = client.get("/absent/")
    assert (response.status_code, "There is nothing here" in response.content.decode()) == (404, True)


@pytest.mark.urls(__name__)
def test_a_fault_is_told_without_asking_the_database():
    """No django_db mark: a query would fail this test."""
    response = Client(raise_request_exception=False).get("/broken/")
    assert response.status_code == 500
    assert "Something broke in Opscenter" in response.content.decode()
    assert "a fault of ours" not in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_in_words(grace):
    client = Client(enforce_csrf_checks=True)
    client.force_login(account(grace, "Responder"))
    response = client.post("/logout/")
    assert response.status_code == 403
    assert "This was not done" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.req("CARD-23")
def test_every_group_has_exactly_the_rights_written_down():
    for name, expected in rights.GROUPS.items():
        held = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert {f"{app}.{codename}" for app, codename in held} == set(expected)


WRITES = [
    "packs.loadedpack", "policies.parameter", "sources.integration", "sources.connection", "notifications.account",
    "notifications.destination", "oncall.contactmethod", "auth.user", "auth.group", "auth.permission", "api.apitoken",
]  # fmt: skip
SECRETS = [
    "policies.parameter",
    "sources.connection",
    "notifications.account",
    "api.apitoken",
    "auth.user",
    "auth.group",
]
BEYOND_A_COMMANDER = [
    *(f"{model}:{verb}" for model in WRITES for verb in ("add", "change", "delete")),
    *(f"{model}:view" for model in SECRETS),
]
"""Packs, secrets and accounts: what takes a super-admin, whatever `rights.GROUPS` says."""


@pytest.mark.django_db
@pytest.mark.req("CARD-23")
@pytest.mark.parametrize("group", ["Viewer", "Responder", "Incident Commander", "Review Approver"])
def test_no_group_comes_near_packs_secrets_and_accounts(grace, group):
    user = account(grace, group)
    assert user.has_perm("incidents.view_incident")
    for words in BEYOND_A_COMMANDER:
        model, _, verb = words.partition(":")
        app, _, name = model.partition(".")
        right = Permission.objects.get(content_type__app_label=app, codename=f"{verb}_{name}")  # no slip of the pen
        assert not user.has_perm(f"{app}.{right.codename}"), words
    assert not user.is_superuser and not user.is_staff


@pytest.mark.django_db
def test_a_group_that_was_changed_is_left_alone_and_a_missing_one_made_again():
    responder, viewer = Group.objects.get(name="Responder"), Group.objects.get(name="Viewer")
    responder.permissions.clear()
    extra = Permission.objects.get(codename="view_delivery")
    responder.permissions.add(extra)
    viewer.delete()
    rights.ensure_groups(apps.get_app_config("opscenter"), using="default", apps=apps)
    assert list(responder.permissions.all()) == [extra]
    assert Group.objects.get(name="Viewer").permissions.count() == len(rights.READ)


@pytest.mark.django_db
def test_a_right_that_a_new_version_adds_reaches_the_groups_that_are_there(monkeypatch):
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.remove(Permission.objects.get(codename="view_silence"))
    monkeypatch.setitem(rights.GROUPS, "Viewer", [*rights.READ, "notifications.view_delivery"])
    rights.ensure_groups(apps.get_app_config("opscenter"), using="default", apps=apps)
    held = set(viewer.permissions.values_list("codename", flat=True))
    assert "view_delivery" in held and "view_silence" not in held
    viewer.permissions.remove(Permission.objects.get(codename="view_delivery"))
    rights.ensure_groups(apps.get_app_config("opscenter"), using="default", apps=apps)
    assert "view_delivery" not in set(viewer.permissions.values_list("codename", flat=True))


@pytest.mark.django_db
def test_a_group_from_before_rights_were_noted_gets_the_later_ones_alone():
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.clear()
    GivenRight.objects.all().delete()
    rights.ensure_groups(apps.get_app_config("opscenter"), using="default", apps=apps)
    later = rights.LATER & set(rights.GROUPS["Viewer"])
    assert {right.codename for right in viewer.permissions.all()} == {right.split(".")[1] for right in later}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/figures/?team=%00", "/figures/behind/?team=a%00b", "/figures/people/?team=%00", "/tuning/?policy=%00",
        "/tuning/?q=%00", "/objectives/?policy=%00", "/objectives/?q=%00", "/incidents/?q=%00", "/tuning/mail/a%00b/",
        "/admin/sources/integration/?q=%00",
    ],
)  # fmt: skip
def test_an_address_with_nul_is_refused_in_words(client, grace, address):
    user = account(grace, "Viewer")
    user.is_staff = True
    user.save()
    client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 400 and "NUL character (%00)" in answer.content.decode()
    assert answer.headers["Content-Security-Policy"] and answer.headers["Content-Type"].startswith("text/plain")
    assert client.get("/incidents/?q=%2500").status_code == 200  # the three characters %00


@pytest.mark.django_db
def test_who_may_only_look_at_a_door_sees_neither_its_key_nor_its_secret(client, grace):
    door = IntegrationFactory(key="the-very-key", secret="the-very-secret")
    user = account(grace, "Responder")
    user.is_staff = True
    user.save()
    client.force_login(user)
    for address in ("/admin/sources/integration/", f"/admin/sources/integration/{door.pk}/change/"):
        page = client.get(address)
        assert page.status_code == 200 and door.name in page.content.decode()
        assert "the-very" not in page.content.decode()

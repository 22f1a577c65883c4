"""Tokens are made in the admin and in a shell, shown once, and revoked."""

import json
import re
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from api.models import ApiToken, digest_of
from tests.api.conftest import Api
from tests.factories import ApiTokenFactory, UserFactory

pytestmark = pytest.mark.django_db
ADD = "/admin/api/apitoken/add/"


def run(*words):
    out = StringIO()
    call_command("api_token", *words, stdout=out)
    return json.loads(out.getvalue())


def opens(secret):
    return Api().get("/me", Authorization=f"Bearer {secret}").status_code


@pytest.fixture
def staff(client):
    user = UserFactory(username="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="api"))
    client.force_login(user)
    return user


def form(user, **more):
    empty = {"expires_at_0": "", "expires_at_1": ""}
    return {"name": "ci", "user": user.pk, "scopes": ["changes:write"], **empty, **more}


def test_a_token_made_in_the_admin_is_shown_once(client, root):
    client.force_login(root)
    response = client.post(ADD, form(root))
    page = response.content.decode()
    (secret,) = set(re.findall(r"ops_[\w-]{30,}", page))
    assert "no-store" in response.headers["Cache-Control"] and opens(secret) == 200
    token = ApiToken.objects.get()
    assert token.digest == digest_of(secret) and token.scopes == ["changes:write"]
    for path in ("/admin/api/apitoken/", f"/admin/api/apitoken/{token.pk}/change/"):
        page = client.get(path).content.decode()
        assert token.shown in page and secret not in page and token.digest not in page


def test_a_token_cannot_be_edited(client, root):
    client.force_login(root)
    token = ApiTokenFactory(user=root, scopes=["alerts:read"])
    assert client.post(f"/admin/api/apitoken/{token.pk}/change/", form(root, scopes=["*"])).status_code == 403
    token.refresh_from_db()
    assert token.scopes == ["alerts:read"]


def test_who_is_no_superuser_makes_tokens_for_themselves_alone(client, staff, root):
    ApiTokenFactory(user=root, name="of the root")
    response = client.post(ADD, form(root))
    assert response.status_code == 200 and "Select a valid choice" in response.content.decode()
    client.post(ADD, form(staff))
    assert ApiToken.objects.get(name="ci").user == staff
    assert "of the root" not in client.get("/admin/api/apitoken/").content.decode()


@pytest.mark.parametrize("wrong", [
    {"scopes": []}, {"scopes": ["everything"]}, {"name": ""},
    {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"},
])  # fmt: skip
def test_a_token_that_cannot_be_is_not_made(client, root, wrong):
    client.force_login(root)
    assert client.post(ADD, form(root, **wrong)).status_code == 200
    assert not ApiToken.objects.exists()


def test_tokens_are_revoked_in_the_admin(client, root):
    client.force_login(root)
    token = ApiTokenFactory(name="ci", user=root)
    assert opens("ops_ci") == 200
    client.post("/admin/api/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
    assert opens("ops_ci") == 401


def test_a_token_is_made_listed_and_revoked_in_a_shell(root):
    made = run("add", "ci", "--user", "root", "--scopes", "changes:write, incidents:read", "--days", "7")
    assert opens(made["token"]) == 200 and made["scopes"] == ["changes:write", "incidents:read"]
    listed = run("list")
    assert [row["name"] for row in listed] == ["ci"] and "token" not in listed[0]
    days = (ApiToken.objects.get().expires_at - timezone.now()).total_seconds() / 86400
    assert 6.99 < days <= 7
    assert run("revoke", "ci")["revoked_at"]
    assert opens(made["token"]) == 401


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "x", "--user", "nobody", "--scopes", "*"), "no user 'nobody'"),
        (("add", "x", "--user", "root", "--scopes", "incident:read"), "no scope incident:read"),
        (("add", "x", "--user", "root", "--scopes", ","), "Name one scope"),
        (("add", "x", "--user", "root", "--scopes", "*", "--days", "0"), "from 1 to"),
        (("add", "taken", "--user", "root", "--scopes", "*"), "already"),
        (("add", " ", "--user", "root", "--scopes", "*"), "needs a name"),
        (("revoke", "nothing"), "no token 'nothing'"),
    ],
)
def test_the_shell_says_what_is_wrong(root, words, said):
    ApiTokenFactory(name="taken", user=root)
    with pytest.raises(CommandError, match=said):
        run(*words)
    assert ApiToken.objects.count() == 1

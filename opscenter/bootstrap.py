"""The first start: what an empty database needs before anybody can be paged. Every step may be run again."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from oncall.models import EscalationContact
from oncall.people import contact_of
from packs import loader
from packs.models import LoadedPack
from sources.models import Integration

from . import beat

FIRST_NAME = "admin"
ON_CALL = "on-call"
DEFAULT_PACK = "default"
DOOR = "alertmanager"


def bootstrap(*, at: datetime, admin: str = "", password: str = "") -> list[str]:
    """Make what is missing; return what was done, in sentences for the terminal.

    admin, password   make this super-user, or set its password; without them one is made only when there is none, and
                      its password is told this once
    """
    told = []
    if words := load_default_pack(at=at):
        told.append(words)
    with transaction.atomic():
        user, words = super_user(admin, password)
        told += [words] if words else []
        told += put_on_call(contact_of(user))
        if made := beat.register():
            told.append(f"{made} schedules of system jobs were stored.")
        if Integration.objects.get_or_create(name=DOOR, defaults={"kind": "alertmanager"})[1]:
            told.append(f"The door {DOOR!r} takes what an Alertmanager is sent: POST /api/v2/alerts.")
    return told


def load_default_pack(*, at: datetime) -> str:
    """Load the policy of everything that no other policy claims, unless this very text was loaded last."""
    path = loader.find(DEFAULT_PACK)
    text = loader.read_file(path)
    last = LoadedPack.objects.filter(key=DEFAULT_PACK).first()
    if last is not None and last.digest == hashlib.sha256(text.encode()).hexdigest():
        return ""
    return f"Pack {loader.load(text, name=path.name, at=at)}."


def super_user(name: str, password: str) -> tuple[AbstractBaseUser, str]:
    """The super-user `name`, made or given `password`; without a name the first there is, made when there is none."""
    users = get_user_model().objects
    if not name:
        found = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if found is not None:
            return found, ""
        password = secrets.token_urlsafe(12)
        return users.create_superuser(FIRST_NAME, password=password), f"First login: {FIRST_NAME} / {password}"
    user = users.filter(username=name).first()
    if user is None:
        return users.create_superuser(name, password=password), f"The super-user {name} was made."
    if user.check_password(password) and user.is_superuser and user.is_staff and user.is_active:
        return user, ""
    user.is_superuser = user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    return user, f"The super-user {name} has the password given."


def put_on_call(person: EscalationContact) -> list[str]:
    """Let `person` answer while nobody else is named: as the only member of the role on-call, and as catch-all."""
    told = []
    role, _ = EscalationContact.objects.get_or_create(name=ON_CALL, defaults={"kind": EscalationContact.Kind.ROLE})
    if role.kind == EscalationContact.Kind.ROLE and not role.members.exists():
        role.members.add(person)
        told.append(f"{person} is on call until you name others (admin: contacts, {ON_CALL}).")
    if not EscalationContact.objects.filter(catch_all=True).exists():
        EscalationContact.objects.filter(pk=person.pk).update(catch_all=True)
    return told

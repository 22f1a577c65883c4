"""Contacts: people, teams, roles and vendors, and how they are reached."""

from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from ninja import Query, Router
from pydantic import Field

from api.access import Request
from api.paging import Order, got, page
from api.routing import read
from api.shapes import ByKey, Flag, Instant, Number, Out, Page, Text
from notifications.transports import TRANSPORTS
from oncall.models import ContactMethod, EscalationContact

from .incidents import PersonOut

router = Router()
SCOPE = "contacts:read"
SEE_ADDRESSES = "oncall.view_contactmethod"
Kind = Literal["person", "team", "role", "vendor"]


class MethodOut(Out):
    """One address of a contact; methods are tried in order."""

    kind: str = Field(description="The transport.", examples=["email"])
    address: str = Field(
        description="Whole only for who may see contact methods, else masked.", examples=["a…@example.org"]
    )
    verified_at: Instant | None
    enabled: bool
    failed_at: Instant | None = Field(description="When the address was found invalid.")


class ContactOut(Out):
    """Somebody who can be asked."""

    id: int
    kind: Kind
    name: str = Field(examples=["ada"])
    user: str | None = Field(description="The account they sign in with.")
    timezone: str
    language: str
    active: bool
    catch_all: bool = Field(description="Asked when nobody else is left.")
    backup: PersonOut | None
    members: list[PersonOut] = Field(description="Of a team or role.")
    methods: list[MethodOut]

    @classmethod
    def of(cls, contact: EscalationContact, *, whole: bool) -> "ContactOut":
        same = ("kind", "name", "timezone", "language", "active", "catch_all")
        return cls(
            **{name: getattr(contact, name) for name in same}, id=contact.pk,
            user=contact.user.get_username() if contact.user else None, backup=PersonOut.of(contact.backup),
            members=[PersonOut(id=member.pk, name=member.name) for member in contact.members.all()],
            methods=[_method(method, whole=whole) for method in contact.methods.all()],
        )  # fmt: skip


class ContactQuery(ByKey):
    """Which contacts."""

    kind: Kind | None = None
    active: Flag | None = None
    text: Text | None = Field(None, description="Part of the name, in any case.")


def _method(method: ContactMethod, *, whole: bool) -> MethodOut:
    return MethodOut(
        kind=method.kind, address=method.address if whole else _masked(method), verified_at=method.verified_at,
        enabled=method.enabled, failed_at=method.failed_at,
    )  # fmt: skip


def _masked(method: ContactMethod) -> str:
    """Enough to recognise the address, even where its channel shows it whole to those who work with it."""
    channel = TRANSPORTS.get(method.kind)
    hint = channel.hint(method.address) if channel else method.address
    if hint != method.address:
        return hint
    _, at, host = hint.rpartition("@")
    return f"{hint[:1]}…{at}{host if at else ''}"


def _rows() -> QuerySet[EscalationContact]:
    methods = ContactMethod.objects.defer("secret")
    return EscalationContact.objects.select_related("user", "backup").prefetch_related(
        "members", Prefetch("methods", methods)
    )


def _sees_addresses(request: Request) -> bool:
    return request.caller.has(SEE_ADDRESSES)


@read(router, "/contacts", scope=SCOPE, out=Page[ContactOut], id="listContacts", summary="List contacts")
def list_contacts(request: Request, query: Query[ContactQuery]) -> Any:
    """The newest first."""
    exact = {"kind": query.kind, "active": query.active, "name__icontains": query.text}
    rows = _rows().filter(**{name: value for name, value in exact.items() if value is not None})
    whole = _sees_addresses(request)
    return page(rows, query, Order(), lambda contact: ContactOut.of(contact, whole=whole))


@read(router, "/contacts/{id}", scope=SCOPE, out=ContactOut, id="getContact", summary="One contact")
def get_contact(request: Request, id: Number) -> ContactOut:
    """With its methods and members."""
    return ContactOut.of(got(_rows(), f"contact {id}", pk=id), whole=_sees_addresses(request))

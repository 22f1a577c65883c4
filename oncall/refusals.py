"""An address that somebody has found to be none is not used again until its owner enters and confirms another."""

from datetime import datetime

from notifications.addresses import address_key

from .models import ContactMethod


def flag(kind: str, key: str, why: str, *, at: datetime) -> list:
    """Mark every method of this address as refused; return the users whose methods these are.

    key   fingerprint of the address, see notifications.addresses
    """
    methods = [method for method in _methods(kind) if address_key(kind, method.address) == key]
    ContactMethod.objects.filter(pk__in=[method.pk for method in methods], failed_at=None).update(
        failed_at=at, failure=why
    )
    return [method.contact.user for method in methods if method.contact.user is not None]


def knows(kind: str, key: str) -> bool:
    """Whether the address with this fingerprint is a contact's."""
    return any(address_key(kind, method.address) == key for method in _methods(kind))


def _methods(kind: str):
    return ContactMethod.objects.filter(kind=kind).select_related("contact__user")

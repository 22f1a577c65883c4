"""People who sign in: a contact's account, with the rights of groups and no others."""

from django.contrib.auth.models import Group, User

from oncall.models import EscalationContact
from tests.factories import UserFactory

PASSWORD = "correct horse battery"  # as UserFactory sets it


def account(contact: EscalationContact, *groups: str) -> User:
    """The account of `contact`; an unknown group is an error, so that no test passes for want of rights."""
    contact.user = UserFactory(username=contact.name)
    contact.save()
    contact.user.groups.set([Group.objects.get(name=name) for name in groups])
    return contact.user


def signed_in(client, contact: EscalationContact, *groups: str):
    """`client`, signed in as `contact`."""
    client.force_login(account(contact, *groups))
    return client

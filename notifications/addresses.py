"""How an address is recognised without being read: its fingerprint; and the sign that it is people's own."""

import hashlib

CONTACT = "contact:"
"""Before the name of a person, team or role in a destination's address: the place is wherever these people are."""


def address_key(kind: str, address: str) -> str:
    """32 hexadecimal digits, the same for the same address of a kind; e-mail addresses in any case."""
    address = address.strip()
    return hashlib.sha256(f"{kind}\0{address.lower() if kind == 'email' else address}".encode()).hexdigest()[:32]

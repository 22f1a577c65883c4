"""How an address is recognised without being read: its fingerprint."""

import hashlib


def address_key(kind: str, address: str) -> str:
    """32 hexadecimal digits, the same for the same address of a kind; e-mail addresses in any case."""
    address = address.strip()
    return hashlib.sha256(f"{kind}\0{address.lower() if kind == 'email' else address}".encode()).hexdigest()[:32]

"""How each channel is spoken: one file a channel, one line below."""

from .base import Action, AddressRefused, Message, Receipt, Sender, Transport, TryAgain, Undeliverable
from .chat import Chat
from .discord import Discord
from .email import Email
from .json import Json
from .slack import Slack

TRANSPORTS: dict[str, Transport] = {
    transport.kind: transport for transport in (Slack(), Discord(), Chat(), Json(), Email())
}


class UnknownTransport(Undeliverable):
    """A kind that no transport speaks."""


def transport(kind: str) -> Transport:
    """The transport that speaks `kind`; UnknownTransport names those there are."""
    try:
        return TRANSPORTS[kind]
    except KeyError:
        known = ", ".join(TRANSPORTS)
        raise UnknownTransport(f"There is no transport {kind!r}; there are {known}.") from None


__all__ = [
    "TRANSPORTS",
    "Action",
    "AddressRefused",
    "Message",
    "Receipt",
    "Sender",
    "Transport",
    "TryAgain",
    "Undeliverable",
    "UnknownTransport",
    "transport",
]

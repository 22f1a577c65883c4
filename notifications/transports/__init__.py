"""How each channel is spoken: one file a channel, one line below."""

from .apprise import Apprise
from .base import Action, AddressRefused, Message, Receipt, Sender, Suppressed, Transport, TryAgain, Undeliverable
from .chat import Chat
from .discord import Discord
from .email import Email
from .jira import Jira
from .json import Json
from .mattermost import Mattermost
from .pagerduty import PagerDuty
from .slack import Slack
from .slack_app import SlackApp
from .teams import Teams
from .telegram import Telegram
from .tracker import Tracker
from .twilio import Sms, Voice
from .whatsapp import WhatsApp

TRANSPORTS: dict[str, Transport] = {
    transport.kind: transport
    for transport in (
        Slack(),
        SlackApp(),
        Discord(),
        Teams(),
        Mattermost(),
        Chat(),
        Json(),
        Email(),
        PagerDuty(),
        Telegram(),
        Sms(),
        Voice(),
        WhatsApp(),
        Jira(),
        Tracker(),
        Apprise(),
    )
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
    "Suppressed",
    "Transport",
    "TryAgain",
    "Undeliverable",
    "UnknownTransport",
    "transport",
]

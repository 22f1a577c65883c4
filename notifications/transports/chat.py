"""A chat channel whose service is told by its address."""

from urllib.parse import urlsplit

from . import discord, slack
from .base import Message, WebTransport


class Chat(WebTransport):
    """Discord where the address says so, else Slack's form, which most other chats read as well."""

    kind, label = "chat", "chat channel (Slack or Discord, by its address)"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        return self.spoken(address).send(address, message)

    @staticmethod
    def spoken(address: str) -> WebTransport:
        """The transport that `address` asks for: by Discord's hosts, its webhook path, or a path under /discord."""
        parts = urlsplit(address)
        host, path = parts.hostname or "", parts.path.rstrip("/")
        known = any(host == name or host.endswith(f".{name}") for name in ("discord.com", "discordapp.com"))
        if path.endswith("/slack"):  # Discord reads Slack's form there
            return slack.Slack()
        return discord.Discord() if known or path.startswith(("/api/webhooks/", "/discord")) else slack.Slack()

"""A chat channel whose service is told by its address."""

import re
from urllib.parse import urlsplit

from . import discord, json, mattermost, slack, teams
from .base import Message, WebTransport

TEAMS_HOSTS = ("webhook.office.com", "logic.azure.com", "api.powerplatform.com", "outlook.office.com")
DISCORD_HOSTS = ("discord.com", "discordapp.com")
SLACK_HOSTS = ("slack.com", "slack-gov.com")
FOLDER = re.compile(r"(slack|discord.*|teams|msteams|mattermost|json)$", re.ASCII)
"""Parts of a path that say what is spoken there; the first counts."""
MATTERMOST_HOOK = re.compile(r"/hooks/[a-z0-9]{26}", re.ASCII)


class Chat(WebTransport):
    """Teams, Discord, Mattermost or plain JSON where the address says so, else Slack's form, which most chats read."""

    kind, label = "chat", "chat channel (its service told by the address)"

    def takes_channel(self, address: str) -> bool:
        return self.spoken(address).takes_channel(address)

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        return self.spoken(address).send(address, message, secret=secret)

    @staticmethod
    def spoken(address: str) -> WebTransport:
        """The transport that `address` asks for: by the service's hosts, its webhook path, or a folder of its name."""
        parts = urlsplit(address)
        host, path = parts.hostname or "", parts.path.rstrip("/")
        folder = next((part for part in path.split("/") if FOLDER.match(part)), "")
        if path.endswith("/slack") or folder == "slack" or _of(host, SLACK_HOSTS):  # Discord reads Slack's form there
            return slack.Slack()
        if _of(host, DISCORD_HOSTS) or path.startswith("/api/webhooks/") or folder.startswith("discord"):
            return discord.Discord()
        if _of(host, TEAMS_HOSTS) or "/IncomingWebhook/" in path or folder in ("teams", "msteams"):
            return teams.Teams()
        if "mattermost" in host or MATTERMOST_HOOK.search(path) or folder == "mattermost":
            return mattermost.Mattermost()
        return json.Json() if folder == "json" else slack.Slack()


def _of(host: str, names: tuple[str, ...]) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in names)

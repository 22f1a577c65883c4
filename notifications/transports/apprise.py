"""Everything else: the hundred services that Apprise speaks, by its own addresses."""

from urllib.parse import urlsplit

from .base import AddressRefused, Message, Transport, TryAgain
from .facts import cut

LOCAL = {"dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog", "file", "console", "notify"}
"""Schemes that reach this machine and not a person."""


class Apprise(Transport):
    """Source: Apprise, "Notify: supported services". It is loaded when it is first used, since it is large."""

    kind, label = "apprise", "another service (Apprise address)"

    def check_address(self, address: str) -> None:
        scheme = address.partition("://")[0].lower()
        if "://" not in address or scheme in LOCAL:
            raise AddressRefused("This is no Apprise address that leaves this machine; enter one such as ntfy://topic.")
        from apprise import Apprise as Speaker

        if Speaker.instantiate(address, suppress_exceptions=True) is None:
            raise AddressRefused(f"Apprise does not understand this {scheme}:// address; see its list of services.")

    def hint(self, address: str) -> str:
        scheme = urlsplit(address).scheme if "://" in address else ""
        return f"{scheme}://…{address[-4:]}" if scheme else "not an address"

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        from apprise import Apprise as Speaker
        from apprise import NotifyFormat, NotifyType

        speaker = Speaker()
        speaker.add(address)
        kind = NotifyType.SUCCESS if message.is_over else NotifyType.WARNING
        links = "\n".join(f"{action.label}: {action.url}" for action in message.links)
        body = "\n\n".join(part for part in (message.text.strip(), links) if part) or message.subject
        told = speaker.notify(
            title=cut(message.subject, 250), body=body, notify_type=kind, body_format=NotifyFormat.TEXT
        )
        if not told:
            raise TryAgain("The service behind this Apprise address did not take the message.")
        return "Apprise handed it over."

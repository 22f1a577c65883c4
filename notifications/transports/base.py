"""What every channel speaks: a message in, a few words about the answer out, or one of two refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

URGENT_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8))
"""Before the second, third and fourth try of a page: short, since another method or person may be waiting."""


OVER = frozenset({"resolved", "false positive"})
"""Events after which nothing is asked of anybody."""


class Receipt(str):
    """What the far side answered, in a few words; `reference` is what it calls the message, `url` where it shows it."""

    reference: str
    url: str

    def __new__(cls, words: str, reference: str = "", url: str = "") -> "Receipt":
        receipt = super().__new__(cls, words)
        receipt.reference, receipt.url = reference, url
        return receipt


class Undeliverable(Exception):
    """Another try would end the same way; the sentence says why and what to do."""


class AddressRefused(Undeliverable):
    """The address itself is wrong or gone, so nothing more should be sent to it until somebody mends it."""


class Suppressed(AddressRefused):
    """Whoever is behind the address asked for no more messages; only they can take that back."""


class NotThere(Undeliverable):
    """The far side has nothing at this address, or nothing that is asked in this way."""


class TryAgain(Exception):
    """It may work later; `after` is how long the far side asks to be left alone (None: it did not say).

    unsure  the far side may have taken it all the same: only the answer was lost
    """

    def __init__(self, sentence: str, after: timedelta | None = None, *, unsure: bool = False) -> None:
        super().__init__(sentence)
        self.after, self.unsure = after, unsure


@dataclass(frozen=True)
class Action:
    """A link that the reader is offered as a button."""

    label: str
    url: str


@dataclass(frozen=True)
class Sender:
    """Whom we speak as: our account with the provider, and what the destination adds to it.

    options  plain settings such as {"account_sid": "AC…", "from": "+15550100"}; those of a destination come first
    secret   what we send with: a token
    """

    key: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    secret: str = ""

    def option(self, name: str, otherwise: str = "") -> str:
        value = self.options.get(name)
        return otherwise if value is None or value == "" else str(value)


@dataclass(frozen=True)
class Message:
    """What is to be told, in no channel's own form.

    subject  one line
    text     plain text, several lines; never read as markup
    url      where to read more; may be empty
    actions  links offered as buttons, most important first
    data     the facts behind the text, JSON values, for programs; `event` says what happened
    short    what fits a text message or a call; empty: the subject
    language of the words, for a voice that reads them
    thread   what it belongs to ("incident:12"); messages of one thread to one address belong together
    parent   what the far side called the first message of the thread to this address; empty when there is none
    sender   whom we speak as
    id       the same on every try of one delivery, so that a receiver can drop repetitions
    at       the instant of this try (aware)
    files    what a mail carries: name, content, type of each
    """

    subject: str
    text: str
    url: str = ""
    actions: tuple[Action, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)
    id: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    short: str = ""
    language: str = "en"
    thread: str = ""
    parent: str = ""
    sender: Sender = field(default_factory=Sender)
    files: tuple[tuple[str, bytes, str], ...] = ()

    @property
    def event(self) -> str:
        """opened, page, acknowledged, resolved …; empty when nothing happened, as with a test."""
        return str(self.data.get("event") or "")

    @property
    def is_over(self) -> bool:
        """Whether nobody need act any more."""
        return self.event in OVER or str(self.data.get("status") or "") in ("resolved", "closed", "merged")

    @property
    def brief(self) -> str:
        """The short form."""
        return self.short or self.subject

    @property
    def links(self) -> tuple[Action, ...]:
        """The actions, and where to read more."""
        return (*self.actions, Action("Open", self.url)) if self.url else self.actions


class Transport:
    """How a channel is spoken. Instances are shared by threads and hold no state."""

    kind = ""
    label = ""
    delays: tuple[timedelta, ...] = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 5 * 60, 15 * 60))
    """Waits before the second, third … try of a message that is not urgent; then it has failed."""
    account = ""
    """The kind of account it speaks through; empty when the address says all."""
    in_order = False
    """Whether a message waits for those before it of its thread to the same address: a resolve overtakes no opening."""
    follows = False
    """Whether such a place wants to hear of an acknowledgement too, since it keeps the state of an incident."""
    test_facts: Mapping[str, str] | None = {}
    """Facts of a daily test message; None: a test would do harm (an issue, a call, costs), so there is none."""
    options: Mapping[str, str] = {}
    """What it reads of `Message.sender.options`, and what each means."""

    def takes_channel(self, address: str) -> bool:
        """Whether a channel behind # in `address` is where its messages go."""
        return False

    def check_address(self, address: str) -> None:
        """Raise AddressRefused, in words, when nothing could ever be sent to `address`; asks nobody."""
        raise NotImplementedError

    def hint(self, address: str) -> str:
        """`address` as people may see it: enough to recognise it, not enough to use it."""
        raise NotImplementedError

    def send(self, address: str, message: Message, *, secret: str = "") -> str:
        """Hand `message` over; return what the far side answered, in a few words (a Receipt when it named it).

        secret  what the channel signs with, if it signs
        Raises Undeliverable (AddressRefused when it is the address) or TryAgain; no text of theirs holds a secret.
        """
        raise NotImplementedError


class WebTransport(Transport):
    """A channel whose address is an http or https URL; such URLs often are secrets themselves."""

    def check_address(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            sound = False
        if not sound or any(character.isspace() for character in address):
            raise AddressRefused(f"The address of this {self.label} is no http or https URL; enter the whole URL.")

    def hint(self, address: str) -> str:
        try:
            parts = urlsplit(address)
            place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        except ValueError:
            place = None
        if not place:
            return "not a URL"
        base, sign, channel = address.partition("#")
        return (f"{place}/…{base[-4:]}" if len(base) > 24 + len(place) else place) + (f"#{channel}" if sign else "")

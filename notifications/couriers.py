"""Threads that carry messages to their channels. They know no database: rows are read and written by who sends them."""

import logging
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from policies.substitute import names

from .addresses import CONTACT
from .models import Delivery
from .transports import AddressRefused, Message, TryAgain, Undeliverable, transport

log = logging.getLogger(__name__)
ORDINARY = 8  # messages under way at once
FOR_PAGES = 4  # besides, which only urgent messages may use
PER_ADDRESS = 6  # of one address, so that a dead one leaves room for the others
SLOW = 1.0  # seconds after which an address gets no more before it has answered


@dataclass(frozen=True)
class Outcome:
    """How one try ended.

    word       "sent", "try again" or "undeliverable"
    reference  what the far side calls the message from now on
    sent_with  the delivery in whose message this one went out
    after      how long the far side asks to wait, if it does
    """

    delivery: Delivery
    started_at: datetime
    word: str
    detail: str
    took: timedelta
    after: timedelta | None = None
    address_refused: bool = False
    reference: str = ""
    sent_with: Delivery | None = None


def carry(delivery: Delivery, message: Message) -> Outcome:
    """Send `message`, which carries the instant of this try, to the address of `delivery`; never raises."""
    started = time.monotonic()
    after, address_refused, reference = None, False, ""
    try:
        if missing := names(delivery.address):
            raise Undeliverable(f"The address is not known: the parameter {missing[0]} is not set. Set it, then retry.")
        if delivery.address.startswith(CONTACT):
            who = delivery.address.removeprefix(CONTACT)
            raise Undeliverable(f"Nobody of {who} has an address by {delivery.kind}; put people with one into {who}.")
        channel = transport(delivery.kind)
        channel.check_address(delivery.address)
        word, detail = "sent", channel.send(delivery.address, message, secret=delivery.secret)
        reference = getattr(detail, "reference", "")
    except Undeliverable as refusal:
        word, detail, address_refused = "undeliverable", str(refusal), isinstance(refusal, AddressRefused)
    except TryAgain as refusal:
        word, detail, after = "try again", str(refusal), refusal.after
    except Exception as surprise:
        # without its own text, which may hold the address
        where = "".join(traceback.format_tb(surprise.__traceback__))
        log.error("Delivery %s failed inside Opscenter: %s\n%s", delivery.pk, type(surprise).__name__, where)
        word, detail = "try again", f"Opscenter itself failed ({type(surprise).__name__}); the log says where."
    took = timedelta(seconds=time.monotonic() - started)
    return Outcome(delivery, message.at, word, detail, took, after, address_refused, reference)


class Couriers:
    """A handful of threads; leaving the block waits for those still under way."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(ORDINARY + FOR_PAGES, thread_name_prefix="courier")
        self._back: SimpleQueue[Outcome] = SimpleQueue()
        self._out: dict[int, tuple[Delivery, float]] = {}

    def __enter__(self) -> "Couriers":
        return self

    def __exit__(self, *exception) -> None:
        self._pool.shutdown(wait=True)

    @property
    def busy(self) -> bool:
        return bool(self._out)

    @property
    def room(self) -> int:
        """How many more may start, of any kind."""
        ordinary = sum(not delivery.urgent for delivery, _ in self._out.values())
        return min(ORDINARY - ordinary, self.room_for_pages)

    @property
    def room_for_pages(self) -> int:
        return ORDINARY + FOR_PAGES - len(self._out)

    def by_address(self) -> Counter[str]:
        """How many are under way to each address, by its hint; a slow one counts as full."""
        now, counts = time.monotonic(), Counter[str]()
        for delivery, since in self._out.values():
            counts[delivery.hint] += PER_ADDRESS if now - since > SLOW else 1
        return counts

    def hand_over(self, delivery: Delivery, message: Message) -> None:
        self._out[delivery.pk] = delivery, time.monotonic()
        self._pool.submit(lambda: self._back.put(carry(delivery, message)))

    def collect(self, timeout: float) -> list[Outcome]:
        """All that have come back; waits up to `timeout` seconds for the first."""
        outcomes: list[Outcome] = []
        try:
            outcomes.append(self._back.get(timeout=timeout))
            while True:
                outcomes.append(self._back.get_nowait())
        except Empty:
            pass
        for outcome in outcomes:
            self._out.pop(outcome.delivery.pk, None)
        return outcomes

"""Doors at which providers call back: what became of a message, and what a person answered to it.

This room reads and proves what comes in; what an answer does to an incident is done by the room above, which registers
itself in ANSWERERS at start-up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from notifications.transports.words import answer_in
from sources import events
from sources.inbound.base import Happening

ACKNOWLEDGE, RESOLVE, ESCALATE, STOP, START = "acknowledge", "resolve", "escalate", "stop", "start"


@dataclass(frozen=True)
class Answer:
    """What somebody answered.

    word     ACKNOWLEDGE, RESOLVE, ESCALATE, STOP or START
    kinds    the transports whose address the sender's is: ("sms", "voice") for a telephone
    address  the sender's
    thread   what it is about ("incident:12"); empty: the last thing this person was paged for
    via      how, in words for the record: "SMS"
    id       the provider's id of what was said: told again, or sent again by whoever caught it, it counts once
    who      the name of whoever answered, where the provider itself knows its people and vouches for them
    said_at  when it was said (aware), where the provider tells; what happened here since may have overtaken it
    """

    word: str
    kinds: tuple[str, ...]
    address: str
    thread: str
    via: str
    id: str = ""
    who: str = ""
    said_at: datetime | None = None


@dataclass(frozen=True)
class Said:
    """What is said to whoever answered.

    known  whether the sender is somebody of ours; a stranger is told nothing on channels that cost
    done   whether it was done
    again  it was told before, and nothing was done now
    """

    text: str
    known: bool = True
    done: bool = False
    language: str = "en"
    again: bool = False


ANSWERERS: list[Callable[..., Said]] = []
"""Called with an Answer and `at`; the first one that is registered acts."""


def take(answer: Answer, *, at: datetime) -> Said:
    """Have `answer` acted upon, once: what was told before is answered with nothing."""
    with transaction.atomic():  # what goes wrong is not on record as told, so that the provider may tell it again
        if answer.id and not events.keep(None, [_on_record(answer)], at=at):
            return Said("", known=False, done=True, again=True)
        return _act(answer, at=at)


def _on_record(answer: Answer) -> Happening:
    return Happening(
        kind="answer", stream=answer.kinds[0], subject=answer.thread, outcome=answer.word, at=answer.said_at,
        id=f"answer:{answer.via}:{answer.id}",
    )  # fmt: skip


def _act(answer: Answer, *, at: datetime) -> Said:
    for act in ANSWERERS:
        return act(answer, at=at)
    return Said(answer_in("en", "nobody"), known=False)

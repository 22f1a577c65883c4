"""Doors at which providers call back: what became of a message, and what a person answered to it.

This room reads and proves what comes in; what an answer does to an incident is done by the room above, which registers
itself in ANSWERERS at start-up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from notifications.transports.words import answer_in

ACKNOWLEDGE, RESOLVE, ESCALATE, STOP, START = "acknowledge", "resolve", "escalate", "stop", "start"


@dataclass(frozen=True)
class Answer:
    """What somebody answered.

    word     ACKNOWLEDGE, RESOLVE, ESCALATE, STOP or START
    kinds    the transports whose address the sender's is: ("sms", "voice") for a telephone
    address  the sender's
    thread   what it is about ("incident:12"); empty: the last thing this person was paged for
    via      how, in words for the record: "SMS"
    """

    word: str
    kinds: tuple[str, ...]
    address: str
    thread: str
    via: str


@dataclass(frozen=True)
class Said:
    """What is said to whoever answered.

    known  whether the sender is somebody of ours; a stranger is told nothing on channels that cost
    done   whether it was done
    """

    text: str
    known: bool = True
    done: bool = False
    language: str = "en"


ANSWERERS: list[Callable[..., Said]] = []
"""Called with an Answer and `at`; the first one that is registered acts."""


def take(answer: Answer, *, at: datetime) -> Said:
    """Have `answer` acted upon."""
    for act in ANSWERERS:
        return act(answer, at=at)
    return Said(answer_in("en", "nobody"), known=False)

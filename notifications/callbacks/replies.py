"""What people write back: a word and perhaps the number of an incident, in any order and of any case."""

import re

from . import ACKNOWLEDGE, ESCALATE, RESOLVE, START, STOP

WORDS = {
    ACKNOWLEDGE: {"ack", "acknowledge", "acknowledged", "a", "ambil", "беру", "принял", "приняла", "neem"},
    RESOLVE: {"resolve", "resolved", "close", "closed", "r", "c", "done", "selesai", "решено", "закрыть", "opgelost"},
    ESCALATE: {"escalate", "e", "teruskan", "дальше", "escaleer"},
    STOP: {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke", "berhenti", "стоп"},
    START: {"start", "unstop", "mulai", "старт"},
}
OPTIONS = {"1": ACKNOWLEDGE, "2": RESOLVE}
"""A number alone, for those who answer to a list of two."""
DEEDS = {word: deed for deed, words in WORDS.items() for word in words}
PART = re.compile(r"[0-9]{1,9}|[^\W\d_]+")


def read(text: str) -> tuple[str, str] | None:
    """What is to be done, and the number of the incident (empty: the last one); None when it is not understood.

    "12 ack", "ack 12", "12a", "#12 Resolve!", "/ack 12", "ack", "last ack", "1" (the first option) all work.
    """
    parts = [part.lower() for part in PART.findall(text[:80])]
    parts = [part for part in parts if part not in ("last", "incident", "alert")]
    if len(parts) == 1 and parts[0] in OPTIONS:
        return OPTIONS[parts[0]], ""
    numbers = [part for part in parts if part.isdigit()]
    words = [part for part in parts if not part.isdigit()]
    if len(words) != 1 or len(numbers) > 1 or words[0] not in DEEDS:
        return None
    return DEEDS[words[0]], numbers[0].lstrip("0") if numbers else ""

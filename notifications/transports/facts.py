"""What several channels show beside the words: a few facts of the incident, and the colour of its state."""

from .base import Message

RED, AMBER, GREEN, GREY = "#c62828", "#b26a00", "#2e7d32", "#5f6b7a"
SHOWN = {"severity": "Level", "status": "Status", "service": "Service", "policy": "Policy"}
LONGEST = 100  # characters of a fact


def facts(message: Message) -> list[tuple[str, str]]:
    """Name and value of what is known, most important first."""
    data = message.data
    return [(name, cut(str(data[key]), LONGEST)) for key, name in SHOWN.items() if data.get(key)]


def colour(message: Message) -> str:
    """Of the state: red while nobody has it, amber while somebody works on it, green when it is over."""
    if message.is_over:
        return GREEN
    status = message.data.get("status")
    if status in ("acknowledged", "mitigated") or message.event in ("acknowledged", "mitigated"):
        return AMBER
    return RED if status or message.event in ("opened", "page", "reopened") else GREY


def cut(text: str, length: int) -> str:
    """`text`, with a sign that more followed when it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"

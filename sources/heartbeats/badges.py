"""A heartbeat's badge: up, late or down; as a picture, and in the form that shields.io reads; pure."""

from html import escape

from .standing import Standing

WORDS = {
    Standing.DOWN: "down", Standing.LATE: "late", Standing.RUNNING: "up", Standing.UP: "up", Standing.NEW: "new",
    Standing.PAUSED: "paused",
}  # fmt: skip
COLOURS = {"up": "#2e7d32", "late": "#b26a00", "down": "#c62828"}
GREY = "#616161"
SHIELDS = {"up": "success", "late": "important", "down": "critical"}
LONGEST = 60


def word(standing: Standing) -> str:
    """What the badge says."""
    return WORDS[standing]


def shields(label: str, word: str) -> dict[str, object]:
    """Source: shields.io, "Endpoint Badge"."""
    return {"schemaVersion": 1, "label": label, "message": word, "color": SHIELDS.get(word, "inactive")}


def svg(label: str, word: str) -> str:
    label = label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
    left, right = _width(label), _width(word)
    whole, colour = left + right, COLOURS.get(word, GREY)
    label, word = escape(label), escape(word)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{label}: {word}">'
        f"<title>{label}: {word}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14" textLength="{left - 12}">{label}</text>'
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - 12}">{word}</text></g></svg>'
    )


def _width(text: str) -> int:
    """Of the text with room at its sides, in the badge's usual type."""
    return round(sum(4 if letter in "iIjlt.,:;'!| " else 10 if letter in "mMwW@" else 7 for letter in text)) + 12

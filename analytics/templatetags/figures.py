"""Lengths and shares of figures in words."""

from django import template

register = template.Library()
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@register.filter
def took(seconds: float | None) -> str:
    """`7 min 30 s`: a length in its two largest units; a dash when there is none."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"−{took(-seconds)}"
    words: list[str] = []
    left = round(seconds)
    for size, unit in UNITS:
        number, left = divmod(left, size)
        if number or (unit == "s" and not words):
            words.append(f"{number} {unit}")
        elif words:
            break
        if len(words) == 2:
            break
    return " ".join(words)


@register.filter
def percent(share: float | None) -> str:
    """`92.5 %`; a dash when there is none."""
    return "–" if share is None else f"{share:.1f}".removesuffix(".0") + " %"


@register.filter
def more(change: int | None) -> str:
    """`+12 %` or `−12 %`; as before: `±0 %`."""
    if change is None:
        return ""
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{abs(change)} %"


@register.filter
def share_of(part: int, whole: int) -> float:
    """`part` as a percentage of `whole`, for the width of a bar."""
    return round(100 * part / whole, 1) if whole else 0

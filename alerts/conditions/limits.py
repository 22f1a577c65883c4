"""The numbers a condition compares a field with: what a chart draws as lines.

`value > 90` has one, `minutes > params.STALE_MINUTES` too, `now - last_run > duration('2h')` compares an age. Sides
that read anything but parameters are no lines. `==` and `!=` are none either: they say nothing of more or less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.conditions import cel_text
from alerts.conditions.cel_library import cel
from alerts.conditions.cel_text import Token
from alerts.conditions.when import When

SIGNS = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
ENDS = {"&&", "||", "?", ":", ",", "==", "!=", *SIGNS}
OPENING, CLOSING = {"(", "[", "{"}, {")", "]", "}"}


@dataclass(frozen=True)
class Limit:
    """`name` is compared by `sign` with `limit`, which is in seconds when `seconds`; with `age`, the time since it."""

    name: str
    sign: str
    limit: float
    seconds: bool = False
    age: bool = False

    @property
    def upwards(self) -> bool:
        """Whether more of it is worse."""
        return self.sign in (">", ">=")


def limits_of(when: When, params: Mapping[str, Any] | None = None) -> list[Limit]:
    """The limits in the order they stand, each once; those whose parameter is missing or ill-typed are left out."""
    return list(dict.fromkeys(limit for _, limit in _placed(when, cel_text.tokens_of(when.text), params or {})))


def frame(when: When, params: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Limit]]:
    """The condition's words without the numbers it compares with and the signs before them, and those limits.

    A comparison within `!( )` means the opposite of what it says: it stays among the words.
    """
    tokens = cel_text.tokens_of(when.text)
    words, limits = [token.text for token in tokens], []
    for left_out, limit in _placed(when, tokens, params):
        if _denied(words, left_out[0]):
            continue
        limits.append(limit)
        for place in left_out:
            words[place] = ""
    return tuple(word for word in words if word), limits


def _placed(when: When, tokens: list[Token], params: Mapping[str, Any]) -> Iterator[tuple[list[int], Limit]]:
    """Each limit with the places of its tokens: the sign and the side that is no field."""
    for place, token in enumerate(tokens):
        if token.kind != "sign" or token.text not in SIGNS:
            continue
        left, right = _side(tokens[:place][::-1], back=True)[::-1], _side(tokens[place + 1 :])
        before, after = range(place - len(left), place), range(place + 1, place + 1 + len(right))
        for this, that, sign, rest in ((left, right, token.text, after), (right, left, SIGNS[token.text], before)):
            name, age = _field(this, when.names)
            limit = _constant(that, when.text, params) if name else None
            if limit is not None:
                seconds = isinstance(limit, timedelta)
                number = limit.total_seconds() if isinstance(limit, timedelta) else float(limit)
                yield [place, *rest], Limit(name, sign, number, seconds, age)
                break


def _denied(words: Sequence[str], place: int) -> bool:
    """Whether a bracket around this place has a `!` before it."""
    deep = 0
    for before in range(place - 1, 0, -1):
        deep += (words[before] in CLOSING) - (words[before] in OPENING)
        if deep < 0:
            deep = 0
            if words[before] == "(" and words[before - 1] == "!":
                return True
    return False


def _side(tokens: Sequence[Token], *, back: bool = False) -> list[Token]:
    """The tokens of one side of a comparison, up to where the expression around it goes on."""
    deep, taken = 0, []
    into, out = (CLOSING, OPENING) if back else (OPENING, CLOSING)
    for token in tokens:
        sign = token.text if token.kind == "sign" else ""
        if sign in into:
            deep += 1
        elif sign in out:
            deep -= 1
        if deep < 0 or (not deep and sign in ENDS):
            break
        taken.append(token)
    return taken


def _field(side: list[Token], names: frozenset[str]) -> tuple[str, bool]:
    """The field that a side consists of, and whether it is asked for its age; ("", False) when it is something else."""
    texts = [token.text for token in side]
    age = texts[:2] == ["now", "-"]
    texts = texts[2:] if age else texts
    if texts[:2] == ["fields", "."]:
        texts = texts[2:]
    if texts[:2] == ["timestamp", "("] and texts[-1] == ")":
        texts = texts[2:-1]
    own = len(texts) == 1 and texts[0] not in ("now", "params", "rules", "labels") and texts[0].isidentifier()
    return (texts[0], age) if own and (texts[0] in names or "fields" in names) else ("", False)


def _constant(side: list[Token], text: str, params: Mapping[str, Any]) -> int | float | timedelta | None:
    """What a side comes to that reads nothing but parameters; None for any other."""
    if not side:
        return None
    read = {path.names[0] for path in cel_text.paths_in(side) if not path.called}
    if read - {"params"}:
        return None
    piece = text[side[0].at : side[-1].at + len(side[-1].text)]
    shown = {name: value for name, value in params.items() if isinstance(value, (bool, int, float, str, timedelta))}
    for known in (shown, {name: float(v) if type(v) is int else v for name, v in shown.items()}):
        for words in _spellings(piece):
            try:
                value = cel.compile(words).execute({"params": known})
            except (ValueError, TypeError, KeyError, RuntimeError, OverflowError, ZeroDivisionError):
                continue
            fit = isinstance(value, (int, float, timedelta)) and not isinstance(value, bool)
            return value if fit else None
    return None


def _spellings(piece: str) -> Iterator[str]:
    """As it stands, and with plain decimal arithmetic, as conditions are judged."""
    exact = cel_text.with_seconds(piece, cel_text.tokens_of(piece))
    yield exact
    yield cel_text.with_decimals(exact)

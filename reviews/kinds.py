"""How a question is answered: a text, yes or no with words, a time, a length, a chain of whys, factors, a threshold.

A kind knows its form fields, what an answer says in words and in parts, and what is missing of it; pure, no database.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

WHYS = 5
FACTOR_ROWS = 3
TIME_FORM = "Write date and time in UTC as 2026-12-31 10:00."
LENGTHS = "Write a length of time as 7 min, 1 h 5 min or 90 s."
PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(d|days?|h|hours?|hrs?|m|min|minutes?|mins?|s|sec|seconds?|secs?)\b", re.I | re.ASCII
)
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class Question:
    """What a kind needs to know of a question: choices (`choice`), categories (`factors`), rules (`threshold`)."""

    prompt: str = ""
    required: bool = False
    options: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Given:
    """An answer: in words, and in parts as its kind has them."""

    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Wrong(ValueError):
    """What was typed is no answer of this kind; the text says how to write it. `part` is the field's suffix."""

    def __init__(self, words: str, part: str = ""):
        super().__init__(words)
        self.part = part


def area(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class Kind:
    """A text; other kinds change what differs. Fields are named by a suffix after `answer-<key>`, the first by none."""

    name = "text"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        return {"": forms.CharField(required=False, widget=area())}

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the fields for a stored answer."""
        return {"": text}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        """The answer that the fields' values make; Wrong when they make none."""
        return Given(posted.get("", "").strip())

    def missing(self, given: Given, required: bool) -> str:
        """What the answer lacks, to follow the prompt; empty when nothing."""
        return "" if given.text.strip() or not required else "an answer"


class YesNo(Kind):
    """Yes or no; a yes says what."""

    name = "yes_no"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        choices = [("", "Not answered"), ("yes", "Yes"), ("no", "No")]
        return {
            "": forms.ChoiceField(choices=choices, required=False),
            "-text": forms.CharField(required=False, widget=area(2), label="If yes: what?"),
        }

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        yes = data.get("yes")
        return {"": "" if yes is None else "yes" if yes else "no", "-text": data.get("text", "" if data else text)}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        word, words = posted.get("", "").strip().lower(), posted.get("-text", "").strip()
        if word not in ("", "yes", "no"):
            raise Wrong("Answer yes or no.")
        if not word:
            return Given(words, {"text": words} if words else {})
        head = word.capitalize()
        return Given(f"{head}: {words}" if words else head, {"yes": word == "yes", "text": words})

    def missing(self, given: Given, required: bool) -> str:
        yes = given.data.get("yes")
        if yes and not given.data.get("text"):
            return "what it was, since the answer is yes"
        if yes is None and (required or given.text):
            return "yes or no"
        return ""


class Time(Kind):
    """An instant, written in UTC."""

    name = "time"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        attrs = {"placeholder": "2026-12-31 10:00", "autocomplete": "off"}
        return {"": forms.CharField(required=False, widget=forms.TextInput(attrs=attrs), help_text="In UTC.")}

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"": text.removesuffix(" UTC")}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        text = posted.get("", "").strip()
        return given_time(read_time(text)) if text else Given()


class Duration(Kind):
    """A length of time."""

    name = "duration"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        attrs = {"placeholder": "7 min", "autocomplete": "off"}
        return {"": forms.CharField(required=False, widget=forms.TextInput(attrs=attrs))}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        text = posted.get("", "").strip()
        return given_length(read_length(text)) if text else Given()


class Number(Kind):
    """A whole number, none below zero."""

    name = "number"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        return {"": forms.CharField(required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}))}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        text = posted.get("", "").strip()
        if not text:
            return Given()
        digits = re.sub(r"[\s_',.](?=\d{3}\b)", "", text)
        if not re.fullmatch(r"\d{1,15}", digits, re.ASCII):
            raise Wrong("Write a whole number, such as 120.")
        return Given(f"{int(digits):,}", {"number": int(digits)})


class Choice(Kind):
    """One of the question's options."""

    name = "choice"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        choices = [("", "Not answered"), *((one, one) for one in question.options)]
        return {"": forms.ChoiceField(choices=choices, required=False)}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        text = posted.get("", "").strip()
        if text and text not in question.options:
            raise Wrong(f"Choose one of: {', '.join(question.options)}.")
        return Given(text)


class Whys(Kind):
    """A problem and up to five answers to why, each asking of the one before."""

    name = "whys"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        labels = ["What happened?", *(f"Why? ({number})" for number in range(1, WHYS + 1))]
        return {
            "" if not place else f"-{place}": forms.CharField(required=False, label=label, widget=area(1))
            for place, label in enumerate(labels)
        }

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        whys = list(data.get("whys", []))
        return {"": data.get("problem", text)} | {
            f"-{number}": whys[number - 1] if number <= len(whys) else "" for number in range(1, WHYS + 1)
        }

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        problem = posted.get("", "").strip()
        whys = [posted.get(f"-{number}", "").strip() for number in range(1, WHYS + 1)]
        last = max((place for place, why in enumerate(whys) if why), default=-1)
        for place, why in enumerate(whys[: last + 1]):
            if not why:
                raise Wrong("Answer this why before the next one.", f"-{place + 1}")
        whys = whys[: last + 1]
        if whys and not problem:
            raise Wrong("Say what happened before you ask why.")
        lines = [problem, *(f"{number}. Why? {why}" for number, why in enumerate(whys, start=1))]
        return Given("\n".join(lines), {"problem": problem, "whys": whys}) if problem else Given()

    def missing(self, given: Given, required: bool) -> str:
        return "at least one why" if required and not given.data.get("whys") else ""


class Factors(Kind):
    """What contributed, each with its kind."""

    name = "factors"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        found: dict[str, forms.Field] = {}
        known = [one.get("category", "") for one in data.get("factors", [])]
        categories = list(dict.fromkeys([*question.categories, *filter(None, known)]))
        choices = [("", "Kind"), *((one, one) for one in categories)]
        for row in range(1, len(known) + FACTOR_ROWS + 1):
            if categories:
                found[f"-{row}-kind"] = forms.ChoiceField(
                    choices=choices, required=False, label=f"Kind of factor {row}"
                )
            found[f"-{row}"] = forms.CharField(required=False, max_length=500, label=f"Factor {row}")
        return found

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row, one in enumerate(data.get("factors", []), start=1):
            found |= {f"-{row}-kind": one.get("category", ""), f"-{row}": one.get("text", "")}
        return found

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        rows = sorted({int(match[1]) for name in posted if (match := re.match(r"-(\d+)", name))})
        factors = []
        for row in rows:
            category, text = posted.get(f"-{row}-kind", "").strip(), posted.get(f"-{row}", "").strip()
            if category and not text:
                raise Wrong("Say in a few words what it was.", f"-{row}")
            if text:
                factors.append({"category": category, "text": text})
        lines = [f"- {one['category']}: {one['text']}" if one["category"] else f"- {one['text']}" for one in factors]
        return Given("\n".join(lines), {"factors": factors} if factors else {})

    def missing(self, given: Given, required: bool) -> str:
        return "at least one factor" if required and not given.data.get("factors") else ""


class Threshold(Kind):
    """Whether a rule should judge by another value; with rule and value it becomes a proposal."""

    name = "threshold"

    def fields(self, question: Question, data: Mapping[str, Any]) -> dict[str, forms.Field]:
        found: dict[str, forms.Field] = {"": forms.CharField(required=False, widget=area(2), label="In words")}
        settings = list(question.settings)
        kept = data.get("setting", "")
        if kept and kept not in dict(settings):
            settings.append((kept, data.get("label", kept)))
        if settings:
            choices = [("", "No rule"), *settings]
            found["-rule"] = forms.ChoiceField(choices=choices, required=False, label="Which rule and setting")
            found["-value"] = forms.CharField(required=False, max_length=200, label="Proposed value")
        return found

    def initial(self, text: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"": data.get("text", text), "-rule": data.get("setting", ""), "-value": data.get("value", "")}

    def read(self, posted: Mapping[str, str], question: Question) -> Given:
        text = posted.get("", "").strip()
        setting, value = posted.get("-rule", "").strip(), posted.get("-value", "").strip()
        if setting and not value:
            raise Wrong("Say which value you propose, or choose no rule.", "-value")
        if value and not setting:
            raise Wrong("Choose the rule that this value is for.", "-rule")
        if not setting:
            return Given(text, {"text": text} if text else {})
        label = dict(question.settings).get(setting, setting)
        said = f"{label}: to {value}"
        data = {"setting": setting, "label": label, "value": value, "text": text}
        return Given(f"{text}\n{said}" if text else said, data)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (Kind(), YesNo(), Time(), Duration(), Number(), Choice(), Whys(), Factors(), Threshold())
}


def of(name: str) -> Kind:
    """The kind called `name`; a text for one that is not known here."""
    return KINDS.get(name, KINDS["text"])


def read_time(text: str) -> datetime:
    """`2026-12-31 10:00`, seconds and an offset if given, otherwise UTC; Wrong for anything else."""
    bare = re.sub(r"\s*(UTC|Z)$", "", text.strip(), flags=re.IGNORECASE)
    try:
        moment = datetime.fromisoformat(bare)
    except ValueError:
        raise Wrong(TIME_FORM) from None
    if len(bare) <= len("2026-12-31"):
        raise Wrong(TIME_FORM)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def given_time(at: datetime) -> Given:
    at = at.astimezone(UTC)
    return Given(f"{at:%Y-%m-%d %H:%M}{f':{at:%S}' if at.second else ''} UTC", {"at": at.isoformat()})


def read_length(text: str) -> timedelta:
    """`7 min`, `1 h 5 min`, `90 s`, `1h5m`; Wrong for anything else."""
    rest, total, found = text.strip(), 0.0, False
    while rest:
        part = PART.match(rest) or re.match(r"(\d+(?:\.\d+)?)([dhms])(?=\d)", rest, re.I | re.ASCII)
        if part is None:
            raise Wrong(LENGTHS)
        total += float(part[1]) * UNITS[part[2][0].lower()]
        rest, found = rest[part.end() :].lstrip(" ,"), True
    if not found or total > 10 * 366 * 86400:
        raise Wrong(LENGTHS)
    return timedelta(seconds=round(total))


def length_words(length: timedelta) -> str:
    """`7 min`, `1 h 5 min`, `2 d 3 h`, `40 s`: seconds only below an hour, minutes only below a day."""
    seconds = max(int(length.total_seconds()), 0)
    days, hours, minutes, rest = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
    parts = [(days, "d"), (hours, "h"), (minutes if not days else 0, "min"), (rest if seconds < 3600 else 0, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def given_length(length: timedelta) -> Given:
    return Given(length_words(length), {"seconds": int(length.total_seconds())})


def missing(kind: str, text: str, data: Mapping[str, Any], required: bool) -> str:
    """What a stored answer lacks; empty when nothing."""
    return of(kind).missing(Given(text, dict(data)), required)

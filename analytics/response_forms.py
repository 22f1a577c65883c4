"""What a page of figures is asked for: days, zone, grouping and filters, read from the address."""

from datetime import date, datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms

from oncall.models import EscalationContact
from policies.models import Policy, Service, Severity

from .periods import EARLIEST, LATEST, LONGEST, USUAL, BadPeriod, Period, period
from .response import GROUPINGS, NONE, Wish

SPANS = (7, 30, 90, 365)
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PeriodForm(forms.Form):
    """From which day to which, both counted in, on whose clock; nothing said: the last 30 days, UTC.

    With the last day alone as many days end with it; from the first day alone they go on until today.
    """

    from_ = forms.DateField(label="From", required=False, widget=DAY)
    to = forms.DateField(label="To", required=False, widget=DAY)
    zone = forms.CharField(label="Days on the clock of", required=False, max_length=64)

    def __init__(self, data: dict[str, Any], *, at: datetime, **more: Any) -> None:
        last = None if data.get("from") else _day(data.get("to", ""))
        usual = period(last=last, at=at, zone=_known(data.get("zone", "")) or "UTC", days=_span(data.get("days", "")))
        begin = {"from": usual.first.isoformat(), "to": usual.last.isoformat(), "zone": usual.zone.key}
        super().__init__({**begin, **{name: value for name, value in data.items() if value}}, **more)
        self.at = at
        self.period: Period = usual
        self.fields["zone"].widget.attrs |= {"list": "zones", "size": 18, "autocomplete": "off"}
        for name in ("from_", "to"):
            self.fields[name].error_messages["invalid"] = "Write the day as 2026-12-31."

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix(field_name.rstrip("_"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        first: date | None = data.get("from_")
        try:
            self.period = period(first, data.get("to"), zone=data.get("zone") or "UTC", at=self.at)
        except BadPeriod as error:
            self.add_error({"from": "from_"}.get(error.field, error.field), str(error))
        return data


class ResponseForm(PeriodForm):
    """Besides: grouped by what, and which incidents."""

    by = forms.ChoiceField(label="By", required=False, choices=list(GROUPINGS.items()))
    policy = forms.ChoiceField(label="Policy", required=False)
    service = forms.ChoiceField(label="Service", required=False)
    level = forms.ChoiceField(label="Level", required=False)
    team = forms.ChoiceField(label="Team", required=False)

    def __init__(self, data: dict[str, Any], **more: Any) -> None:
        super().__init__(data, **more)
        choices: dict[str, list[tuple[str, str]]] = {
            "policy": [("", "Every policy"), *Policy.objects.order_by("name").values_list("key", "name")],
            "service": [("", "Every service"), (NONE, "No service"), *Service.objects.values_list("key", "name")],
            "level": [("", "Every level"), *((key, key) for key in _levels())],
            "team": [("", "Every team"), (NONE, "No team"), *((name, name) for name in teams())],
        }
        for name, listed in choices.items():
            field: Any = self.fields[name]
            chosen = str(data.get(name, ""))
            if name == "team" and chosen and chosen not in dict(listed):
                listed.append((chosen, chosen))  # a label may name a team that is no contact
            field.choices = listed

    @property
    def wish(self) -> Wish:
        said = self.cleaned_data
        words = {name: said.get(name, "") for name in ("by", "policy", "service", "level", "team")}
        return Wish(self.period, **words)


class PeopleForm(PeriodForm):
    """Besides: the members of one team."""

    team = forms.ChoiceField(label="Team", required=False)

    def __init__(self, data: dict[str, Any], **more: Any) -> None:
        super().__init__(data, **more)
        field: Any = self.fields["team"]
        field.choices = [("", "Everybody"), *((name, name) for name in teams())]


def teams() -> list[str]:
    return list(EscalationContact.objects.filter(kind=EscalationContact.Kind.TEAM).values_list("name", flat=True))


def zones() -> list[str]:
    """Those that somebody here lives by, to choose from."""
    people = EscalationContact.objects.order_by().values_list("timezone", flat=True).distinct()
    return sorted({"UTC", *people, *Policy.objects.order_by().values_list("timezone", flat=True).distinct()})


def _levels() -> list[str]:
    """The keys of all levels, the gravest first, each once."""
    return list(dict.fromkeys(Severity.objects.order_by("rank", "key").values_list("key", flat=True)))


def _known(zone: str) -> str:
    return zone if zone in available_timezones() else ""


def _day(text: str) -> date | None:
    """A day that figures can be about; None: there is none, or clean() says what is wrong with it."""
    try:
        day = forms.DateField(required=False).clean(text)
    except forms.ValidationError:
        return None
    return day if day and EARLIEST <= day <= LATEST else None


def _span(text: str) -> int:
    # six digits say it all; Python refuses to read thousands
    return min(int(text[:6]), LONGEST) if text.isascii() and text.isdecimal() and int(text[:6]) > 0 else USUAL

"""`wordings:` of a pack: how it says what is sent about an incident."""

from django.conf import settings

from policies.models import Policy
from policies.sections import Section, Values
from policies.shapes import Choice, Desk, Entry, Path, Text, optional

from . import own_words
from .models import Wording
from .wordings import EVENTS, PARTS

LANGUAGES = tuple(code for code, _ in settings.LANGUAGES)


def _can_be_filled(values: Values, path: Path, desk: Desk) -> None:
    if not any(values[part].strip() for part in PARTS):
        desk.problem(path, f"This says nothing; give at least one of {', '.join(PARTS)}.")
    for part in PARTS:
        if values[part].strip():
            try:
                own_words.check(values["event"], values[part])
            except own_words.BadWording as error:
                desk.problem((*path, part), str(error))


class Wordings(Section):
    """The policy's own words for the messages of an event, in one language or in all."""

    name = "wordings"
    shape = Entry(
        _can_be_filled,
        event=Choice(EVENTS),
        language=optional(Choice(LANGUAGES), ""),
        subject=optional(Text(own_words.LONGEST_TEMPLATE, line=True), ""),
        short=optional(Text(own_words.LONGEST_TEMPLATE, line=True), ""),
        text=optional(Text(own_words.LONGEST_TEMPLATE), ""),
    )

    def key(self, values: Values) -> str:
        return f"{values['event']} in {values['language']}" if values["language"] else values["event"]

    def rows(self, policy: Policy) -> dict[str, Wording]:
        return {self.key(self.present(row)): row for row in policy.wordings.order_by("pk")}

    def present(self, row: Wording) -> Values:
        return {"event": row.event, "language": row.language, **{part: getattr(row, part) for part in PARTS}}

    def write(self, policy: Policy, row: Wording | None, values: Values) -> Wording:
        row = row or Wording(policy=policy, event=values["event"], language=values["language"])
        row.subject, row.short, row.text = values["subject"], values["short"], values["text"]
        row.save()
        return row

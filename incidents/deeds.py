"""What an action of a responder is: what it does, the form it needs, and where and when it is offered."""

from collections.abc import Callable
from dataclasses import dataclass

from . import forms
from .models import OPEN, Status

BEFORE_CLOSE = frozenset([*OPEN, Status.RESOLVED])
OVER = frozenset([Status.RESOLVED, Status.CLOSED, Status.FALSE_POSITIVE])
ANY = frozenset(Status)


@dataclass(frozen=True)
class Action:
    """`do(incident, form, by=…, at=…)` changes the incident; `done` tells it.

    tool   what the fold on the page is called; empty: the page has a button of its own for it
    when   the statuses in which the page offers the fold
    more   the fold stands on the incident's second page, with what is seldom done in a hurry
    lazy   its form is fetched when the fold is opened, which keeps the page light
    """

    do: Callable
    done: str
    form: type[forms.IncidentForm] = forms.IncidentForm
    tool: str = ""
    button: str = ""
    hint: str = ""
    when: frozenset = frozenset(OPEN)
    more: bool = False
    lazy: bool = False

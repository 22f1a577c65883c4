"""What runbooks need of the room that keeps rules and alerts, which stands above: it is handed down at start-up."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from incidents.models import Incident
from policies.models import Policy
from policies.shapes import Desk, Path


@dataclass(frozen=True)
class Said:
    """What a live item said.

    state    green, noted, red, or unset (it cannot be asked, since something is not set up: neither good nor bad)
    shown    in words
    columns, rows   a table, newest first; empty when it has none
    """

    state: str
    shown: str
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Began:
    """An alert that began in a watch."""

    id: str
    text: str
    level: str
    at: datetime
    url: str
    firing: bool


class Ways(Protocol):
    def check_source(self, source: Any, path: Path, desk: Desk) -> None:
        """Tell the desk what is wrong with a source as rules have it."""

    def check_condition(self, text: str, path: Path, desk: Desk) -> Iterator[str]:
        """What is wrong with a condition, in sentences; what it refers to goes to the desk."""

    def check_words(self, text: str) -> str:
        """What is wrong with a template of what is shown, "" for nothing."""

    def ask(
        self, policy: Policy, item: Mapping[str, Any], marks: Mapping[str, Any], *, at: datetime, within: timedelta
    ) -> Said:
        """Ask a live item's source now, over the network.

        within  so long at most
        marks   more names that its conditions know: started_at, marked_at, since_start, since_mark, marked
        """

    def rule_said(self, policy: Policy, key: str, labels: Mapping[str, str]) -> Said:
        """How a rule stands, as last checked."""

    def recheck(self, policy: Policy, keys: Collection[str], *, at: datetime, within: timedelta) -> dict[str, Said]:
        """Check these rules now and return how they stand, by key; one that takes longer is told as last checked."""

    def since_deploy(self, service: str, *, at: datetime) -> Said:
        """Whether anything critical began since the service's last deploy."""

    def queues(self, policy: Policy, key: str, *, at: datetime) -> Said:
        """The figures of a queue card as a table."""

    def rules_of(self, incidents: Collection[int]) -> dict[int, list[str]]:
        """The keys of the rules whose alerts are, or were, in each of these incidents."""

    def began(
        self, policy: Policy, *, since: datetime, until: datetime, levels: Collection[str], service: str
    ) -> list[Began]:
        """Alerts of the policy that began in a stretch of time, the latest first."""

    def silence(
        self, policy: Policy, label: str, value: str, *, reason: str, by: str, at: datetime, until: datetime
    ) -> str:
        """Silence the policy's alerts that have this label; return the silence's id."""

    def lift(self, ids: Collection[str], *, by: str, at: datetime) -> None:
        """End these silences now."""

    def address(self, page: str, query: Mapping[str, str]) -> str:
        """The address of a page of ours: alerts, webhooks, channel, rule, queue, deploys."""


ADDRESSES: dict[str, Callable[[Mapping[str, str], Incident | None], str]] = {}
"""Pages of rooms above, by the word that a link says: each is given the link's query and the run's incident."""
_known: list[Ways] = []


def register(given: Ways) -> None:
    """Called by the room above at start-up."""
    _known[:] = [given]


def known() -> Ways:
    """What was handed down."""
    return _known[0]

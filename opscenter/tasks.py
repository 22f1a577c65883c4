"""Tasks that the clock hands to the engine; each reads the time once and calls one function."""

from datetime import datetime

from django.utils import timezone

from notifications import selftest
from oncall import feeds, monthly
from reviews import action_tickets
from tickets import reading

from . import beat, handover, maintenance
from .engine import task
from .models import Beat


@task
def run_checks() -> None:
    """Check the rules that are due."""
    handover.check_rules()


@task
def run_job(name: str, handed_at: str) -> None:
    """Run the system job `name`, handed over at `handed_at` (ISO)."""
    beat.run_job(name, datetime.fromisoformat(handed_at), at=timezone.now())


@task
def answer(asked_at: str) -> None:
    """The queue's sign of life: it took what was asked at `asked_at` (ISO)."""
    Beat.note("queue", timezone.now(), {"asked_at": asked_at})


@task
def ops_maintenance() -> str:
    """Remove what is older than the settings keep it; tells how much of what."""
    return maintenance.words(maintenance.prune(at=timezone.now()))


@task
def fetch_feeds() -> str:
    """Fetch the calendar feeds that are due; tells how many."""
    return f"{feeds.fetch_due(at=timezone.now())} calendar feeds were fetched."


@task
def read_tickets() -> str:
    """Read the state of the tickets that are due in their trackers; tells how many answered."""
    at = timezone.now()
    return f"{reading.read_due(at=at) + action_tickets.read_due(at=at)} tickets were read."


@task
def send_test_pages() -> str:
    """Send the test page of the month to everybody in a schedule; tells how many."""
    return f"{monthly.send(at=timezone.now())} test pages sent"


@task
def test_destinations() -> str:
    """Send the test of the day to every destination; tells how many."""
    sent, left = selftest.run(at=timezone.now())
    return f"{len(sent)} test messages to destinations are under way, {len(left)} destinations are not tested."

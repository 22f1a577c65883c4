"""The heartbeat we send to somebody else's watch: when it stops coming, Opscenter, its database or its machine stands.

Any dead man's switch with an address to ask will do: Healthchecks, Uptime Kuma (push), Better Stack, Dead Man's Snitch,
another Opscenter. The address is a secret, so no word of ours holds it.
"""

import logging
from datetime import datetime, timedelta

import requests
from django.conf import settings

from .models import Beat

log = logging.getLogger(__name__)
SIGN = "outside heartbeat"
EVERY = timedelta(seconds=30)
MISSED_AFTER = timedelta(seconds=120)  # of a clock that ticks
TIMEOUT = (3.05, 8.0)  # seconds to connect, and to wait for the answer


def due(last: datetime | None, *, at: datetime) -> bool:
    """Whether the next one is to be sent at `at`, when the last was begun at `last`."""
    return bool(settings.OUTSIDE_HEARTBEAT_URL) and (last is None or not timedelta(0) <= at - last < EVERY)


def send(*, at: datetime) -> str:
    """Ask the address once and note how it went; why it failed, in words, or empty."""
    trouble = _ask(settings.OUTSIDE_HEARTBEAT_URL)
    before = Beat.objects.filter(key=SIGN).first()
    failing = before.detail.get("error") if before else ""
    if trouble and not failing:
        log.warning("The outside heartbeat fails: %s", trouble)
    elif failing and not trouble:
        log.warning("The outside heartbeat is taken again.")
    since = (before.detail.get("since") if before and failing else None) or at.isoformat()
    Beat.note(SIGN, at, {"error": trouble, "since": since} if trouble else {})
    return trouble


def _ask(url: str) -> str:
    try:
        with requests.get(url, timeout=TIMEOUT, headers={"User-Agent": "Opscenter"}, stream=True) as answer:
            return "" if answer.ok else f"it was answered {answer.status_code}; check OPSCENTER_HEARTBEAT_URL."
    except requests.Timeout:
        return "there was no answer in time."
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        return "OPSCENTER_HEARTBEAT_URL is no address that can be asked; it begins with https://."
    except requests.RequestException:
        return "its host could not be reached."


def trouble(sign: Beat | None, *, at: datetime) -> str:
    """What is wrong with it, in a sentence; empty when nothing is, or none is wanted."""
    if not settings.OUTSIDE_HEARTBEAT_URL:
        return ""
    if sign is None:
        return "The outside heartbeat has never been sent."
    if error := sign.detail.get("error"):
        since = datetime.fromisoformat(sign.detail["since"])
        return f"The outside heartbeat fails since {since:%Y-%m-%d %H:%M:%S} UTC: {error}"
    if at - sign.at > MISSED_AFTER:
        return f"The outside heartbeat was last sent at {sign.at:%Y-%m-%d %H:%M:%S} UTC."
    return ""

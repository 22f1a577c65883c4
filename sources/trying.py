"""Whether a connection can be reached, asked by hand: one harmless question of its kind."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.fields import SecretUnreadable

from .addresses import address_values, filled
from .models import Connection
from .probes import PROBES, BadSpec, ProbeError

TIMEOUT = timedelta(seconds=10)
QUESTIONS = {
    "sql": ("sql", {"query": "SELECT 1"}),
    "prometheus": ("prometheus", {"query": "vector(1)"}),
    "loki": ("loki", {"query": "vector(1)"}),
    "redis": ("redis", {}),
    "tcp": ("tcp", {}),
    "tls": ("tls", {}),
}
"""What each kind is asked, by which probe; any other is an HTTP service, which is asked for its base address."""
HTTP = ("http", {"redirects": "none"})


@dataclass(frozen=True)
class Trial:
    """What came of it: a sentence for the operator, and the milliseconds it took when it answered."""

    ok: bool
    says: str
    latency_ms: float | None = None


def try_connection(connection: Connection, *, at: datetime) -> Trial:
    """Ask the place once, on no rule's behalf, and note on the connection how it is."""
    trial = _ask(connection, at=at)
    if trial.ok:
        said = {"state": Connection.State.OK, "error": "", "last_seen_at": at, "latency_ms": trial.latency_ms}
    else:
        said = {"state": Connection.State.ERROR, "error": trial.says}
    Connection.objects.filter(pk=connection.pk).update(**said)
    return trial


def _ask(connection: Connection, *, at: datetime) -> Trial:
    kind, spec = QUESTIONS.get(connection.kind, HTTP)
    values = address_values(connection.policy) if connection.policy else {}
    try:
        ready = filled(spec, connection.url, values)
        if not ready.get("url"):
            return Trial(False, "It has no address yet.")
        PROBES[kind].check(ready)
        began = time.monotonic()
        found = PROBES[kind].read(ready, at=at, timeout=connection.timeout or TIMEOUT)
        took = round((time.monotonic() - began) * 1000, 1)
    except BadSpec as error:
        return Trial(False, error.sentence)
    except (ProbeError, SecretUnreadable, ValueError) as error:  # a ValueError: a parameter that is not set
        return Trial(False, str(error))
    fields = found[0].fields if found else {}
    said = f" with status {fields['status_code']}" if "status_code" in fields else ""
    if fields.get("status_code", 200) in (401, 403):
        return Trial(False, f"It answered{said}: it rejects the token or password.")
    if fields.get("reason"):
        said = f", but its certificate is not accepted: {fields['reason']}"
    return Trial(True, f"It answered in {took:g} ms{said}.", took)

"""How we ask: one file a kind, registered here."""

from sources.probes.base import Asker, BadSpec, LocalProbe, Probe, ProbeError, Reading
from sources.probes.events import Events
from sources.probes.heartbeat import Heartbeats
from sources.probes.http import Http
from sources.probes.json import Json
from sources.probes.redis import Redis
from sources.probes.sql import Sql
from sources.probes.tcp import Tcp
from sources.probes.tls import Tls

PROBES: dict[str, Probe] = {probe.kind: probe for probe in (Sql(), Http(), Json(), Redis(), Tcp(), Tls())}
"""Places elsewhere: asked over the network, on threads."""

OWN: dict[str, LocalProbe] = {probe.kind: probe for probe in (Events(), Heartbeats())}
"""Our own rows, such as events we were told: read in the thread that judges."""

LOCAL = OWN.keys()

KINDS: dict[str, Probe | LocalProbe] = {**PROBES, **OWN}


def register(probe: LocalProbe) -> None:
    """Take in a probe of rows that a room above keeps; called when that room starts."""
    OWN[probe.kind] = KINDS[probe.kind] = probe


__all__ = [
    "KINDS",
    "LOCAL",
    "OWN",
    "PROBES",
    "Asker",
    "BadSpec",
    "LocalProbe",
    "Probe",
    "ProbeError",
    "Reading",
    "register",
]

"""How we ask: one file a kind, registered here."""

from collections.abc import Mapping
from typing import Any

from sources.probes.base import Asker, AskerProbe, BadSpec, LocalProbe, Probe, ProbeError, Reading
from sources.probes.command import Command
from sources.probes.elasticsearch import Elasticsearch
from sources.probes.events import Events
from sources.probes.exposition import Exposition
from sources.probes.heartbeat import Heartbeats
from sources.probes.http import Http
from sources.probes.json import Json
from sources.probes.log_files import LogFiles
from sources.probes.loki import Loki
from sources.probes.prometheus import Prometheus
from sources.probes.redis import Redis
from sources.probes.sql import Sql
from sources.probes.tcp import Tcp
from sources.probes.tempo import Tempo
from sources.probes.tls import Tls

PROBES: dict[str, Probe] = {
    probe.kind: probe for probe in (Sql(), Http(), Json(), Exposition(), Redis(), Tcp(), Tls(), Command(), Tempo())
}
"""Places elsewhere: asked over the network, on threads."""

KEEPERS: dict[str, AskerProbe] = {probe.kind: probe for probe in (Prometheus(), Loki(), Elasticsearch(), LogFiles())}
"""Those among them that keep what happened, and are told since when the rule has not looked."""

PROBES |= KEEPERS

HERE = ("logs", "command")
"""Those among them that ask this machine: no connection leads there."""

OWN: dict[str, LocalProbe] = {probe.kind: probe for probe in (Events(), Heartbeats())}
"""Our own rows, such as events we were told: read in the thread that judges."""

LOCAL = OWN.keys()

KINDS: dict[str, Probe | LocalProbe] = {**PROBES, **OWN}


def calm_when_empty(kind: str, spec: Mapping[str, Any]) -> bool:
    """Whether a source that gives no reading says that all is calm."""
    return kind in KEEPERS and KEEPERS[kind].calm_when_empty(spec)


def register(probe: LocalProbe) -> None:
    """Take in a probe of rows that a room above keeps; called when that room starts."""
    OWN[probe.kind] = KINDS[probe.kind] = probe


__all__ = [
    "HERE",
    "KEEPERS",
    "KINDS",
    "LOCAL",
    "OWN",
    "PROBES",
    "Asker",
    "AskerProbe",
    "BadSpec",
    "LocalProbe",
    "Probe",
    "ProbeError",
    "Reading",
    "calm_when_empty",
    "register",
]

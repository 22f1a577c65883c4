"""How we ask: one file a kind, registered here."""

from sources.probes.base import BadSpec, Probe, ProbeError, Reading
from sources.probes.http import Http
from sources.probes.json import Json
from sources.probes.sql import Sql

PROBES: dict[str, Probe] = {probe.kind: probe for probe in (Sql(), Http(), Json())}

__all__ = ["PROBES", "BadSpec", "Probe", "ProbeError", "Reading"]

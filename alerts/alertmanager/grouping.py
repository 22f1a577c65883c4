"""Firing alerts by route and group: what joins one incident, once for each receiver that is told of it.

Source: prometheus/alertmanager, dispatch/dispatch.go, `Groups`.
"""

from datetime import datetime

import msgspec

from ..grouping import DEFAULT_GROUP_BY
from . import receivers
from .reading import Firing, Reference, Shown, Status, Wanted, firing
from .receivers import ROOT, Tree


class Group(msgspec.Struct, rename="camel"):
    """Alerts of one receiver with the same values in the labels by which their door or rule groups."""

    alerts: list[Shown]
    labels: dict[str, str]
    receiver: Reference
    route_labels: dict[str, str] = {}


def groups(wanted: Wanted, *, muted: bool, at: datetime) -> list[Group]:
    """The groups that have a wanted alert, by labels and receiver. muted: also those that a switch holds back."""
    found: dict[tuple, Group] = {}
    for alert in firing(wanted, Tree(), at=at):
        told = alert.branches or (receivers.Branch(ROOT, {}, False, True, ""),)
        labels = _grouped_by(alert)
        for name, muted_by in {branch.receiver: branch.muted_by for branch in told}.items():
            if (wanted.receiver and not wanted.receiver(name)) or (muted_by and not muted):
                continue
            scope = alert.rule.scope if alert.rule else f"door:{alert.door and alert.door.pk}"
            key = (tuple(sorted(labels.items())), name, scope)
            group = found.setdefault(key, Group([], labels, Reference(name)))
            group.alerts.append(_muted(alert.shown, muted_by) if muted_by else alert.shown)
    for group in found.values():
        group.alerts.sort(key=lambda shown: shown.fingerprint)
    return [found[key] for key in sorted(found)]


def _grouped_by(alert: Firing) -> dict[str, str]:
    if alert.rule:
        by = alert.rule.condition.get("group_by", ())
        names = ["alertname", *([by] if isinstance(by, str) else by)]
    else:
        names = (alert.door and alert.door.group_by) or DEFAULT_GROUP_BY
    return {name: alert.labels[name] for name in names if name in alert.labels}


def _muted(shown: Shown, by: str) -> Shown:
    status = Status("suppressed", shown.status.silenced_by, shown.status.inhibited_by, [by])
    return msgspec.structs.replace(shown, status=status)

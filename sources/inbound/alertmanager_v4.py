"""Alerts as an Alertmanager of somebody's own posts them to a webhook receiver.

Source: Prometheus documentation, Alertmanager, "<webhook_config>", payload version 4.
"""

from datetime import datetime
from typing import Any, ClassVar

from ..models import Integration
from ..signals import Signal
from . import proofs
from .base import Inbound, Parsed, Sent, WrongPayload, an_object, json_type, text_at
from .reading import moment, objects_at, texts_of


class AlertmanagerWebhook(Inbound):
    """It repeats what fires and cannot sign: it sends the secret along."""

    kind, label = "alertmanager-webhook", "Alertmanager webhook receiver"
    aliases: ClassVar[tuple[str, ...]] = ("alertmanager-receiver", "alertmanager-v4", "prometheus-webhook")
    groups_by: ClassVar[tuple[str, ...]] = ("alertname",)
    versions: ClassVar[tuple[str, ...]] = ("4", "")

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        proofs.check_sent_along(sent.headers, door.secrets)
        return ""

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The body")
        version = text_at(payload, "version")
        if version not in self.versions:
            raise WrongPayload(f"version is {version[:20]!r}; this door understands {self.versions[0]!r}.")
        alerts = objects_at(payload, "alerts")
        signals = [self.signal(alert, payload, f"alerts[{index}]", at=at) for index, alert in enumerate(alerts)]
        left_out = text_at(payload, "truncatedAlerts", default="0")
        note = f"The sender left out {left_out} alerts of this group." if left_out not in ("0", "false") else ""
        return Parsed(signals=signals, note=note)

    def signal(self, told: dict[str, Any], payload: dict[str, Any], where: str, *, at: datetime) -> Signal:
        """One alert of the list; its fingerprint is its key."""
        status = text_at(told, "status", default=text_at(payload, "status")).lower()
        if status not in ("firing", "resolved"):
            raise WrongPayload(f"The status of {where} is {status[:40]!r}; it must be firing or resolved.")
        for name in ("labels", "annotations"):
            if not isinstance(told.get(name), dict | None):
                raise WrongPayload(f"{name} of {where} must be an object of texts, and it is {json_type(told[name])}.")
        labels, key = texts_of(told.get("labels"), length=2000), text_at(told, "fingerprint")[:200]
        if not labels:
            raise WrongPayload(f"{where} has no labels, so nothing tells it from another.")
        starts, ends = moment(told.get("startsAt")), None
        if status == "resolved":
            ends = min(moment(told.get("endsAt")) or at, at)
            starts = min(starts, ends) if starts else None
        return Signal(
            labels=labels, annotations=texts_of(told.get("annotations"), length=8000), starts_at=starts, ends_at=ends,
            url=text_at(told, "generatorURL")[:2000], key=key, name=labels.get("alertname", ""),
        )  # fmt: skip

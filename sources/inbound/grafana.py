"""Alerts as Grafana's own alerting posts them to a webhook contact point.

Source: Grafana documentation, "Configure the webhook notifier for Alerting"; grafana/alerting, receivers/webhook/v1.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from ..models import Integration
from ..signals import Signal
from . import proofs
from .alertmanager_v4 import AlertmanagerWebhook
from .base import NotSigned, Sent, text_at
from .reading import texts_of
from .signing import check_age

SIGNATURE, TIMESTAMP = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"


class Grafana(AlertmanagerWebhook):
    """Alertmanager's form, with Grafana's own links, values and signature."""

    kind, label = "grafana", "Grafana alerting"
    aliases = ("grafana-alerting", "grafana-webhook")
    groups_by = ("alertname", "grafana_folder")
    options = {
        "signature_header": f"the header of the signature, if it is not {SIGNATURE}",
        "timestamp_header": f"the header of its time, if it is not {TIMESTAMP}",
    }
    versions = ("1", "4", "")

    def verify(self, sent: Sent, door: Integration, *, at: datetime) -> str:
        name = text_at(door.options, "signature_header", default=SIGNATURE)
        clock = text_at(door.options, "timestamp_header", default=TIMESTAMP)
        signature, time = sent.headers.get(name, ""), sent.headers.get(clock, "").strip()
        if not signature:
            return super().verify(sent, door, at=at)
        seconds = proofs.unix_seconds(time)
        if time and seconds is None:
            raise NotSigned(f"{clock} must hold Unix seconds, and it is {time[:40]!r}.")
        message = time.encode() + b":" + sent.body if time else sent.body
        digest = proofs.signed_by((secret.encode() for secret in door.secrets), message, [signature])
        if not digest:
            raise NotSigned(
                f"{name} does not fit the body and the secret of this door. If Grafana sends a timestamp in another "
                f"header than {clock}, name it in the door's option timestamp_header."
            )
        if seconds is None:
            return ""  # without a time, a reminder cannot be told from a replay
        check_age(seconds, at=at)
        return digest

    def signal(self, told: dict[str, Any], payload: dict[str, Any], where: str, *, at: datetime) -> Signal:
        signal = super().signal(told, payload, where, at=at)
        links = {
            "dashboard_url": "dashboardURL", "panel_url": "panelURL", "silence_url": "silenceURL",
            "image_url": "imageURL", "value": "valueString",
        }  # fmt: skip
        said = {ours: text_at(told, theirs)[:2000] for ours, theirs in links.items()}
        said |= {f"value_{name}": text for name, text in texts_of(told.get("values"), most=20).items()}
        said = {name: text for name, text in said.items() if text}
        return replace(signal, annotations=said | signal.annotations)

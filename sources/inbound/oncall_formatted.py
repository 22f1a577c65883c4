"""Grafana OnCall's "formatted webhook": its own form of an alert, which many tools have a button for.

Source: Grafana OnCall documentation, "Inbound webhook integrations"; grafana/oncall, config_integrations/
formatted_webhook.py (an alert is over when `state` is "ok" in any case; what is told without a state fires).
"""

import json
from datetime import datetime
from typing import Any

from ..models import Integration
from ..signals import Signal
from .base import Inbound, Parsed, Sent, WrongPayload, an_object, text_at
from .generic import RESOLVED

FIELDS = ("alert_uid", "title", "message", "image_url", "state", "link_to_upstream_details")


class OnCallFormatted(Inbound):
    """The same body as OnCall takes it, at OnCall's form of address."""

    kind, label = "oncall", "Grafana OnCall formatted webhook"
    ends_at_once = True
    path = "/integrations/v1/formatted_webhook/{key}/"
    aliases = ("formatted-webhook", "formatted_webhook", "oncall-formatted", "grafana-oncall")

    def parse(self, payload: Any, sent: Sent, door: Integration, *, at: datetime) -> Parsed:
        payload = an_object(payload, "The alert")
        said = {name: text_at(payload, name).strip() for name in FIELDS}
        if not (said["alert_uid"] or said["title"] or said["message"]):
            raise WrongPayload("The alert has neither alert_uid, title nor message, so nothing tells it from another.")
        title = said["title"] or said["message"].partition("\n")[0].strip() or said["alert_uid"]
        severity = text_at(payload, "severity")
        labels = {"alertname": title, "severity": severity}
        annotations = {"summary": title, "description": said["message"]}
        if said["image_url"]:
            annotations["images"] = json.dumps([{"src": said["image_url"]}], ensure_ascii=False)
        over = said["state"].lower() in RESOLVED
        return Parsed(
            signals=[
                Signal(
                    labels={name: text for name, text in labels.items() if text},
                    annotations={name: text for name, text in annotations.items() if text},
                    ends_at=at if over else None, url=said["link_to_upstream_details"], key=said["alert_uid"] or title,
                    name=title, severity_key=severity,
                )
            ]
        )  # fmt: skip

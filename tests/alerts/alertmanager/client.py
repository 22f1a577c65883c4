"""A client of `/api/v2` on the same machine, and the bodies it posts."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

from alerts import grouping
from opscenter import clock

JSON = "application/json"
ZERO = "0001-01-01T00:00:00Z"


class Api:
    """A client of `/api/v2` on the same machine."""

    def __init__(self) -> None:
        self.client = Client()

    def get(self, path: str, *filters: str, **query: object) -> HttpResponse:
        return self.client.get(f"/api/v2/{path}", {**query, **({"filter": list(filters)} if filters else {})})

    def post(self, path: str, body: object, type: str = JSON) -> HttpResponse:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(f"/api/v2/{path}", text, content_type=type)

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(f"/api/v2/{path}")

    def fire(self, *label_sets: dict[str, str], **more: object) -> None:
        answer = self.post("alerts", [{"labels": labels, **more} for labels in label_sets])
        assert answer.status_code == 200, answer.content

    def alerts(self, *filters: str, **query: object) -> list[dict[str, Any]]:
        answer = self.get("alerts", *filters, **query)
        assert answer.status_code == 200, answer.content
        return json.loads(text(answer))

    def names(self, *filters: str, **query: object) -> list[str]:
        return sorted(alert["labels"].get("alertname", "") for alert in self.alerts(*filters, **query))

    def silence(self, *matchers: str | dict[str, Any], **more: object) -> str:
        answer = self.post("silences", silence(*matchers, **more))
        assert answer.status_code == 200, answer.content
        return answer.json()["silenceID"]

    def silences(self, *filters: str, **query: object) -> list[dict[str, Any]]:
        return self.get("silences", *filters, **query).json()

    def sweep(self) -> None:
        clock.exhaust(grouping.assign_due, at=datetime.now(UTC))


def text(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def silence(*matchers: str | dict[str, Any], **more: object) -> dict[str, Any]:
    """A silence's body: `name=value` texts or whole matchers; from now for an hour unless `more` says otherwise."""
    now = datetime.now(UTC)
    listed = [
        {"name": one.partition("=")[0], "value": one.partition("=")[2], "isRegex": False, "isEqual": True}
        if isinstance(one, str)
        else one
        for one in matchers
    ]
    return {
        "matchers": listed, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ada", "comment": "Known.", **more,
    }  # fmt: skip

"""What every alert of a rule has to say: in the message that arrives, and demanded of whoever writes the pack."""

import pytest

from packs import loader
from tests.factories import NINE
from tests.packs.test_routes_delivered import send, sink, stage

__all__ = ["sink", "stage"]
pytestmark = pytest.mark.django_db


@pytest.mark.req("DJ-16")
def test_mister_djs_alert_says_queue_severity_backlog_and_retry_age(stage, sink):
    stage = stage(ALERT_WEBHOOK_URLS=sink.address("json", "ops"))
    stage.backend.queue("sevensa", backlog=137, retry_age_ms=42_000)
    stage.look()
    send(stage)
    (told,) = [one.json for one in sink.received() if one.path == "/json/ops"]
    assert told["data"]["labels"]["queue"] == "sevensa" and told["data"]["severity"] == "warning"
    assert "backlog 137 jobs" in told["text"] and "retry-age 42 s" in told["text"]
    text = loader.read_file(loader.find("mister-dj"))
    start = text.index("queue thresholds exceeded: {{ queue }} {{ level }}")
    wrong = f"{text[:start]}queue thresholds exceeded{text[text.index('says:', start) - 5 :]}"
    with pytest.raises(loader.PackRefused) as refusal:
        loader.load(wrong, name="mister-dj.yaml", at=NINE)
    told = "\n".join(refusal.value.problems)
    for name in ("queue", "level", "backlog", "retry_age_ms"):
        assert f"rules.queue-backlog.message: This message has to say '{name}'" in told

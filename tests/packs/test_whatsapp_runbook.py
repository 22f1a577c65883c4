"""What the production runbook measures beside the alert policy."""

from datetime import timedelta

import pytest

from packs import lint, loader


@pytest.mark.req("RB-23")
@pytest.mark.parametrize(
    ("failures", "locked", "fires"),
    [
        (0, None, False), (2, None, False), (3, None, True), (0, timedelta(minutes=29), False),
        (0, timedelta(minutes=31), True),
    ],
)  # fmt: skip
def test_a_retry_lock_that_is_stuck(watch_whatsapp, load, whatsapp, monkeypatch, failures, locked, fires):
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", whatsapp.job_token)
    load("whatsapp-runbook")
    assert lint.lint_file(loader.find("whatsapp-runbook")) == []
    whatsapp.job(consecutive_failures=failures, locked_ago=locked)
    assert (watch_whatsapp.state("retry-lock-stuck") == "firing") == fires


def test_a_wrong_token_is_not_called_stuck(watch_whatsapp, load, monkeypatch):
    monkeypatch.setenv("CAMPAIGN_RETRY_TOKEN", "wrong")
    load("whatsapp-runbook")
    assert watch_whatsapp.state("retry-lock-stuck") == "error"

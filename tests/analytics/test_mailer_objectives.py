"""The objectives of the Mailer pack, asked of its database, of Loki and of Elasticsearch: each number at its edge."""

from datetime import timedelta

import pytest

from analytics.models import Objective
from targets.elastic import Elastic
from targets.loki import Loki
from tests.factories import NINE
from tests.packs.conftest import Watch, load, pack_of_module
from tests.targets.conftest import mailer, postgres_url, running_mailer

__all__ = ["load", "mailer", "pack_of_module", "postgres_url", "running_mailer"]
PACK = "mailer"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pack_of_module")]
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CLEAN, DELAY, DEPTH = "campaigns_without_errors", "first_send_delay", "queue_depth"
FINISHED = {"level": "INFO", "message": "Campaign finished"}
SENT = {"level": "INFO", "message": "Email sent successfully"}


@pytest.fixture
def sql(db, mailer, monkeypatch):
    """The pack with its database set up alone, and the mailer's clock at nine."""
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    return Watch("mailer", mailer)


@pytest.fixture
def stores(monkeypatch):
    with Loki() as loki, Elastic() as elastic:
        monkeypatch.setenv("LOKI_URL", loki.url)
        monkeypatch.setenv("ELASTICSEARCH_URL", elastic.url)
        yield {"loki": loki.entry, "elk": elastic.document}


def measured(run, key: str) -> Objective:
    run("--pack", "mailer", "--objective", key, "--now", NINE.isoformat())
    return Objective.objects.get(key=key)


@pytest.mark.req("ML-74")
@pytest.mark.parametrize(("bad", "state", "status", "value"), [(5, "met", 0, 95), (6, "missed", 1, 94)])
def test_ninety_five_of_a_hundred_campaigns_are_enough(
    sql, mailer, run_objectives, admin_client, bad, state, status, value
):
    measured(run_objectives, CLEAN)  # nothing has finished: no data, which is neither
    page = admin_client.get(f"/objectives/mailer/{CLEAN}/").content.decode()
    assert Objective.objects.get(key=CLEAN).state == "nodata" and "No data" in page
    mailer.finished(100, with_errors=bad)
    mailer.finished(50, with_errors=50, finished_ago=24 * HOUR + SECOND)  # of the day before
    code, lines = run_objectives("--pack", "mailer", "--objective", CLEAN, "--now", NINE.isoformat())
    row = Objective.objects.get(key=CLEAN)
    assert (code, row.state, row.value, row.total) == (status, state, value, 100)
    assert lines[0].startswith(f"{state.upper()}: mailer/{CLEAN}: {value} of 100 are good")
    page = admin_client.get(f"/objectives/mailer/{CLEAN}/").content.decode()
    assert f"status slo-{state}" in page and f"{value} %" in page and "at least 95 % good" in page
    day = row.days.get()
    assert (day.last, day.nodata, day.met + day.missed) == (state, 1, 1)


@pytest.mark.req("ML-75")
@pytest.mark.parametrize(("delay", "state"), [(299, "met"), (300, "missed"), (301, "missed")])
def test_the_99th_of_a_hundred_campaigns_sends_within_five_minutes(sql, mailer, run_objectives, delay, state):
    mailer.finished(98, first_send_after=timedelta(seconds=20))
    mailer.finished(1, first_send_after=timedelta(seconds=delay))
    mailer.finished(1, first_send_after=2 * HOUR)  # the hundredth may take as long as it likes
    row = measured(run_objectives, DELAY)
    assert (row.state, row.value, row.total) == (state, delay, 100)
    assert row.verdict.startswith(f"The 99th percentile of 100 is {'4m59s' if delay == 299 else '5m'}")


def test_a_campaign_that_still_waits_for_its_first_mail_counts(sql, mailer, run_objectives):
    assert measured(run_objectives, DELAY).state == "nodata"
    mailer.finished(10)
    mailer.stuck(1, started_ago=5 * MINUTE - SECOND)
    assert measured(run_objectives, DELAY).state == "met"
    mailer.stuck(1, started_ago=5 * MINUTE)
    assert measured(run_objectives, DELAY).state == "missed"


@pytest.mark.req("ML-76")
@pytest.mark.parametrize(
    ("depth", "state", "band", "alert"),
    [
        (19, "met", "норма", "inactive"),
        (20, "warning", "предупреждение", "inactive"),
        (49, "warning", "предупреждение", "inactive"),
        (50, "missed", "нарушение", "inactive"),
        (51, "missed", "нарушение", "firing"),
    ],
)
def test_the_bands_of_the_queue_and_its_alert_are_apart(
    sql, mailer, run_objectives, admin_client, depth, state, band, alert
):
    mailer.pending(depth)
    row = measured(run_objectives, DEPTH)
    assert (row.state, row.value) == (state, depth)
    page = admin_client.get("/objectives/?policy=mailer").content.decode()
    assert f"{depth} campaigns <small>{band}</small>" in page
    assert sql.state("mailer_queue_depth_high") == alert


@pytest.mark.req("ML-77")
@pytest.mark.parametrize("way", ["loki", "elk"])
def test_log_events_give_the_same_share_as_sql(load, mailer, stores, run_objectives, monkeypatch, way):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    mailer.hold_clock(NINE)
    mailer.finished(100, with_errors=5)
    by_sql = measured(run_objectives, CLEAN)
    for number in range(100):
        stores[way]({**FINISHED, "failed_count": 0 if number < 95 else 3}, at=NINE, ago=number * MINUTE)
        stores[way]({**SENT, "campaign_id": number, "seconds_since_ready": number}, at=NINE, ago=number * MINUTE)
    stores[way]({**FINISHED, "failed_count": 1}, at=NINE, ago=24 * HOUR + SECOND)
    stores[way]({**SENT, "campaign_id": 98, "seconds_since_ready": 4000}, at=NINE)  # not its first
    load("mailer", variants=[way], at=NINE + SECOND)
    by_logs = measured(run_objectives, CLEAN)
    assert (by_sql.measured_by, by_logs.measured_by) == ("sql", way)
    assert (by_logs.state, by_logs.value, by_logs.total) == (by_sql.state, by_sql.value, by_sql.total)
    assert (by_logs.state, by_logs.value, by_logs.total) == ("met", 95, 100)
    delay = measured(run_objectives, DELAY)
    assert (delay.measured_by, delay.value, delay.total) == (way, 98, 100)
    assert not Objective.objects.get(key=DEPTH).enabled  # only the database knows the queue

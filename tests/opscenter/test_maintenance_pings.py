from datetime import timedelta

import pytest

from opscenter import maintenance
from sources.models import Ping
from tests.factories import NINE, HeartbeatFactory, PingFactory

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.mark.django_db
def test_the_newest_pings_of_each_heartbeat_are_kept(settings):
    settings.KEEP_PINGS, settings.KEEP_PINGS_DAYS = 3, 10
    busy, calm = HeartbeatFactory(ping_count=5), HeartbeatFactory(ping_count=2)
    for age in (0, 1, 1, 1, 2):  # three in the same second: the later ones are newer
        PingFactory(heartbeat=busy, at=NINE - age * SECOND, body=str(age))
    PingFactory(heartbeat=calm, at=NINE - 10 * DAY)
    PingFactory(heartbeat=calm, at=NINE - 10 * DAY - SECOND)
    same = list(busy.pings.filter(body="1").order_by("pk"))
    assert maintenance.prune(at=NINE)["pings"] == 3
    assert list(busy.pings.all()) == [busy.pings.get(body="0"), same[2], same[1]]
    assert calm.pings.get().at == NINE - 10 * DAY
    assert maintenance.prune(at=NINE)["pings"] == 0
    assert Ping.objects.count() == 4

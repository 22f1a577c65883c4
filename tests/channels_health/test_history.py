"""A channel's state and how long each lasted."""

from datetime import timedelta

import pytest

from channels_health.history import record
from channels_health.models import Channel, ChannelStatus
from tests.factories import HOUR, MINUTE, NINE

pytestmark = pytest.mark.django_db


def test_an_outage_has_its_length():
    record("acme", "whatsapp", "CONNECTED", at=NINE)
    record("acme", "whatsapp", "DISCONNECTED", at=NINE + HOUR)
    record("acme", "whatsapp", "CONNECTED", at=NINE + HOUR + 25 * MINUTE)
    outage = ChannelStatus.objects.get(status="DISCONNECTED")
    assert outage.duration == timedelta(minutes=25)
    assert Channel.objects.get().status == "CONNECTED"


def test_the_same_state_again_is_no_change():
    assert record("acme", "whatsapp", "CONNECTED", at=NINE)
    assert record("acme", "whatsapp", "CONNECTED", at=NINE + HOUR) is None
    assert ChannelStatus.objects.count() == 1


def test_a_late_report_does_not_rewrite_the_present():
    record("acme", "whatsapp", "DISCONNECTED", at=NINE + HOUR)
    assert record("acme", "whatsapp", "CONNECTED", at=NINE) is None
    assert Channel.objects.get().status == "DISCONNECTED"


def test_tenants_are_apart():
    record("acme", "whatsapp", "CONNECTED", at=NINE)
    record("globex", "whatsapp", "DISCONNECTED", at=NINE, name="+62 811")
    assert list(Channel.objects.values_list("tenant", "status")) == [("acme", "CONNECTED"), ("globex", "DISCONNECTED")]

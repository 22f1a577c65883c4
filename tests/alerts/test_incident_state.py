from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from alerts.fingerprint import fingerprint
from incidents.models import Status
from tests.factories import NINE, AlertFactory, IncidentFactory, LivenessFactory

pytestmark = pytest.mark.django_db


def state(key):
    out = StringIO()
    call_command("incident_state", "--key", key, stdout=out)
    return out.getvalue()


def test_an_unknown_key_is_none():
    assert state("nothing") == "none 0\n"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.DETECTED, "triggered"), (Status.ACKNOWLEDGED, "acknowledged"), (Status.MITIGATED, "acknowledged"),
        (Status.RESOLVED, "resolved"), (Status.CLOSED, "resolved"), (Status.FALSE_POSITIVE, "resolved"),
        (Status.MERGED, "resolved"),
    ],
)  # fmt: skip
def test_the_newest_incident_of_the_key_tells(status, word):
    IncidentFactory(key="disk", status=Status.CLOSED, detected_at=NINE - timedelta(days=1))
    IncidentFactory(key="disk", status=status, detected_at=NINE)
    IncidentFactory(key="other")
    assert state("disk") == f"{word} 2\n"


def alert(**fields):
    life = {name: fields.pop(name) for name in ("firing", "incident") if name in fields}
    return LivenessFactory(alert=AlertFactory(**fields), **life).alert


def test_an_alert_is_found_by_its_key_its_name_or_its_fingerprint():
    old = IncidentFactory(scope="door:1", key="group", status=Status.CLOSED, detected_at=NINE - timedelta(days=1))
    now = IncidentFactory(scope="door:1", key="group", status=Status.ACKNOWLEDGED)
    IncidentFactory(scope="door:2", key="group")  # of another door
    assert old.scope == now.scope
    alert(key="own-key", name="Named", labels={"a": "b"}, incident=now)
    alert(key="", name="Nameless", labels={"alertname": "Nameless", "x": "y"}, incident=now)
    for key in ("own-key", "Nameless", fingerprint({"a": "b"}), fingerprint({"alertname": "Nameless", "x": "y"})):
        assert state(key) == "acknowledged 2\n"
    assert state("Named") == "none 0\n"  # the key of its own is its name


@pytest.mark.parametrize(("firing", "word"), [(True, "triggered"), (False, "resolved")])
def test_an_alert_that_joined_no_incident_tells_for_itself(firing, word):
    alert(key="quiet", firing=firing)
    assert state("quiet") == f"{word} 0\n"

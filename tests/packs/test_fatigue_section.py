"""The section `fatigue` of a pack: loaded, refused with its place, written back, changed and taken away."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from incidents.models import FatigueLimit
from packs import loader
from tests.factories import NINE

pytestmark = pytest.mark.django_db
HEAD = """pack: {key: shop, name: Shop, version: 1}
severities: [{key: P1, label: P1, rank: 1, page: true}]
contacts: [{name: Ada, methods: [{kind: email, address: ada@example.org}]}, {name: Grace}]
escalations: [{key: everybody, steps: [{contacts: [Ada]}]}]
"""
LIMITS = """fatigue:
  - {key: nights, pages: 3, hours: sleep, then: reroute, to: Grace, tells: [Ada], severities: [P1]}
  - {key: ada, pages: 9, within: 12h, contact: Ada}
"""


def load(text: str, **options) -> loader.Loaded:
    return loader.load(HEAD + text, name="shop.yaml", at=NINE, **options)


def test_limits_are_loaded_written_back_shown_as_a_difference_and_taken_away():
    load(LIMITS)
    nights, ada = FatigueLimit.objects.get(key="nights"), FatigueLimit.objects.get(key="ada")
    assert (nights.pages, nights.within, nights.hours, nights.act) == (3, timedelta(hours=24), "sleep", "reroute")
    assert (nights.to.name, ada.contact.name, ada.within, ada.act) == ("Grace", "Ada", timedelta(hours=12), "warn")
    assert [one.key for one in nights.severities.all()] == ["P1"] and [one.name for one in nights.tells.all()] == [
        "Ada"
    ]
    out = StringIO()
    call_command("dump_pack", "shop", stdout=out)
    again = loader.load(out.getvalue(), name="dumped.yaml", at=NINE)
    assert "\nfatigue:" in out.getvalue() and [str(change) for change in again.changes] == []
    changed = load(LIMITS.replace("pages: 3", "pages: 2"), dry_run=True)
    assert [str(one) for one in changed.changes] == ["changed  fatigue nights: pages: 3 -> 2"]
    assert not load(LIMITS).changes
    assert FatigueLimit.objects.get(key="nights").pages == 3
    assert load("").count("removed") == 2 and not FatigueLimit.objects.exists()


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("{key: nights}", "shop.yaml:6: fatigue.nights: The key 'pages' is needed"),
        ("{key: nights, pages: 0}", "shop.yaml:6: fatigue.nights.pages"),
        ("{key: nights, pages: 3, within: soon}", "shop.yaml:6: fatigue.nights.within"),
        ("{key: nights, pages: 3, hours: lunch}", "shop.yaml:6: fatigue.nights.hours"),
        ("{key: nights, pages: 3, to: Nobody, then: reroute}", "shop.yaml:6: fatigue.nights.to"),
        ("{key: nights, pages: 3, to: Grace}", "A limit that only warns asks nobody else; say `then: reroute`"),
        ("{key: nights, pages: 3, severities: [P9]}", "shop.yaml:6: fatigue.nights.severities"),
    ],
)
def test_a_limit_that_cannot_work_is_refused_with_its_place(limit, told):
    with pytest.raises(loader.PackRefused) as refused:
        load(f"fatigue:\n  - {limit}\n")
    assert told in str(refused.value) and not FatigueLimit.objects.exists()

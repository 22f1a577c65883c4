"""The section shift_review of a pack: what it refuses and where, what a load changes, and what is left when it goes."""

from io import StringIO

import pytest
from django.core.management import call_command

from packs import loader
from shifts.models import ShiftPlan
from tests.factories import NINE, ShiftReviewFactory

PACK = """pack: {key: crm, version: 1, name: CRM}
severities: [{key: bad}]
params:
  ALERTS_ON: {type: bool, default: true}
contacts: [{name: crew, kind: team, methods: [{kind: email, address: crew@example.org}]}]
destinations: [{key: crew, kind: email, address: crew@example.org}]
routes: [{default: true, to: crew}]
connections: [{key: db, kind: sql, url: "sqlite:///crm.sqlite3"}]
schedules: [{key: crm-primary, name: On call}]
rules: []
"""
REVIEW = """shift_review:
  name: Every shift
  schedule: crm-primary
  remind_before: 30m
  manual: [{toggle: ALERTS_ON, text: Look yourself.}]
  metrics:
    - key: rate
      kind: rate
      field: failed
      of: total
      needs_note: missing
      source: {sql: {connection: db, query: "SELECT 1 AS failed, 2 AS total"}}
    - key: offline
      name: Lines that are offline
      kind: count
      by: tenant
      link: channels
      any_of:
        - sql: {connection: db, mode: rows, labels: [tenant], query: "SELECT 'a' AS tenant, 1 AS value"}
        - channels: {state: DOWN}
"""


def load(text, **options):
    return loader.load(text, name="crm.yaml", at=NINE, **options)


@pytest.mark.django_db
def test_a_plan_is_loaded_dumped_changed_and_taken_out():
    assert "shift_review" in {change.section for change in load(PACK + REVIEW, dry_run=True).changes}
    assert not ShiftPlan.objects.exists()
    load(PACK + REVIEW)
    plan = ShiftPlan.objects.get()
    found = [(one.key, one.kind, one.sources.count()) for one in plan.metrics.all()]
    assert found == [("rate", "rate", 1), ("offline", "count", 2)]
    assert load(PACK + REVIEW).changes == []
    out = StringIO()
    call_command("dump_pack", "crm", stdout=out)
    assert "\nshift_review:" in out.getvalue() and loader.load(out.getvalue(), name="dump.yaml", at=NINE).changes == []
    kept = plan.metrics.get(key="rate").pk
    load(PACK + REVIEW.replace("      of: total", "      of: all").replace("AS total", "AS all"))
    assert plan.metrics.get(key="rate").pk == kept and plan.metrics.get(key="rate").of == "all"
    ShiftReviewFactory(plan=plan, over_at=NINE)
    assert load(PACK).count("disabled") == 1
    plan.refresh_from_db()
    assert (plan.enabled, plan.look_at) == (False, None)
    plan.reviews.all().delete()
    load(PACK + REVIEW)
    load(PACK)
    assert not ShiftPlan.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("schedule: crm-primary", "schedule: nights", "crm.yaml:13: shift_review.schedule: There is no schedule"),
        ("toggle: ALERTS_ON", "toggle: OTHER", "shift_review.manual[0].toggle: There is no parameter 'OTHER'"),
        ("      of: total\n", "", "crm.yaml:17: shift_review.metrics.rate: A rate needs `field`"),
        ("link: channels", "link: pages", "crm.yaml:27: shift_review.metrics.offline.link: There is no 'pages' here"),
        ("kind: count", "kind: value", "Only a figure of kind count has `by`, and this is of kind value."),
        ("key: offline", "key: rate", "crm.yaml:23: shift_review.metrics.rate: 'rate' stands there twice"),
        ("{state: DOWN}", "{states: DOWN}", "crm.yaml:30: shift_review.metrics.offline.any_of[1].channels.states"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_place(right, wrong, told):
    assert right in REVIEW
    with pytest.raises(loader.PackRefused) as refused:
        load(PACK + REVIEW.replace(right, wrong))
    assert told in str(refused.value)
    assert not ShiftPlan.objects.exists()

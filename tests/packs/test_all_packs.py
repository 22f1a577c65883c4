"""All five packs in one installation, and a rule of each level of each fired by the levers of the system it watches."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from incidents.models import Incident
from packs.models import LoadedPack
from policies.models import Policy
from sources.models import Connection
from targets.deelrx import DeelRx
from targets.misterdj import MisterDJ
from tests.packs import test_end_to_end_deelrx as deelrx
from tests.packs import test_end_to_end_mailer as mailers
from tests.packs import test_end_to_end_mister_dj as mister_dj
from tests.packs import test_end_to_end_whatsapp as inbox
from tests.packs.stories import Story

COMPLAINT = deelrx.told(
    pulls=[("resend", {"outcome": "complained"})],
    opens={
        "spam-complaint": ("P3", "1 complaint or spam report: future emails to the address are suppressed"),
    },
)
PACKS = ["whatsapp-alert-policy", "whatsapp-runbook", "deelrx-crm", "mailer", "mister-dj"]


@pytest.fixture
def installation(load, whatsapp, mailer, monkeypatch):
    """Every pack and every system it watches; the story of one is begun when the one before is over."""
    with ExitStack() as running:
        crm, backend = running.enter_context(DeelRx()), running.enter_context(MisterDJ())
        said = {
            **mister_dj.LIMITS, **dict(deelrx.SECRETS.values()), "WHATSAPP_DATABASE_URL": whatsapp.monitor_url,
            "WHATSAPP_BASE_URL": whatsapp.url, "CAMPAIGN_RETRY_TOKEN": whatsapp.job_token, "DEELRX_BASE_URL": crm.url,
            "CRM_DATABASE_URL": mailer.monitor_url, "MISTER_DJ_BASE_URL": backend.url, "OTLP_TOKEN": "a token",
        }  # fmt: skip
        for name, value in said.items():
            monkeypatch.setenv(name, value)
        for pack in PACKS:
            load(pack, **({"variants": ["sql"]} if pack == "mailer" else {}))
        Connection.objects.filter(key="database", policy__key="deelrx-crm").update(url=whatsapp.database.url)
        secrets = {kind: secret for kind, (_, secret) in deelrx.SECRETS.items()}

        def inbox_story() -> Story:
            owners = inbox.OWNERS.__getitem__
            return Story("whatsapp-alert-policy", whatsapp, monkeypatch, owners=owners, calm=[("job_run", {})])

        def crm_story() -> Story:
            owners = ["On-Call Engineer"]
            story = Story("deelrx-crm", crm, monkeypatch, owners=lambda level: owners, secrets=secrets)
            crm.doors = story.letters
            return story

        def mailer_story() -> Story:
            return Story("mailer", mailer, monkeypatch, owners=mailers.on_call, step=mailers.HALF_HOUR)

        def backend_story() -> Story:
            owners, tokens = ["Operations Engineer"], {"otlp": "a token", "logs": "a token"}
            story = Story(
                "mister-dj", backend, monkeypatch, owners=lambda level: owners, calm=[("trace", {})], secrets=tokens
            )
            backend.doors = story.letters
            return story

        yield [
            (inbox_story, [*(inbox.CASES[name] for name in ("down", "webhooks", "degraded", "stale")), inbox.LOCK]),
            (crm_story, [*(deelrx.CASES[name] for name in ("no payment", "not ready", "a feature gate")), COMPLAINT]),
            (mailer_story, [mailers.OF_THE_DATABASE[name] for name in ("stuck", "depth")]),
            (backend_story, [mister_dj.CASES[name] for name in ("retry age, critical", "retry age")]),
        ]


@pytest.mark.req("CARD-01")
@pytest.mark.timeout(180)
def test_a_rule_of_each_level_of_each_pack_opens_its_incident(installation):
    library = {path.stem for path in Path("packs/library").glob("*.yaml")} - {"default"}
    assert set(LoadedPack.objects.values_list("key", flat=True)) == library == set(PACKS)
    for begin, cases in installation:
        story = begin()
        story.look()
        for case in cases:
            story.play(case)
    opened = Incident.objects.order_by().values_list("policy__key", "severity__key").distinct()
    for policy in Policy.objects.exclude(severities=None):
        levels = set(policy.severities.values_list("key", flat=True))
        assert {level for key, level in opened if key == policy.key} == levels, policy

"""The monitored systems that the packs' rules ask, and packs loaded as an operator would."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import transaction

from alerts import evaluation, grouping
from alerts.models import AlertRule, Liveness
from incidents.models import Incident
from packs import loader
from policies.models import Policy
from tests.factories import NINE
from tests.targets.conftest import mailer, postgres_url, running_mailer, running_whatsapp, whatsapp

__all__ = ["mailer", "postgres_url", "running_mailer", "running_whatsapp", "whatsapp"]
MINUTE = timedelta(minutes=1)


class Watch:
    """A loaded pack, its rules checked at chosen instants while the monitored system's clock stands there too."""

    def __init__(self, key: str, target) -> None:
        self.policy, self.target = Policy.objects.get(key=key), target
        self.at = NINE
        target.hold_clock(self.at)

    def go_on(self, length: timedelta) -> None:
        self.at += length
        self.target.hold_clock(self.at)

    def check(self, *keys: str, **options) -> evaluation.Report:
        """Check these rules (none: all) now, due or not, and let incidents open."""
        rules = self.policy.rules.filter(key__in=keys) if keys else self.policy.rules.all()
        report = evaluation.check_due(at=self.at, rules=rules, **{"force": True, **options})
        while grouping.assign_due(at=self.at):
            pass
        return report

    def rule(self, key: str) -> AlertRule:
        return self.policy.rules.get(key=key)

    def state(self, key: str) -> str:
        """The rule's state after a check now."""
        self.check(key)
        return self.rule(key).state

    @property
    def firing(self) -> list[str]:
        """The summaries of what fires, as the store has it."""
        lives = Liveness.objects.filter(firing=True).order_by("alert_id").select_related("alert")
        return [life.alert.annotations["summary"] for life in lives]

    @property
    def incidents(self) -> list[tuple[str, str]]:
        """Level and title of the open incidents, oldest first."""
        return [(i.severity.key, i.title) for i in Incident.objects.open().order_by("pk").select_related("severity")]


@pytest.fixture(scope="module")
def pack_of_module(request, django_db_setup, django_db_blocker):
    """The pack that the module names as PACK, loaded once: each of its tests begins as it was then."""
    with django_db_blocker.unblock(), transaction.atomic():
        loader.load_file(loader.find(request.module.PACK), at=NINE)
        yield
        transaction.set_rollback(True)


@pytest.fixture
def load(db):
    """Load a pack by its name in the library, or a text."""

    def load(pack: str, **options) -> loader.Loaded:
        options.setdefault("at", NINE)
        if "\n" in pack:
            return loader.load(pack, name="my.yaml", **options)
        return loader.load_file(loader.find(pack), **options)

    return load


@pytest.fixture
def watch_mailer(load, mailer, monkeypatch):
    monkeypatch.setenv("CRM_DATABASE_URL", mailer.monitor_url)
    if not Policy.objects.filter(key="mailer").exists():
        load("mailer")
    return Watch("mailer", mailer)


@pytest.fixture
def watch_whatsapp(load, whatsapp, monkeypatch):
    monkeypatch.setenv("WHATSAPP_DATABASE_URL", whatsapp.monitor_url)
    monkeypatch.setenv("WHATSAPP_BASE_URL", whatsapp.url)
    if not Policy.objects.filter(key="whatsapp-alert-policy").exists():
        load("whatsapp-alert-policy")
    watch = Watch("whatsapp-alert-policy", whatsapp)
    whatsapp.job()  # healthy at that instant, too
    return watch


@pytest.fixture
def run_checks(capsys):
    """`manage.py run_checks ARGUMENTS`: exit status and the lines it printed."""

    def run(*arguments: str) -> tuple[int, list[str]]:
        status = 0
        try:
            call_command("run_checks", *arguments)
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().out.splitlines()

    return run

"""Rules over other rules for the same tenant, and conditions that hold only in or out of working hours."""

import sqlite3
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from alerts import evaluation
from alerts.models import AlertRule, Liveness
from packs import loader
from packs.loader import PackRefused
from tests.factories import NINE

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAD = """pack: {key: shop, version: 1, timezone: Asia/Jakarta}
severities: [{key: high}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/chat"}]
routes: [{default: true, to: chat}]
params: {SHOP: {type: text}}
"""
HOURS = """calendars:
  - {key: office, timezone: Europe/Amsterdam, holidays: ["2026-11-25"], hours: {mon: [09:00-12:00, 13:00-17:00], wed: [09:00-17:00]}}
"""  # noqa: E501
QUEUE = 'source: {sql: {url: "sqlite:///${SHOP}", query: "SELECT 7"}}'
TENANTS = (
    'source: {{sql: {{url: "sqlite:///${{SHOP}}", query: "SELECT tenant, n FROM {0}", mode: rows, labels: [tenant]}}}}'
)
PARTS = f"""rules:
  - {{key: errors, severity: high, {TENANTS.format("errors")}, group_by: tenant, when: n > 5}}
  - {{key: slow, severity: high, {TENANTS.format("slow")}, group_by: tenant, when: n > 5}}
  - {{key: readiness, severity: high, {QUEUE.replace("SELECT 7", "SELECT count(*) FROM down")}, when: value > 0}}
"""
BOTH = """  - key: both
    severity: high
    source: {rules: {of: [errors, slow]}}
    group_by: tenant
    when: rules.errors.firing && rules.slow.firing
    message: "{{ tenant }}: {{ names }}"
"""


@pytest.fixture
def shop(db, tmp_path, monkeypatch):
    """The shop's database; `shop(errors={"acme": 9})` says what its tables hold."""
    path = tmp_path / "shop.sqlite3"
    monkeypatch.setenv("SHOP", str(path))
    with sqlite3.connect(path) as database:
        for table in ("errors", "slow"):
            database.execute(f"CREATE TABLE {table} (tenant TEXT, n INTEGER)")
        database.execute("CREATE TABLE down (since TEXT)")

    def says(**tables: dict[str, int]) -> None:
        with sqlite3.connect(path) as database:
            for table, rows in tables.items():
                database.execute(f"DELETE FROM {table}")
                database.executemany(f"INSERT INTO {table} VALUES ({'?, ?' if table != 'down' else '?'})",
                                     rows.items() if table != "down" else [[key] for key in rows])  # fmt: skip

    return says


def load(text: str) -> None:
    loader.load(text, name="shop.yaml", at=NINE)


def firing(at: datetime, rule: str = "both") -> list[str]:
    """The keys of the rule's alerts that fire after a check of all that is due at `at`."""
    evaluation.check_due(at=at)
    lives = Liveness.objects.filter(firing=True, alert__rule__key=rule).order_by("alert__key")
    return [life.alert.key for life in lives]


class TestJointKeys:
    def test_both_must_fire_for_the_same_tenant(self, shop):
        load(HEAD + PARTS + BOTH)
        shop(errors={"acme": 9, "globex": 1}, slow={"acme": 1, "globex": 9})
        assert firing(NINE) == []
        assert AlertRule.objects.get(key="both").state == "inactive"
        shop(errors={"acme": 9, "globex": 6}, slow={"acme": 5, "globex": 9})
        assert firing(NINE + MINUTE) == ["both:globex"]
        (life,) = Liveness.objects.filter(firing=True, alert__rule__key="both")
        assert life.alert.annotations["summary"] == "globex: errors, slow"
        shop(slow={"acme": 6, "globex": 5})  # errors fire as before, and so does slow, for another
        assert firing(NINE + 2 * MINUTE) == ["both:acme"]

    def test_it_is_asked_at_once_when_one_of_them_fires_for_another_tenant(self, shop):
        load(HEAD + PARTS + BOTH)
        shop(errors={"acme": 9, "globex": 9}, slow={"acme": 9, "globex": 1})
        firing(NINE)
        AlertRule.objects.filter(key="both").update(every=timedelta(hours=1))
        assert firing(NINE + MINUTE) == ["both:acme"]
        shop(slow={"acme": 9, "globex": 9})
        assert firing(NINE + 2 * MINUTE) == ["both:acme", "both:globex"]

    @pytest.mark.parametrize(
        ("condition", "keys"),
        [
            ("firing >= 1", ["acme", "globex", "initech"]),
            ("firing == of", ["acme"]),
            ("rules.errors.firing && !rules.slow.firing", ["globex"]),
            ("rules.slow.firing || rules.errors.firing", ["acme", "globex", "initech"]),
            ("rules.slow.state == 'inactive'", ["globex"]),
            ("value == 1 && rules.readiness.firing", ["globex", "initech"]),  # it has no tenant: it stands for all
        ],
    )
    def test_and_or_not_and_so_many_of_them(self, shop, condition, keys):
        load(HEAD + PARTS + BOTH.replace("rules.errors.firing && rules.slow.firing", condition))
        shop(errors={"acme": 9, "globex": 9, "initech": 1}, slow={"acme": 9, "globex": 1, "initech": 9}, down={"x": 1})
        assert firing(NINE) == [f"both:{key}" for key in keys]

    @pytest.mark.parametrize(
        ("same", "keys"), [("", ["acme"]), ("    same: tenant\n", ["acme"]), ("    same: []\n", ["acme", "globex"])]
    )
    def test_a_rule_with_figures_of_its_own_is_joined_by_its_groups_unless_it_says_otherwise(self, shop, same, keys):
        own = BOTH.replace("source: {rules: {of: [errors, slow]}}", TENANTS.format("slow"))
        load(
            HEAD
            + PARTS
            + own.replace("rules.errors.firing && rules.slow.firing", "n > 5 && rules.errors.firing")
            + same
        )
        shop(errors={"acme": 9, "globex": 1}, slow={"acme": 9, "globex": 9})
        assert firing(NINE) == [f"both:{key}" for key in keys]

    def test_without_a_group_rules_stand_as_a_whole(self, shop):
        load(HEAD + PARTS + BOTH.replace("    group_by: tenant\n", "").replace("{{ tenant }}: ", ""))
        shop(errors={"acme": 9}, slow={"globex": 9})
        assert firing(NINE) == ["both"]

    @pytest.mark.parametrize(("after", "keys"), [(MINUTE, True), (15 * MINUTE - SECOND, True), (15 * MINUTE, False)])
    def test_what_ended_counts_for_as_long_as_is_said(self, shop, after, keys):
        text = BOTH.replace("[errors, slow]", "[errors, slow], within: 15m").replace(
            "rules.errors.firing && rules.slow.firing", "firing == 2")  # fmt: skip
        load(HEAD + PARTS + text)
        shop(errors={"acme": 9, "globex": 9}, slow={"acme": 1, "globex": 1})
        assert firing(NINE) == []
        ended = NINE + MINUTE
        shop(errors={"acme": 1, "globex": 9})
        assert firing(ended) == []
        shop(slow={"acme": 9, "globex": 1})
        assert firing(ended + after) == (["both:acme"] if keys else [])

    def test_a_pack_with_composites_is_written_back_as_it_was(self, shop, capsys):
        load(HEAD + PARTS + BOTH + "    same: tenant\n")
        call_command("dump_pack", "shop")
        again = loader.load(capsys.readouterr().out, name="again.yaml", at=NINE)
        assert again.changes == []

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            (
                "[errors, slow]",
                "[errors, slwo]",
                "shop.yaml:12: rules.both.source.rules.of[1]: There is no rule 'slwo'",
            ),
            (
                "[errors, slow]",
                "[errors, both]",
                "shop.yaml:12: rules.both.source.rules.of[1]: A rule cannot ask for its",
            ),
            ("[errors, slow]", "errors", "shop.yaml:12: rules.both.source.rules.of: This should be a list of rules"),
            ("{of: [errors, slow]}", "{}", "shop.yaml:12: rules.both.source.rules.of: This key is needed"),
            ("slow]}", "slow], within: soon}", "shop.yaml:12: rules.both.source.rules.within: 'soon' is not a length"),
            (
                "slow]}",
                "slow], connection: x}",
                "shop.yaml:12: rules.both.source.rules.connection: Sources of kind rules",
            ),
            (
                "group_by: tenant",
                "group_by: tenantt",
                "shop.yaml:13: rules.both.group_by: None of the rules it asks for",
            ),
            (
                "group_by: tenant",
                "same: tenant",
                "shop.yaml:13: rules.both.same: This should be names of group_by, and",
            ),
            ("rules.slow.firing", "rules.slwo.firing", "shop.yaml:14: rules.both.when: There is no rule 'slwo'"),
            (
                "when: n > 5}\n  - {key: slow",
                "when: n > 5 && rules.both.firing}\n  - {key: slow",
                "shop.yaml:7: rules.errors.when: These rules ask for each other's state, and neither could be judged:",
            ),
        ],
    )
    def test_a_mistake_is_told_with_its_place(self, shop, old, new, complaint):
        before, found, after = (HEAD + PARTS + BOTH).rpartition(old)
        assert found
        with pytest.raises(PackRefused) as refusal:
            load(before + new + after)
        assert complaint in str(refusal.value)


class TestWorkingHours:
    RULES = f"""rules:
  - {{key: inside, severity: high, {QUEUE}, when: value > 5 && in_hours.office}}
  - {{key: outside, severity: high, {QUEUE}, when: "value > (in_hours['office'] ? 9 : 5)"}}
  - {{key: off, severity: high, {QUEUE}, only_if: in_hours.office, when: value > 5}}
"""

    @pytest.mark.parametrize(
        ("day", "clock", "open"),
        [
            (23, "08:59:59", False),  # a Monday, on the calendar's own clock and not the policy's
            (23, "09:00:00", True),
            (23, "11:59:59", True),
            (23, "12:00:00", False),
            (23, "13:00:00", True),
            (23, "16:59:59", True),
            (23, "17:00:00", False),
            (24, "10:00:00", False),  # no hours on that day
            (25, "10:00:00", False),  # a Wednesday, and a holiday
            (28, "10:00:00", False),
        ],
    )
    def test_a_condition_holds_only_in_or_out_of_the_hours(self, shop, day, clock, open):
        load(HEAD + HOURS + self.RULES)
        at = datetime.fromisoformat(f"2026-11-{day}T{clock}").replace(tzinfo=AMSTERDAM)
        assert firing(at, "inside") == (["inside"] if open else [])
        assert firing(at, "outside") == ([] if open else ["outside"])
        assert firing(at, "off") == (["off"] if open else [])
        off = AlertRule.objects.get(key="off").verdict
        assert off == ("value 7 > 5" if open else "Off: in_hours.office false does not hold.")

    def test_what_fired_in_the_hours_ends_with_them(self, shop):
        load(HEAD + HOURS + self.RULES)
        closing = datetime(2026, 11, 23, 17, tzinfo=AMSTERDAM)
        assert firing(closing - MINUTE, "off") == ["off"]
        assert firing(closing, "off") == firing(closing, "inside") == []

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            (
                "&& in_hours.office",
                "&& in_hours.offices",
                "shop.yaml:9: rules.inside.when: There is no calendar 'offices'",
            ),
            ("&& in_hours.office", "&& in_hours", "shop.yaml:9: rules.inside.when: Name the calendar: in_hours.office"),
            (
                "only_if: in_hours.office",
                "only_if: in_hours.home",
                "shop.yaml:11: rules.off.only_if: There is no calendar",
            ),
        ],
    )
    def test_a_mistake_is_told_with_its_place(self, shop, old, new, complaint):
        with pytest.raises(PackRefused) as refusal:
            load((HEAD + HOURS + self.RULES).replace(old, new, 1))
        assert complaint in str(refusal.value)

    def test_a_rule_made_by_hand_says_that_its_calendar_is_missing(self, shop):
        load(HEAD + HOURS + self.RULES)
        rule = AlertRule.objects.get(key="inside")
        rule.condition = {"when": "value > 5 && in_hours.holiday"}
        rule.save()
        assert firing(NINE, "inside") == ["inside:error"]
        rule.refresh_from_db()
        assert rule.state == "error" and "the policy has no calendar 'holiday'" in rule.verdict

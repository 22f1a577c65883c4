"""Groups, receivers and status: our routes and groups as Alertmanager's users know them."""

from datetime import UTC, datetime

import yaml

from alerts.models import AlertRule
from incidents.models import Incident
from sources.models import Integration
from tests.factories import (
    AlertFactory,
    AlertRuleFactory,
    DestinationFactory,
    LivenessFactory,
    ParameterFactory,
    PolicyFactory,
    RouteFactory,
    SeverityFactory,
)


def groups(am, *filters, **query):
    """(labels, receiver, names of the alerts) of each group."""
    return [
        (one["labels"], one["receiver"]["name"], [alert["labels"]["host"] for alert in one["alerts"]])
        for one in am.get("alerts/groups", *filters, **query).json()
    ]


class TestGroups:
    def test_one_for_each_route_and_group(self, am):
        am.fire(
            {"alertname": "Slow", "host": "1", "severity": "warning"},
            {"alertname": "Down", "host": "1", "severity": "critical"},
            {"alertname": "Down", "host": "2", "severity": "critical", "team": "shop"},
        )  # fmt: skip
        found = groups(am)
        assert [(labels, receiver, sorted(hosts)) for labels, receiver, hosts in found] == [
            ({"alertname": "Down"}, "chat:ops", ["1", "2"]),
            ({"alertname": "Down"}, "chat:shop", ["2"]),
            ({"alertname": "Slow"}, "mail:all", ["1"]),
        ]

    def test_an_alert_names_all_its_receivers_in_each_of_its_groups(self, am):
        am.fire({"alertname": "Down", "host": "2", "severity": "critical", "team": "cart"})
        shown = am.get("alerts/groups").json()
        assert [one["receiver"]["name"] for one in shown] == ["chat:ops", "chat:shop"]
        for one in shown:
            assert [to["name"] for to in one["alerts"][0]["receivers"]] == ["chat:ops", "chat:shop"]

    def test_by_the_labels_the_door_groups_by(self, am):
        am.fire({"alertname": "A", "cluster": "eu", "host": "1"}, {"alertname": "B", "cluster": "eu", "host": "2"},
                {"alertname": "A", "host": "3"})  # fmt: skip
        Integration.objects.update(group_by=["cluster"])
        found = groups(am)
        assert [(labels, sorted(hosts)) for labels, _, hosts in found] == [({}, ["3"]), ({"cluster": "eu"}, ["1", "2"])]

    def test_as_many_groups_as_incidents(self, am):
        am.fire(*({"alertname": name, "host": host} for name in "ABC" for host in "12"))
        am.sweep()
        assert len(groups(am)) == Incident.objects.count() == 3

    def test_only_groups_with_an_alert_that_passes(self, am):
        am.fire({"alertname": "A", "host": "1"}, {"alertname": "A", "host": "2"}, {"alertname": "B", "host": "3"})
        am.silence("host=3")
        assert groups(am, "host=1") == [({"alertname": "A"}, "mail:all", ["1"])]
        assert [labels for labels, _, _ in groups(am, silenced="false")] == [{"alertname": "A"}]
        assert [labels for labels, _, _ in groups(am, active="false")] == [{"alertname": "B"}]

    def test_receiver_chooses_groups(self, am):
        am.fire({"alertname": "A", "host": "1", "severity": "critical", "team": "shop"})
        assert [receiver for _, receiver, _ in groups(am, receiver="chat:s.*")] == ["chat:shop"]
        assert groups(am, receiver="shop") == []

    def test_a_rule_groups_by_its_own_labels(self, am, policy):
        rule = AlertRuleFactory(
            severity=policy.severities.get(key="warning"), key="lag",
            condition={"when": "value > 1", "group_by": ["tenant"]},
        )  # fmt: skip
        for tenant in ("a", "b"):
            labels = {"alertname": "lag", "tenant": tenant, "host": tenant}
            alert = AlertFactory(integration=None, rule=rule, key=f"lag:{tenant}", name="lag", labels=labels)
            LivenessFactory(alert=alert, severity_key="warning", starts_at=datetime.now(UTC))
        assert [labels for labels, _, _ in groups(am)] == [
            {"alertname": "lag", "tenant": "a"}, {"alertname": "lag", "tenant": "b"},
        ]  # fmt: skip
        assert AlertRule.objects.count() == 1

    def test_a_switch_that_is_off_mutes_its_route(self, am, policy):
        ParameterFactory(policy=policy, key="MAIL", type="bool", default="false")
        policy.routes.filter(default=True).update(toggle="MAIL")
        am.fire({"alertname": "A", "host": "1"})
        [group] = am.get("alerts/groups").json()
        assert group["alerts"][0]["status"]["mutedBy"] == ["MAIL"]
        assert group["alerts"][0]["status"]["state"] == "suppressed"
        assert groups(am, muted="false") == []


class TestRoutes:
    def test_what_no_route_takes_is_opscenters(self, am, policy):
        policy.routes.filter(default=True).delete()
        am.fire({"alertname": "A", "host": "1"})
        assert am.alerts()[0]["receivers"] == [{"name": "opscenter"}]
        assert [receiver for _, receiver, _ in groups(am)] == ["opscenter"]

    def test_receivers_are_the_destinations_of_the_routes(self, am, policy):
        RouteFactory(
            policy=policy, match={"severity": "warning"}, default=False, position=9,
            destinations=[DestinationFactory(policy=policy, key="z"), DestinationFactory(policy=policy, key="a")],
        )  # fmt: skip
        names = [one["name"] for one in am.get("receivers").json()]
        assert names == ["opscenter", "a + z", "chat:ops", "chat:shop", "mail:all"]

    def test_a_doors_policy_counts(self, am):
        other = PolicyFactory(key="mailer")
        SeverityFactory(policy=other, key="P1", rank=0)
        RouteFactory(policy=other, destinations=[DestinationFactory(policy=other, key="mailers")])
        am.fire({"alertname": "A", "host": "1"})
        Integration.objects.update(policy=other)
        assert am.alerts()[0]["receivers"] == [{"name": "mailers"}]

    def test_an_unknown_level_is_the_least_urgent(self, am, policy):
        RouteFactory(
            policy=policy, match={"severity": ["warning"]}, default=False, position=0,
            destinations=[DestinationFactory(policy=policy, key="minor")],
        )  # fmt: skip
        am.fire({"alertname": "A", "severity": "catastrophic"})
        assert am.alerts()[0]["receivers"] == [{"name": "minor"}]


class TestStatus:
    def test_in_full(self, am):
        found = am.get("status").json()
        assert found["cluster"] == {"peers": [], "status": "disabled"}
        assert sorted(found["versionInfo"]) == ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"]
        assert all(isinstance(text, str) for text in found["versionInfo"].values())
        assert datetime.fromisoformat(found["uptime"]) <= datetime.now(UTC)

    def test_the_configuration_is_made_from_the_routes(self, am, policy):
        other = PolicyFactory(key="mailer")
        secret = DestinationFactory(policy=other, key="mailers", address="https://hooks.example.org/s3cret")
        RouteFactory(policy=other, destinations=[secret])
        text = am.get("status").json()["config"]["original"]
        assert "s3cret" not in text and "hooks.example.org" not in text
        config = yaml.safe_load(text)
        assert config["route"]["receiver"] == "opscenter" and config["route"]["group_by"] == ["alertname"]
        mailer, usual = config["route"]["routes"]
        assert (mailer["receiver"], mailer["matchers"]) == ("mailers", ['policy="mailer"'])
        assert usual["receiver"] == "mail:all"
        assert usual["routes"] == [
            {"receiver": "chat:ops", "matchers": ['severity="critical"'], "continue": True},
            {"receiver": "chat:shop", "matchers": ['team=~"shop|cart"']},
        ]
        assert [one["name"] for one in config["receivers"]] == [
            "opscenter",
            "chat:ops",
            "chat:shop",
            "mail:all",
            "mailers",
        ]

    def test_without_any_policy(self, am, policy):
        policy.delete()
        assert yaml.safe_load(am.get("status").json()["config"]["original"])["route"]["receiver"] == "opscenter"
        assert am.alerts() == []

    def test_odd_names_stay_what_they_are(self, am, policy):
        odd = 'team "a"\n# it\'s: [odd]'
        RouteFactory(
            policy=policy, match={"labels": {"a.b": odd}}, default=False, position=5,
            destinations=[DestinationFactory(policy=policy, key=odd)],
        )  # fmt: skip
        config = yaml.safe_load(am.get("status").json()["config"]["original"])
        assert odd in [one["name"] for one in config["receivers"]]

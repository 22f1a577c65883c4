"""Who is told: routes in order, muted ones, and the addresses behind destinations."""

import pytest

from notifications import routing
from notifications.models import Destination, Route
from tests.factories import ParameterFactory, PolicyFactory, SeverityFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy():
    return PolicyFactory(key="checkout")


@pytest.fixture
def place(policy):
    """`place(key, …)`: a destination of the policy."""

    def place(key: str, **values) -> Destination:
        usual = {"policy": policy, "kind": "slack", "address": f"https://hooks.test/{key}"}
        return Destination.objects.create(key=key, **{**usual, **values})

    return place


@pytest.fixture
def route(policy, place):
    """`route(key or destination, …)`: a route of the policy, behind those before it."""

    def route(*to, **values) -> Route:
        row = Route.objects.create(**{"policy": policy, "position": Route.objects.count(), **values})
        row.destinations.set([place(one) if isinstance(one, str) else one for one in to])
        return row

    return route


def told(policy, severity="P1", kind=None, **labels) -> list[str]:
    choices = routing.destinations(policy, severity=severity, labels=labels, kind=kind)
    return [choice.destination.key for choice in choices if not choice.muted_by]


def test_the_first_match_ends_the_search(policy, route):
    route("war-room", match={"severity": ["P0"]})
    route("team", match={"severity": ["P0", "P1"]})
    route("everything")
    assert told(policy, "P0") == ["war-room"]
    assert told(policy, "P1") == ["team"]
    assert told(policy, "P2") == ["everything"]


def test_a_route_may_carry_on(policy, route):
    route("war-room", match={"severity": ["critical"]}, carry_on=True)
    route("queues")
    assert told(policy, "critical") == ["war-room", "queues"]
    assert told(policy, "warning") == ["queues"]


def test_a_default_takes_only_what_nothing_else_took(policy, route):
    route("default", default=True)
    route("retries", match={"labels": {"event": "retry"}}, carry_on=True)
    assert told(policy, event="retry") == ["retries"]
    assert told(policy, event="channel") == ["default"]


def test_nothing_matches_and_there_is_no_default(policy, route):
    route("war-room", match={"severity": ["P0"]})
    assert told(policy, "P3") == []


@pytest.mark.parametrize(
    "match, takes",
    [
        ({}, True),
        ({"severity": "p1"}, True),
        ({"severity": ["P0", "P1"]}, True),
        ({"severity": ["P0"]}, False),
        ({"severity": []}, False),
        ({"kind": "alert"}, True),
        ({"kind": ["update", "alert"]}, True),
        ({"kind": "update"}, False),
        ({"labels": {"event": "retry"}}, True),
        ({"labels": {"event": ["retry", "send"]}}, True),
        ({"labels": {"event": "Retry"}}, False),
        ({"labels": {"event": "retry", "tenant": "acme"}}, False),
        ({"labels": {"tenant": ""}}, True),
        ({"severity": "P1", "labels": {"event": "send"}}, False),
        ({"severities": ["P1"]}, False),  # misspelt: it takes nothing rather than everything
    ],
)
def test_a_match_holds_in_all_its_parts(match, takes):
    assert routing.matches(match, "P1", {"event": "retry"}, "alert") is takes


def test_a_level_may_be_given_as_its_row(policy, route):
    route("team", match={"severity": ["P1"]})
    assert told(policy, SeverityFactory(policy=policy, key="P1")) == ["team"]


def test_routes_of_all_policies_come_last(policy, route, place):
    route(place("global", policy=None), policy=None, position=0)
    route("own", match={"severity": ["P0"]}, position=5)
    assert told(policy, "P0") == ["own"]
    assert told(policy, "P1") == ["global"]
    assert told(None, "P1") == ["global"]
    assert told(PolicyFactory(), "P0") == ["global"]


@pytest.mark.parametrize("value, muted", [("false", True), ("true", False), ("perhaps", False)])
def test_a_toggle_that_is_off_mutes_its_route_and_says_so(policy, route, value, muted):
    ParameterFactory(policy=policy, key="ALERT_ON_FAILURE", type="bool", default="true", stored=value)
    route("retries", toggle="ALERT_ON_FAILURE")
    route("everything")
    (choice,) = routing.destinations(policy, severity="P1", labels={})
    assert choice.destination.key == "retries"
    assert choice.muted_by == ("the switch ALERT_ON_FAILURE, which is off (stored)" if muted else "")


def test_the_environment_wins_over_a_stored_toggle(policy, route, monkeypatch):
    ParameterFactory(policy=policy, key="ALERT_ON_FAILURE", type="bool", default="true", stored="true")
    route("retries", toggle="ALERT_ON_FAILURE")
    monkeypatch.setenv("ALERT_ON_FAILURE", "false")
    (choice,) = routing.destinations(policy, severity="P1", labels={})
    assert choice.muted_by == "the switch ALERT_ON_FAILURE, which is off (environment)"


def test_an_open_way_wins_over_a_muted_one(policy, route, place):
    team = place("team")
    ParameterFactory(policy=policy, key="ON", type="bool", default="false")
    route(team, toggle="ON", carry_on=True)
    route(team)
    assert told(policy) == ["team"]


def test_a_destination_that_is_off_gives_way_to_its_fallback(policy, route, place):
    mail = place("mail", kind="email", address="team@example.org")
    off = place("off", enabled=False, fallback=mail)
    route(place("team", enabled=False, fallback=off))
    (choice,) = routing.destinations(policy, severity="P1", labels={})
    assert (choice.destination.key, choice.address) == ("mail", "team@example.org")


def test_a_destination_that_is_off_for_good_says_so(policy, route, place):
    one = place("one", enabled=False)
    other = place("other", enabled=False, fallback=one)
    one.fallback = other
    one.save()
    route(one)
    (choice,) = routing.destinations(policy, severity="P1", labels={})
    assert choice.muted_by == "its own switch: one is disabled and has no fallback"


def test_an_address_is_filled_from_the_policys_parameters(policy, route, place):
    ParameterFactory(policy=policy, key="TEAM_URL", type="secret", default="", stored="https://hooks.test/T/B")
    ParameterFactory(policy=policy, key="KEY", type="secret", default="", stored="s3cret")
    ParameterFactory(policy=policy, key="BROKEN", type="int", default="many")  # of no concern here
    route(place("team", address="${TEAM_URL}/x", secret="${KEY}"))
    (choice,) = routing.destinations(policy, severity="P1", labels={})
    assert choice.target == {
        "kind": "slack",
        "address": "https://hooks.test/T/B/x",
        "secret": "s3cret",
        "destination": choice.destination,
        "to": "team",
    }


def test_a_parameter_may_hold_several_addresses(policy, route, place):
    urls = "https://a.test/1, https://b.test/2?x=1,2 ,https://c.test/3,"
    ParameterFactory(policy=policy, key="URLS", type="text", default=urls)
    ParameterFactory(policy=policy, key="MAILS", type="text", default="ada@example.org,grace@example.org")
    route(place("hooks", address="${URLS}"), place("mails", kind="email", address="${MAILS}"))
    choices = routing.destinations(policy, severity="P1", labels={})
    assert [choice.address for choice in choices] == [
        "https://a.test/1",
        "https://b.test/2?x=1,2",
        "https://c.test/3",
        "ada@example.org",
        "grace@example.org",
    ]
    assert len({choice.key for choice in choices}) == 5


@pytest.mark.parametrize("declared", [False, True])
def test_an_address_without_a_value_stays_as_written(policy, place, declared):
    if declared:
        ParameterFactory(policy=policy, key="TEAM_URL", type="secret", default="")
    team = place("team", address="${TEAM_URL}")
    assert routing.addresses_of(team) == ["${TEAM_URL}"]


def test_no_environment_variable_is_read_that_is_no_parameter(policy, place, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    assert routing.address_of(place("team", address="https://x.test/${SECRET_KEY}")) == "https://x.test/${SECRET_KEY}"


def test_a_place_of_all_policies_is_filled_by_the_policy_that_tells_it(policy, place):
    ParameterFactory(policy=policy, key="TEAM_URL", type="secret", default="https://hooks.test/x")
    everybody = place("everybody", policy=None, address="${TEAM_URL}")
    assert routing.address_of(everybody, policy) == "https://hooks.test/x"


def test_the_queries_do_not_grow_with_the_routes(policy, route, place, django_assert_max_num_queries):
    for number in range(10):
        route(place(f"place-{number}"), carry_on=True)
    with django_assert_max_num_queries(3):
        assert len(told(policy)) == 10

"""Silences over HTTP: made, changed, ended, listed; what they do to what fires."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from alerts import silencing
from alerts.models import Liveness, Silence
from incidents import escalation
from incidents.models import Incident, Page
from opscenter import clock
from tests.alerts.alertmanager.client import ZERO, silence
from tests.factories import EscalationPolicyFactory, EscalationStepFactory

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def ahead(**length):
    return (datetime.now(UTC) + timedelta(**length)).isoformat()


def read(am, id):
    return am.get(f"silence/{id}").json()


def instant(text):
    return datetime.fromisoformat(text)


def matcher(name="a", value="b", **more):
    return {"name": name, "value": value, "isRegex": False, **more}


class TestMaking:
    def test_a_silence_in_full(self, am):
        wanted = silence(
            matcher("team", "shop|cart", isRegex=True), matcher("a.b", "ü", isEqual=False),
            endsAt="2099-01-02T03:04:05.678901+07:00", annotations={"ticket": "OPS-1"},
        )  # fmt: skip
        answer = am.post("silences", wanted)
        id = answer.json()["silenceID"]
        assert answer.status_code == 200 and uuid.UUID(id).version == 4
        found = read(am, id)
        assert found["matchers"] == [
            {"name": "team", "value": "shop|cart", "isRegex": True, "isEqual": True},
            {"name": "a.b", "value": "ü", "isRegex": False, "isEqual": False},
        ]
        assert (found["id"], found["status"], found["createdBy"], found["comment"], found["annotations"]) == (
            id, {"state": "active"}, "ada", "Known.", {"ticket": "OPS-1"},
        )  # fmt: skip
        assert found["endsAt"] == "2099-01-01T20:04:05.678Z" and found["updatedAt"].endswith("Z")

    @pytest.mark.parametrize("start", ["2020-01-01T00:00:00Z", ZERO])
    def test_a_start_that_has_passed_becomes_now(self, am, start):
        found = read(am, am.silence("a=b", startsAt=start))
        assert abs(instant(found["startsAt"]) - datetime.now(UTC)) < 5 * SECOND

    def test_a_start_ahead_is_kept(self, am):
        found = read(am, am.silence("a=b", startsAt="2090-01-01T00:00:00Z", endsAt="2090-01-02T00:00:00Z"))
        assert (found["startsAt"], found["status"]["state"]) == ("2090-01-01T00:00:00.000Z", "pending")

    def test_maker_and_comment_may_be_empty(self, am):
        assert am.silence("a=b", createdBy="", comment="")

    @pytest.mark.parametrize("missing", ["matchers", "startsAt", "endsAt", "createdBy", "comment"])
    def test_none_may_be_missing(self, am, missing):
        body = silence("a=b")
        for without in ({key: value for key, value in body.items() if key != missing}, {**body, missing: None}):
            answer = am.post("silences", without)
            assert answer.status_code == 422
            assert answer.json() == {"code": 602, "message": f"{missing} in body is required"}

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ("", 422, 602), ("null", 422, 602), ("{}", 422, 602), ("{", 400, 400), ("[]", 400, 400), ("7", 400, 400),
            (silence(), 422, 612),
            (silence({"name": "a", "value": "b"}), 422, 602),
            (silence({"value": "b", "isRegex": False}), 422, 602),
            (silence({"name": "a", "isRegex": False}), 422, 602),
            (silence(matcher(isRegex="yes")), 400, 400),
            (silence(matcher(isEqual=1)), 400, 400),
            (silence(matcher(value=7)), 400, 400),
            (silence("a=b", startsAt="yesterday"), 400, 400),
            (silence("a=b", endsAt=7), 400, 400),
            (silence("a=b", comment=7), 400, 400),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_the_schema(self, am, body, status, code):
        answer = am.post("silences", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code) and answer.json()["message"]
        assert not Silence.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [
            silence("a=b", startsAt="2090-01-01T00:00:00Z", endsAt="2090-01-01T00:00:00Z"),
            silence("a=b", startsAt="2090-01-02T00:00:00Z", endsAt="2090-01-01T00:00:00Z"),
            silence("a=b", startsAt="2020-01-01T00:00:00Z", endsAt="2020-01-02T00:00:00Z"),
            silence("a=b", endsAt=ZERO),
            silence(matcher("a", "(", isRegex=True)),
            silence(matcher("a", "(?=x)", isRegex=True)),
            silence(matcher("", "b")),
            silence("a="),
            silence(matcher("a", ".*", isRegex=True)),
            silence("a=", matcher("b", "x?", isRegex=True)),
        ],
    )
    def test_what_makes_no_sense_is_400_with_a_bare_text(self, am, body):
        answer = am.post("silences", body)
        assert answer.status_code == 400 and isinstance(answer.json(), str)
        assert not Silence.objects.exists()

    def test_one_that_only_excludes_is_meant(self, am):
        assert am.silence(matcher("a", "b", isEqual=False))

    @pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded"])
    def test_json_only(self, am, type):
        answer = am.post("silences", "{}", type)
        assert (answer.status_code, answer.json()["code"]) == (415, 415)


class TestChanging:
    def again(self, am, id, **changes):
        """As amtool does it: read, change, post back with what was read. Returns the id that stands."""
        answer = am.post("silences", {**read(am, id), **changes})
        assert answer.status_code == 200, answer.content
        return answer.json()["silenceID"]

    def test_an_unknown_id_is_404_so_that_an_import_makes_it_anew(self, am):
        for id in (UNKNOWN, "not-a-uuid"):
            answer = am.post("silences", {**silence("a=b"), "id": id})
            assert (answer.status_code, answer.json()) == (404, "silence not found")
        assert not Silence.objects.exists()

    def test_end_and_comment_of_an_active_one_change_in_place(self, am):
        id = am.silence("a=b")
        before = read(am, id)
        assert self.again(am, id, endsAt="2099-01-01T00:00:00Z", comment="Longer.", createdBy="grace") == id
        after = read(am, id)
        assert (after["endsAt"], after["comment"], after["createdBy"]) == (
            "2099-01-01T00:00:00.000Z",
            "Longer.",
            "grace",
        )
        assert after["startsAt"] == before["startsAt"] and after["updatedAt"] > before["updatedAt"]
        assert Silence.objects.count() == 1

    def test_starts_are_compared_by_whole_seconds(self, am):
        id = am.silence("a=b")
        whole = instant(read(am, id)["startsAt"]).replace(microsecond=0)
        assert self.again(am, id, startsAt=whole.isoformat()) == id
        assert self.again(am, id, startsAt=(whole - SECOND).isoformat()) != id

    @pytest.mark.parametrize(
        "matchers",
        [
            [matcher("b", "y"), matcher("a", "x")],
            [matcher("a", "x")],
            [matcher("a", "x"), matcher("b", "z")],
            [matcher("a", "x"), matcher("b", "y", isRegex=True)],
            [matcher("a", "x"), matcher("b", "y", isEqual=False)],
        ],
    )
    def test_other_matchers_or_another_order_make_another_one(self, am, matchers):
        id = am.silence("a=x", "b=y")
        new = self.again(am, id, matchers=matchers)
        assert new != id
        assert read(am, id)["status"]["state"] == "expired" and read(am, id)["comment"] == "Known."
        assert read(am, new)["status"]["state"] == "active"

    def test_a_pending_one_may_start_at_another_time_ahead(self, am):
        id = am.silence("a=b", startsAt=ahead(hours=1), endsAt=ahead(hours=2))
        assert self.again(am, id, startsAt="2090-01-01T00:00:00Z", endsAt="2090-01-02T00:00:00Z") == id
        assert read(am, id)["startsAt"] == "2090-01-01T00:00:00.000Z"

    def test_a_pending_one_that_is_to_start_at_once_becomes_another(self, am):
        id = am.silence("a=b", startsAt=ahead(hours=1), endsAt=ahead(hours=2))
        new = self.again(am, id, startsAt=ahead(seconds=-1))
        assert new != id and read(am, id)["status"]["state"] == "expired"
        assert read(am, new)["status"]["state"] == "active"

    def test_an_expired_one_never_changes(self, am):
        id = am.silence("a=b")
        am.delete(f"silence/{id}")
        before = read(am, id)
        new = self.again(am, id, endsAt="2099-01-01T00:00:00Z")
        assert new != id and read(am, id) == before

    def test_an_end_in_the_past_is_refused_and_changes_nothing(self, am):
        id = am.silence("a=b")
        before = read(am, id)
        answer = am.post("silences", {**before, "endsAt": "2020-01-01T00:00:00Z"})
        assert answer.status_code == 400 and read(am, id) == before


class TestEnding:
    def test_delete_ends_it_and_it_stays_to_be_read(self, am):
        id = am.silence("a=b")
        answer = am.delete(f"silence/{id}")
        assert (answer.status_code, answer.content) == (200, b"")
        found = read(am, id)
        assert found["status"]["state"] == "expired"
        assert abs(instant(found["endsAt"]) - datetime.now(UTC)) < 5 * SECOND
        assert [one["id"] for one in am.silences()] == [id]

    def test_twice_is_as_once(self, am):
        id = am.silence("a=b")
        am.delete(f"silence/{id}")
        before = read(am, id)
        assert am.delete(f"silence/{id}/").status_code == 200 and read(am, id) == before

    def test_a_pending_one_starts_and_ends_now(self, am):
        id = am.silence("a=b", startsAt=ahead(hours=1), endsAt=ahead(hours=2))
        am.delete(f"silence/{id}")
        found = read(am, id)
        assert found["startsAt"] == found["endsAt"] == found["updatedAt"] and found["status"]["state"] == "expired"

    @pytest.mark.parametrize("method", ["get", "delete"])
    def test_unknown_and_no_id_at_all(self, am, method):
        answer = getattr(am, method)(f"silence/{UNKNOWN}")
        assert (answer.status_code, answer.content) == (404, b"")
        answer = getattr(am, method)("silence/seven")
        assert (answer.status_code, answer.json()["code"]) == (422, 601)

    @pytest.mark.parametrize(("hours", "listed"), [(119, True), (121, False)])
    def test_the_list_keeps_it_for_120_hours_and_its_id_for_good(self, am, hours, listed):
        id = am.silence("a=b")
        ended = datetime.now(UTC) - timedelta(hours=hours)
        Silence.objects.update(starts_at=ended - HOUR, ends_at=ended)
        assert bool(am.silences()) == listed and read(am, id)["id"] == id


class TestTheList:
    @pytest.fixture
    def six(self, am):
        """By name: two active, two pending, two expired."""
        ids = {
            "active late": am.silence("a=1", endsAt=ahead(hours=5)),
            "active soon": am.silence("a=2", "b=x", endsAt=ahead(hours=1)),
            "pending late": am.silence("a=3", startsAt=ahead(hours=9), endsAt=ahead(hours=10)),
            "pending soon": am.silence("a=4", startsAt=ahead(hours=8), endsAt=ahead(hours=20)),
            "expired first": am.silence("a=5"),
            "expired last": am.silence(matcher("a", "6|7", isRegex=True)),
        }
        am.delete(f"silence/{ids['expired first']}")
        am.delete(f"silence/{ids['expired last']}")
        return {id: name for name, id in ids.items()}

    def test_active_by_end_pending_by_start_expired_newest_first(self, am, six):
        assert [six[one["id"]] for one in am.silences()] == [
            "active soon", "active late", "pending soon", "pending late", "expired last", "expired first",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            (["a=1"], ["active late"]),
            (["a=2", "b=x"], ["active soon"]),
            (["a=2", "b=y"], []),
            (['a=~"6|7"'], ["expired last"]),
            (["a=6"], []),
            (["a=~.*"], []),
            (["a!=1"], []),
        ],
    )
    def test_filters_are_compared_and_not_evaluated(self, am, six, filters, names):
        assert [six[one["id"]] for one in am.silences(*filters)] == names

    @pytest.mark.parametrize("state", ["active", "pending", "expired"])
    def test_each_flag_removes_a_state(self, am, six, state):
        left = {one["status"]["state"] for one in am.silences(**{state: "false"})}
        assert left == {"active", "pending", "expired"} - {state}


class TestWhatTheyDo:
    @pytest.fixture
    def paging(self, am, policy, ada):
        plan = EscalationPolicyFactory(policy=policy)
        EscalationStepFactory(policy=plan, contacts=[ada])
        am.labels = {"alertname": "Down", "severity": "critical"}
        return am

    def climb(self, at=None):
        clock.exhaust(escalation.climb_due, at=at or datetime.now(UTC))

    def paged(self):
        return Page.objects.count()

    def test_what_fires_is_hidden_before_it_pages(self, paging):
        paging.fire(paging.labels)
        paging.silence("alertname=Down")
        paging.sweep()
        assert not Incident.objects.exists()
        assert Liveness.objects.get().reason == "silenced by ada: Known."

    def test_an_open_incident_asks_nobody_any_more(self, paging):
        paging.fire(paging.labels)
        paging.sweep()
        paging.silence("alertname=Down")
        self.climb()
        assert self.paged() == 0
        incident = Incident.objects.get()
        assert incident.status == "detected" and incident.timeline.filter(kind="silenced").count() == 1
        assert "silenced by ada" in incident.escalations.get().ended_because

    def test_an_incident_in_which_something_else_acts_goes_on(self, paging):
        paging.fire({**paging.labels, "host": "1"}, {**paging.labels, "host": "2"})
        paging.sweep()
        paging.silence("host=1")
        self.climb()
        assert self.paged() == 1

    def test_ended_early_what_still_fires_acts_at_once(self, paging):
        paging.fire(paging.labels)
        paging.sweep()
        id = paging.silence("alertname=Down")
        paging.delete(f"silence/{id}")
        paging.sweep()
        self.climb()
        assert self.paged() == 1 and Incident.objects.count() == 1
        assert Liveness.objects.get().verdict == "joined"

    def test_what_joins_a_hushed_incident_asks_again(self, paging):
        paging.fire({**paging.labels, "host": "1"})
        paging.sweep()
        paging.silence("host=1")
        self.climb()
        paging.fire({**paging.labels, "host": "2"})
        paging.sweep()
        self.climb()
        assert self.paged() == 1 and Incident.objects.count() == 1

    def test_a_longer_end_keeps_it_hidden_and_a_shorter_one_lets_go_then(self, paging):
        paging.fire(paging.labels, endsAt=ahead(hours=9))
        id = paging.silence("alertname=Down")
        paging.sweep()
        paging.post("silences", {**read(paging, id), "endsAt": ahead(hours=3)})
        paging.sweep()
        assert Liveness.objects.get().assign_at == Silence.objects.get().ends_at

    def test_a_pending_one_takes_hold_when_it_begins(self, paging):
        paging.fire(paging.labels, endsAt=ahead(hours=9))
        paging.sweep()
        paging.silence("alertname=Down", startsAt=ahead(hours=1), endsAt=ahead(hours=2))
        silencing.hold_due(at=datetime.now(UTC))
        assert Liveness.objects.get().verdict == "joined"
        begins = Silence.objects.get().starts_at
        assert silencing.hold_due(at=begins) == 1 and silencing.hold_due(at=begins) == 0
        assert Liveness.objects.get().verdict == "suppressed"
        self.climb(begins)
        assert self.paged() == 0

    def test_it_is_shown_in_the_admin_and_on_the_alerts_page(self, paging, admin_client):
        paging.fire(paging.labels)
        paging.silence("alertname=Down", comment="Disk is being changed.")
        paging.sweep()
        for page in ("/admin/alerts/silence/", "/alerts/?show=suppressed"):
            assert "Disk is being changed." in admin_client.get(page).content.decode()

    def test_one_made_in_the_admin_is_read_by_clients(self, am, admin_client):
        now = datetime.now(UTC)
        form = {
            "matchers": "alertname=~Do.*", "comment": "By hand.", "created_by": "grace", "policy": "",
            "starts_at_0": f"{now:%Y-%m-%d}", "starts_at_1": f"{now:%H:%M:%S}",
            "ends_at_0": "2099-01-01", "ends_at_1": "00:00",
        }  # fmt: skip
        admin_client.post("/admin/alerts/silence/add/", form)
        am.fire({"alertname": "Down"})
        [found] = am.silences()
        assert (found["comment"], found["createdBy"], found["matchers"][0]["value"]) == ("By hand.", "grace", "Do.*")
        assert am.alerts()[0]["status"]["silencedBy"] == [found["id"]]

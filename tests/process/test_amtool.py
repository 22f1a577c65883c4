"""Debian's amtool against Opscenter, and the answers of Debian's Alertmanager beside ours."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from opscenter.processes import free_port
from tests.process.instance import Instance, until

AMTOOL = shutil.which("amtool")
ALERTMANAGER = shutil.which("prometheus-alertmanager")
TWIN = """
route: {receiver: team-chat, group_by: [alertname], group_wait: 0s}
receivers: [{name: team-chat}]
"""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(180),
    pytest.mark.skipif(AMTOOL is None, reason="no amtool here; on Debian: apt-get install prometheus-alertmanager"),
]


class Said(str):
    """What amtool printed; `code` is its exit code, `aside` what it wrote on stderr."""

    code: int
    aside: str


def amtool(url: str, *words: str, stdin: str | None = None) -> Said:
    command = [str(AMTOOL), f"--alertmanager.url={url}", *words]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=30)
    said = Said(done.stdout)
    said.code, said.aside = done.returncode, done.stderr
    return said


@pytest.fixture(scope="module")
def instance(bin_run) -> Instance:
    return bin_run()


@pytest.fixture
def am(instance: Instance) -> Callable[..., Said]:
    """amtool, asking Opscenter, and content with it."""

    def run(*words: str, **more: str) -> Said:
        said = amtool(instance.url, *words, **more)
        assert (said.code, said.aside) == (0, ""), said.aside
        return said

    return run


def named(said: Said) -> list[str]:
    return sorted(alert["labels"]["alertname"] for alert in json.loads(said))


def test_alerts_are_added_and_queried(am):
    am("alert", "add", "alertname=Down", "node=web-1", "severity=critical", "--annotation=summary=It is down")
    am("alert", "add", "Slow", "node=web-2")
    text = am("alert", "query")
    assert "Down" in text and "It is down" in text and "active" in text
    assert 'alertname="Down" node="web-1"' in am("alert", "query", "-o", "extended")
    assert named(am("alert", "query", "-o", "json", "node=~web-.*")) == ["Down", "Slow"]
    # theirs alone: Opscenter tells of itself here when nothing takes its mail
    assert named(am("alert", "query", "-o", "json", "node!=web-1", "alertname=~Down|Slow")) == ["Slow"]
    assert named(am("alert", "query", "-o", "json", "Down")) == ["Down"]
    assert named(am("alert", "query", "-o", "json", "--receiver=nobody")) == []


def test_a_silence_from_its_making_to_its_end(am, tmp_path):
    am("alert", "add", "alertname=Noisy", "node=web-1")
    id = am("silence", "add", "alertname=Noisy", "node=~web.*", "--comment=Known.", "--author=ada", "-d", "1h").strip()
    assert named(am("alert", "query", "-o", "json", "Noisy")) == []
    assert named(am("alert", "query", "-o", "json", "--silenced", "Noisy")) == ["Noisy"]
    assert am("silence", "query", "-q").split() == [id]
    shown = am("silence", "query", "-o", "extended")
    assert "ada" in shown and "Known." in shown and 'node=~"web.*"' in shown
    assert am("silence", "query", "-q", "alertname=Noisy", "node=~web.*").split() == [id]
    assert am("silence", "query", "-q", "alertname=Other") == ""

    json.loads(am("silence", "update", "-d", "3h", "--comment=Longer.", "-o", "json", id))
    [stored] = json.loads(am("silence", "query", "-o", "json"))
    start, end = (datetime.fromisoformat(stored[name]) for name in ("startsAt", "endsAt"))
    assert (stored["id"], stored["comment"], end - start) == (id, "Longer.", timedelta(hours=3))

    am("silence", "expire", id)
    assert am("silence", "query", "-q") == ""
    assert id in am("silence", "query", "-q", "--expired")
    assert named(am("alert", "query", "-o", "json", "Noisy")) == ["Noisy"]
    am("silence", "expire", id)  # again changes nothing

    file = tmp_path / "silences.json"
    unknown = {**stored, "id": UNKNOWN, "comment": "From another Alertmanager."}
    file.write_text(json.dumps([unknown]))
    new = am("silence", "import", str(file)).strip()
    assert new not in (id, UNKNOWN) and am("silence", "query", "-q").split() == [new]
    am("silence", "expire", *am("silence", "query", "-q").split())


def test_routes_and_receivers(am):
    tree = am("config", "routes", "show")
    assert "receiver: opscenter" in tree and "receiver: team-chat" in tree
    assert am("config", "routes", "test", "severity=critical").strip() == "team-chat"
    assert "resolve_timeout: 5m" in am("config", "show")
    assert '"original"' in am("config", "show", "-o", "json")
    assert "disabled" in am("cluster", "show")


def test_refusals_are_told(instance):
    def refused(*words: str) -> str:
        said = amtool(instance.url, *words)
        assert said.code != 0
        return said.aside

    assert "match the empty string" in refused("silence", "add", "node=", "--comment=everything")
    assert "404" in refused("silence", "expire", UNKNOWN)
    assert "404" in refused("silence", "update", "-d", "1h", UNKNOWN) or "not found" in refused("silence", "query", "=")


# beside Debian's Alertmanager


@pytest.fixture(scope="module")
def twin(tmp_path_factory) -> Iterator[str]:
    """The address of an Alertmanager with one receiver."""
    if ALERTMANAGER is None:
        pytest.skip("no prometheus-alertmanager here")
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    (folder / "alertmanager.yml").write_text(TWIN)
    port = free_port("127.0.0.1")
    words = [ALERTMANAGER, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder}"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/-/ready", timeout=1).ok
        except requests.RequestException:
            return False

    try:
        until(ready)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def both(instance: Instance, twin: str):
    """`both(method, path, body)` asks both and returns (theirs, ours)."""

    def ask(method: str, path: str, body: object = None, type: str = "application/json") -> list[requests.Response]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        headers = {"Content-Type": type} if type and text is not None else {}
        return [
            requests.request(method, f"{url}{path}", data=text, headers=headers, timeout=10)
            for url in (twin, instance.url)
        ]

    return ask


SILENCE = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2090-01-01T00:00:00Z",
    "endsAt": "2090-01-02T00:00:00Z", "createdBy": "ada", "comment": "",
}  # fmt: skip


def without(name: str) -> dict:
    return {key: value for key, value in SILENCE.items() if key != name}


def matching(**matcher: object) -> dict:
    return {**SILENCE, "matchers": [{"name": "a", "value": "b", "isRegex": False} | matcher]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v2/nope", None), ("PUT", "/api/v2/alerts", None), ("DELETE", "/api/v2/silences", None),
        ("POST", "/api/v2/status", "{}"), ("POST", f"/api/v2/silence/{UNKNOWN}", "{}"),
        ("GET", "/api/v2/alerts/", None), ("GET", "/api/v2/alerts?filter=%3D", None),
        ("GET", "/api/v2/silences/", None), ("GET", "/api/v2/alerts?filter=", None),
        ("GET", "/api/v2/alerts?filter=%7Ba%3Db%7D", None), ("GET", "/api/v2/alerts?filter=a%3D%22b", None),
        ("GET", "/api/v2/alerts?filter=a%3D~(", None), ("GET", "/api/v2/alerts?filter=a%3D~(%3F%3Dx)", None),
        ("GET", "/api/v2/alerts?filter=a%3D~(b)%5C1", None), ("GET", "/api/v2/alerts?receiver=(", None),
        ("GET", "/api/v2/alerts?active=nonsense", None), ("GET", "/api/v2/silences?filter=a", None),
        ("GET", "/api/v2/alerts/groups?filter=a", None), ("GET", "/api/v2/silence/x", None),
        ("DELETE", "/api/v2/silence/x", None), ("GET", f"/api/v2/silence/{UNKNOWN}", None),
        ("POST", "/api/v2/silences", ""), ("POST", "/api/v2/silences", "{"), ("POST", "/api/v2/silences", "[]"),
        ("POST", "/api/v2/silences", "null"), ("POST", "/api/v2/silences", "{}"),
        *(("POST", "/api/v2/silences", without(name)) for name in SILENCE),
        ("POST", "/api/v2/silences", {**SILENCE, "matchers": []}),
        ("POST", "/api/v2/silences", {**SILENCE, "startsAt": "x"}),
        ("POST", "/api/v2/silences", {**SILENCE, "endsAt": "2090-01-01T00:00:00Z"}),
        ("POST", "/api/v2/silences", {**SILENCE, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}),
        ("POST", "/api/v2/silences", {**SILENCE, "id": UNKNOWN}), ("POST", "/api/v2/silences", {**SILENCE, "id": "x"}),
        ("POST", "/api/v2/silences", matching(name="")), ("POST", "/api/v2/silences", matching(value="")),
        ("POST", "/api/v2/silences", matching(value=".*", isRegex=True)),
        ("POST", "/api/v2/silences", matching(value="(", isRegex=True)),
        ("POST", "/api/v2/silences", matching(isRegex="x")), ("POST", "/api/v2/silences", matching(isRegex=None)),
        ("GET", "/-/healthy", None), ("GET", "/-/ready", None), ("HEAD", "/-/ready", None),
    ],
)  # fmt: skip
def test_the_same_status_and_kind_of_answer(both, method, path, body):
    theirs, ours = both(method, path, body)
    assert ours.status_code == theirs.status_code, (theirs.text, ours.text)
    if not theirs.text.strip() or not theirs.text.lstrip().startswith(("{", "[", '"')):
        assert ours.text == theirs.text
        return
    told, expected = ours.json(), theirs.json()
    assert type(told) is type(expected)
    if isinstance(expected, dict) and theirs.status_code != 200:
        assert (sorted(told), told["code"]) == (sorted(expected), expected["code"])
        if theirs.status_code in (404, 422):
            assert told["message"] == expected["message"]


def test_the_same_content_types_are_refused(both):
    theirs, ours = both("POST", "/api/v2/silences", "{}", "text/plain")
    assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json())


def test_the_same_alerts_for_the_same_questions(both):
    run = str(time.time_ns())
    now = datetime.now(UTC)
    alerts = [
        {
            "labels": {"alertname": f"A{number % 5}", "run": run, "host": f"web-{number}", "code": code, "empty": ""},
            "annotations": {"summary": f"number {number}"}, "startsAt": (now - timedelta(minutes=number)).isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(), "generatorURL": f"http://prometheus/graph?{number}",
        }
        for number, code in enumerate(["500", "404", "", "40\n", "ü", 'a"b', "back\\slash", "SHOP", "shop", "x" * 300])
    ]  # fmt: skip
    for answer in both("POST", "/api/v2/alerts", alerts):
        assert answer.status_code == 200
    matchers = [{"name": "host", "value": "web-[12]", "isRegex": True}, {"name": "run", "value": run, "isRegex": False}]
    silence = {**SILENCE, "matchers": matchers, "startsAt": now.isoformat()}
    for answer in both("POST", "/api/v2/silences", silence):
        assert answer.status_code == 200
    mine = f'run="{run}"'
    questions = [
        "", "alertname=A1", "alertname!=A1", "code=", 'code!=""', "code=~[[:digit:]]+", "code=~(?i)shop", "code!~.*0.*",
        "code=~", r"code=~\pL+", 'code="40\\n"', r'code="a\"b"', r'code="back\\slash"', "missing=", "missing!=x",
        "missing=~.*", 'host = "web-1"', "code=~sh(?i)OP", "code=~hop", "empty=",
    ]  # fmt: skip
    until(lambda: len(both("GET", f"/api/v2/alerts/groups?filter={mine}")[0].json()) == 5)  # filled in its own time
    for path in ("alerts", "alerts/groups"):
        for question in questions:
            for flags in (
                {},
                {"silenced": "false"},
                {"active": "false"},
                {"receiver": "team-.*"},
                {"receiver": "team"},
            ):
                filters = [mine, question] if question else [mine]
                address = f"/api/v2/{path}?{urlencode({'filter': filters, **flags}, doseq=True)}"
                theirs, ours = (comparable(answer.json()) for answer in both("GET", address))
                assert ours == theirs, address


def comparable(shown: Any) -> Any:
    """What both must tell alike: all but the ids of silences, when it was told, and what came in later versions."""
    if isinstance(shown, list):
        return [comparable(one) for one in shown]
    if not isinstance(shown, dict):
        return shown
    later = ("updatedAt", "mutedBy", "routeLabels")
    left = {key: comparable(value) for key, value in shown.items() if key not in later}
    if "silencedBy" in left:
        left["silencedBy"] = len(left["silencedBy"])
    if "alerts" in left:  # in no order within a group
        left["alerts"].sort(key=lambda alert: alert["fingerprint"])
    return left


HOUR = timedelta(hours=1)
CHANGES: dict[str, Callable[[dict, datetime], dict]] = {
    "nothing": lambda stored, now: {},
    "a later end": lambda stored, now: {"endsAt": (now + 9 * HOUR).isoformat()},
    "an earlier end": lambda stored, now: {"endsAt": (now + 3 * HOUR).isoformat()},
    "an end in the past": lambda stored, now: {"endsAt": (now - HOUR).isoformat()},
    "another comment": lambda stored, now: {"comment": "Longer.", "createdBy": "grace"},
    "the start in whole seconds": lambda stored, now: {"startsAt": stored["startsAt"][:19] + "Z"},
    "the start a second earlier": lambda stored, now: {
        "startsAt": (datetime.fromisoformat(stored["startsAt"]) - timedelta(seconds=1)).isoformat()
    },
    "a start in the past": lambda stored, now: {"startsAt": (now - HOUR).isoformat()},
    "a start ahead": lambda stored, now: {"startsAt": (now + 2 * HOUR).isoformat()},
    "other matchers": lambda stored, now: {"matchers": stored["matchers"][:1]},
    "another order": lambda stored, now: {"matchers": stored["matchers"][::-1]},
    "another operator": lambda stored, now: {"matchers": [stored["matchers"][0] | {"isEqual": False}]},
    "isEqual left out": lambda stored, now: {
        "matchers": [{key: one[key] for key in ("name", "value", "isRegex")} for one in stored["matchers"]]
    },
}


@pytest.mark.parametrize("state", ["active", "pending", "expired"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_silence_keeps_its_id_where_theirs_does(instance, twin, state, change):
    now = datetime.now(UTC)
    outcomes = []
    for url in (f"{twin}/api/v2", f"{instance.url}/api/v2"):
        begins = now + (HOUR if state == "pending" else -HOUR)
        matchers = [{"name": name, "value": str(time.time_ns()), "isRegex": False} for name in "ab"]
        body = {**SILENCE, "matchers": matchers, "startsAt": begins.isoformat(), "endsAt": (now + 5 * HOUR).isoformat()}
        id = requests.post(f"{url}/silences", json=body, timeout=10).json()["silenceID"]
        if state == "expired":
            assert requests.delete(f"{url}/silence/{id}", timeout=10).status_code == 200
        stored = requests.get(f"{url}/silence/{id}", timeout=10).json()
        answer = requests.post(f"{url}/silences", json={**stored, **CHANGES[change](stored, now)}, timeout=10)
        new = answer.json()["silenceID"] if answer.ok else id
        left = [requests.get(f"{url}/silence/{one}", timeout=10).json() for one in (id, new)]
        told = [(one["status"]["state"], one["comment"], one["createdBy"], one["endsAt"][:16]) for one in left]
        outcomes.append((answer.status_code, new == id, told))
    assert outcomes[0] == outcomes[1]

"""B11: pages of response figures with 100,000 incidents and a million alerts, against the same with 1,000.

    python -m bench.figures [--sqlite]

The incidents lie evenly over two years, each with pages, targets and an owner; the alerts hang on them. Each page is
asked of the real application through Django's test client, its median of several answers compared between the sizes.
"""

import statistics
import time
from datetime import UTC, datetime, timedelta

from bench.measure import emit, with_django

SMALL, LARGE = 1_000, 100_000
ALERTS = 10  # of each incident
YEARS = timedelta(days=730)
TIMES = 9
BUDGET = 2.0
NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < %s)"
PAGES = {
    "figures": "/figures/",
    "figures by level": "/figures/?by=level",
    "figures by team": "/figures/?by=team",
    "incidents behind": "/figures/behind/",
    "interruptions": "/figures/people/",
}


def main() -> None:
    """Fill, ask, fill on, ask again."""
    world = _world()
    seconds = {}
    for size in (SMALL, LARGE):
        _fill(world, size)
        seconds[size] = {name: _ask(world["client"], path) for name, path in PAGES.items()}
    for name in PAGES:
        (small, queries), (large, queries_then) = seconds[SMALL][name], seconds[LARGE][name]
        detail = f"{large * 1000:.0f} ms with {LARGE:,} incidents, {small * 1000:.0f} ms with {SMALL:,}"
        emit(f"B11 {name}", large / small, BUDGET, f"{detail}; {queries} and {queries_then} queries")
        anew, _ = _ask(world["client"], PAGES[name], times=3, anew=True)
        emit(f"B11 {name}, counted anew", anew / small, None, f"{anew * 1000:.0f} ms")
    whole, queries = _ask(world["client"], "/figures/?days=365", times=3, anew=True)
    emit(
        "B11 figures of a year", whole / seconds[SMALL]["figures"][0], None, f"{whole * 1000:.0f} ms, {queries} queries"
    )


def _ask(client, path: str, times: int = TIMES, *, anew: bool = False) -> tuple[float, int]:
    """The median of several answers in seconds, and how many queries one takes.

    anew   what was kept of the answer before is forgotten each time
    """
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
        assert response.status_code == 200, response.status_code
    asked = len(queries)  # the next request forgets them
    took = []
    for _ in range(times):
        if anew:
            cache.clear()
        began = time.perf_counter()
        client.get(path)
        took.append(time.perf_counter() - began)
    return statistics.median(took), asked


def _world() -> dict:
    """Services, levels, people with their zones and teams, and somebody who looks."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from oncall.models import EscalationContact
    from policies.models import Policy, Service, Severity

    settings.ALLOWED_HOSTS = ["*"]
    policy = Policy.objects.create(key="bench", name="Bench")
    levels = [Severity.objects.create(policy=policy, key=f"P{n}", label=f"P{n}", rank=n) for n in range(4)]
    services = [Service.objects.create(key=f"service-{n}", name=f"Service {n}") for n in range(12)]
    zones = ("Europe/Amsterdam", "Asia/Jakarta", "America/New_York")
    people = [EscalationContact.objects.create(name=f"person {n}", timezone=zones[n % 3]) for n in range(24)]
    for n in range(4):
        team = EscalationContact.objects.create(name=f"team {n}", kind="team")
        team.members.set(people[n::4])
    looker = get_user_model().objects.create_superuser("looker", "looker@example.org", "not used: signed in directly")
    client = Client()
    client.force_login(looker, backend="django.contrib.auth.backends.ModelBackend")
    return {"policy": policy, "levels": levels, "services": services, "people": people, "client": client, "made": 0}


def _fill(world: dict, size: int) -> None:
    """Bring the incidents of the last two years to `size`, those that are there spread as evenly as those that come."""
    from django.db import connection

    from incidents.models import Incident, Page, ResponseTarget

    began, first = time.perf_counter(), world["made"]
    add, since = size - first, datetime.now(UTC) - YEARS
    if not first:
        base = Incident(policy=world["policy"], severity=world["levels"][0], key="", title="", status="closed")
        base.detected_at = base.opened_at = since
        world["rows"] = [base, Page(contact=world["people"][0], state="reached", at=since)]
        world["rows"].append(ResponseTarget(kind="", from_plan="bench", due_at=since, met_at=since))
    begins = f"({YEARS.total_seconds()} * (n - {first} + 0.5) / {add})"
    level, service, person = (world[name][0].pk for name in ("levels", "services", "people"))
    incident, page, target = world["rows"]
    _copies(incident, first, size, since, {
        "key": "'bench-' || n", "title": "'Something ' || n", "severity_id": f"{level} + n % 4",
        "service_id": f"{service} + n % 12", "opened_at": At(begins), "detected_at": At(begins),
        "notified_at": At(begins), "acknowledged_at": At(f"{begins} + 30 + n * 7 % 900"),
        "mitigated_at": At(f"{begins} + 900 + n * 13 % 3600"), "resolved_at": At(f"{begins} + 1000 + n * 17 % 9000"),
    })  # fmt: skip
    begin = Incident.objects.get(key=f"bench-{first}").pk
    _copies(page, first, size, since, {
        "incident_id": f"{begin} + n - {first}", "contact_id": f"{person} + n % 24", "at": At(begins),
    })  # fmt: skip
    for kind in ("notify", "acknowledge", "mitigate", "resolve"):
        _copies(target, first, size, since, {
            "incident_id": f"{begin} + n - {first}", "kind": f"'{kind}'",
            "state": "CASE WHEN n % 7 = 0 THEN 'breached' ELSE 'met' END",
        })  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO incidents_incident_owners (incident_id, escalationcontact_id) {NUMBERS}"
            f" SELECT {begin} + n - {first}, {person} + n %% 24 FROM numbers",
            [first, size],
        )
    _alerts(first * ALERTS, size * ALERTS, begin)
    world["made"] = size
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    print(f"   {size:,} incidents with {size * ALERTS:,} alerts in {time.perf_counter() - began:.0f} s", flush=True)


class At(str):
    """An expression of seconds since the beginning, for a column that is an instant."""


def _copies(row, first: int, last: int, since: datetime, columns: dict[str, str]) -> None:
    """Rows like `row` for the numbers n from `first` up to `last`; `columns` are expressions of n."""
    from django.db import connection

    postgres = connection.vendor == "postgresql"
    instant = (
        "%s::timestamptz + ({}) * interval '1 second'"
        if postgres
        else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s, ({}) || ' seconds')"
    )
    names, expressions, params = [], [], []
    for field in row._meta.concrete_fields:
        if field.primary_key:
            continue
        names.append(f'"{field.column}"')
        said = columns.get(field.column)
        if said is None:
            expressions.append("%s")
            params.append(field.get_db_prep_save(field.pre_save(row, add=True), connection))
        elif isinstance(said, At):
            expressions.append(instant.format(said.replace("%", "%%")))
            params.append(since if postgres else f"{since:%Y-%m-%d %H:%M:%S}")
        else:
            expressions.append(said.replace("%", "%%"))
    with connection.cursor() as cursor:
        into = f'INSERT INTO "{row._meta.db_table}" ({", ".join(names)})'
        cursor.execute(f"{into} {NUMBERS} SELECT {', '.join(expressions)} FROM numbers", [first, last, *params])


def _alerts(first: int, last: int, incident: int) -> None:
    """The alerts with numbers from `first` up to `last`, on the incidents that begin with the id `incident`."""
    from django.db import connection

    postgres = connection.vendor == "postgresql"
    identity = "convert_to(lpad(n::text, 16, '0'), 'UTF8')" if postgres else "CAST(printf('%%016d', n) AS BLOB)"
    at = datetime.now(UTC) - YEARS
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(id), 0) FROM alerts_alert")
        (before,) = cursor.fetchone()
        cursor.execute(
            f"INSERT INTO alerts_alert (identity, key, name, labels, annotations, url) {NUMBERS}"
            f" SELECT {identity}, '', 'bench', '{{}}', '{{}}', '' FROM numbers",
            [first, last],
        )
        cursor.execute(
            "INSERT INTO alerts_liveness (alert_id, firing, starts_at, ends_at, timeout_end, last_seen_at, verdict,"
            " reason, incident_id, severity_key, times, stamp)"
            " SELECT id, %s, %s, %s, %s, %s, 'joined', '', %s + (id - %s - 1) / %s, '', 1, 0"
            " FROM alerts_alert WHERE id > %s",
            [False, at, at, False, at, incident, before, ALERTS, before],
        )


if __name__ == "__main__":
    with_django(main)

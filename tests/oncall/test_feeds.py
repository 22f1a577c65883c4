"""Calendar feeds: fetched, kept, understood, and put over or beside the rotations of a schedule."""

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings

from oncall import feeds, ical
from oncall.models import CalendarFeed
from oncall.roster import answer, responders
from tests.factories import HOUR, NINE, CalendarFeedFactory, ContactMethodFactory, LayerFactory, ScheduleFactory

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAY = timedelta(days=1)


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\n{event.strip()}\r\nEND:VEVENT\r\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{body}END:VCALENDAR\r\n".replace("\r\n", "\n")


def starts(text: str, zone: ZoneInfo = AMSTERDAM) -> list[str]:
    found = ical.occurrences(text, zone=zone, start=utc("2026-01-01"), end=utc("2027-01-01"))
    return [f"{one.start:%m-%d %H:%M} {one.end - one.start}" for one in found]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


ZONE = """BEGIN:VTIMEZONE
TZID:Ours
BEGIN:STANDARD
DTSTART:19701101T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700308T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
END:VTIMEZONE
"""


@pytest.mark.once
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART:20260105T090000Z\nDTEND:20260105T100000Z", ["01-05 09:00 1:00:00"]),
        ("DTSTART;TZID=Europe/Amsterdam:20260705T090000\nDURATION:PT30M", ["07-05 07:00 0:30:00"]),
        ("DTSTART;TZID=W. Europe Standard Time:20260705T090000\nDURATION:PT30M", ["07-05 07:00 0:30:00"]),
        ("DTSTART:20260105T090000\nDTEND:20260105T100000", ["01-05 08:00 1:00:00"]),  # floating: the schedule's clock
        ("DTSTART;VALUE=DATE:20260329\nDTEND;VALUE=DATE:20260330", ["03-28 23:00 23:00:00"]),
        ("DTSTART;VALUE=DATE:20261025", ["10-24 22:00 1 day, 1:00:00"]),  # without an end: that day
        ("DTSTART;VALUE=DATE:20260101\nDURATION:P2D", ["12-31 23:00 2 days, 0:00:00"]),
        (  # its time on the wall stays, and one that does not exist takes the offset before the gap
            "DTSTART;TZID=Europe/Amsterdam:20260328T023000\nDURATION:PT2H\nRRULE:FREQ=DAILY;COUNT=3",
            ["03-28 01:30 2:00:00", "03-29 01:30 2:00:00", "03-30 00:30 2:00:00"],
        ),
        (  # of a night with an end the time on the wall counts, with a length in hours the hours
            "DTSTART;TZID=Europe/Amsterdam:20260328T220000\nDTEND;TZID=Europe/Amsterdam:20260329T060000",
            ["03-28 21:00 7:00:00"],
        ),
        ("DTSTART;TZID=Europe/Amsterdam:20260328T220000\nDURATION:PT8H", ["03-28 21:00 8:00:00"]),
        ("DTSTART;TZID=Europe/Amsterdam:20261024T220000\nDURATION:PT8H", ["10-24 20:00 8:00:00"]),
        ("DTSTART;TZID=Europe/Amsterdam:20260328T220000\nDURATION:P1DT2H", ["03-28 21:00 1 day, 1:00:00"]),
        (  # shifts of four hours
            "DTSTART:20260105T000000Z\nDURATION:PT4H\nRRULE:FREQ=DAILY;BYHOUR=0,4,8,12,16,20;COUNT=6",
            [f"01-05 {hour:02}:00 4:00:00" for hour in range(0, 24, 4)],
        ),
        (
            "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260114T090000Z\n"
            "EXDATE:20260107T090000Z\nRDATE:20260201T090000Z",
            ["01-05 09:00 1:00:00", "01-12 09:00 1:00:00", "01-14 09:00 1:00:00", "02-01 09:00 1:00:00"],
        ),
        (
            "DTSTART:20260131T090000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;COUNT=2",
            ["01-31 09:00 1:00:00", "03-31 09:00 1:00:00"],
        ),
        ("DTSTART:20260105T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED", []),
        ("DTSTART:20260105T090000Z", []),  # takes no time
    ],
)
def test_when_events_take_place(event, expected):
    assert starts(calendar(event)) == expected


@pytest.mark.once
def test_moved_and_cancelled_occurrences_and_zones_of_the_calendar_itself():
    series = "UID:s\nDTSTART;TZID=Ours:20260302T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=4"
    moved = "UID:s\nRECURRENCE-ID;TZID=Ours:20260309T090000\nDTSTART;TZID=Ours:20260310T120000\nDURATION:PT2H"
    gone = "UID:s\nRECURRENCE-ID;TZID=Ours:20260316T090000\nDTSTART;TZID=Ours:20260316T090000\nSTATUS:CANCELLED"
    text = calendar(series, moved, gone).replace("BEGIN:VEVENT\nUID:", "BEGIN:VEVENT\nX-NUMBER:")
    text = text.replace("BEGIN:VEVENT", f"{ZONE}BEGIN:VEVENT", 1)
    left_out = text.replace("20260302T090000", "20260308T023000").split("BEGIN:VEVENT\nX-NUMBER:1")[0]
    assert starts(f"{left_out}END:VCALENDAR\n")[:2] == ["03-08 07:30 1:00:00", "03-15 06:30 1:00:00"]
    assert starts(text) == ["03-02 14:00 1:00:00", "03-10 16:00 2:00:00", "03-23 13:00 1:00:00"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "does not begin with BEGIN:VCALENDAR"),
        ("<html></html>", "This is no calendar"),
        ("BEGIN:VEVENT\nEND:VEVENT", "does not begin with"),
        ("BEGIN:VCALENDAR\n" + "X:" + "a" * 2_000_001, "is longer than"),
    ],
)
def test_a_text_that_is_no_calendar_is_refused(text, fault):
    with pytest.raises(ical.BadCalendar, match=fault):
        ical.check(text)


@pytest.mark.once
def test_events_that_would_never_end_are_left_out_and_told():
    mad = "SUMMARY:ada\nDTSTART:20260105T090000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY"
    text = calendar(mad, "SUMMARY:grace\nRRULE:FREQ=DAILY", "SUMMARY:linus\nDTSTART:20260105T090000Z\nDURATION:PT1H")
    assert [one.split(":")[0] for one in ical.check(text)] == [
        "The event “ada” is left out", "The event “grace” is left out",
    ]  # fmt: skip
    assert starts(text) == ["01-05 09:00 1:00:00"]


@pytest.mark.once
@pytest.mark.parametrize(
    "broken",
    [
        "DTSTART:202611XX",
        "DTSTART:20260105T090000Z\nDTEND:tomorrow",
        "DTSTART:20260105T090000Z\nDURATION:8h",
        "DTSTART:20260105T090000Z\nDTEND;VALUE=DATE:20260106",
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES",
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:COUNT=3",
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=0",  # would never get on
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,5,10,15,20,25,30,35,40,45",
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nEXDATE:never",
        "DTSTART:20260105T090000Z\nDURATION:PT1H\nRECURRENCE-ID:first",
        "DTSTART:00010101T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY",
    ],
)
def test_an_event_that_cannot_be_read_takes_no_other_with_it(broken):
    text = calendar(f"SUMMARY:ada\n{broken}", "SUMMARY:linus\nDTSTART:20260105T090000Z\nDURATION:PT1H\nSEQUENCE:two")
    assert [one.split(": ")[0] for one in ical.check(f"\ufeff{text}")] == ["The event “ada” is left out"]
    assert starts(text) == ["01-05 09:00 1:00:00"]


SHIFT = "DTSTART:20261123T090000Z\nDTEND:20261123T170000Z\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "people"),
    [
        ("SUMMARY:ada", ["ada"]),
        ("SUMMARY: ADA ", ["ada"]),
        ("SUMMARY:On call: ada", ["ada"]),
        ("SUMMARY:Primary - grace", ["grace"]),
        ("SUMMARY:[L1] ada", ["ada"]),
        ("SUMMARY:ada\\, grace", ["ada", "grace"]),
        ("SUMMARY:ada and grace", ["ada", "grace"]),
        ("SUMMARY:shift of ada@example.org", ["ada"]),
        ("SUMMARY:duty phone", ["linus"]),  # an e-mail address that is only a method of his
        ("SUMMARY:ada and charles", ["ada"]),
        ("SUMMARY:On call\nATTENDEE;CN=Somebody:mailto:GRACE@example.org", ["grace"]),
        ("SUMMARY:On call\nATTENDEE;CN=ada;PARTSTAT=DECLINED:mailto:ada@example.org", []),
        ("SUMMARY:charles", []),
    ],
)
def test_whom_an_event_names(ada, grace, linus, said, people):
    if "duty" in said:
        ContactMethodFactory(contact=linus, kind="email", address="duty@example.org")
        said += "\nATTENDEE:mailto:duty@example.org"
    feed = CalendarFeedFactory(text=calendar(SHIFT + said))
    schedule = ScheduleFactory()
    LayerFactory(schedule=schedule, feed=feed, first_handoff_at=None)
    assert [person.name for person in responders(schedule, NINE)] == people
    assert responders(schedule, NINE - timedelta(microseconds=1)) == []
    assert responders(schedule, NINE + 8 * HOUR) == []


@pytest.mark.django_db
def test_a_calendar_layer_has_precedence_restrictions_and_backups_like_others(ada, grace, linus):
    schedule = ScheduleFactory()
    LayerFactory(schedule=schedule, members=[linus])
    feed = CalendarFeedFactory(text=calendar(SHIFT + "SUMMARY:ada"))
    layer = LayerFactory(
        schedule=schedule, name="team", feed=feed, precedence=1, first_handoff_at=None,
        restrictions=[{"days": ["mon"], "from": "10:00", "to": "12:00"}],
    )  # fmt: skip
    assert [responders(schedule, NINE + hours * HOUR) for hours in range(4)] == [[linus], [ada], [ada], [linus]]
    ada.active, ada.backup = False, grace
    ada.save()
    found = answer(schedule, NINE + HOUR)
    assert (found.people, found.source, found.layers) == ((grace,), "layer", (layer.name,))


@pytest.mark.django_db
def test_the_override_calendar_is_over_everything(ada, grace, linus):
    feed = CalendarFeedFactory(text=calendar(SHIFT + "SUMMARY:grace", SHIFT + "SUMMARY:nobody we know"))
    schedule = ScheduleFactory(override_feed=feed)
    LayerFactory(schedule=schedule, members=[linus])
    schedule.overrides.create(contact=ada, starts_at=NINE, ends_at=NINE + DAY)
    assert (answer(schedule, NINE).people, answer(schedule, NINE).source) == ((grace,), "feed")
    assert (answer(schedule, NINE + 8 * HOUR).people, answer(schedule, NINE + 8 * HOUR).source) == ((ada,), "override")


class Shelf:
    """Answers requests with what is next in `answers`: status, text, headers; `asked` has the ETags sent along."""

    def __init__(self) -> None:
        self.answers, self.asked, self.url = [], [], ""


@pytest.fixture
def shelf():
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            shelf.asked.append(self.headers["If-None-Match"])
            status, text, headers = shelf.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        shelf.url = f"http://127.0.0.1:{server.server_port}/team.ics"
        yield shelf
        server.shutdown()
        thread.join()


@pytest.mark.django_db
def test_a_feed_is_fetched_when_due_and_its_last_good_copy_is_kept(shelf, ada):
    text = calendar(SHIFT + "SUMMARY:ada", SHIFT + "SUMMARY:charles")
    shelf.answers = [
        (200, text, {"ETag": '"one"'}),
        (304, "", {}),
        (500, "boom", {}),
        (200, "<html>log in</html>", {}),
        (200, text.replace("charles", "ada"), {}),
    ]
    feed = CalendarFeedFactory(url=shelf.url, next_fetch_at=NINE)
    schedule = ScheduleFactory()
    LayerFactory(schedule=schedule, feed=feed, first_handoff_at=None)

    def fetch(at):
        done = feeds.fetch_due(at=at)
        feed.refresh_from_db()
        return done

    assert fetch(NINE - timedelta(seconds=1)) == 0
    assert fetch(NINE) == 1
    assert (feed.fetched_at, feed.next_fetch_at) == (NINE, NINE + feed.every)
    assert feed.warnings == [
        "Nobody is known as “charles”, whom an event on 2026-11-23 names: give a contact this name or address."
    ]
    assert fetch(NINE + HOUR) == 1
    assert (feed.fetched_at, feed.text) == (NINE + HOUR, text)
    assert fetch(NINE + 2 * HOUR) == 1
    assert (feed.failing_since, feed.text, feed.fetched_at) == (NINE + 2 * HOUR, text, NINE + HOUR)
    assert feed.next_fetch_at == NINE + 2 * HOUR + timedelta(minutes=1)
    assert "It answered 500 where 200 is expected." in feed.failure
    assert fetch(NINE + 3 * HOUR) == 1
    assert "its copy is 2h old. This is no calendar" in feeds.age(feed, NINE + 3 * HOUR)
    assert feed.next_fetch_at == NINE + 4 * HOUR  # tried less and less often
    assert responders(schedule, NINE) == [ada]
    assert fetch(NINE + 4 * HOUR) == 1
    assert (feed.failing_since, feed.failure, feed.warnings) == (None, "", [])
    assert shelf.asked == [None, '"one"', '"one"', '"one"', '"one"']


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "private", "fault"),
    [
        ("http://127.0.0.1:9/c.ics", False, "which is no address of the public network"),
        ("http://[::ffff:10.0.0.1]/c.ics", False, "which is no address of the public network"),
        ("http://169.254.169.254/latest", True, "which is no address of the public network"),
        ("http://127.0.0.1:9/c.ics", True, "No answer from http://127.0.0.1:9"),
        ("ftp://example.org/c.ics", True, "This should begin with http:// or https://"),
    ],
)
def test_private_hosts_are_asked_only_where_the_installation_allows(address, private, fault):
    feed = CalendarFeedFactory(url=address)
    with override_settings(PRIVATE_FEEDS=private):
        feeds.fetch(feed, at=NINE)
    assert fault in CalendarFeed.objects.get().failure


@pytest.mark.django_db
def test_a_redirect_to_a_private_host_is_not_followed(shelf, monkeypatch):
    """The first host counts as public here; the second is not even connected to."""
    shelf.answers = [(302, "", {"Location": "http://10.0.0.1/"})]
    monkeypatch.setattr("sources.probes.http_call._admit", refuse_ten)
    feed = CalendarFeedFactory(url=shelf.url)
    feeds.fetch(feed, at=NINE)
    assert CalendarFeed.objects.get().failure == "10.0.0.1 is refused"


def refuse_ten(address: str, host: str, public: bool) -> None:
    if address.startswith("10."):
        raise feeds.ProbeError(f"{host} is refused", reason="limit")


def test_webcal_is_https():
    assert feeds.address(" webcal://example.org/c.ics") == "https://example.org/c.ics"
    assert feeds.address("http://example.org/c.ics") == "http://example.org/c.ics"

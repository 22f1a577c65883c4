"""The outbox against receivers that answer, refuse, hang and fall over: nothing lost, nothing twice."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from notifications import claimant, couriers, outbox, rounds, senders
from notifications.models import AddressHealth, Delivery, Destination
from notifications.transports import TRANSPORTS, http
from policies.models import Policy
from tests.factories import NINE, ContactMethodFactory, ParameterFactory

SECOND = timedelta(seconds=1)
pytestmark = pytest.mark.django_db


def later(seconds: float):
    return NINE + timedelta(seconds=seconds)


def tries(row: Delivery) -> list[str]:
    return list(row.tries.values_list("outcome", flat=True))


def place(key: str, address: str, **values) -> Destination:
    return Destination.objects.create(**{"key": key, "kind": "json", "address": address, **values})


# -- one message -------------------------------------------------------------------------------------------------


def test_a_message_is_sent_once_and_on_record(queue, receiver):
    row = queue(receiver.url(), data={"incident": 12}, actions=[{"label": "Acknowledge", "url": "https://x.test/a"}])
    assert outbox.deliver_due(at=later(1)) == 1
    assert outbox.deliver_due(at=later(2)) == 0
    row.refresh_from_db()
    assert (row.status, row.attempts, row.next_attempt_at, row.claimed_by, row.error) == ("sent", 1, None, "", "")
    assert later(1) <= row.ended_at < later(2)
    (got,) = receiver.got
    assert (got.json["subject"], got.json["data"]) == ("[P1] #12 Checkout is down", {"incident": 12})
    assert got.json["actions"] == [{"label": "Acknowledge", "url": "https://x.test/a"}]
    (attempt,) = row.tries.all()
    assert (attempt.outcome, attempt.detail) == ("sent", "The webhook answered 200.")
    assert later(1) <= attempt.at < later(2)


def test_nothing_goes_out_before_its_time(queue, receiver):
    queue(receiver.url(), at=later(10))
    assert outbox.deliver_due(at=later(9)) == 0
    assert outbox.deliver_due(at=later(10)) == 1


def test_the_same_cause_is_told_once(queue, receiver):
    first = queue(receiver.url(), once="incident:12:opened")
    assert queue(receiver.url(), once="incident:12:opened", text="another") == first
    assert queue(receiver.url(), once="incident:12:resolved") != first
    assert outbox.deliver_due(at=NINE) == 2


def test_an_undone_cause_takes_its_message_along(queue, receiver):
    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        queue(receiver.url(), once="incident:12:opened")
        raise Undone
    assert not Delivery.objects.exists()


def test_words_no_database_could_keep_are_mended(queue, receiver):
    row = queue(
        receiver.url(), subject="two\nlines\x00 " + "x" * 300, text="nul \x00 half \ud800", data={"a\x00": ["\x00"]}
    )
    assert outbox.deliver_due(at=NINE) == 1
    row.refresh_from_db()
    assert (len(row.subject), row.subject[:12]) == (250, "two lines xx")
    assert (row.text, row.data) == ("nul  half ?", {"a": [""]})


def test_secrets_are_encrypted_and_only_a_hint_is_shown(queue, receiver):
    row = queue(receiver.url("/services/T0SECRET/B0SECRET"), secret="S3CRET")
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, secret, hint FROM notifications_delivery")
        (stored,) = cursor.fetchall()
    assert "SECRET" not in " ".join(stored) and "S3CRET" not in " ".join(stored)
    assert row.hint == f"127.0.0.1:{receiver.server.server_port}/…CRET"


def test_urgent_messages_go_first(queue, receiver):
    for number in range(30):
        queue(receiver.url("/notice"), text=str(number))
    queue(receiver.url("/page"), urgent=True, purpose="page")
    outbox.deliver_due(at=NINE, limit=8)
    assert "/page" in [got.path for got in receiver.got]
    assert len(receiver.got) == 8


# -- tries and their ends ----------------------------------------------------------------------------------------


def test_waits_between_tries_grow_until_it_has_failed(queue, receiver):
    row = queue(receiver.url("/hook", *[500] * 9))
    at, waits = NINE, []
    for _ in range(9):
        outbox.deliver_due(at=at)
        row.refresh_from_db()
        if row.status == "failed":
            break
        assert row.status == "retrying"
        waits.append(round((row.next_attempt_at - at) / SECOND))
        assert outbox.deliver_due(at=row.next_attempt_at - SECOND) == 0
        at = row.next_attempt_at
    assert waits == [5, 15, 60, 300, 900]
    assert (row.status, row.attempts, row.next_attempt_at) == ("failed", 6, None)
    assert row.error == "The webhook answered 500. Given up after 6 tries."
    assert tries(row) == ["try again"] * 6


def test_a_page_gives_up_sooner_so_that_another_way_is_tried(queue, receiver):
    row = queue(receiver.url("/hook", *[500] * 9), urgent=True, purpose="page")
    for seconds in (0, 3, 8, 17):
        outbox.deliver_due(at=later(seconds))
    row.refresh_from_db()
    assert (row.status, len(receiver.got)) == ("failed", 4)


def test_a_message_arrives_when_the_receiver_is_back(queue, receiver):
    row = queue(receiver.url("/hook", 500, "close"))
    for seconds in (0, 6, 22):
        outbox.deliver_due(at=later(seconds))
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == ("sent", 3, "")
    assert tries(row) == ["try again", "try again", "sent"]
    assert len({got.json["id"] for got in receiver.got}) == 1  # so that a receiver can drop repetitions


@pytest.mark.parametrize("asked, waited", [("2", 5), ("40", 40), ("3600", 3600)])
def test_retry_after_is_honoured_but_never_shortens(queue, receiver, asked, waited):
    row = queue(receiver.url("/hook", (429, {"Retry-After": asked}, b"")))
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert round((row.next_attempt_at - NINE) / SECOND) == waited


@pytest.mark.parametrize("asked, status", [("60", "retrying"), ("61", "failed")])
def test_a_page_does_not_wait_longer_than_a_minute(queue, receiver, asked, status):
    row = queue(receiver.url("/hook", (429, {"Retry-After": asked}, b"")), urgent=True, purpose="page")
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert row.status == status
    if status == "failed":
        assert row.error == "The webhook answered 429. It asks to wait 1m1s, longer than we do (1m)."


@pytest.mark.parametrize(
    "kind, address, error",
    [
        ("json", "not a URL", "The address of this JSON webhook is no http or https URL; enter the whole URL."),
        ("email", "ada", "'ada' is no e-mail address; enter one such as ada@example.org."),
        ("fax", "12345", f"There is no transport 'fax'; there are {', '.join(TRANSPORTS)}."),
        ("slack", "${TEAM_URL}", "The address is not known: the parameter TEAM_URL is not set. Set it, then retry."),
    ],
)
def test_what_cannot_be_sent_fails_in_words_at_once(queue, kind, address, error):
    row = queue(address, kind=kind)
    assert outbox.deliver_due(at=NINE) == 1
    row.refresh_from_db()
    assert (row.status, row.error, row.attempts) == ("failed", error, 1)


@pytest.mark.parametrize("status, refused", [(404, True), (400, False)])
def test_only_an_unknown_address_is_marked(queue, receiver, status, refused):
    row = queue(receiver.url("/hook", status))
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert (row.status, row.address_refused) == ("failed", refused)


def test_a_row_written_with_another_key_holds_up_no_other(queue, receiver, settings):
    settings.SECRET_KEY = "another key, since lost"
    lost = queue(receiver.url("/lost"), urgent=True)
    settings.SECRET_KEY = "the present key"
    sent = queue(receiver.url("/hook"))
    assert outbox.deliver_due(at=NINE) == 2
    assert "SECRET_KEY_FALLBACKS" in Delivery.objects.values_list("error", flat=True).get(pk=lost.pk)
    sent.refresh_from_db()
    assert sent.status == "sent"


def test_a_fault_of_ours_is_a_try_and_no_end(queue, receiver, monkeypatch, caplog):
    row = queue(receiver.url())
    Delivery.objects.filter(pk=row.pk).update(actions=[{"label": "Acknowledge", "url": None}], kind="slack")
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert (row.status, row.error) == ("retrying", "Opscenter itself failed (TypeError); the log says where.")
    assert "slack.py" in caplog.text
    assert receiver.url() not in caplog.text


def test_a_message_that_cannot_be_made_ready_fails_alone_and_goes_to_its_fallback(queue, receiver, monkeypatch, caplog):
    def message_of(row, *, at):
        if row.pk == faulty.pk:
            raise ValueError(f"there is no account for {row.address}")
        return senders.message_of(row, at=at)

    monkeypatch.setattr(rounds, "message_of", message_of)
    first = place("one", receiver.url("/one"), fallback=place("two", receiver.url("/two")))
    before = queue(receiver.url("/before"))
    faulty = queue(first.address, destination=first)
    after = queue(receiver.url("/after"))
    told = outbox.run(at=later(1))
    assert (told["sent"], told["retrying"]) == (2, 1)
    for row in (before, after):
        row.refresh_from_db()
        assert (row.status, tries(row), row.possibly_repeated) == ("sent", ["sent"], False)
    faulty.refresh_from_db()
    words = "It could not be made ready: ValueError: there is no account for …."
    assert (faulty.status, faulty.attempts, faulty.claimed_by, faulty.error) == ("retrying", 1, "", words)
    assert f"Delivery {faulty.pk} could not be made ready" in caplog.text and first.address not in caplog.text
    assert not AddressHealth.objects.exists()  # its receiver was not asked

    for _ in range(2):
        outbox.deliver_due(at=faulty.next_attempt_at)
        faulty.refresh_from_db()
    assert (faulty.status, tries(faulty)) == ("failed", ["try again"] * 3)
    assert faulty.error == f"{words} Given up after 3 tries."
    assert len(receiver.at("/two")) == 1 and not receiver.at("/one")


def test_of_pages_that_go_out_together_only_the_faulty_one_fails(queue, mailbox):
    page = {"purpose": "page", "urgent": True, "recipient": "ada", "kind": "email"}
    link = [{"label": "Acknowledge", "url": "https://x.test/a"}]
    rows = [queue("ada@example.org", thread=f"incident:{number}", actions=link, **page) for number in range(3)]
    Delivery.objects.filter(pk=rows[1].pk).update(actions=[{"label": "Acknowledge"}])
    outbox.deliver_due(at=NINE)
    for row in rows:
        row.refresh_from_db()
    assert [row.status for row in rows] == ["sent", "retrying", "sent"]
    assert rows[1].error == "It could not be made ready: KeyError: 'url'."


# -- mail, as people get it --------------------------------------------------------------------------------------


@pytest.mark.req("DX-39")
def test_a_soft_bounce_is_tried_three_times_more_at_doubling_waits(queue, mailbox, ada):
    method = ContactMethodFactory(contact=ada, kind="email", address="ada@example.org")
    mailbox.answers["ada@example.org"] = ["450 Mailbox busy"] * 9
    row = queue("ada@example.org", kind="email")
    at, waits = NINE, []
    while True:
        outbox.deliver_due(at=at)
        row.refresh_from_db()
        if row.next_attempt_at is None:
            break
        waits.append(round((row.next_attempt_at - at) / SECOND))
        at = row.next_attempt_at
    assert waits == [30, 60, 120]
    assert (row.status, row.address_refused) == ("failed", False)
    assert tries(row) == ["try again"] * 4
    assert all("450 Mailbox busy" in attempt.detail for attempt in row.tries.all())
    method.refresh_from_db()
    assert method.usable


def test_a_hard_bounce_is_not_tried_again(queue, mailbox):
    mailbox.answers["ada@example.org"] = ["550 No such mailbox"]
    row = queue("ada@example.org", kind="email")
    assert outbox.deliver_due(at=NINE) == 1
    assert outbox.deliver_due(at=later(3600)) == 0
    row.refresh_from_db()
    assert (row.status, row.address_refused, tries(row)) == ("failed", True, ["undeliverable"])


# -- fallback ----------------------------------------------------------------------------------------------------


def test_a_second_place_takes_over_when_the_first_fails_three_times(queue, receiver):
    second = place("team", receiver.url("/second"))
    first = place("retries", receiver.url("/first", 500, 500, 500), fallback=second)
    row = queue(first.address, destination=first, data={"key": "retry"}, text="It is down.")
    for seconds in (0, 6, 22, 23):
        outbox.deliver_due(at=later(seconds))
    row.refresh_from_db()
    (instead,) = row.fallbacks.all()
    assert (row.status, tries(row)) == ("failed", ["try again"] * 3)
    assert (instead.status, tries(instead), instead.destination, instead.to) == ("sent", ["sent"], second, "team")
    (got,) = receiver.at("/second")
    assert (got.json["text"], got.json["data"]) == ("It is down.", {"key": "retry"})
    assert len(receiver.at("/first")) == 3


def test_a_final_refusal_hands_over_at_once(queue, receiver):
    first = place("one", receiver.url("/one", 404), fallback=place("two", receiver.url("/two")))
    queue(first.address, destination=first)
    assert outbox.deliver_due(at=NINE) == 2
    assert len(receiver.at("/two")) == 1


def test_two_places_that_stand_in_for_each_other_are_asked_once_each(queue, receiver):
    one, two = place("one", receiver.url("/one", *[404] * 9)), place("two", receiver.url("/two", *[404] * 9))
    one.fallback, two.fallback = two, one
    one.save()
    two.save()
    queue(one.address, destination=one)
    for seconds in range(5):
        outbox.deliver_due(at=later(seconds))
    assert [got.path for got in receiver.got] == ["/one", "/two"]


def test_a_fallback_is_filled_in_and_may_be_several(queue, receiver):
    policy = Policy.objects.create(key="checkout", name="Checkout")
    ParameterFactory(policy=policy, key="URLS", type="text", default=f"{receiver.url('/a')}, {receiver.url('/b')}")
    team = place("team", "${URLS}", policy=policy)
    first = place("one", "${UNSET}", policy=policy, fallback=team)
    queue("${UNSET}", destination=first)
    outbox.deliver_due(at=NINE)
    assert sorted(got.path for got in receiver.got) == ["/a", "/b"]


def test_a_fallback_that_is_off_is_passed_over(queue, receiver):
    third = place("three", receiver.url("/three"))
    second = place("two", receiver.url("/two"), enabled=False, fallback=third)
    first = place("one", receiver.url("/one", 410), fallback=second)
    queue(first.address, destination=first)
    outbox.deliver_due(at=NINE)
    assert [got.path for got in receiver.got] == ["/one", "/three"]


def test_a_place_that_is_off_gets_nothing_and_that_is_on_record(queue, receiver):
    off = place("team", receiver.url(), enabled=False)
    row = queue(off.address, destination=off)
    assert (row.status, row.error) == ("cancelled", "The destination team is switched off.")
    assert outbox.deliver_due(at=NINE) == 0


# -- cause gone --------------------------------------------------------------------------------------------------


def test_what_was_cancelled_never_goes_out(queue, receiver):
    page, retried = queue(receiver.url(), purpose="page"), queue(receiver.url("/busy", 500), purpose="page")
    notice, other = queue(receiver.url("/notice")), queue(receiver.url("/other"), purpose="page", thread="incident:13")
    Delivery.objects.filter(pk=page.pk).update(next_attempt_at=later(60))
    outbox.deliver_due(at=NINE)
    assert outbox.cancel("incident:12", purposes=["page"], at=later(1), reason="ada acknowledged") == 2
    outbox.deliver_due(at=later(3600))
    assert sorted(got.path for got in receiver.got) == ["/busy", "/notice", "/other"]
    for row in (page, retried):
        row.refresh_from_db()
        assert (row.status, row.error, row.ended_at) == ("cancelled", "ada acknowledged", later(1))
    for row in (notice, other):
        row.refresh_from_db()
        assert row.status == "sent"


def test_an_empty_thread_cancels_nothing(queue, receiver):
    queue(receiver.url(), thread="", purpose="page")
    assert outbox.cancel("", purposes=["page"], at=NINE, reason="?") == 0


def in_between(work):
    """A step of the receiver's script: `work` in the server's thread, on a connection of its own."""

    def step(got=None):
        try:
            return work()
        finally:
            connection.close()

    return step


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer, word", [(200, "sent"), (500, "try again"), (404, "undeliverable")])
def test_a_message_cancelled_on_the_wire_stays_cancelled(queue, receiver, answer, word):
    def cancel():
        outbox.cancel("incident:12", purposes=["page"], at=later(1), reason="ada acknowledged")

    def step(got):
        in_between(cancel)(got)
        return answer

    first = place("one", receiver.url("/hook", step), fallback=place("two", receiver.url("/two")))
    row = queue(first.address, purpose="page", destination=first)
    outbox.deliver_due(at=NINE)
    outbox.deliver_due(at=later(3600))
    row.refresh_from_db()
    assert (row.status, row.error) == ("cancelled", "ada acknowledged")
    assert tries(row) == [word]  # what happened is on record all the same
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_a_claimed_message_whose_cause_is_gone_before_its_turn_does_not_go_out(queue, receiver):
    """Twelve are due, eight are claimed at first, six go to one address at a time: the others wait their turn."""

    cancelled = threading.Event()

    def cancel():
        outbox.cancel("incident:12", purposes=["notice"], at=later(1), reason="ada acknowledged")
        cancelled.set()
        wait()

    def wait(got=None):
        cancelled.wait(5)
        time.sleep(2 * rounds.FRESH)

    for _ in range(12):
        queue(receiver.url("/hook", in_between(cancel), *[wait] * 11))
    outbox.deliver_due(at=NINE)
    assert len(receiver.got) <= couriers.PER_ADDRESS
    assert set(Delivery.objects.values_list("status", flat=True)) == {"cancelled"}


@pytest.mark.django_db(transaction=True)
def test_a_round_keeps_no_claim_on_what_it_cannot_send_soon(queue, receiver, other_receiver, monkeypatch):
    monkeypatch.setattr(http, "READ_TIMEOUT", 2.5)
    hanging, seen = receiver.url("/hang", *["hang"] * 20), []

    def look():
        rows = Delivery.objects.filter(status="queued", hint__endswith=str(receiver.server.server_port))
        seen.extend(rows.values_list("claimed_by", flat=True))

    for _ in range(8):
        queue(hanging)
    queue(other_receiver.url("/hook", in_between(look)), at=later(1.5))
    outbox.deliver_due(at=NINE, limit=9)
    assert sorted(seen) == ["", ""] + [claimant.me()] * 6


@pytest.mark.django_db(transaction=True)
def test_what_is_queued_meanwhile_does_not_wait_for_a_slow_receiver(receiver, other_receiver, queue, monkeypatch):
    monkeypatch.setattr(http, "READ_TIMEOUT", 1.5)

    def page():
        outbox.queue(kind="json", address=other_receiver.url("/page"), purpose="page", subject="s", text="t",
                     urgent=True, at=later(0.1))  # fmt: skip
        return "hang"

    slow = receiver.url("/slow", in_between(page), *["hang"] * 20)
    for _ in range(7):
        queue(slow)
    outbox.deliver_due(at=NINE)
    assert len(other_receiver.got) == 1
    attempts = dict(Delivery.objects.values_list("purpose", "tries__at"))
    assert attempts["page"] < later(1)  # not after the first of the hanging ones has ended


@pytest.mark.req("CARD-07")
def test_a_receiver_that_hangs_leaves_room_for_the_others(queue, receiver, other_receiver, monkeypatch):
    monkeypatch.setattr(http, "READ_TIMEOUT", 2.0)
    hanging = receiver.url("/hang", *["hang"] * 50)
    rows = [queue(hanging) for _ in range(12)]
    others = [queue(other_receiver.url()) for _ in range(20)]
    outbox.deliver_due(at=NINE)
    assert {Delivery.objects.get(pk=row.pk).status for row in others} == {"sent"}
    assert {Delivery.objects.get(pk=row.pk).status for row in rows} == {"retrying"}
    # before the first that hangs was given up
    assert max(row.ended_at for row in Delivery.objects.filter(status="sent")) < later(2)


# -- several at once, and crashes --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_four_at_once_send_each_message_once(queue, receiver):
    rows = [queue(receiver.url(f"/{number % 7}"), once=f"n:{number}") for number in range(200)]
    sent = []

    def work():
        try:
            while done := outbox.deliver_due(at=later(1), limit=20):
                sent.append(done)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == len(receiver.got) == len(rows)
    assert len({got.json["id"] for got in receiver.got}) == len(rows)
    assert not Delivery.objects.exclude(status="sent", attempts=1, possibly_repeated=False).exists()


@pytest.mark.django_db(transaction=True)
def test_a_cause_told_twice_at_once_is_one_message(queue, receiver):
    barrier, made = threading.Barrier(4), []

    def work():
        barrier.wait()
        try:
            with transaction.atomic():
                made.append(queue(receiver.url(), once="incident:12:opened").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1 == Delivery.objects.count()


def claimed(row: Delivery, by: str, until) -> None:
    Delivery.objects.filter(pk=row.pk).update(claimed_by=by, next_attempt_at=until)


def test_a_claim_of_a_process_that_ended_is_due_at_once(queue, receiver):
    host, pid, started = claimant.me().split(":")
    row, reused, alive, foreign, left = [queue(receiver.url(f"/{n}"), text=str(n)) for n in range(5)]
    claimed(row, f"{host}:{2**22 + 1}:77", later(120))  # beyond any pid there is
    claimed(reused, f"{host}:{pid}:{int(started) - 1}", later(120))  # our number, an earlier process
    claimed(alive, f"{host}:1:{claimant._started(1)}", later(120))
    claimed(foreign, "elsewhere/1:1:77", later(120))
    claimed(left, claimant.me(), later(120))  # ours, and nobody here is at it
    assert outbox.release_dead(at=later(1)) == 3
    assert outbox.release_dead(at=later(1)) == 0
    assert outbox.deliver_due(at=later(1)) == 3
    assert sorted(got.path for got in receiver.got) == ["/0", "/1", "/4"]
    row.refresh_from_db()
    assert (row.status, row.possibly_repeated, tries(row)) == ("sent", True, ["interrupted", "sent"])
    alive.refresh_from_db()
    assert (alive.possibly_repeated, alive.next_attempt_at) == (False, later(120))


def test_a_claim_of_another_machine_runs_out(queue, receiver):
    row = queue(receiver.url())
    claimed(row, "elsewhere/1:7:77", later(120))
    assert outbox.deliver_due(at=later(119)) == 0
    assert outbox.deliver_due(at=later(120)) == 1
    row.refresh_from_db()
    assert (row.status, row.possibly_repeated, row.attempts) == ("sent", True, 2)
    assert tries(row) == ["interrupted", "sent"]


@pytest.mark.django_db(transaction=True)
def test_a_message_that_arrived_is_not_sent_again_by_who_took_it_over(queue, receiver):
    """Our lease ran out on the wire and another process claimed the row: our answer still counts."""

    def taken_over():
        claimed(row, "elsewhere/1:7:77", later(300))

    row = queue(receiver.url("/hook", in_between(taken_over)))
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert row.status == "sent"
    assert outbox.deliver_due(at=later(3600)) == 0


@pytest.mark.django_db(transaction=True)
def test_a_failure_does_not_disturb_who_took_it_over(queue, receiver):
    def taken_over():
        claimed(row, "elsewhere/1:7:77", later(300))

    def step(got):
        in_between(taken_over)(got)
        return 404

    row = queue(receiver.url("/hook", step))
    outbox.deliver_due(at=NINE)
    row.refresh_from_db()
    assert (row.status, row.claimed_by, row.next_attempt_at) == ("queued", "elsewhere/1:7:77", later(300))


@pytest.mark.django_db(transaction=True)
def test_a_row_deleted_on_the_wire_spoils_no_other(queue, receiver):
    def delete():
        Delivery.objects.filter(pk=row.pk).delete()

    row = queue(receiver.url("/gone", in_between(delete)))
    other = queue(receiver.url("/other"))
    outbox.deliver_due(at=NINE)
    other.refresh_from_db()
    assert (other.status, Delivery.objects.count()) == ("sent", 1)


def test_a_failure_of_the_database_leaves_no_claim_of_ours_behind(queue, receiver, monkeypatch):
    """Whatever ends a run early, the next look finds its messages and sends them again."""
    row = queue(receiver.url())
    with pytest.raises(ZeroDivisionError), monkeypatch.context() as broken:
        broken.setattr(rounds, "record", lambda *args, **kwargs: 1 / 0)
        outbox.deliver_due(at=NINE)
    assert outbox.release_dead(at=later(1)) == 1
    assert outbox.deliver_due(at=later(1)) == 1
    row.refresh_from_db()
    assert (row.status, row.possibly_repeated) == ("sent", True)


def test_a_look_with_nothing_due_is_two_queries(queue, receiver, django_assert_num_queries):
    queue(receiver.url(), at=later(60))
    with django_assert_num_queries(2):
        outbox.deliver_due(at=NINE)
    with django_assert_num_queries(1):
        outbox.release_dead(at=NINE)

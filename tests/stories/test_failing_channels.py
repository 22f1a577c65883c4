"""A page whose channel fails goes on: next method, next person, and each failure is on record."""

from oncall.models import ContactMethod


def test_when_slack_fails_the_page_goes_by_e_mail(ops):
    ops.sink.fault("/slack/ada", status=500, times=None)
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == []
    ops.at("09:01").tick()
    assert ops.paged == ["ada"]
    assert len(ops.sink.received("/slack/ada")) == 4  # at once, then after 2, 4 and 8 s
    [mail] = ops.sink.received("/smtp/ada@example.org")
    assert mail.status == 250
    assert "The page to ada by slack failed" in ops.timeline("page_failed")[0]


def test_when_every_method_fails_the_next_person_is_asked_at_once(ops):
    ops.sink.fault("/slack/ada", status=404, times=None)
    ops.sink.fault("/smtp/ada@example.org", status=550, times=None)
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == ["grace"]  # not 5 minutes later
    assert ops.timeline("unreachable") == ["ada could not be reached: every contact method failed."]
    ops.at("09:09").tick()
    assert ops.paged == ["grace"]
    ops.at("09:10").tick()
    assert ops.paged == ["grace", "linus"]


def test_the_back_up_is_asked_for_who_cannot_be_reached(ops):
    ops.people["ada"].backup = ops.people["linus"]
    ops.people["ada"].save()
    ContactMethod.objects.filter(contact=ops.people["ada"]).delete()
    ops.at("09:00").signal("checkout", "down")
    assert ops.paged == ["linus"]
    ops.at("09:05").tick()
    assert ops.paged == ["linus", "grace"]


def test_a_channel_that_asks_to_wait_is_waited_for(ops):
    ops.sink.fault("/slack/ada", status=429, retry_after=20)
    ops.at("09:00").signal("checkout", "down")
    ops.at("09:00:19").tick()
    assert ops.paged == []
    ops.at("09:00:30").tick()
    assert ops.paged == ["ada"]
    assert [message.status for message in ops.sink.received("/slack/ada")] == [429, 200]


def test_when_nobody_at_all_can_be_reached_it_is_on_record(ops):
    ContactMethod.objects.all().delete()
    ops.at("09:00").signal("checkout", "down")
    ops.at("10:00").tick()
    assert ops.paged == []
    assert len(ops.timeline("unreachable")) == 4
    assert ops.timeline("escalation_exhausted")

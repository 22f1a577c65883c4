"""A silence holds back what matches it, and lets go of what still fires at its end."""

from incidents.models import Incident


def test_what_still_fires_at_the_end_of_a_silence_pages_then(ops):
    ops.silence("checkout", until="10:00", by="linus", comment="Moving the database.")
    ops.at("09:10").signal("checkout", "down")
    ops.at("09:59:59").tick()
    assert ops.paged == [] and not Incident.objects.exists()
    ops.at("10:00").tick()
    assert ops.paged == ["ada"]
    ops.at("10:05").tick()
    assert ops.paged == ["ada", "grace"]  # the steps count from the opening


def test_what_has_ended_before_the_end_of_a_silence_pages_nobody(ops):
    ops.silence("checkout", until="10:00", by="linus", comment="Moving the database.")
    ops.at("09:10").signal("checkout", "down")
    ops.at("09:50").signal("checkout", "up")
    ops.at("11:00").tick()
    assert ops.paged == [] and not Incident.objects.exists()


def test_a_silence_that_is_ended_early_lets_go_at_once(ops):
    silence = ops.silence("checkout", until="10:00", by="linus", comment="Moving the database.")
    ops.at("09:10").signal("checkout", "down").signal("search", "down")
    assert ops.paged == ["ada"]  # for search alone
    ops.at("09:20").end(silence)
    assert ops.paged.count("ada") == 2


def test_why_nobody_was_paged_is_on_record(ops):
    ops.silence("checkout", until="10:00", by="linus", comment="Moving the database.")
    ops.at("09:10").signal("checkout", "down")
    [alert] = ops.door.alerts.all()
    assert alert.liveness.reason == "silenced by linus: Moving the database."

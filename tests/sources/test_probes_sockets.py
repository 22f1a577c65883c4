"""Ports, certificates and Redis, asked over real sockets."""

from datetime import UTC, datetime, timedelta

import pytest

from sources.probes import PROBES, BadSpec, ProbeError
from tests.sources.sockets import certificate, closed_port, listening

SECOND = timedelta(seconds=1)


def read(kind, spec, *, at=None, timeout=20 * SECOND):
    PROBES[kind].check(spec)
    (reading,) = PROBES[kind].read(spec, at=at or datetime.now(UTC), timeout=timeout)
    return reading.fields


def refusal(kind, spec):
    with pytest.raises(BadSpec) as refused:
        PROBES[kind].check(spec)
    return refused.value


def failure(kind, spec, **options):
    with pytest.raises(ProbeError) as failed:
        read(kind, spec, **options)
    return failed.value


# a port


def silent(connection):
    while connection.recv(1000):
        pass


def smtp(connection):
    connection.sendall(b"220 mail.example")
    connection.sendall(b".org ESMTP\r\n")
    if connection.recv(100) == b"QUIT\r\n":
        connection.sendall(b"221 Bye\r\n")


def test_a_port_that_answers_is_ok_and_its_time_is_the_value():
    with listening(silent) as port:
        fields = read("tcp", {"host": "127.0.0.1", "port": port})
    assert fields["ok"] is fields["reachable"] is True
    assert 0 < fields["value"] == fields["latency_ms"] < 1000


def test_a_closed_port_is_an_error_or_when_asked_for_a_reading():
    spec = {"host": "127.0.0.1", "port": closed_port()}
    error = failure("tcp", spec)
    assert error.reason == "unreachable"
    assert str(error) == f"No connection to tcp://127.0.0.1:{spec['port']}: Connection refused."
    fields = read("tcp", spec | {"unreachable": "reading"})
    assert fields == {"ok": False, "reachable": False, "error": str(error)}


def test_what_a_port_says_is_compared_with_what_is_expected():
    with listening(smtp) as port:
        spec = {"host": "127.0.0.1", "port": port}
        greeted = read("tcp", spec | {"expect": "220 mail.example.org"})
        asked = read("tcp", spec | {"send": "QUIT\r\n", "expect": r"~(?m)^221 \w+"})
        other = read("tcp", spec | {"send": "QUIT\r\n", "expect": "250 (nice)"})
    assert greeted["ok"] is True and greeted["answer"].startswith("220 mail.example.org ESMTP")
    assert asked["ok"] is True
    assert other["ok"] is False and other["reachable"] is True
    assert other["error"] == "It hung up before what is expected had come."
    assert other["answer"].endswith("221 Bye\r\n")


def test_a_port_that_stays_silent_is_cut_off_in_time():
    with listening(silent) as port:
        fields = read("tcp", {"host": "127.0.0.1", "port": port, "expect": "220"}, timeout=timedelta(seconds=0.2))
    assert fields["ok"] is False
    assert fields["error"] == "What is expected did not come within 0.2 s."


def test_a_port_that_says_too_much_is_left():
    with listening(lambda connection: connection.sendall(b"x" * 1_000_000)) as port:
        fields = read("tcp", {"host": "127.0.0.1", "port": port, "expect": "220"})
    assert fields["error"] == "What is expected was not in its first 65,536 bytes."
    assert len(fields["answer"]) == 2_000


def test_a_port_with_tls_is_believed_only_with_the_right_certificate(tmp_path):
    path, context = certificate(tmp_path)
    with listening(smtp, context=context) as port:
        spec = {"host": "localhost", "port": port, "tls": True, "expect": "220"}
        assert read("tcp", spec | {"ca": str(path)})["ok"] is True
        assert read("tcp", spec | {"verify": False})["ok"] is True
        assert read("tcp", {"url": f"tls://localhost:{port}", "ca": str(path)})["ok"] is True
        error = failure("tcp", spec)
        assert str(error) == f"The certificate of tcp://localhost:{port} is not accepted: self-signed certificate."
        missing = failure("tcp", spec | {"ca": str(tmp_path / "none.pem")})
    assert "No such file" in str(missing)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "host"),
        ({"host": "a b", "port": 1}, "host"),
        ({"host": "a"}, "port"),
        ({"host": "a", "port": 0}, "port"),
        ({"host": "a", "port": 65_536}, "port"),
        ({"host": "a", "port": True}, "port"),
        ({"host": "a", "port": "x"}, "port"),
        ({"host": "a", "port": 1, "expect": ""}, "expect"),
        ({"host": "a", "port": 1, "expect": "~("}, "expect"),
        ({"host": "a", "port": 1, "tls": "yes"}, "tls"),
        ({"host": "a", "port": 1, "unreachable": "maybe"}, "unreachable"),
        ({"host": "a", "port": 1, "prot": 1}, "prot"),
        ({"url": "tcp://a:1", "port": 1}, "host"),
        ({"url": "http://a:1"}, "url"),
        ({"url": "tcp://a"}, "url"),
        ({"url": "tcp://a:99999"}, "url"),
    ],
)
def test_a_port_written_wrongly_is_refused(spec, path):
    assert refusal("tcp", spec).path == path


# a certificate


def test_a_certificate_tells_how_long_it_is_valid(tmp_path):
    path, context = certificate(tmp_path, names=("localhost", "www.example.org", "127.0.0.1"), days=30)
    with listening(silent, context=context) as port:
        at = datetime.now(UTC)
        fields = read("tls", {"host": "localhost", "port": port, "ca": str(path)}, at=at)
    assert fields["value"] == fields["days_left"] == pytest.approx(30, abs=0.001)
    assert fields["not_after"] - at == pytest.approx(timedelta(days=30), abs=timedelta(seconds=60))
    assert (fields["ok"], fields["reason"], fields["expired"]) == (True, "", False)
    assert fields["issuer"] == fields["subject"] == "CN=localhost"
    assert fields["names"] == ["localhost", "www.example.org", "127.0.0.1"]
    assert fields["serial"] == "ace"


def test_a_certificate_that_has_ended_is_a_reading_with_the_reason(tmp_path):
    path, context = certificate(tmp_path, days=-2)
    with listening(silent, context=context) as port:
        fields = read("tls", {"host": "localhost", "port": port, "ca": str(path)})
    assert fields["days_left"] == pytest.approx(-2, abs=0.001)
    assert (fields["ok"], fields["reason"], fields["expired"]) == (False, "certificate has expired", True)


def test_a_certificate_ends_at_its_second(tmp_path):
    path, context = certificate(tmp_path, days=10)
    with listening(silent, context=context) as port:
        spec = {"host": "localhost", "port": port, "ca": str(path)}
        ends = read("tls", spec)["not_after"]
        at_the_end = read("tls", spec, at=ends)
        after_it = read("tls", spec, at=ends + timedelta(microseconds=1))
    assert (at_the_end["ok"], at_the_end["value"]) == (True, 0)
    assert (after_it["ok"], after_it["reason"]) == (False, "certificate has expired")


def test_a_certificate_of_another_name_or_an_unknown_issuer_is_not_ok(tmp_path):
    path, context = certificate(tmp_path, names=("localhost",))
    with listening(silent, context=context) as port:
        spec = {"host": "127.0.0.1", "port": port}
        other = read("tls", spec | {"ca": str(path)})
        named = read("tls", spec | {"ca": str(path), "server_name": "localhost"})
        given = read("tls", spec | {"ca": path.read_text(), "server_name": "localhost"})
        unknown = read("tls", spec | {"server_name": "localhost"})
    assert other["ok"] is False and "IP address mismatch" in other["reason"]
    assert other["days_left"] == pytest.approx(90, abs=0.001)
    assert named["ok"] is given["ok"] is True
    assert (unknown["ok"], unknown["reason"]) == (False, "self-signed certificate")


def test_a_certificate_that_begins_later_is_not_ok(tmp_path):
    path, context = certificate(tmp_path, begins=datetime.now(UTC) + timedelta(days=1))
    with listening(silent, context=context) as port:
        fields = read("tls", {"host": "localhost", "port": port, "ca": str(path)})
    assert (fields["ok"], fields["reason"]) == (False, "certificate is not yet valid")


def test_a_server_without_tls_has_no_certificate():
    with listening(lambda connection: connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")) as port:
        spec = {"url": f"tls://127.0.0.1:{port}"}
        error = failure("tls", spec)
        fields = read("tls", spec | {"unreachable": "reading"})
    assert str(error).startswith(f"tls://127.0.0.1:{port} does not speak TLS with us: ")
    assert (fields["ok"], fields["reachable"], fields["reason"]) == (False, False, str(error))


def test_a_server_that_does_not_answer_has_no_certificate():
    with listening(silent) as port:
        error = failure("tls", {"host": "127.0.0.1", "port": port}, timeout=timedelta(seconds=0.2))
    assert (error.reason, str(error)) == ("timeout", f"tls://127.0.0.1:{port} did not answer within 0.2 s.")
    assert failure("tls", {"host": "127.0.0.1", "port": closed_port()}).reason == "unreachable"


def test_a_certificate_is_at_443_unless_said_otherwise():
    PROBES["tls"].check({"host": "www.example.org"})
    PROBES["tls"].check({"url": "https://www.example.org"})
    assert refusal("tls", {"url": "http://www.example.org"}).path == "url"
    assert refusal("tls", {"host": "www.example.org", "send": "x"}).path == "send"


# Redis


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


class FakeRedis:
    """Speaks enough RESP2; the real one's answers, as its documentation has them."""

    SAYS = {
        ("PING",): b"+PONG\r\n",
        ("SELECT", "3"): b"+OK\r\n",
        ("INFO", "memory"): bulk(b"# Memory\r\nused_memory:1048576\r\nratio:1.5\r\n"),
        ("INFO", "keyspace"): bulk(b"# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n"),
        ("LLEN", "celery"): b":17\r\n",
        ("LLEN", "dead letters"): b":0\r\n",
        ("GET", "beat"): bulk(b"1763978400"),
        ("GET", "name"): bulk(b"ada"),
        ("GET", "none"): b"$-1\r\n",
        ("TTL", "none"): b":-2\r\n",
        ("LLEN", "text"): b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ("STRLEN", "odd"): b"~what\r\n",
    }

    def __init__(self, password="", user=""):
        self.password, self.user, self.asked = password, user, []

    def __call__(self, connection):
        file, known = connection.makefile("rb"), not self.password
        while head := file.readline():
            words = []
            for _ in range(int(head[1:])):
                words.append(file.read(int(file.readline()[1:]) + 2)[:-2].decode())
            self.asked.append(words)
            if words[0] == "AUTH":
                known = words[1:] == [*([self.user] if self.user else []), self.password]
                told = b"+OK\r\n" if known else b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            else:
                told = self.SAYS[tuple(words)] if known else b"-NOAUTH Authentication required.\r\n"
            for place in range(len(told)):  # byte by byte, as a network may
                connection.sendall(told[place : place + 1])


def test_a_redis_that_answers_is_ok():
    redis = FakeRedis()
    with listening(redis) as port:
        fields = read("redis", {"url": f"redis://127.0.0.1:{port}/3"})
    assert fields["ok"] is fields["reachable"] is True
    assert 0 < fields["value"] == fields["latency_ms"] < 1000
    assert redis.asked == [["SELECT", "3"], ["PING"]]


def test_a_redis_tells_of_itself_and_of_keys():
    commands = {"dead": ["LLEN", "dead letters"], "beat": "get beat", "none": "GET none", "ttl": "TTL none"}
    with listening(FakeRedis()) as port:
        fields = read(
            "redis",
            {
                "url": f"redis://127.0.0.1:{port}",
                "command": "LLEN celery",
                "commands": commands | {"name": "GET name"},
                "info": ["memory", "keyspace"],
            },
        )
    assert fields["value"] == 17
    assert (fields["used_memory"], fields["ratio"], fields["db0_keys"], fields["db0_expires"]) == (1_048_576, 1.5, 3, 1)
    assert (fields["dead"], fields["beat"], fields["none"], fields["ttl"]) == (0, 1_763_978_400, None, -2)
    assert fields["name"] == "ada"


def test_a_password_is_sent_and_never_told():
    redis = FakeRedis(password="s3cret/word", user="ops")
    with listening(redis) as port:
        address = f"redis://ops:s3cret%2Fword@127.0.0.1:{port}"
        assert read("redis", {"url": address})["ok"] is True
        wrong = failure("redis", {"url": address.replace("s3cret", "wr0ng")})
        none = failure("redis", {"url": f"redis://127.0.0.1:{port}"})
        soft = read("redis", {"url": f"redis://127.0.0.1:{port}", "unreachable": "reading"})
    assert redis.asked[0] == ["AUTH", "ops", "s3cret/word"]
    assert str(wrong).startswith(f"redis://127.0.0.1:{port} rejects the password: WRONGPASS")
    assert "wr0ng" not in str(wrong) and wrong.reason == "query"
    assert "NOAUTH" in str(none)
    assert (soft["ok"], soft["reachable"], soft["error"]) == (False, False, str(none))


def test_a_redis_that_refuses_a_command_is_an_error():
    with listening(FakeRedis()) as port:
        error = failure("redis", {"url": f"redis://127.0.0.1:{port}", "command": "LLEN text"})
        odd = failure("redis", {"url": f"redis://127.0.0.1:{port}", "command": "STRLEN odd"})
    assert str(error).startswith(f"redis://127.0.0.1:{port} refuses LLEN: WRONGTYPE")
    assert str(odd) == f"redis://127.0.0.1:{port} does not answer as a Redis does."


def test_what_is_no_redis_is_told_so():
    def http(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(http) as port:
        error = failure("redis", {"url": f"redis://127.0.0.1:{port}"})
    assert str(error) == f"redis://127.0.0.1:{port} does not answer as a Redis does."
    with listening(lambda connection: connection.recv(100)) as port:
        error = failure("redis", {"url": f"redis://127.0.0.1:{port}"})
    assert (error.reason, str(error)) == (
        "unreachable", f"redis://127.0.0.1:{port} hung up in the middle of its answer."
    )  # fmt: skip


def test_a_redis_that_is_down_or_hangs_is_unreachable():
    gone = {"url": f"redis://127.0.0.1:{closed_port()}"}
    assert failure("redis", gone).reason == "unreachable"
    assert read("redis", gone | {"unreachable": "reading"})["ok"] is False
    with listening(lambda connection: (connection.recv(100), connection.recv(1))) as port:
        error = failure("redis", {"url": f"redis://127.0.0.1:{port}"}, timeout=timedelta(seconds=0.2))
    assert error.reason == "timeout"


def test_a_redis_with_tls(tmp_path):
    path, context = certificate(tmp_path)
    with listening(FakeRedis(), context=context) as port:
        assert read("redis", {"url": f"rediss://localhost:{port}", "ca": str(path)})["ok"] is True
        assert "self-signed" in str(failure("redis", {"url": f"rediss://localhost:{port}"}))


@pytest.mark.parametrize(
    ("spec", "path", "words"),
    [
        ({}, "url", "needed"),
        ({"url": "http://a"}, "url", "redis://host:6379"),
        ({"url": "redis://a/x"}, "url", "number of a database"),
        ({"url": "redis://a", "command": "FLUSHALL"}, "command", "Allowed: DBSIZE, EXISTS, GET"),
        ({"url": "redis://a", "command": "LLEN"}, "command", "LLEN takes 1 words"),
        ({"url": "redis://a", "command": "LLEN 'a"}, "command", "cannot be read"),
        ({"url": "redis://a", "commands": {"n": "SET a b"}}, "commands.n", "not sent"),
        ({"url": "redis://a", "commands": ["LLEN a"]}, "commands", "names and commands"),
        ({"url": "redis://a", "info": 3}, "info", "memory"),
        ({"url": "redis://a", "info": "memory\r\nFLUSHALL"}, "info", "memory"),
        ({"url": "redis://a", "query": "x"}, "query", "Allowed: ca, command"),
    ],
)
def test_a_redis_source_written_wrongly_is_refused(spec, path, words):
    error = refusal("redis", spec)
    assert error.path == path
    assert words in error.sentence

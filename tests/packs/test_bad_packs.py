"""Packs that are refused: every fault with its file, line and path, and the database as it was."""

import pytest
from django.core.management import CommandError, call_command

from packs import document, loader
from tests.packs.test_loader import BULKY, SMALL, rows

GOOD = SMALL + BULKY


def told(text: str) -> list[str]:
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(text, name="my.yaml", at=None)
    return refused.value.problems


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        # YAML itself
        ("severities:", "severities", 4, "This is not YAML, column 9: "),
        ("{key: dim}", "{key: dim", 6, "This is not YAML, column 7: "),
        ("  - {key: dim}", "\t- {key: dim}", 5, "This is not YAML, column 1: found character '\\t'"),
        ("params:", "severities:", 6, "The key 'severities' stands here twice, first on line 3; keep one."),
        ("key: lamp-dim", "key: lamp-dim\n    when: value > 1", 33, "The key 'when' stands here twice, first on"),
        ("{key: dim}", "&dim {key: dim}\n  - *dim", 6, "*dim: aliases (*name), tags (!name) and merge keys"),
        ("key: dim}", "key: !!python/none x}", 5, "python/none: aliases (*name), tags (!name)"),
        ("Light them.", "Light\x00them.", 27, "The character #x0000 is not allowed in YAML."),
        # sections and keys
        ("pack:", "pakc:", 1, "The section `pack` is missing"),
        ("severities:", "severties:", 3, "severties: There is no section 'severties'; did you mean severities?"),
        ("targets:", "sources: []\ntargets:", 18, "sources: The section sources is not supported yet; did you mean"),
        ("every: 60s", "evry: 60s", 23, "rules.lamp-out.evry: There is no key 'evry' here; did you mean every?"),
        ("service: lighthouse", "extend: x", 2, "pack.extend: There is no key 'extend' here; did you mean extends?"),
        ("key: lamp-dim", "key: lamp-out", 29, "rules.lamp-out: There are two entries 'lamp-out' in rules"),
        ("{key: dim}", "{}", 5, "severities[1]: The key 'key' is needed and is missing."),
        ("{key: dim}", "dim", 5, "severities[1]: This should be an entry with keys, and it is 'dim'; allowed: key,"),
        ("page: true", "page: yes", 4, "severities.dark.page: This should be true or false, and it is 'yes'."),
        ("{key: dim}", "{key: dim, rank: 0}", 3, "severities: dark and dim have the same rank 0"),
        # values
        ("every: 60s", "every: 1 minute", 23, "rules.lamp-out.every: '1 minute' is not a length of time. Write"),
        ("within: 5m", "within: tomorrow", 19, "targets[0].within: There is no term 'tomorrow'; allowed: a length"),
        ("kind: ack", "kind: acknowlege", 19, "targets[0].kind: There is no 'acknowlege' here; did you mean ack"),
        ("default: 50", "default: many", 7, "params.LIMIT.default: 'many' is no int; a default has the type"),
        ("type: secret", "type: secret, default: x", 8, "params.CHAT.default: A secret does not stand in a pack"),
        ("sqlite:///$", "postgresql://u:pw@h/$", 10, "connections.db.url: A password does not stand in a pack"),
        ("service: lighthouse", "timezone: Java", 2, "pack.timezone: There is no time zone 'Java'; allowed: names"),
        # conditions, queries, messages
        ("value > 50", "value >> 50", 25, "rules.lamp-out.when: This is not expected here: > (character 8 of: "),
        ("value > 50", "value = 50", 25, "rules.lamp-out.when: To compare, write == and not =. (character 7 of"),
        ("value > 50", "value > params.LMIT", 25, "rules.lamp-out.when: There is no parameter 'LMIT'; did you mean"),
        ("SELECT count(*) FROM lamp WHERE lit = 0", "DELETE FROM lamp", 24, "rules.lamp-out.source.sql.query: This"),
        ("SELECT min", "UPDATE lamp SET lit = 0; SELECT min", 31, "rules.lamp-dim.source.sql.query: These are sev"),
        ("{sql: {connection: db, query: SELECT min", "{sqll: {connection: db, query: SELECT min", 31, "rules.lamp-"),
        ("when: value < 10", "", 29, "rules.lamp-dim.when: A condition is needed, such as value >= 1."),
        ("{{ value }}", "{{ value }", 26, "rules.lamp-out.message: This message is no template: unexpected '}'"),
        # references
        ("severity: dim", "severity: dum", 30, "rules.lamp-dim.severity: There is no severity 'dum'; did you mean dim"),
        ("connection: db, query: SELECT min", "connection: bd, query: SELECT min", 31, "rules.lamp-dim.source.sql.c"),
        ("to: chat}\n  - {d", "to: chta}\n  - {d", 16, "routes[0].to[0]: There is no destination 'chta'; did you"),
        ("owners: keepers", "owners: keeper", 28, "rules.lamp-out.owners[0]: There is no contact 'keeper'; did you"),
        ("${CHAT}", "${CHTA}", 14, "destinations.chat.address: There is no parameter 'CHTA'; did you mean CHAT?"),
        ("owners: keepers", "suppressed_by: lamp-out", 28, "rules.lamp-out.suppressed_by: These rules would"),
        # nobody is reached
        ("  - {default: true, to: chat}\n", "", 5, "severities.dim: The level dim reaches nobody: no route or escal"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line_and_path_and_nothing_changes(db, old, new, line, words):
    assert old in GOOD
    before = rows()
    faults = told(GOOD.replace(old, new, 1))
    assert any(fault.startswith(f"my.yaml:{line}: {words}") for fault in faults), faults
    assert rows() == before


@pytest.mark.parametrize("odd", ["[quiet]", "{a: 1}", "{a: 1, b: 2}", "7", "null"])
def test_what_is_no_name_where_a_name_belongs_is_refused(db, odd):
    gate = "gates:\n  - {to: resolved, require: [" + odd + "]}\n"
    assert any(": gates" in fault and "require" in fault for fault in told(GOOD + gate))
    says = told(GOOD.replace("value < 10", "value < 10\n    message: Dim\n    says: [" + odd + "]", 1))
    assert any("says" in fault for fault in says), says


def test_every_fault_is_told_at_once_in_the_order_of_the_file(db):
    text = GOOD
    for old, new in [("default: 50", "default: many"), ("every: 60s", "every: soon"), ("value < 10", "value <")]:
        text = text.replace(old, new)
    lines = told(text.replace("SELECT count(*) FROM lamp WHERE lit = 0", "DROP TABLE lamp"))
    assert [line.split(": ")[0:2] for line in lines] == [
        ["my.yaml:7", "params.LIMIT.default"],
        ["my.yaml:23", "rules.lamp-out.every"],
        ["my.yaml:24", "rules.lamp-out.source.sql.query"],
        ["my.yaml:32", "rules.lamp-dim.when"],
    ]


def test_a_pack_that_fails_leaves_a_loaded_one_as_it_was(load):
    load(GOOD)
    before = rows()
    told(GOOD.replace("value > 50", "value > 60").replace("kind: slack", "kind: slakc"))
    assert rows() == before
    assert load(GOOD).changes == []


def test_the_command_tells_them_on_its_error_output(db, tmp_path):
    (tmp_path / "lamps.yaml").write_text(GOOD.replace("kind: slack", "kind: slakc"))
    with pytest.raises(CommandError, match=r"lamps.yaml:14: destinations.chat.kind: There is no 'slakc' here"):
        call_command("load_pack", str(tmp_path / "lamps.yaml"))
    (tmp_path / "lamps.yaml").write_bytes(b"pack: {key: caf\xe9}")
    with pytest.raises(CommandError, match=r"lamps.yaml:1: This file is not UTF-8"):
        call_command("load_pack", str(tmp_path / "lamps.yaml"))


@pytest.mark.parametrize(
    "text", ["", "just words", "- a list", "[" * 5000, "pack: " + "{a: " * 400, "x: " + "y" * 1_100_000]
)
def test_what_is_no_pack_at_all_is_refused_in_a_sentence(db, text):
    assert told(text)[0].startswith("my.yaml:1: ")


def test_plain_yaml_has_no_surprises():
    data = document.read("a: no\nb: 10:30\nc: 2026-01-05\nd: 007\ne: 1.5\nf: ~\ng: true\nh: 0x1f\ni: -3").data
    assert data == {
        "a": "no", "b": "10:30", "c": "2026-01-05", "d": "007", "e": 1.5, "f": None, "g": True, "h": "0x1f", "i": -3,
    }  # fmt: skip

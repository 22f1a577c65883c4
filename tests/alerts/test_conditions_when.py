"""Conditions in CEL: what holds, what does not, what nobody can say, and where a mistake is."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.conditions import BadCondition, CannotJudge, compile_when
from alerts.conditions.cel_text import paths_in, tokens_of, with_decimals, with_seconds

NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
QUOTA = "emails_available <= 0 && now - last_synced_at > duration('2h')"


def holds(text, *, labels=None, params=None, **fields):
    return compile_when(text).holds(fields, labels, params, NINE).holds


class TestHolds:
    @pytest.mark.parametrize(
        ("value", "wanted"),
        [
            (0, False),
            (1, True),
            (2, True),
            (0.999, False),
            (1.0, True),
            (Decimal("0.99"), False),
            (Decimal("1"), True),
            (2**70, True),
            (-(2**70), False),
            (None, None),
            (float("nan"), None),
        ],
    )
    def test_a_number_is_a_number_of_whatever_kind(self, value, wanted):
        assert holds("value >= 1", value=value) is wanted
        assert holds("value >= 1.0", value=value) is wanted
        assert (
            compile_when("params.LIMIT <= value").holds({"value": value}, {}, {"LIMIT": Decimal("1")}).holds is wanted
        )

    @pytest.mark.parametrize(
        ("failed", "total", "wanted"), [(5, 100, False), (6, 100, True), (5.5, 100, True), (0, 0, None)]
    )
    def test_a_share_is_not_cut_to_a_whole_number(self, failed, total, wanted):
        assert holds("failed / total > 0.05", failed=failed, total=total) is wanted
        assert holds("100 * failed / total > 5", failed=failed, total=total) is wanted

    def test_whole_numbers_stay_whole_where_they_must(self):
        assert holds("value % 2 == 0", value=4)
        assert holds("size(queues) + 1 == 3", queues=[1, 2])
        assert holds("json.queues[0].depth / 2 > 1", json={"queues": [{"depth": 3}]})
        assert holds("now.getHours() + 7 == 16")

    @pytest.mark.req("ML-31", "ML-32")
    @pytest.mark.parametrize(
        ("available", "age", "wanted"),
        [
            (0, 2 * HOUR - SECOND, False),
            (0, 2 * HOUR, False),
            (0, 2 * HOUR + SECOND, True),
            (1, 5 * HOUR, False),
            (-3, 3 * HOUR, True),
        ],
    )
    def test_a_row_with_an_age(self, available, age, wanted):
        assert holds(QUOTA, emails_available=available, last_synced_at=NINE - age) is wanted

    @pytest.mark.parametrize("length", ["1d", "24h", "1440m", "86400s", "23h60m"])
    def test_lengths_are_written_as_everywhere(self, length):
        text = f"now - last > duration('{length}')"
        assert [holds(text, last=NINE - age) for age in (24 * HOUR, 24 * HOUR + SECOND)] == [False, True]
        assert holds("now - last > params.STALE", last=NINE - HOUR, params={"STALE": HOUR - SECOND})

    @pytest.mark.parametrize(
        ("text", "fields", "wanted"),
        [
            ("status == 'down'", {"status": "down"}, True),
            ("status in ['down', 'gone']", {"status": "gone"}, True),
            ("status.startsWith('de')", {"status": "degraded"}, True),
            ("status.matches('^d.*d$')", {"status": "degraded"}, True),
            ("up", {"up": False}, False),
            ("value > 4", {"stuck_count": 5}, True),  # the only field is the value
            ("fields['COUNT(*)'] > 4", {"COUNT(*)": 5, "x": 1}, True),
            ("now > day", {"day": date(2025, 3, 3)}, True),
            ("day == now - duration('9h')", {"day": date(2025, 3, 3)}, True),
            ("now > naive", {"naive": datetime(2025, 3, 3, 8, 59)}, True),
            ("queues.exists(q, q.depth > 5)", {"queues": [{"depth": 5}, {"depth": 6}]}, True),
            ("double(value) >= 10", {"value": "10"}, True),
            ("now - timestamp(last) > duration('1h')", {"last": "2025-03-03T07:59:59Z"}, True),
            ("1 < 2", {}, True),
        ],
    )
    def test_what_people_write(self, text, fields, wanted):
        assert holds(text, **fields) is wanted

    def test_labels_go_by_name_too_unless_a_field_has_it(self):
        assert holds("labels.tenant == 'ada' && tenant == 'ada'", labels={"tenant": "ada"})
        assert holds("labels.tenant == 'ada' && tenant == 5", labels={"tenant": "ada"}, tenant=5)

    def test_a_field_cannot_hide_what_is_always_there(self):
        assert holds("now == timestamp('2025-03-03T09:00:00Z') && params.x == 1", now=5, params={"x": 1})

    @given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
    def test_compares_as_python_does(self, value, limit):
        text = f"value >= {limit} && !(value < {limit}) && value >= params.LIMIT"
        assert compile_when(text).holds({"value": value}, {}, {"LIMIT": limit}).holds is (value >= limit)

    @given(st.floats(-1e9, 1e9), st.integers(-1000, 1000), st.integers(1, 1000))
    def test_counts_as_python_does(self, value, factor, divisor):
        when = compile_when(f"value * {factor} + a / {divisor} - 1 > 0.5")
        assert when.holds({"value": value, "a": factor}).holds is (value * factor + factor / divisor - 1 > 0.5)


class TestNoData:
    @pytest.mark.parametrize(
        ("text", "fields", "wanted"),
        [
            ("value >= 1", {}, "There is no value."),
            ("value >= 1", {"a": 1, "b": 2}, "There is no value."),
            ("last > now", {"last": None}, "last has no value."),
            ("value != 1", {"value": None}, "There is no value."),
            ("json.a.b == 1", {"json": {"a": {"b": None}}}, "There is no 'b' in what was read."),
            ("labels.tenant == 'ada'", {}, "There is no 'tenant' in what was read."),
            ("queues[1] > 5", {"queues": [9]}, "A list in what was read is too short: queues[1] > 5."),
            ("a / b > 1", {"a": 0, "b": 0}, "There is nothing to divide by: a 0 / b 0 > 1."),
            ("error != null", {}, "error has no value."),
            ("error == null && value > 1", {"error": None, "value": None}, "There is no value."),
        ],
    )
    def test_what_is_missing_or_null_is_neither_true_nor_false(self, text, fields, wanted):
        outcome = compile_when(text).holds(fields, {}, {}, NINE)
        assert (outcome.holds, outcome.sentence) == (None, wanted)

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("nothing > 1 || true", True),
            ("true || nothing > 1", True),
            ("nothing > 1 && false", False),
            ("false && nothing > 1", False),
            ("nothing > 1 || false", None),
            ("nothing > 1 && true", None),
            ("!(nothing > 1)", None),
        ],
    )
    def test_it_is_enough_when_the_other_side_decides(self, text, wanted):
        assert holds(f"seen && ({text})", seen=True) is wanted

    def test_null_is_a_value_where_it_is_asked_for(self):
        assert holds("error == null", error=None) is True
        assert holds("error != null", error=None) is False
        assert holds("null != error", error="timeout") is True
        assert holds("error != null || value > 1", error=None, value=None) is None


class TestCannotJudge:
    @pytest.mark.parametrize(
        ("text", "fields", "words"),
        [
            ("value >= 1", {"value": "10"}, "value is the text '10' (write double(value) to take it as a number)"),
            (
                "now - last > duration('1h')",
                {"last": "2025-03-03T07:00:00Z"},
                "write timestamp(last) to take it as a time",
            ),
            ("value >= 1", {"value": True}, "value is true"),
            ("double(value) > 1", {"value": "many"}, "value is the text 'many'"),
            ("value", {"value": 1}, "`value` gives 1, and a condition gives true or false"),
            ("value > params.LIMIT", {"value": 1}, "asks for the parameter LIMIT, and there is none"),
            ("error == null || value > 1", {"error": "x", "value": "y"}, "value is the text 'y'"),
        ],
    )
    def test_the_wrong_kind_of_value_is_named_with_what_to_write(self, text, fields, words):
        with pytest.raises(CannotJudge) as failure:
            compile_when(text).holds(fields, {}, {}, NINE)
        assert words in str(failure.value)


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "position", "message"),
        [
            ("value >=", 8, "The condition ends too early."),
            ("(value > 1", 10, "The condition ends where ')' is missing."),
            ("value >= 1 and up", 11, "For and, write &&."),
            ("value = 1", 6, "To compare, write == and not =."),
            ("value > 1 x", 10, "This is not expected here: x"),
            ("привет > 1", 0, "This is not expected here: п"),
            ("value >\n  > 1", 10, "This is not expected here: >"),
            ("9223372036854775808 > value", 0, "Invalid int literal"),
            ("value > 1 && near(value)", 13, "There is no function near()."),
            ("status.beginsWith('d')", 7, "There is no function beginsWith()."),
            ("value > 1 && status.startWith('d')", 20, "There is no function startWith(). Did you mean startsWith?"),
            ("now - last > duration('2 hours')", 22, "'2 hours' is not a length of time."),
            ("1 + 1", 0, "`1 + 1` gives 2, and a condition gives true or false."),
            ("", 0, "The condition is empty."),
            ("x" * 4001, 4000, "The condition has 4,001 characters; 4,000 are allowed."),
        ],
    )
    def test_point_at_their_character(self, text, position, message):
        with pytest.raises(BadCondition) as refusal:
            compile_when(text)
        assert refusal.value.position == position
        assert refusal.value.message.startswith(message)
        assert f"(character {position + 1} of: " in str(refusal.value)

    def test_are_shown_with_a_caret(self):
        with pytest.raises(BadCondition) as refusal:
            compile_when("value > 1 &&\n  up = 1")
        assert refusal.value.pointer == "  up = 1\n     ^"

    def test_a_name_that_the_source_does_not_give_is_one(self):
        assert compile_when(
            "stuck >= 1 && labels.x == params.y && value < 5 && rows.all(r, r.a > 1)", {"stuck", "rows"}
        )
        with pytest.raises(BadCondition, match=r"The source gives no stuk\. Did you mean stuck\?") as refusal:
            compile_when("value > 1 && stuk >= 1", {"stuck"})
        assert refusal.value.position == 13

    def test_a_condition_is_a_text(self):
        with pytest.raises(BadCondition, match="A condition is a text"):
            compile_when(5)

    @given(st.text(max_size=30))
    def test_whatever_is_written_is_compiled_or_refused(self, text):
        try:
            compile_when(text)
        except BadCondition as refusal:
            assert 0 <= refusal.position <= len(text)


class TestSentence:
    @pytest.mark.parametrize(
        ("text", "fields", "sentence"),
        [
            ("value >= 1", {"value": 2}, "value 2 >= 1"),
            ("value > 99.5", {"value": 99.999}, "value 99.999 > 99.5"),
            ("value > params.LIMIT", {"value": 21.0}, "value 21 > params.LIMIT 20"),
            ("status == 'down'\n || up", {"status": "down", "up": False}, "status 'down' == 'down' || up false"),
            (
                QUOTA,
                {"emails_available": 0, "last_synced_at": NINE - 3 * HOUR},
                "emails_available 0 <= 0 && now - last_synced_at 2025-03-03T06:00:00Z > duration('2h')",
            ),
            ("status.startsWith('d')", {"status": "down"}, "status.startsWith('d')"),
        ],
    )
    def test_tells_the_condition_with_its_values(self, text, fields, sentence):
        assert compile_when(text).holds(fields, {}, {"LIMIT": 20}, NINE).sentence == sentence

    def test_a_long_text_is_cut(self):
        outcome = compile_when("error != ''").holds({"error": "x" * 500})
        assert outcome.sentence == "error '" + "x" * 59 + "…' != ''"


class TestText:
    @pytest.mark.parametrize(
        ("text", "decimals"),
        [
            ("a > 5", "a > 5.0"),
            ("a[5] > 5 && b(1)[0] > 0x1F", "a[5] > 5.0 && b(1.0)[0] > 0x1F"),
            ("a in [1, 2] // 5", "a in [1.0, 2.0] // 5"),
            ("a == '5' && b == \"it's 5\" && c == r'\\' && d == 5u && e > 5e3 && f1 > .5", None),
            ("x == '''5 ' 5''' && y == 5", "x == '''5 ' 5''' && y == 5.0"),
        ],
    )
    def test_whole_numbers_become_decimals_outside_of_texts_and_indexes(self, text, decimals):
        assert with_decimals(text) == (decimals or text)

    def test_days_become_seconds(self):
        text = "now - a > duration('1d') || now - b > duration(\"90s\") || c == 'duration(1d)'"
        assert with_seconds(text, tokens_of(text)) == (
            "now - a > duration('86400.000s') || now - b > duration('90.000s') || c == 'duration(1d)'"
        )

    def test_paths_begin_at_variables_and_functions(self):
        found = [(path.names, path.called) for path in paths_in(tokens_of("a.b.c > f(x)[0].d && s.size() in null"))]
        assert found == [(("a", "b", "c"), False), (("f",), True), (("x",), False), (("s", "size"), True)]

from datetime import timedelta

import pytest

from policies.substitute import MissingParameter, names, substitute


@pytest.mark.parametrize(
    "text, written",
    [
        ("no place", "no place"),
        ("${URL}", "https://hooks.test/x"),
        ("a ${N} b ${N}", "a 3 b 3"),
        ("${ON} and ${OFF}", "true and false"),
        ("within ${WAIT}", "within 5m"),
        ("${EMPTY}|", "|"),
        ("$${N}", "${N}"),
        ("costs $5 {N} $N", "costs $5 {N} $N"),
        ("${NESTED}", "${N}"),  # a value is not read again
    ],
)
def test_places_are_filled(text, written):
    values = {"URL": "https://hooks.test/x", "N": 3, "ON": True, "OFF": False, "WAIT": timedelta(minutes=5),
              "EMPTY": "", "NESTED": "${N}"}  # fmt: skip
    assert substitute(text, values) == written


@pytest.mark.parametrize("values", [{}, {"LIMIT": None}])
def test_a_missing_parameter_is_named(values):
    with pytest.raises(MissingParameter, match="The parameter LIMIT is not set") as refusal:
        substitute("value > ${LIMIT}", values)
    assert refusal.value.name == "LIMIT"


@pytest.mark.parametrize("text", ["${}", "${a b}", "${1ST}", "${X-1}"])
def test_a_misspelt_place_is_refused(text):
    with pytest.raises(MissingParameter, match="names no parameter"):
        substitute(text, {"X": 1})


def test_names_lists_what_a_text_asks_for():
    assert names("${B} ${A} ${B} $${C}") == ["B", "A"]

"""Matchers as people type them; the newer grammar first, the classic one where it refuses or reads differently."""

import pytest

from alerts.alertmanager.filters import parse, written
from alerts.matching import BadMatcher


@pytest.mark.parametrize(
    ("text", "name", "sign", "value"),
    [
        ("a=b", "a", "=", "b"),
        ("a!=b", "a", "!=", "b"),
        ("a=~b.*", "a", "=~", "b.*"),
        ("a!~b|c", "a", "!~", "b|c"),
        (' a = "b" ', "a", "=", "b"),
        ("a=", "a", "=", ""),
        ('a=""', "a", "=", ""),
        (r'a="\"x\"\\y\nz"', "a", "=", '"x"\\y\nz'),
        ("a=b,", "a", "=", "b,"),  # the classic reading, where both take it
        ("a=b,c=d", "a", "=", "b,c=d"),
        ("a==b", "a", "=", "=b"),
        ('a="b,c"', "a", "=", "b,c"),
        (r"a=\d", "a", "=", r"\d"),
        (r'a="\t"', "a", "=", r"\t"),
        ("foo:bar=x", "foo:bar", "=", "x"),
        ('"my label"="x"', "my label", "=", "x"),
        ('"a.b"!~x', "a.b", "!~", "x"),
        ("host-name=x", "host-name", "=", "x"),
        ("ключ=значение", "ключ", "=", "значение"),
        (r'"\u00e9"="\t"', "é", "=", "\t"),
        (r'"a\"b"=x', 'a"b', "=", "x"),
        ('"a.b"="c" ,', "a.b", "=", "c"),
        (r'a=~"\\d+"', "a", "=~", r"\d+"),
        (r'a=~"\d+"', "a", "=~", r"\d+"),
    ],
)
def test_read(text, name, sign, value):
    is_regex, is_equal = "~" in sign, "!" not in sign
    assert parse(text) == {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "=b", "a!b", "{a=b}", "{a=b", "a=b}", '"a.b"', 'a="b', 'a=b"c', "a b=c", '"a.b"="c","d.e"="f"',
     '"a.b"="\\q"', '"a.b"=\'x\'', '"\\xff"=x', "a=~(", "a=~(?=x)", r"a=~(b)\1"],
)  # fmt: skip
def test_refused(text):
    with pytest.raises(BadMatcher):
        parse(text)


@pytest.mark.parametrize("text", ['a="b"', 'a!=""', r'a=~"x\\d"', '"a.b"!~"c"', r'a="\"\n\\"', '"ü"="ö"'])
def test_what_is_written_is_read_again(text):
    assert written(parse(text)) == text

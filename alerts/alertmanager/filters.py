"""Matchers as people type them (`severity=~"P0|P1"`), one a text, by both of Alertmanager's grammars.

The newer one takes any UTF-8 as a label's name, in quotes where need be; what it refuses is tried with the classic one,
and where both take a text but read it differently, the classic reading counts.
Source: prometheus/alertmanager, matcher/compat/parse.go (`FallbackMatcherParser`), matcher/parse, pkg/labels/parse.go.
"""

import re
from typing import Any

from ..matching import BadMatcher, predicate

OPERATORS = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}
"""What is written between name and value -> isRegex, isEqual."""
CLASSIC = re.compile(
    r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*(.*?)[\t\n\f\r ]*", re.DOTALL
)
BLANK = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
TOKEN = re.compile(
    rf"""{BLANK}*(?:(?P<operator>=~|=|!=|!~)|(?P<comma>,)|"(?P<quoted>(?:[^"\\]|\\.)*)"|"""
    rf"""(?P<bare>[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000{{}}!=~,\\"'`]+))""",
    re.DOTALL,
)
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
LETTERS = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}

Matcher = dict[str, Any]
"""`{name, value, isRegex, isEqual}`, as silences are stored."""


def parse(text: str) -> Matcher:
    """The one matcher in `text`; BadMatcher when it is none, or its expression is no RE2."""
    if text.startswith("{") or text.endswith("}"):
        raise BadMatcher(f"bad matcher format: {text} (one matcher at a time, without braces)")
    trouble = BadMatcher(f"bad matcher format: {text}")
    for found in (_classic(text), _newer(text)):
        if found is not None:
            try:
                predicate(found)
                return found
            except BadMatcher as error:
                trouble = error
    raise trouble


def written(matcher: Matcher) -> str:
    """The matcher as text that `parse` reads."""
    sign = next(sign for sign, kind in OPERATORS.items() if kind == (matcher["isRegex"], matcher["isEqual"]))
    name = matcher["name"]
    return f"{name if CLASSIC.fullmatch(name + '=') else _quote(name)}{sign}{_quote(matcher['value'])}"


def _matcher(name: str, sign: str, value: str) -> Matcher:
    is_regex, is_equal = OPERATORS[sign]
    return {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}


def _classic(text: str) -> Matcher | None:
    """As all versions up to 0.26 read it: a backslash that escapes nothing is itself, quotes are optional."""
    found = CLASSIC.fullmatch(text)
    if found is None:
        return None
    name, sign, raw = found.groups()
    if raw.startswith('"'):
        if len(raw) < 2 or not raw.endswith('"'):
            return None
        raw, quoted = raw[1:], True
    else:
        quoted = False
    value, escaped, open_quote = [], False, quoted
    for place, letter in enumerate(raw):
        last = place == len(raw) - 1
        if escaped:
            escaped = False
            value.append({"n": "\n", '"': '"', "\\": "\\"}.get(letter, "\\" + letter))
        elif letter == "\\" and not last:
            escaped = True
        elif letter == '"':
            if not open_quote or not last:
                return None
            open_quote = False
        else:
            value.append(letter)
    return None if open_quote else _matcher(name, sign, "".join(value))


def _newer(text: str) -> Matcher | None:
    """As versions since 0.27 read it: name and value are bare or quoted as in Go; a comma may follow."""
    tokens, place = [], 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            if re.fullmatch(f"{BLANK}*", text[place:]):
                break
            return None
        tokens.append(found)
        place = found.end()
    kinds = [token.lastgroup for token in tokens]
    if kinds[3:] not in ([], ["comma"]) or len(kinds) < 3 or kinds[1] != "operator":
        return None
    name, value = _text(tokens[0]), _text(tokens[2])
    return None if name is None or value is None else _matcher(name, tokens[1]["operator"], value)


def _text(token: re.Match[str]) -> str | None:
    """What a token says; None when it is no name or value, or badly quoted."""
    if token.lastgroup == "bare":
        return token["bare"]
    if token.lastgroup != "quoted" or "\n" in token["quoted"]:
        return None
    parts, end = [], 0
    try:
        for escape in ESCAPE.finditer(token["quoted"]):
            parts += [token["quoted"][end : escape.start()].encode(), _unescaped(escape)]
            end = escape.end()
        return b"".join([*parts, token["quoted"][end:].encode()]).decode()
    except (ValueError, KeyError):  # no letter that may be escaped, beyond Unicode, or no UTF-8 in the end
        return None


def _unescaped(escape: re.Match[str]) -> bytes:
    byte, short, long, octal, letter = escape.groups()
    if letter is not None:
        return bytes([LETTERS[letter]])
    if byte or octal:
        return bytes([int(byte, 16) if byte else int(octal, 8)])
    return chr(int(short or long, 16)).encode()


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'

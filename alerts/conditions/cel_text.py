"""The text of a CEL expression in tokens: for pointing at mistakes, for telling values, for plain arithmetic.

The grammar is the CEL library's; this only needs to know where a token begins and what kind it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policies.durations import BadDuration, parse_duration

TOKEN = re.compile(
    r'''
      (?P<space>\s+ | //[^\n]*)
    | (?P<text>(?:[rR][bB]?|[bB][rR])(?:"""[\s\S]*?""" | \'\'\'[\s\S]*?\'\'\' | "[^"\n]*" | '[^'\n]*')
             | [bB]?(?:"""(?:\\[\s\S]|[^\\])*?""" | \'\'\'(?:\\[\s\S]|[^\\])*?\'\'\'
                     | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]? | (?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<sign>&& | \|\| | [<>=!]= | .)
    ''',
    re.VERBOSE | re.ASCII,
)
WORDS = {"true", "false", "null", "in"}
LOOPS = {"all", "exists", "exists_one", "map", "filter"}


@dataclass(frozen=True)
class Token:
    kind: str  # text, number, name or sign
    text: str
    at: int  # offset in the expression


@dataclass(frozen=True)
class Path:
    """A dotted name such as `params.LIMIT`, with what stands behind it."""

    names: tuple[str, ...]
    at: int
    end: int
    called: bool  # a bracket follows: the last name is a function


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of `text` in order, without blanks and remarks."""
    found = TOKEN.finditer(text)
    return [Token(str(match.lastgroup), match[0], match.start()) for match in found if match.lastgroup != "space"]


def paths_in(tokens: list[Token]) -> Iterator[Path]:
    """Yield each dotted name that begins at a variable or function; `a[0].b` and `f(x).b` end before their `.b`."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        before = tokens[index - 1].text if index else ""
        index += 1
        if token.kind != "name" or token.text in WORDS or before == ".":
            continue
        names, end = [token.text], token.at + len(token.text)
        while index + 1 < len(tokens) and tokens[index].text == "." and tokens[index + 1].kind == "name":
            names.append(tokens[index + 1].text)
            end = tokens[index + 1].at + len(tokens[index + 1].text)
            index += 2
        yield Path(tuple(names), token.at, end, called=index < len(tokens) and tokens[index].text == "(")


def bound_in(tokens: list[Token]) -> set[str]:
    """Return the variables that `list.all(x, …)` and its like bring along."""
    return {
        tokens[i + 3].text
        for i in range(len(tokens) - 4)
        if tokens[i].text == "." and tokens[i + 1].text in LOOPS and tokens[i + 2].text == "("
        and tokens[i + 3].kind == "name" and tokens[i + 4].text == ","
    }  # fmt: skip


def nullable_in(tokens: list[Token]) -> set[str]:
    """Return the variables that are compared with null: there, and only there, null is a value."""
    found = set()
    for path in paths_in(tokens):
        after = [token.text for token in tokens if token.at >= path.end][:2]
        before = [token.text for token in tokens if token.at < path.at][-2:]
        if after[1:] == ["null"] and after[0] in ("==", "!="):
            found.add(path.names[0])
        if before[:1] == ["null"] and before[1] in ("==", "!="):
            found.add(path.names[0])
    return found


def members_in(tokens: list[Token], name: str) -> Iterator[str]:
    """Yield, each once, what is asked of the map `name`: KEY of `name.KEY` and of `name['KEY']`."""
    seen = set()
    for i in range(len(tokens) - 2):
        before = tokens[i - 1].text if i else ""
        if tokens[i].kind != "name" or tokens[i].text != name or before == ".":
            continue
        sign, key = tokens[i + 1 : i + 3]
        found = key.text if sign.text == "." else key.text[1:-1] if sign.text == "[" and key.kind == "text" else ""
        if found and found not in seen:
            seen.add(found)
            yield found


def durations_in(tokens: list[Token]) -> Iterator[Token]:
    """Yield the texts within `duration('…')`."""
    for i in range(len(tokens) - 3):
        name, opening, text, closing = tokens[i : i + 4]
        if (name.text, opening.text, text.kind, closing.text) == ("duration", "(", "text", ")"):
            yield text


def with_seconds(text: str, tokens: list[Token]) -> str:
    """Return `text` with the literals of `durations_in` in seconds: CEL itself knows h, m and s, but no days."""
    for literal in reversed(list(durations_in(tokens))):
        try:
            length = parse_duration(literal.text[1:-1])
        except BadDuration:
            continue
        seconds = f"'{length.total_seconds():.3f}s'"
        text = text[: literal.at] + seconds + text[literal.at + len(literal.text) :]
    return text


def with_decimals(text: str) -> str:
    """Return `text` with every whole number as a double, except an index: 5 becomes 5.0, a[5] stays."""
    pieces, brackets = [], []
    end, before = 0, Token("sign", "", 0)
    for token in tokens_of(text):
        pieces.append(text[end : token.at])
        piece = token.text
        if piece == "[":
            word = before.text in WORDS
            brackets.append((before.kind in ("name", "text") and not word) or before.text in (")", "]"))
        elif piece == "]" and brackets:
            brackets.pop()
        elif token.kind == "number" and piece.isdecimal() and not any(brackets):
            piece += ".0"
        pieces.append(piece)
        end, before = token.at + len(token.text), token
    return "".join(pieces) + text[end:]

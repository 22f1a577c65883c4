"""Every requirement that a test claims to prove exists: `@pytest.mark.req("AP-05", ...)`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once  # no database here

TESTS = Path(__file__).parent


def marks(source: str) -> Iterator[tuple[int, str | None]]:
    """Line and ID of each argument of `mark.req(...)`; None for one that is no plain string."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="req", value=ast.Attribute(attr="mark"))):
                for word in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    plain = isinstance(word, ast.Constant) and isinstance(word.value, str)
                    yield node.lineno, word.value if plain else None


def test_every_marked_id_is_in_the_list():
    known = set((TESTS / "requirement_ids.txt").read_text().split())
    wrong = [
        f"{path.relative_to(TESTS)}:{line}: {name or 'not a plain string'}"
        for path in sorted(TESTS.rglob("*.py"))
        for line, name in marks(path.read_text())
        if name not in known
    ]
    assert not wrong, "requirement_ids.txt does not know:\n" + "\n".join(wrong)


def test_the_list_names_each_requirement_once():
    names = (TESTS / "requirement_ids.txt").read_text().split()
    assert len(names) == len(set(names)) == 394


def test_marks_are_found_on_functions_parameters_and_modules():
    source = (
        "import pytest\n"
        "pytestmark = pytest.mark.req('A-1')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.req('A-2', NAME))])\n"
        "@pytest.mark.req('A-3')\n"
        "def test(x): ...\n"
    )
    assert sorted(marks(source), key=str) == [(2, "A-1"), (3, "A-2"), (3, None), (4, "A-3")]

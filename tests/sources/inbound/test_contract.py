"""No kind of door without the shared promises."""

import ast
from pathlib import Path

import pytest

from sources.inbound import INBOUND

pytestmark = pytest.mark.once  # no database here


def kinds_tested() -> set[str]:
    """The `kind` of every subclass of DoorContract in the files beside this one."""
    found = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "DoorContract" for base in node.bases):
                assert node.name.startswith("Test"), f"pytest does not see {node.name} in {path.name}."
                found |= {value for name, value in assigned(node) if name == "kind"}
    return found


def assigned(node: ast.ClassDef):
    """Names and plain values that the body of a class assigns, alone or side by side."""
    for line in node.body:
        if not isinstance(line, ast.Assign):
            continue
        for target in line.targets:
            together = isinstance(target, ast.Tuple) and isinstance(line.value, ast.Tuple)
            pairs = zip(target.elts, line.value.elts, strict=True) if together else [(target, line.value)]
            for name, value in pairs:
                if isinstance(value, ast.Constant):
                    yield ast.unparse(name), value.value


def test_every_kind_keeps_the_promises_of_a_door():
    missing = set(INBOUND) - kinds_tested()
    assert not missing, f"Write a subclass of DoorContract in tests/sources/inbound/test_*.py for: {sorted(missing)}."

"""Whatever somebody writes: a pack loads, or is refused in sentences; it never breaks the loader."""

import copy

import pytest
import yaml
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packs import loader
from tests.factories import NINE
from tests.packs.test_loader import BULKY, SMALL, rows

LIBRARY = [loader.read_file(path) for path in sorted(loader.LIBRARY.glob("*.yaml"))]
pytestmark = pytest.mark.once  # the loader asks the same of both databases; the other tests of it run on both
PACKS = [yaml.safe_load(text) for text in (SMALL + BULKY, *LIBRARY)]
WORDS = ["5m", "${LIMIT}", "P0", "value > 1", "{{ x }}", "SELECT 1", "sql", "next_sprint", "", "1 month", "~"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(WORDS),
)
NAMES = st.text(max_size=8) | st.sampled_from(["for", "levels", "rising", "any_of"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def places(data, path=()):
    """Every path in the data."""
    yield path
    for key, member in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(member, (*path, key))


@st.composite
def spoilt_packs(draw):
    """A pack of ours with up to three values replaced, removed or added somewhere."""
    pack = copy.deepcopy(draw(st.sampled_from(PACKS)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(pack) if path]))
        around = pack
        for key in path[:-1]:
            around = around[key]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove":
                del around[path[-1]]
            case "add" if isinstance(around, dict):
                around[draw(NAMES)] = draw(VALUES)
            case _:
                around[path[-1]] = draw(VALUES)
    return yaml.safe_dump(pack, allow_unicode=True, sort_keys=False)


@pytest.mark.django_db
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=spoilt_packs())
def test_a_spoilt_pack_loads_or_is_refused_and_then_changes_nothing(text):
    before = rows()
    with transaction.atomic():
        try:
            loader.load(text, name="my.yaml", at=NINE)
        except loader.PackRefused as refused:
            assert refused.problems and all(problem.startswith("my.yaml") for problem in refused.problems)
            assert rows() == before
        else:
            again = loader.load(text, name="my.yaml", at=NINE)
            assert not again.changed_anything, again.changes
        transaction.set_rollback(True)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200) | VALUES.map(lambda value: yaml.safe_dump(value, allow_unicode=True)))
@pytest.mark.django_db
def test_any_text_at_all_is_refused_in_a_sentence(text):
    with pytest.raises(loader.PackRefused) as refused:
        loader.load(text, name="my.yaml", at=NINE)
    assert refused.value.problems[0].startswith("my.yaml:")

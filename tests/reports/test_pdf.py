"""A report as a PDF: made whatever stands in it, with all of its words."""

import re

import pytest
from django.urls import reverse

from reports.models import Report
from tests.reports.conftest import DX
from tests.reports.pdf_text import words_of

LONG = " ".join(f"w{number}" for number in range(900))  # some 4000 letters, more than a page of half its width


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def table(*rows: tuple) -> str:
    return "".join([row(*rows[0]), row(*["---"] * len(rows[0])), *(row(*cells) for cells in rows[1:])])


def told(client, incident, text: str) -> str:
    """All that the PDF of a stored version with `text` shows, without white space and without the feet of its pages."""
    client.post(reverse("report-draft", args=[incident.pk, DX]), {"text": f"# A report\n\n{text}"})
    answer = client.get(reverse("report-file", args=[Report.objects.latest("pk").pk, "pdf"]))
    assert answer.status_code == 200
    return re.sub(r"IncidentReport,version\d+,.*?Page\d+of\d+", "", "".join(words_of(answer.content)))


def test_a_row_taller_than_a_page_is_told_cell_by_cell_and_the_table_goes_on(client, incident):
    text = told(client, incident, table(("Name", "Note"), ("first", "a"), (LONG, "huge"), ("last", "b")))
    assert f"NameNotefirstaName:{LONG.replace(' ', '')}Note:hugeNameNotelastb" in text


def test_a_row_as_tall_as_a_page_fits_no_page_below_the_names_of_its_columns(client, incident):
    for count in range(560, 640, 10):
        words = " ".join(["word"] * count)
        assert words.replace(" ", "") in told(client, incident, table(("Name", "Note"), (words, "n"), ("last", "b")))


@pytest.mark.parametrize("columns", [12, 13, 60])
def test_a_table_of_many_columns_is_told_whole(client, incident, columns):
    numbers = range(columns)
    names, values = [f"c{number}" for number in numbers], [f"v{number}" for number in numbers]
    text = told(client, incident, table(tuple(names), tuple(values)))
    if columns <= 12:  # in columns
        assert "".join(names + values) in text
    else:
        assert "".join(f"{name}:{value}" for name, value in zip(names, values, strict=True)) in text


def test_long_names_of_columns_are_told_once(client, incident):
    text = told(client, incident, table((LONG, "b"), ("first", "x"), ("second", "y")))
    assert f"1:{LONG.replace(' ', '')}2:b1:first2:x1:second2:y" in text
    assert "1:" + "c" * 4000 in told(client, incident, table(("c" * 4000, "b")))


def test_a_very_long_word_is_broken_wherever_it_stands(client, incident):
    word = "x" * 5000
    text = told(client, incident, f"{word}\n\n- {word}\n\n" + table(("Name", "Note"), (word, "n")) + f"\n## {word}\n")
    assert text.count("x") == 4 * 5000

"""The admin's page of a loaded pack: which papers outside it refers to, and whether they were supplied."""

import re

import pytest
from django.urls import reverse

from packs.models import LoadedPack

PAPERS = """
pack: {key: lamps, version: 1}
severities: [{key: dark}]
destinations: [{key: chat, kind: slack, address: "http://127.0.0.1:9/chat"}]
routes: [{default: true, to: chat}]
documents:
  - {name: Lamp manual, url: "https://docs.example.org/lamps?a=1&b=2", note: second edition}
  - {name: "<Keeper's log>", state: not supplied, url: "javascript:alert(1)"}
"""


def listed(admin_client, key: str) -> list[str]:
    """The outside documents that the page of the pack lists, as HTML."""
    page = reverse("admin:packs_loadedpack_change", args=[LoadedPack.objects.get(key=key).pk])
    answer = admin_client.get(page)
    assert answer.status_code == 200
    shown = re.search(r"<ul>((?:<li>.*?</li>)+)</ul>", answer.content.decode(), re.DOTALL)
    return re.findall(r"<li>(.*?)</li>", shown[1], re.DOTALL) if shown else []


@pytest.mark.req("ML-78")
def test_the_mailer_pack_lists_its_two_outside_documents_as_not_supplied(load, admin_client):
    load("mailer")
    assert listed(admin_client, "mailer") == [
        "MAILER_ONCALL_PLAYBOOK.md: <b>not supplied</b>",
        "MAILER_OBSERVABILITY_PACK.md: <b>not supplied</b>",
    ]


def test_a_supplied_document_is_a_link_and_nothing_else_is(load, admin_client):
    load(PAPERS)
    assert listed(admin_client, "lamps") == [
        '<a href="https://docs.example.org/lamps?a=1&amp;b=2" rel="noreferrer">Lamp manual</a>: <b>supplied</b>,'
        " second edition",
        "&lt;Keeper&#x27;s log&gt;: <b>not supplied</b>",
    ]


def test_a_pack_that_refers_to_nothing_says_so(load, admin_client):
    load(PAPERS.partition("documents:")[0])
    page = reverse("admin:packs_loadedpack_change", args=[LoadedPack.objects.get().pk])
    assert "It refers to none." in admin_client.get(page).content.decode()

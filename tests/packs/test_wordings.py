"""A policy's own words: from its pack or the admin, previewed before they are stored, in the reader's language."""

import re

import pytest
from django.urls import reverse

from incidents import lifecycle, paging
from incidents.models import Incident
from notifications import own_words, wordings
from notifications.messages import LANGUAGES, Reader
from notifications.models import Delivery, Wording
from packs.loader import PackRefused
from policies.models import Policy
from tests.factories import NINE, PolicyFactory, SeverityFactory, WordingFactory

pytestmark = pytest.mark.django_db
PACK = """
pack: {{key: lamps, version: 1}}
severities: [{{key: dark, page: true}}]
contacts: [{{name: keeper, catch_all: true, methods: [{{kind: email, address: keeper@example.org}}]}}]
destinations: [{{key: chat, kind: slack, address: "http://127.0.0.1:9/chat"}}]
routes: [{{default: true, to: chat}}]
wordings:
{wordings}
"""
DUTCH = """
  - {event: page, subject: "Lamp out: {{ title }}", text: "{{ summary }}"}
  - event: page
    language: nl
    subject: "Licht uit: {{ title }}"
    short: "{{ number }} {{ title|upper }}"
    text: "Sinds {{ started_at }}{% if service %}, {{ service }}{% endif %}."
"""


@pytest.fixture
def lamps(load):
    """Load a pack that lights lamps and words its messages like this."""
    return lambda wordings=DUTCH: load(PACK.format(wordings=wordings))


def paged(policy: Policy, person) -> Delivery:
    """The page that `person` gets for a new incident of `policy`."""
    opening = lifecycle.Opening(policy=policy, severity=policy.severities.get(), key=str(person), title="North is dark")
    incident = lifecycle.open_incident(opening, at=NINE)
    assert paging.page(incident, person, at=NINE)
    return Delivery.objects.get(purpose="page", thread=incident.thread, recipient=f"contact:{person.pk}")


def test_each_is_paged_in_the_own_language_zone_and_the_words_of_the_policy(lamps, ada, grace):
    lamps()
    ada.language, ada.timezone = "nl", "Europe/Amsterdam"
    ada.save()
    grace.language = "ru"
    grace.save()
    policy = Policy.objects.get(key="lamps")
    page = paged(policy, ada)
    assert (page.subject, page.text) == ("Licht uit: North is dark", "Sinds 2026-11-23 10:00:00 CET.")
    assert page.language == "nl" and re.fullmatch(r"\d+ NORTH IS DARK", page.short)
    Wording.objects.all().delete()
    page = paged(policy, grace)
    assert page.language == "ru" and "Уровень dark, с 2026-11-23 09:00:00 UTC" in page.text


def test_who_reads_a_language_without_own_words_gets_those_for_all(lamps, ada):
    lamps()
    assert paged(Policy.objects.get(key="lamps"), ada).subject == "Lamp out: North is dark"


@pytest.mark.parametrize("template", ["{{ nobody }}", "{{ 1 / 0 }}", "{{ title", "{% for a in title %}{% endfor %}"])
def test_what_cannot_be_filled_at_night_pages_in_the_usual_words_and_says_so(template, ada):
    level = SeverityFactory(page=True)
    WordingFactory(policy=level.policy, subject="Lamp: {{ title }}", text=template)  # stored past the form
    page = paged(level.policy, ada)
    assert page.subject == "Lamp: North is dark"
    assert "Acknowledge to take it" in page.text
    told = Incident.objects.get(policy=level.policy).timeline.get(kind="wording")
    assert "The text of the policy's own wording of page could not be used" in told.text


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('{event: page, text: "{{ sumary }}"}', "There is no 'sumary' in a message of page. Did you mean summary?"),
        (
            '{event: resolved, text: "{% if drill %}{{ why }}{% endif %}"}',
            "There is no 'why' in a message of resolved.",
        ),
        ('{event: page, text: "{{ title"}', "This is no template:"),
        ('{event: page, text: "{{ title.upper() }}"}', "A call is not allowed in a template"),
        ('{event: page, text: "{% for i in title %}{% endfor %}"}', "A loop is not allowed in a template"),
        ('{event: page, text: "{{ title|nosuch }}"}', "No filter named 'nosuch'"),
        ('{event: page, text: "{{ title * 9 }}"}', "is not allowed here"),
        ("{event: page, language: nl}", "This says nothing; give at least one of subject, short, text."),
        ("{event: opening, text: x}", "There is no 'opening' here"),
        ("{event: page, language: xx, text: x}", "There is no 'xx' here"),
    ],
)
def test_a_pack_whose_words_could_not_be_sent_is_refused_with_file_line_and_path(lamps, entry, words):
    with pytest.raises(PackRefused) as refused:
        lamps(f"  - {entry}")
    (problem,) = refused.value.problems
    assert re.match(r"my.yaml:8: wordings", problem) and words in problem


def test_the_words_of_a_pack_are_compared_and_taken_away_with_it(lamps):
    lamps()
    assert [one for one in lamps().changes if one.section == "wordings"] == []
    assert set(Wording.objects.values_list("event", "language")) == {("page", ""), ("page", "nl")}
    lamps('  - {event: resolved, text: "{{ by }} lit it again."}')
    assert list(Wording.objects.values_list("event", "text")) == [("resolved", "{{ by }} lit it again.")]


def form(policy, **values) -> dict[str, str]:
    return {"policy": policy.pk, "event": "page", "language": "nl", "subject": "", "short": "", "text": "", **values}


def test_the_admin_shows_a_message_before_it_stores_it(admin_client):
    policy, address = PolicyFactory(), reverse("admin:notifications_wording_add")
    data = form(policy, subject="Licht uit: {{ title }}", text="<b>{{ summary }}</b>\nMeer: {{ url }}")
    shown = admin_client.post(address, data | {"_preview": "1"}).content.decode()
    assert "Licht uit: Checkout is down" in shown and "&lt;b&gt;Errors above 5 %.&lt;/b&gt;<br>Meer:" in shown
    assert "Neem het aan" in shown, "the usual words stand beside it"
    assert not Wording.objects.exists()
    kept = dict(re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', shown, re.S))
    assert "Nothing is stored yet" in admin_client.post(address, kept | {"_edit": ""}).content.decode()
    assert not Wording.objects.exists()
    unescaped = {name: text.replace("&lt;", "<").replace("&gt;", ">") for name, text in kept.items()}
    assert admin_client.post(address, unescaped | {"_save": ""}).status_code == 302
    assert Wording.objects.get().text.startswith("<b>{{ summary }}</b>")


def test_the_admin_says_which_names_a_message_has(admin_client, client, django_user_model):
    policy, address = PolicyFactory(), reverse("admin:notifications_wording_add")
    for button in ("_preview", "_save"):
        page = admin_client.post(address, form(policy, text="{{ sumary }}") | {button: "1"}).content.decode()
        assert "Did you mean summary? It may use drill, headline, number, runbook" in page
    assert not Wording.objects.exists()
    client.force_login(django_user_model.objects.create_user("eve", is_staff=True))
    assert client.post(address, form(policy, text="x") | {"_preview": "1"}).status_code == 403


@pytest.mark.parametrize("event", wordings.EVENTS)
def test_every_event_has_the_names_that_it_is_said_to_have(event):
    text = " ".join(f"{{{{ {name} }}}}" for name in own_words.known(event))
    for language in LANGUAGES:
        said = wordings.example(event, Reader(language, own={event: {"text": text, "subject": "{{ title }}"}}))
        assert (said.fault, said.subject) == ("", "Checkout is down")
        assert wordings.example(event, Reader(language)).text

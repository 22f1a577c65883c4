from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    name = "runbooks"

    def ready(self) -> None:
        """Hear of incidents, guard their moves, and put what to do on their page."""
        from incidents import gates, page, presence, triage
        from incidents.models.incident import heard

        from . import card, guide, symptoms

        heard(*guide.HEARD)(guide.heard)
        if guide.holds_up not in gates.ALWAYS:
            gates.ALWAYS.append(guide.holds_up)
        if all(known.name != "runbooks" for known in page.CARDS):
            page.CARDS.insert(0, page.Card("runbooks", "runbooks/card.html", card.given, there=("runs",), first=True))
        presence.ASKED["runs"] = card.there
        if triage.symptoms_of not in symptoms.KNOWN:
            symptoms.KNOWN.append(triage.symptoms_of)
        gates.NEEDS[guide.holds_up] = ("runs",)

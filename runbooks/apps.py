from django.apps import AppConfig


class RunbooksConfig(AppConfig):
    name = "runbooks"

    def ready(self) -> None:
        """Hear of incidents, guard their moves, and put what to do on their page."""
        from incidents import gates, page, presence
        from incidents.models.incident import heard

        from . import card, guide

        heard(*guide.HEARD)(guide.heard)
        if guide.holds_up not in gates.ALWAYS:
            gates.ALWAYS.append(guide.holds_up)
        if all(known.name != "runbooks" for known in page.CARDS):
            page.CARDS.insert(0, page.Card("runbooks", "runbooks/card.html", card.given, there=("runs",), first=True))
        presence.ASKED["runs"] = card.there
        presence.ASKED["guarding_runs"] = guide.guarding
        gates.NEEDS[guide.holds_up] = ("guarding_runs",)

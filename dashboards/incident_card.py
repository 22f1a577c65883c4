"""The chart's place on the incident's page: it fetches itself, so that the page waits for no figure."""

from incidents.page import Card

CARD = Card("chart", "dashboards/_incident_card.html", lambda context: {})

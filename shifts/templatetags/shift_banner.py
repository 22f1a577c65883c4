"""The banner that names what is switched off, for every page that shows how things stand."""

from django import template
from django.utils import timezone

from .. import muted

register = template.Library()


@register.inclusion_tag("shifts/banner.html", takes_context=True)
def muted_banner(context) -> dict:
    """Each switch that is off and holds alerts back, with its age; nothing while none is."""
    user = context.get("user")
    if user is None or not user.has_perm("incidents.view_incident"):
        return {"muted": []}
    at = context.get("at") or timezone.now()
    found = [(one, one.age(at)) for one in muted.now()]
    return {"muted": found, "at": at, "perms": context.get("perms")}

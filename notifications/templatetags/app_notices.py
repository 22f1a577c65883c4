"""Notices for the user who looks, on every page until they are seen."""

from django import template

from ..models import AppNotice

register = template.Library()
SHOWN = 5


@register.inclusion_tag("deliveries/_notices.html", takes_context=True)
def app_notices(context) -> dict:
    """Those not seen yet, the newest first."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return {"notices": []}
    notices = AppNotice.objects.filter(user_id=user.pk, seen_at=None)[:SHOWN]
    return {"notices": notices, "csrf_token": context.get("csrf_token"), "request": context.get("request")}

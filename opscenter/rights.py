"""Groups that exist from the first migration on, so that nobody needs to be a super-admin to do their work.

A group is given its rights when it is made; whoever changes it in the admin afterwards is left alone.
"""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

READ = [
    "incidents.view_incident",
    "reviews.view_postincidentreview",
    "alerts.view_liveness",
    "oncall.view_schedule",
    "sources.view_event",
    "sources.view_heartbeat",
    "sources.view_webhooklog",
]
RESPOND = [*READ, "incidents.respond_incident", "sources.replay_webhooklog", "sources.see_persons_event"]
GROUPS = {
    "Viewer": READ,
    "Responder": RESPOND,
    "Incident Commander": [*RESPOND, "reviews.add_postincidentreview", "reviews.change_postincidentreview"],
    "Review Approver": [*RESPOND, "reviews.approve_postincidentreview", "incidents.override_gate"],
}


def ensure_groups(sender, *, using: str, apps=installed, **kwargs) -> None:
    """After a migration: make the groups that are missing (`post_migrate`)."""
    try:
        Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        return  # a migration of single apps, before the tables of rights exist
    missing = set(GROUPS) - set(Group.objects.using(using).filter(name__in=GROUPS).values_list("name", flat=True))
    if not missing:
        return
    for label in ("incidents", "reviews", "alerts", "oncall", "sources"):
        # this signal may come before the one by which those rooms get their rights
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    for name in missing:
        group = Group.objects.using(using).create(name=name)
        for right in GROUPS[name]:
            app, codename = right.split(".")
            found = Permission.objects.using(using).filter(content_type__app_label=app, codename=codename).first()
            if found:
                group.permissions.add(found)

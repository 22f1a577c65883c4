"""Groups that exist from the first migration on, so that nobody needs to be a super-admin to do their work.

A group is given each of its rights once, and that is noted: whoever takes one away in the admin is left alone, and a
right that a later version adds reaches the groups that are there already.
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
    "alerts.view_alertrule",
    "alerts.view_silence",
    "channels_health.view_channel",
    "policies.view_policy",
    "sources.view_change",
    "sources.view_integration",
    "notifications.view_delivery",
    "runbooks.view_runbook",
    "flags.view_featureflag",
    "analytics.view_objective",
    "analytics.view_thresholdreview",
    "dashboards.view_dashboard",
    "reports.view_report",
    "shifts.view_shiftreview",
]
RESPOND = [
    *READ, "incidents.respond_incident", "sources.replay_webhooklog", "sources.see_persons_event",
    "oncall.cover_schedule", "notifications.add_delivery", "flags.switch_featureflag",
    "checkup.tick_readinessitem", "reviews.work_actionitem", "shifts.sign_shiftreview", "reports.add_report",
]  # fmt: skip
COMMAND = [
    "reviews.verify_actionitem", "reviews.add_postincidentreview", "reviews.change_postincidentreview",
    "reviews.publish_postincidentreview", "oncall.plan_schedule",
    "status.publish_status", "analytics.sign_thresholdreview",
]  # fmt: skip
GROUPS = {
    "Viewer": READ,
    "Responder": RESPOND,
    "Incident Commander": [*RESPOND, *COMMAND],
    "Review Approver": [
        *RESPOND, "reviews.approve_postincidentreview", "incidents.override_gate", "analytics.sign_thresholdreview",
        "reviews.verify_actionitem", "reviews.publish_postincidentreview",
    ],
}  # fmt: skip


LATER = frozenset([
    *READ[7:], "oncall.cover_schedule", "oncall.plan_schedule", "notifications.add_delivery",
    "flags.switch_featureflag", "status.publish_status", "checkup.tick_readinessitem",
    "reviews.work_actionitem", "reviews.verify_actionitem", "reviews.publish_postincidentreview",
    "shifts.sign_shiftreview", "reports.add_report", "analytics.sign_thresholdreview",
])  # fmt: skip
"""What was added since given rights are noted: groups without any note have been given the rest."""
ROOMS = (
    "incidents", "runbooks", "reviews", "alerts", "oncall", "sources", "channels_health", "packs", "policies",
    "notifications", "flags", "status", "checkup", "analytics", "dashboards", "shifts", "reports",
)  # fmt: skip


def ensure_groups(sender, *, using: str, apps=installed, **kwargs) -> None:
    """After a migration: make the groups that are missing, and give each what it was never given (`post_migrate`)."""
    try:
        Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
        GivenRight = apps.get_model("opscenter", "GivenRight")
    except LookupError:
        return  # a migration of single apps, before the tables of rights exist
    groups = {group.name: group for group in Group.objects.using(using).filter(name__in=GROUPS)}
    given = set(GivenRight.objects.using(using).values_list("group", "right"))
    for name in set(groups) - {noted for noted, _ in given}:
        before = [GivenRight(group=name, right=right) for right in GROUPS[name] if right not in LATER]
        given |= {(note.group, note.right) for note in GivenRight.objects.using(using).bulk_create(before)}
    missing = [
        (name, right)
        for name, rights in GROUPS.items()
        for right in rights
        if name not in groups or (name, right) not in given
    ]
    if not missing:
        return
    for label in ROOMS:
        # this signal may come before the one by which those rooms get their rights
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    for name, right in missing:
        group = groups.get(name) or groups.setdefault(name, Group.objects.using(using).create(name=name))
        app, codename = right.split(".")
        found = Permission.objects.using(using).filter(content_type__app_label=app, codename=codename).first()
        if found:
            group.permissions.add(found)
            GivenRight.objects.using(using).get_or_create(group=name, right=right)

import datetime

import django.db.models.deletion
from django.db import migrations, models


def leave_room(apps, schema_editor):
    """Every ping rewrites its row: with room beside the old version no index has to follow."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE sources_heartbeat SET (fillfactor = 50)")


class Migration(migrations.Migration):
    dependencies = [
        ("sources", "0002_events_heartbeats_changes"),
    ]

    operations = [
        migrations.AddField(
            model_name="heartbeat",
            name="alerting",
            field=models.BooleanField(default=False, editable=False, help_text="Its alert fires."),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="deadline_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="It is down if nothing comes until then; empty: no hurry.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="failed_in_a_row",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="last_exit_status",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="last_success_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="project",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose key pings it by its slug, /ping/<key>/<slug>; empty: the key of any door of kind heartbeats.",
                limit_choices_to={"kind": "heartbeats"},
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="heartbeats",
                to="sources.integration",
            ),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="runs",
            field=models.PositiveBigIntegerField(default=0, editable=False, help_text="Runs that have ended."),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="trouble",
            field=models.CharField(
                blank=True,
                choices=[
                    ("missed", "no ping came in time"),
                    ("unfinished", "a run did not end in time"),
                    ("failed", "it said that it failed"),
                ],
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="trouble_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="The missed deadline, or when it said that it failed.", null=True
            ),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="untold",
            field=models.BooleanField(default=False, editable=False, help_text="The trouble is not an alert yet."),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="due_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="When the sweep looks at it, never after the deadline.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="expression",
            field=models.CharField(
                blank=True, help_text="Cron expression, or OnCalendar expressions, one a line.", max_length=500
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="grace",
            field=models.DurationField(
                default=datetime.timedelta(seconds=3600),
                help_text="How late a ping may be, and how long a run may take.",
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="last_ping_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="The last that ended a run, well or not.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="period",
            field=models.DurationField(
                blank=True, default=datetime.timedelta(days=1), help_text="How often it should ping.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="slug",
            field=models.SlugField(
                blank=True, db_index=False, help_text="For addresses with a ping key instead of the id.", max_length=120
            ),
        ),
        migrations.AddIndex(
            model_name="heartbeat",
            index=models.Index(condition=models.Q(("slug", ""), _negated=True), fields=["slug"], name="heartbeat_slug"),
        ),
        migrations.AddConstraint(
            model_name="heartbeat",
            constraint=models.CheckConstraint(
                condition=models.Q(("trouble__in", ["", "missed", "unfinished", "failed"])),
                name="heartbeat_trouble_known",
            ),
        ),
        migrations.RunPython(leave_room, migrations.RunPython.noop, elidable=False),
    ]

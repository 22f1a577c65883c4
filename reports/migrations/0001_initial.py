import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("notifications", "0001_initial"),
        ("oncall", "0001_initial"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=40)),
                ("name", models.CharField(max_length=120)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        help_text="Of what Opscenter fills in: en, id, ru, nl. Empty: the policy's.",
                        max_length=8,
                    ),
                ),
                (
                    "timezone",
                    models.CharField(blank=True, help_text="Of the times in it. Empty: the policy's.", max_length=64),
                ),
                (
                    "title",
                    models.CharField(help_text="A template: Incident Report: {{ date }} - {{ title }}", max_length=250),
                ),
                (
                    "place_name",
                    models.CharField(blank=True, help_text="Where it is kept: the name of a page.", max_length=120),
                ),
                ("place_url", models.CharField(blank=True, help_text="The address of that page.", max_length=500)),
                (
                    "store_on",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='When a version is stored by itself: ["resolved", "closed", "approved"].',
                    ),
                ),
                (
                    "contacts",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who is sent what is stored so.",
                        related_name="report_templates",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "destinations",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Where what is stored so is told.",
                        related_name="report_templates",
                        to="notifications.destination",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="report_templates",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("policy", "key"), name="report_template_once")],
            },
        ),
        migrations.CreateModel(
            name="ReportPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("key", models.SlugField(max_length=40)),
                ("title", models.CharField(blank=True, help_text="Its heading; empty: it has none.", max_length=120)),
                ("text", models.TextField(help_text="Markdown with {{ names }}; see docs/reports.md.")),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="reports.reporttemplate"
                    ),
                ),
            ],
            options={
                "ordering": ["template", "position", "pk"],
                "constraints": [models.UniqueConstraint(fields=("template", "key"), name="report_part_once")],
            },
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="Which kind of document.", max_length=40)),
                ("name", models.CharField(max_length=120)),
                ("number", models.PositiveIntegerField(help_text="Version: the first of its kind is 1.")),
                ("language", models.CharField(default="en", max_length=8)),
                ("title", models.CharField(max_length=250)),
                ("text", models.TextField(help_text="Markdown.")),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("since", models.DateTimeField(blank=True, null=True)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("at", models.DateTimeField()),
                ("edited", models.BooleanField(default=False, help_text="A person changed what was drafted.")),
                ("place_name", models.CharField(blank=True, max_length=120)),
                (
                    "link",
                    models.URLField(
                        blank=True, help_text="Where it was put: a page in Notion, a wiki …", max_length=500
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: Opscenter itself.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: it tells of a stretch of time.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
                "indexes": [models.Index(fields=["-at", "-id"], name="report_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("incident__isnull", False)),
                        fields=("incident", "key", "number"),
                        name="report_version_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("incident__isnull", True)),
                        fields=("key", "number"),
                        name="report_of_time_version_once",
                    ),
                ],
            },
        ),
    ]

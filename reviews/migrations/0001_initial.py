import django.db.models.deletion
from django.db import migrations, models

from policies.first_migration import FirstMigration


class Migration(FirstMigration):
    dependencies = [
        ("incidents", "0001_initial"),
        ("oncall", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PostIncidentReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("submitted", "Submitted"),
                            ("approved", "Approved"),
                            ("published", "Published"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("summary", models.TextField(blank=True)),
                (
                    "timeline",
                    models.TextField(blank=True, help_text="Drafted from the incident's timeline, in Markdown."),
                ),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                (
                    "remind_at",
                    models.DateTimeField(blank=True, help_text="When the reminder sweep looks next.", null=True),
                ),
                ("overdue_at", models.DateTimeField(blank=True, help_text="When it was found overdue.", null=True)),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "approver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="approved_reviews",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="reviews",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="review", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
                "permissions": [("approve_postincidentreview", "Can approve a submitted review")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("remind_at__isnull", False)), fields=["remind_at"], name="review_remind_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["draft", "submitted", "approved", "published"])),
                        name="review_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ActionItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=250)),
                ("due_on", models.DateField(blank=True, null=True)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="actions",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["due_on", "pk"],
            },
        ),
        migrations.CreateModel(
            name="ReviewAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("section", models.CharField(blank=True, max_length=80)),
                ("key", models.CharField(max_length=80)),
                ("prompt", models.CharField(max_length=250)),
                ("required", models.BooleanField(default=False)),
                ("text", models.TextField(blank=True)),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answers",
                        to="reviews.postincidentreview",
                    ),
                ),
            ],
            options={
                "ordering": ["review", "position"],
                "constraints": [models.UniqueConstraint(fields=("review", "key"), name="review_answer_once")],
            },
        ),
    ]

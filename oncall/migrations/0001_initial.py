import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import policies.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="EscalationContact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("person", "Person"), ("team", "Team"), ("role", "Role"), ("vendor", "Vendor")],
                        default="person",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=120, unique=True)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "language",
                    models.CharField(
                        choices=[
                            ("en", "English"),
                            ("id", "Bahasa Indonesia"),
                            ("ru", "Русский"),
                            ("nl", "Nederlands"),
                        ],
                        default="en",
                        max_length=8,
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                (
                    "catch_all",
                    models.BooleanField(default=False, help_text="Asked when nobody else is left, and told why."),
                ),
                (
                    "backup",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="backs_up",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(blank=True, related_name="member_of", to="oncall.escalationcontact"),
                ),
                (
                    "user",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="contact",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["person", "team", "role", "vendor"])),
                        name="escalation_contact_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContactMethod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("kind", models.CharField(help_text="The transport: email, slack, json …", max_length=16)),
                ("address", policies.fields.EncryptedTextField()),
                ("secret", policies.fields.EncryptedTextField(blank=True)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("enabled", models.BooleanField(default=True)),
                (
                    "failed_at",
                    models.DateTimeField(blank=True, help_text="Set when the address was found invalid.", null=True),
                ),
                ("failure", models.TextField(blank=True)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="methods",
                        to="oncall.escalationcontact",
                    ),
                ),
            ],
            options={
                "ordering": ["contact", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Ownership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("contacts", models.ManyToManyField(related_name="ownerships", to="oncall.escalationcontact")),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ownerships", to="policies.policy"
                    ),
                ),
                (
                    "severity",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="policies.severity"
                    ),
                ),
            ],
            options={
                "ordering": ["policy", "severity__rank"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("severity__isnull", False)),
                        fields=("policy", "severity"),
                        name="ownership_once",
                        violation_error_message="This policy has owners of this level already; change those.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("severity__isnull", True)),
                        fields=("policy",),
                        name="ownership_once_for_all",
                        violation_error_message="This policy has owners of all other levels already; change those.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80, unique=True)),
                ("name", models.CharField(max_length=160)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="schedules",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="Layer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("precedence", models.SmallIntegerField(default=0)),
                (
                    "rotation",
                    models.CharField(
                        choices=[("hours", "Hours"), ("days", "Days"), ("weeks", "Weeks"), ("months", "Months")],
                        default="weeks",
                        max_length=6,
                    ),
                ),
                (
                    "length",
                    models.PositiveSmallIntegerField(default=1, help_text="Of one turn, in units of the rotation."),
                ),
                ("first_handoff_at", models.DateTimeField(help_text="The start of the first member's turn.")),
                (
                    "restrictions",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='[{"days": ["mon"], "from": "09:00", "to": "17:00"}]; empty: always.',
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="layers", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["schedule", "-precedence", "pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("length__gte", 1)), name="layer_length_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="LayerMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "contact",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="oncall.escalationcontact"),
                ),
                (
                    "layer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="places", to="oncall.layer"
                    ),
                ),
            ],
            options={
                "ordering": ["layer", "position", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="overrides",
                        to="oncall.escalationcontact",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="oncall.schedule"
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="override_ends_after_start"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="layer",
            name="members",
            field=models.ManyToManyField(
                related_name="layers", through="oncall.LayerMember", to="oncall.escalationcontact"
            ),
        ),
    ]

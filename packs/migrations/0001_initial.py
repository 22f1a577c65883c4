import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("policies", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="LoadedPack",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.SlugField(max_length=80)),
                ("version", models.CharField(max_length=40)),
                ("digest", models.CharField(help_text="SHA-256 of the file.", max_length=64)),
                ("text", models.TextField(help_text="The YAML as it was loaded.")),
                (
                    "said",
                    models.JSONField(
                        default=dict,
                        help_text="What the pack said of every record, to tell what was changed here since.",
                    ),
                ),
                ("phase", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "variants",
                    models.JSONField(
                        blank=True, default=list, help_text="Ways of watching that were chosen; empty: all."
                    ),
                ),
                ("loaded_at", models.DateTimeField()),
                ("changes", models.JSONField(default=list, help_text="What the load created, changed and removed.")),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="loads",
                        to="policies.policy",
                    ),
                ),
            ],
            options={
                "ordering": ["-loaded_at", "-pk"],
            },
        ),
    ]

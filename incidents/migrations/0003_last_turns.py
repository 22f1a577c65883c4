from django.db import migrations


def mark_last_turns(apps, schema_editor):
    """Runs that are under way keep their last turn, which was known by its words before."""
    turns = apps.get_model("incidents", "Turn").objects.using(schema_editor.connection.alias)
    turns.filter(aim="catch-all", schedule=None).update(final=True)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_escalation_steps")]

    operations = [migrations.RunPython(mark_last_turns, migrations.RunPython.noop)]

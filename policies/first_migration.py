"""The migration that makes all tables of a room, without drawing every model again for each of them."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState


class FirstMigration(migrations.Migration):
    """One that begins with CreateModel operations.

    Django draws a model and all that are related to it anew after each operation, which for tables as many and as
    related as ours is most of what a first start takes. Here the models are drawn once, when all are known.
    """

    initial = True

    def apply(
        self, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        if collect_sql:  # sqlmigrate shows each operation by itself
            return super().apply(project_state, schema_editor, collect_sql)
        made = []
        for operation in self.operations:
            if not isinstance(operation, migrations.CreateModel):
                break
            made.append(operation)
        before = project_state.clone()
        vars(project_state).pop("apps", None)  # as a state has it before somebody asks for its models
        for operation in made:
            operation.state_forwards(self.app_label, project_state)
        for operation in made:
            operation.database_forwards(self.app_label, schema_editor, before, project_state)
        rest = type("Rest", (migrations.Migration,), {"operations": self.operations[len(made) :]})
        return rest(self.name, self.app_label).apply(project_state, schema_editor)

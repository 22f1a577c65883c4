import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def run_objectives(capsys):
    """`manage.py run_objectives ARGUMENTS`: exit status and the lines it printed."""

    def run(*arguments: str) -> tuple[int, list[str]]:
        status = 0
        try:
            call_command("run_objectives", *arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        except CommandError as error:
            return error.returncode, [str(error)]
        return status, capsys.readouterr().out.splitlines()

    return run

import sys
from pathlib import Path
from shlex import quote

from django.conf import settings
from django.core.management.base import BaseCommand

TEXT = """\
# Opscenter without clock and worker: crontab -e, then paste. A run that is still going is never joined by a second one.
# Rules keep their own intervals; cron only says how often is looked. A page leaves up to a minute later than with the
# clock. Further settings (DATABASE_URL, EMAIL_URL, SECRET_KEY) belong in .env beside manage.py, which is read here too.
OPSCENTER_DATA={data}
* * * * * {manage} run_checks
* * * * * {manage} run_timers
* * * * * {manage} run_deliveries
* * * * * {manage} run_objectives --due

# Instead of the first line, where checks are dear: everything every 5 minutes, or warnings only every 30.
# */5 * * * * {manage} run_checks
# */30 * * * * {manage} run_checks --warnings-only
"""


class Command(BaseCommand):
    help = "Print the crontab that does the work of the clock and the worker on this machine."
    requires_system_checks = []

    def handle(self, **options) -> None:
        manage = f"{quote(sys.executable)} {quote(str(Path(settings.BASE_DIR, 'manage.py')))}"
        # a percent sign ends a command in crontab unless it is escaped
        self.stdout.write(TEXT.format(manage=manage.replace("%", r"\%"), data=quote(str(settings.DATA_DIR))), ending="")

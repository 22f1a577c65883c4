"""`bin/run`: prepares the database, starts web, clock and worker under the supervisor, says where to look.

Standard library only: a mistyped option is told before any package is installed.
"""

import argparse
import fcntl
import gc
import io
import json
import multiprocessing
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from opscenter.demo import Demo
from opscenter.localpg import PostgresUnavailable
from opscenter.processes import PRIVATE, Program, answers, free_port, run
from opscenter.supervisor import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
LIVE_WAIT = 60.0  # seconds for the web process to answer
PRELOADED = (  # shared by web, clock and worker, which are forks of this process: a third of the memory
    "opscenter.urls",
    "opscenter.wsgi",
    "opscenter.clockwork",
    "opscenter.tasks",
    "opscenter.management.commands.web",
    "opscenter.management.commands.clock",
    "opscenter.dashboard",
    "opscenter.navigation",
    "django_q.cluster",
    "django_q.brokers.orm",
    "django_q.management.commands.qcluster",
    # what they would import after the fork, each for itself; compiling it there costs most of all
    "django.core.cache.backends.locmem",
    "django.db.models.sql.compiler",
    "django.views.csrf",
)


class StartFailed(Exception):
    """Opscenter cannot start; the text says why and what to do."""


def admin_login(word: str) -> tuple[str, str]:
    """NAME:PASSWORD, split; the password may hold further colons."""
    name, _, password = word.partition(":")
    if not re.fullmatch(r"[\w.@+-]{1,150}", name) or not password:
        raise argparse.ArgumentTypeError(
            f"{word!r} is not NAME:PASSWORD; the name has letters, digits and @ . + - _ only"
        )
    return name, password


def port_number(word: str) -> int:
    if not word.isdecimal() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is not a port; give a number from 0 (any free one) to 65535")
    return int(word)


def database_url(word: str) -> str:
    if not re.match(r"(postgres|postgresql|sqlite)://", word):
        raise argparse.ArgumentTypeError(
            f"{word!r} is no database we know; give postgres://USER:PASSWORD@HOST:PORT/NAME or sqlite:///PATH"
        )
    return word


def parse(words: list[str]) -> argparse.Namespace:
    """The options of `bin/run`; a wrong one ends the program with its sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="bin/run",
        description="Start Opscenter: installs what it needs on the first run, then serves until Ctrl-C.",
        epilog="Further settings come from the environment or a file .env; docs/install.md lists them.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=port_number, default=8000, help="default 8000; 0 takes any free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of database, keys and logs (default var); one for each instance"
    )
    parser.add_argument("--database-url", metavar="URL", type=database_url, help="instead of SQLite in DIR")
    parser.add_argument(
        "--admin", metavar="NAME:PASSWORD", type=admin_login, help="make this super-user, or set its password"
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="also start simulated systems to watch, with their packs and people",
    )
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # for bin/run: the options only
    return parser.parse_args(words)


def environment(options: argparse.Namespace, port: int) -> dict[str, str]:
    """What the options say, as the variables that settings.py reads."""
    host = reachable(options.host)
    variables = {
        "DJANGO_SETTINGS_MODULE": "opscenter.settings",
        "OPSCENTER_LISTEN_URL": f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",
        "PYTHONUNBUFFERED": "1",
    }
    if options.data:
        caller = os.environ.get("OPSCENTER_CALLED_FROM", ".")
        variables["OPSCENTER_DATA"] = str(Path(caller, options.data).resolve())
    if options.database_url:
        variables["DATABASE_URL"] = options.database_url
    return variables


def reachable(host: str) -> str:
    """The address by which a program on this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def data_folder() -> Path:
    """Where database, keys and logs are, as settings.py will see it: asked before Django is loaded."""
    import environ

    environ.Env.read_env(ROOT / ".env")
    return Path(os.environ.get("OPSCENTER_DATA", ROOT / "var")).resolve()


def listening_port(host: str, port: int) -> int:
    """`port` if a server can listen there now (0: any free one); StartFailed when it cannot."""
    try:
        return free_port(host, port)
    except socket.gaierror as error:
        raise StartFailed(f"--host {host}: there is no such address ({error.strerror}).") from error
    except OSError as error:
        raise StartFailed(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with --port."
        ) from error


def hold(data: Path) -> TextIO:
    """Take the data folder for us alone; keep the returned file open. StartFailed when another has it."""
    try:
        (data / "logs").mkdir(parents=True, exist_ok=True)
        lock = (data / "run.lock").open("a")
    except OSError as error:
        raise StartFailed(
            f"The data folder {data} cannot be written: {error.strerror}. Choose one with --data."
        ) from error
    until = time.monotonic() + 3  # what a killed instance left behind needs a moment to die
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            PRIVATE.add(lock.fileno())
            return lock
        except BlockingIOError:
            if time.monotonic() > until:
                break
            time.sleep(0.1)
    lock.close()
    try:
        other = json.loads((data / "run.json").read_text())
        where = f" (process {other['pid']}, {other['url']})"
    except (OSError, ValueError, KeyError):
        where = ""
    raise StartFailed(f"Another Opscenter{where} uses the data folder {data}. Give this one another with --data.")


def preload() -> Any:
    """Import the whole app, without starting a thread or a connection, and return Django's settings."""
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.urls import get_resolver

    try:
        django.setup()
    except (ImproperlyConfigured, ValueError) as error:
        raise StartFailed(f"The settings are not usable: {error}") from error
    for name in PRELOADED:
        import_module(name)
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise write to, and so copy, every page of it
    return settings


def manage(*words: str, show: bool = False, **options: Any) -> None:
    """Run a command of manage.py; what it tells is shown when `show`. StartFailed with its last words."""
    from django.core.management import CommandError, call_command

    def command() -> None:
        told = io.StringIO()
        try:
            call_command(*words, stdout=told, **options)
        except CommandError as error:
            sys.exit(str(error))
        print(told.getvalue().rstrip())

    code, written = run(words[0], command)
    if code:
        raise StartFailed(f"`manage.py {words[0]}` failed:\n{last_lines(written)}")
    if show and written.strip():
        print(written.strip(), flush=True)


def last_lines(text: str, count: int = 12) -> str:
    return "\n".join(text.rstrip().splitlines()[-count:])


def command(*words: str) -> Program:
    """manage.py with `words`, as a fork that shares the preloaded app where forks are safe, else as a new program."""
    if sys.platform != "linux":
        return [sys.executable, "manage.py", *words]

    def fork() -> None:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *words])
        for below in multiprocessing.active_children():
            below.join()  # what Python does at a program's end, and qcluster counts on

    return fork


def children(engine: str, host: str, port: int) -> list[Child]:
    """The programs of one instance."""
    programs = [
        Child("web", command("web", "--host", host, "--port", str(port))),
        Child("clock", command("clock")),
    ]
    if engine == "django-q":
        programs.append(Child("worker", command("qcluster")))
    elif engine == "celery":
        celery = "-m celery --app opscenter.celery worker --concurrency 1 --loglevel warning"
        programs.append(Child("worker", [sys.executable, *celery.split()]))
    return programs


def announcer(address: tuple[str, int], lines: list[str], log: Path) -> Callable[[], bool]:
    """For Supervisor.run: prints `lines` once the web process answers at `address`; gives up, showing its `log`."""
    until = time.monotonic() + LIVE_WAIT

    def look() -> bool:
        if answers(address, "/api/live"):
            print("\n".join(lines), flush=True)
            return True
        if time.monotonic() > until:
            words = last_lines(log.read_text(errors="replace"))
            raise StartFailed(f"The web process does not answer after {LIVE_WAIT:.0f} s. The end of {log}:\n{words}")
        return False

    return look


def launch(options: argparse.Namespace) -> None:
    """Start and serve until told to stop."""
    os.chdir(ROOT)
    port = listening_port(options.host, options.port)
    os.environ |= environment(options, port)
    data = data_folder()
    facts: dict[str, Any] = {"url": os.environ["OPSCENTER_LISTEN_URL"], "host": options.host, "port": port}
    with ExitStack() as held:
        held.enter_context(hold(data))
        demo = held.enter_context(Demo(data / "demo")) if options.demo else None
        if demo:
            os.environ |= demo.environment()
        settings = preload()
        manage("migrate", interactive=False, verbosity=0, skip_checks=False)
        name, password = options.admin or ("", "")
        manage("bootstrap", admin=name, password=password, show=True)
        programs = children(settings.ENGINE, options.host, port)
        address = (reachable(options.host), port)
        lines = [f"Opscenter runs at {settings.BASE_URL}/  (logs: {data / 'logs'}; stop with Ctrl-C)"]
        if demo:
            for pack, reset in demo.packs():
                manage("load_pack", pack, reset=reset)
            code, written = run("demo", demo.connect)  # a fork: it opens a connection
            if code:
                raise StartFailed(f"The demo's systems cannot be told where the doors are:\n{last_lines(written)}")
            for child in programs:
                child.after = demo.ready  # or its rules would find the systems down
            programs += demo.children()
            lines += demo.lines(facts["url"])
            facts["demo"] = demo.ports
        Supervisor(programs, data, facts).run(announcer(address, lines, data / "logs" / "web.log"))


def main(words: list[str] | None = None) -> int:
    options = parse(sys.argv[1:] if words is None else words)
    if options.check:
        return 0
    try:
        launch(options)
    except (StartFailed, PostgresUnavailable) as error:
        print(f"bin/run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the supervisor took over
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

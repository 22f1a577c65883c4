"""Settings, all from the environment (or a `.env` beside manage.py); docs/install.md lists them.

The embedded default needs none: SQLite, keys and logs live in OPSCENTER_DATA.
"""

import json
import secrets
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy

BASE_DIR = Path(__file__).resolve().parent.parent


class _Noting(environ.Env):
    """Keeps the names of the variables that are asked for."""

    names: set[str] = set()

    def get_value(self, var, *args, **options):
        self.names.add(var)
        return super().get_value(var, *args, **options)


env = _Noting()
environ.Env.read_env(BASE_DIR / ".env")
# what is ours says nothing about a pack's parameter of the same name
OWN_VARIABLES = _Noting.names

ENVIRONMENT = env("OPSCENTER_ENV", default="development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = Path(env("OPSCENTER_DATA", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key() -> str:
    """The key from the environment; else, outside production, one made at the first start, kept in the data folder."""
    if key := env("SECRET_KEY", default=""):
        return key
    if PRODUCTION:
        raise ImproperlyConfigured("SECRET_KEY is not set. In production mode give it in the environment or in .env.")
    path = DATA_DIR / "secret_key"
    if not path.exists():
        # exclusive creation, so that of two processes starting at once both end with the same key
        try:
            with path.open("x") as file:
                path.chmod(0o600)
                file.write(secrets.token_urlsafe(50))
        except FileExistsError:
            pass
    return path.read_text().strip()


SECRET_KEY = _secret_key()
# Old keys still verify links and decrypt stored secrets while `SECRET_KEY` is being rotated.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if not PRODUCTION else [])


def _listens_at() -> str:
    """Where bin/run listens: it tells its children, and leaves a note in the data folder for commands beside it."""
    try:
        noted = json.loads((DATA_DIR / "run.json").read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        noted = "http://127.0.0.1:8000"
    return env("OPSCENTER_LISTEN_URL", default=noted)


# Behind a proxy the public address is set.
BASE_URL = env("OPSCENTER_BASE_URL", default=_listens_at()).rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[BASE_URL])
ENGINE = env("OPSCENTER_ENGINE", default="django-q")
# Senders on this machine need no token unless an installation says otherwise.
TRUST_LOOPBACK = env.bool("OPSCENTER_TRUST_LOOPBACK", default=not PRODUCTION)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "django_celery_beat",
    "axes",
    "auditlog",
    # the rooms, top floor first; each knows only those below it
    "opscenter",
    "api",
    "packs",
    "reports",
    "dashboards",
    "shifts",
    "checkup",
    "analytics",
    "alerts",
    "reviews",
    "runbooks",
    "evidence",
    "recovery",
    "tickets",
    "status",
    "flags",
    "incidents",
    "oncall",
    "notifications",
    "channels_health",
    "sources",
    "policies",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "opscenter.middleware.content_security_policy",
    "opscenter.middleware.without_nul",
    "opscenter.middleware.admin_for_staff",
    "auditlog.middleware.AuditlogMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "opscenter.urls"
WSGI_APPLICATION = "opscenter.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'opscenter.sqlite3'}")}
_default = DATABASES["default"]
if _default["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a read-then-write transaction takes the lock at once instead of failing at its first write.
    _default["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8000;",
    }
else:
    _default.setdefault("CONN_MAX_AGE", 600)
    _default["CONN_HEALTH_CHECKS"] = True
    # a server that vanished without a word is noticed: 10 s to connect, 30 s for bytes that nobody acknowledges
    _default["OPTIONS"] = {"connect_timeout": 10, "tcp_user_timeout": 30_000, **_default.get("OPTIONS", {})}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 1  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("login")  # the admin's own page lets only staff in; commanders are not staff
LOGIN_REDIRECT_URL = reverse_lazy("incidents")
LOGOUT_REDIRECT_URL = LOGIN_URL
AXES_LOCKOUT_TEMPLATE = "lockout.html"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("id", "Bahasa Indonesia"), ("ru", "Русский"), ("nl", "Nederlands")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # the server warns at every start when it is missing
# the files of the API's documentation page; found without importing the package, which idle processes need not carry
_NINJA = find_spec("ninja")
STATICFILES_DIRS = [
    BASE_DIR / "static",
    *(("ninja", Path(place) / "static/ninja") for place in (_NINJA and _NINJA.submodule_search_locations) or []),
]
WHITENOISE_USE_FINDERS = True  # no collectstatic step: the files of the packages are served where they are
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="opscenter@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# django-q2 settings that held up under kill -9; attempts are counted in our own rows, never by the queue.
Q_CLUSTER = {
    "name": "opscenter",
    "orm": "default",
    "workers": env.int("OPSCENTER_WORKERS", default=1),
    "timeout": 120,
    "retry": 600,
    "queue_limit": 4,
    "bulk": 1,
    "poll": 1,
    "save_limit": -1,
    "ack_failures": True,
    "max_attempts": 1,
    "catch_up": False,
    "scheduler": False,  # stored schedules are django-celery-beat rows, handed over by the clock
    "label": "Task queue",
}
DJANGO_CELERY_BEAT_TZ_AWARE = True
# How long records of passage are kept (opscenter/maintenance.py); incidents and their timelines stay for good.
KEEP_WEBHOOK_LOGS_DAYS = env.int("OPSCENTER_KEEP_WEBHOOK_LOGS_DAYS", default=30)
KEEP_PINGS = env.int("OPSCENTER_KEEP_PINGS", default=1000)  # of each heartbeat
KEEP_PINGS_DAYS = env.int("OPSCENTER_KEEP_PINGS_DAYS", default=365)
KEEP_DELIVERY_ATTEMPTS_DAYS = env.int("OPSCENTER_KEEP_DELIVERY_ATTEMPTS_DAYS", default=90)
KEEP_EVENTS_DAYS = env.int("OPSCENTER_KEEP_EVENTS_DAYS", default=90)
KEEP_SAMPLES_DAYS = env.int("OPSCENTER_KEEP_SAMPLES_DAYS", default=35)
KEEP_OBJECTIVE_DAYS = env.int("OPSCENTER_KEEP_OBJECTIVE_DAYS", default=400)  # the days of objectives
KEEP_FIRINGS_DAYS = env.int("OPSCENTER_KEEP_FIRINGS_DAYS", default=400)  # each time a rule fired, for its tuning
KEEP_ALERTS_DAYS = env.int("OPSCENTER_KEEP_ALERTS_DAYS", default=365)
# the folder of the incidents' files, where a policy names none of its own
EVIDENCE_ROOT = env("OPSCENTER_EVIDENCE_ROOT", default=str(DATA_DIR / "evidence"))
# a folder that gets a static copy of the public status page, for a host elsewhere; empty: none
STATUS_EXPORT = env("OPSCENTER_STATUS_EXPORT", default="")
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="")
CELERY_TIMEZONE = "UTC"

# asked every half minute by the clock, for a dead man's switch elsewhere; empty: none
OUTSIDE_HEARTBEAT_URL = env("OPSCENTER_HEARTBEAT_URL", default="")

AUDITLOG_INCLUDE_ALL_MODELS = False
AUDITLOG_MASK_CALLABLE = "policies.fields.masked"  # the log's own leaves half of a secret readable

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https:")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("OPSCENTER_BEHIND_PROXY", default=False) else None
)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION and BASE_URL.startswith("https:"))
# probes ask by plain HTTP, from inside; what speaks to an Alertmanager follows no redirect when it posts
SECURE_REDIRECT_EXEMPT = [r"^api/(live|ready|health)/?$", r"^metrics$", r"^-/(healthy|ready)$", r"^api/v2/"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_SSL_REDIRECT else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
# The Alertmanager door has no body limit of its own; the thin door enforces INTAKE_MAX_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
INTAKE_MAX_BYTES = env.int("OPSCENTER_INTAKE_MAX_BYTES", default=64 * 1024 * 1024)
WEBHOOK_MAX_BYTES = env.int("OPSCENTER_WEBHOOK_MAX_BYTES", default=1024 * 1024)
# how long before its start changes are shown beside an incident
CHANGE_WINDOW = timedelta(hours=env.float("OPSCENTER_CHANGE_WINDOW_HOURS", default=24))
# what rules may read and run here: folders of log files, and a file of commands by name; without them nothing
LOG_DIRS = env.list("OPSCENTER_LOG_DIRS", default=[])
# Calendar feeds are entered by people: whether they may lie on hosts of a private network.
PRIVATE_FEEDS = env.bool("OPSCENTER_PRIVATE_FEEDS", default=not PRODUCTION)
COMMANDS = env("OPSCENTER_COMMANDS", default="")
# beside sns.<region>.amazonaws.com: hosts, or whole origins such as http://127.0.0.1:9911
SNS_CERT_HOSTS = env.list("OPSCENTER_SNS_CERT_HOSTS", default=[])

BRAND = {  # the red of the icon, light to dark
    "50": "254 243 242", "100": "254 228 226", "200": "254 205 202", "300": "253 162 155", "400": "249 112 102",
    "500": "240 68 56", "600": "217 45 32", "700": "180 35 24", "800": "145 32 24", "900": "122 39 26",
    "950": "85 22 12",
}  # fmt: skip
UNFOLD = {
    "SITE_TITLE": "Opscenter",
    "SITE_HEADER": "Opscenter",
    "SITE_SUBHEADER": "Incident operations",
    "SITE_SYMBOL": "emergency",
    "DASHBOARD_CALLBACK": "opscenter.dashboard.context",
    "SHOW_HISTORY": True,
    "SIDEBAR": {"show_search": True, "navigation": "opscenter.navigation.sidebar"},
    "COLORS": {"primary": BRAND},
    "STYLES": [lambda request: static("css/admin.css")],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env("LOG_LEVEL", default="INFO")},
    # says a line for every task that is queued, begun and done
    "loggers": {"django-q": {"level": env("LOG_LEVEL_QUEUE", default="WARNING")}},
}

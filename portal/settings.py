"""Settings, read from the environment by django-environ. `.env.example` explains every variable."""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from portal.secrets import Secrets

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PORTAL_ENV = env.str("PORTAL_ENV", "test")  # demo, test or production
if PORTAL_ENV not in ("demo", "test", "production"):
    raise ImproperlyConfigured("PORTAL_ENV must be demo, test or production")
IS_DEMO = PORTAL_ENV != "production"
DEBUG = False

DATA_DIR = Path(env.str("PORTAL_DATA", str(BASE_DIR / "var")))
FILES_DIR = DATA_DIR / "files"
secrets = Secrets(PORTAL_ENV, env, DATA_DIR)

SECRET_KEY = secrets.text("django_secret_key")
SEALING_KEY_ID = env.str("SEALING_KEY_ID", "k1")
SEALING_KEYS = {SEALING_KEY_ID: secrets.key("sealing_key")} | secrets.older_keys("SEALING_KEYS_OLD")
INDEX_KEY_ID = env.str("INDEX_KEY_ID", "k1")
INDEX_KEYS = {INDEX_KEY_ID: secrets.key("index_key")}

BASE_URL = secrets.needed("PORTAL_BASE_URL", "http://localhost:8000").rstrip("/")
IS_HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = secrets.needed("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver").split(",")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

CLOCK_OFFSET_DAYS = env.int("PORTAL_CLOCK_OFFSET_DAYS", 0)
if CLOCK_OFFSET_DAYS and not IS_DEMO:
    raise ImproperlyConfigured("PORTAL_CLOCK_OFFSET_DAYS is for the demo: production lives in real time")

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.backend.Accounts"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "core",
    "registration",
    "payments",
    "reconciliation",
    "portal",
    "portal.console.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "csp",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "portal.accounts.sessions.SessionLimits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "portal.same_for_all.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.look.context",
            ],
        },
    }
]

# --- what runs beside us -------------------------------------------------------------------------

_database = env.db_url_config(secrets.needed("DATABASE_URL", "postgres://portal@127.0.0.1:5432/portal"))
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "portal.postgres",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {  # what the address itself asks for, a socket's directory or sslmode, is kept
            "connect_timeout": 5,
            "options": "-c statement_timeout=30000 -c lock_timeout=10000",
            **_database.get("OPTIONS", {}),
        },
    }
}
REDIS_URL = secrets.needed("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "portal.session_cache.SessionCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "portal",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

# --- sessions and cookies (HOUSE 5) --------------------------------------------------------------

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_AGE = 30 * 60  # idle; portal/accounts ends a session after 8 hours in all
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_NAME = "__Host-sid" if IS_HTTPS else "sid"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_TOTAL_AGE = timedelta(hours=8)
LOGIN_URL = "/login/"
CSRF_FAILURE_VIEW = "portal.pages.errors.form_expired"

# --- security ------------------------------------------------------------------------------------

SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_SSL_REDIRECT = False  # the proxy in front does it
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", False) else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"  # WeChat refuses an H5 cashier opened without a referrer
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],  # the page with a form to a cashier adds its origins (SCREENS 2.6)
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- language and files --------------------------------------------------------------------------

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", "English")]
LANGUAGE_COOKIE_NAME = "lang"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES_DIR}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if PORTAL_ENV == "test"
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_MAX_AGE = 31_536_000
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = PORTAL_ENV == "test"  # nothing is collected before tests
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

# --- the outside ---------------------------------------------------------------------------------

SANDBOX_URL = env.str("SANDBOX_URL", "http://127.0.0.1:9000").rstrip("/")
GATEWAYS = secrets.gateways(SANDBOX_URL)
SMS_URL = secrets.needed("SMS_URL", f"{SANDBOX_URL}/sms/messages")
VOICE_URL = secrets.needed("VOICE_URL", f"{SANDBOX_URL}/voice/calls")
REAL_NAME_URL = secrets.needed("REAL_NAME_URL", f"{SANDBOX_URL}/realname/verify")
WALLET_URL = secrets.needed("WALLET_URL", f"{SANDBOX_URL}/wallet")
CARRIER_TOKEN = secrets.text("carrier_token")

# --- background work (FAULTS 5.3): rows are the truth, tasks only nudge --------------------------

CELERY_BROKER_URL = (
    f"redis+socket://{REDIS_URL.removeprefix('unix://').replace('?db=', '?virtual_host=')}"
    if REDIS_URL.startswith("unix://")
    else REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,  # longer than the longest task may take: what is still worked on is not given out again
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "max_retries": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_EXPIRES = 300
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("httpx", "httpcore", "celery.app.trace", "celery.worker.strategy", "celery.beat")
    },
}

secrets.refuse_what_is_missing()
if not IS_DEMO and not IS_HTTPS:
    raise ImproperlyConfigured("PORTAL_BASE_URL must begin with https:// in production")

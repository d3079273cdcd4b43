"""Settings of the sandbox, all from the environment.

SANDBOX_KEYS      directory of private keys, made at the first start (0600), and of the three given secrets
                  ``wechat_apiv3_key``, ``carrier_token``, ``control_token``
SANDBOX_EXCHANGE  directory of public keys only, shared with the portal
SANDBOX_DATA      directory of the SQLite file
"""

import os
from pathlib import Path

from sandbox.keyfiles import make_secret

KEYS = Path(os.environ.get("SANDBOX_KEYS", "var/sandbox/keys"))
EXCHANGE = Path(os.environ.get("SANDBOX_EXCHANGE", "var/exchange"))
DATA = Path(os.environ.get("SANDBOX_DATA", "var/sandbox/data"))
for directory, mode in ((KEYS, 0o700), (EXCHANGE, 0o755), (DATA, 0o700)):
    directory.mkdir(parents=True, exist_ok=True, mode=mode)

PORTAL_BASE_URL = os.environ.get("PORTAL_BASE_URL", "http://localhost:8000").rstrip("/")
# Where browsers reach the sandbox; empty: the host that the request named.
PUBLIC_URL = os.environ.get("SANDBOX_PUBLIC_URL", os.environ.get("SANDBOX_URL", "")).rstrip("/")
CLOCK_OFFSET_DAYS = int(os.environ.get("PORTAL_CLOCK_OFFSET_DAYS", "0"))

SECRET_KEY = make_secret(KEYS / "django_secret")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *filter(None, os.environ.get("SANDBOX_HOSTS", "").split(","))]
ROOT_URLCONF = "sandbox.urls"
WSGI_APPLICATION = "sandbox.wsgi.application"
INSTALLED_APPS = ["sandbox.apps.SandboxConfig"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "sandbox.events.RecordRequests"]
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["sandbox.clock.business_day"]},
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "sandbox.sqlite3",
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "timeout": 20,
            # Writers queue up at BEGIN instead of failing at the first write of a read transaction.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
LANGUAGE_CODE = "zh-hans"
USE_I18N = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}

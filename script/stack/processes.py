"""What runs, and with which variables: the one place that `script/server`, the tests and docker-compose.yml go by."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from .places import Places

WEB_WORKERS = 2
WEB_THREADS = 4
WORKER_PROCESSES = 2
SANDBOX_THREADS = 32
"""Many and cheap: each answer that the sandbox keeps back holds one."""

COLLECT_STATIC = ("manage.py", "collectstatic", "--no-input")
MIGRATE = ("manage.py", "migrate", "--no-input")
LOAD_DEMO = ("manage.py", "load_demo")
SANDBOX_MIGRATE = ("-m", "sandbox", "migrate", "--no-input")


def python(*arguments: str) -> list[str]:
    """A command of the environment that runs us."""
    return [sys.executable, *arguments]


def web(*, host: str, port: int) -> list[str]:
    """Serves pages and hooks. No access log: it would hold addresses of people."""
    return [
        "granian", "--interface", "wsgi", "portal.wsgi:application",
        "--host", host, "--port", str(port),
        "--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS),
        "--no-ws", "--workers-kill-timeout", "10", "--respawn-failed-workers",
    ]  # fmt: skip


def worker() -> list[str]:
    """Carries out nudges. Gossip, mingling and heartbeats between workers serve nobody here."""
    return [
        "celery", "-A", "portal", "worker", "--queues", "celery", "--concurrency", str(WORKER_PROCESSES),
        "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO",
    ]  # fmt: skip


def beat(*, schedule: str) -> list[str]:
    """Starts the sweeps, which are the guarantee: exactly one runs."""
    return ["celery", "-A", "portal", "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "INFO"]


def sandbox(*, host: str, port: int) -> list[str]:
    """The outside world in small. One worker process: it sends its notices from a thread of its own."""
    return [
        "granian", "--interface", "wsgi", "sandbox.wsgi:application",
        "--host", host, "--port", str(port),
        "--workers", "1", "--blocking-threads", str(SANDBOX_THREADS),
        "--no-ws", "--workers-kill-timeout", "5", "--respawn-failed-workers",
    ]  # fmt: skip


@dataclass(frozen=True)
class Addresses:
    """Where people and processes find each other. Portal and sandbox are two sites to a browser, as in life."""

    host: str = "127.0.0.1"
    port: int = 8000
    sandbox_port: int = 9000
    base_url: str = ""
    """How browsers name the portal, where that is not localhost."""

    @property
    def portal(self) -> str:
        return self.base_url.rstrip("/") or f"http://localhost:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"


def portal_variables(
    places: Places, addresses: Addresses, *, database_url: str, redis_url: str, offset_days: int
) -> dict[str, str]:
    """What web, worker, beat and `manage.py` get."""
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PORTAL_ENV": "demo",
        "PORTAL_DATA": str(places.data),
        "PORTAL_SECRETS": str(places.keys),
        "SANDBOX_EXCHANGE": str(places.exchange),
        "PORTAL_BASE_URL": addresses.portal,
        "PORTAL_CLOCK_OFFSET_DAYS": str(offset_days),
        "SANDBOX_URL": addresses.sandbox,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
    }


def sandbox_variables(places: Places, addresses: Addresses, *, offset_days: int) -> dict[str, str]:
    """What the sandbox gets: none of the portal's secrets."""
    return {
        "DJANGO_SETTINGS_MODULE": "sandbox.settings",
        "SANDBOX_DATA": str(places.sandbox),
        "SANDBOX_KEYS": str(places.keys_sandbox),
        "SANDBOX_EXCHANGE": str(places.exchange),
        "SANDBOX_URL": addresses.sandbox,
        "PORTAL_BASE_URL": addresses.portal,
        "PORTAL_CLOCK_OFFSET_DAYS": str(offset_days),
    }


NOT_FOR_THE_SANDBOX = ("DATABASE_URL", "REDIS_URL", "PORTAL_SECRETS", "PORTAL_DATA", "PORTAL_ENV")


def clean_environment(
    base: Mapping[str, str], ours: Mapping[str, str], *, without: tuple[str, ...] = ()
) -> dict[str, str]:
    """The caller's variables with ours over them; `without` names some that must not be passed on."""
    kept = {name: value for name, value in base.items() if name not in without}
    return {**kept, "PYTHONUNBUFFERED": "1", **ours}

"""What a start meets on the machine: servers given by DATABASE_URL and REDIS_URL, ports, answers over HTTP."""

import errno
import http.client
import socket

import psycopg2
import redis

from .trouble import Trouble

OLDEST_POSTGRES = 180000


def check_database(url: str) -> bool:
    """Raise `Trouble` unless a PostgreSQL of version 18 or newer answers; True when it has been used before."""
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
    except psycopg2.Error as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise Trouble(f"The PostgreSQL of DATABASE_URL cannot be reached: {reason}") from None
    try:
        refuse_old_postgres(connection.server_version)
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
            return bool(cursor.fetchone() == (True,))
    finally:
        connection.close()


def refuse_old_postgres(server_version: int) -> None:
    """Raise `Trouble` for a server older than 18; `server_version` as PostgreSQL counts, 180004 for 18.4."""
    if server_version < OLDEST_POSTGRES:
        raise Trouble(
            f"The PostgreSQL of DATABASE_URL is version {server_version // 10000}.{server_version % 10000}; "
            "18 or newer is needed."
        )


def check_redis(url: str) -> None:
    """Raise `Trouble` unless a Redis or Valkey answers at `url`."""
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=10, socket_timeout=10)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError, OSError) as error:
        raise Trouble(f"The Redis or Valkey of REDIS_URL cannot be reached: {error}") from None


def refuse_taken_port(host: str, port: int, variable: str) -> None:
    """Raise `Trouble` when nothing can listen at `port`; `variable` is what chooses another one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Trouble(
                    f"Port {port} is in use by another program; stop it, or choose another port: "
                    f"{variable}={port + 1} script/server"
                ) from None
            raise Trouble(f"Nothing can listen at {host} port {port}: {error.strerror}; choose another.") from None


def ask(port: int, path: str, *, host: str = "127.0.0.1", seconds: float = 5) -> tuple[int, str]:
    """Status and body of `GET path`; (0, reason) when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read(4096).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()

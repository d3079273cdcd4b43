"""The embedded PostgreSQL, really started."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from script.stack.keys import SERVER_PASSWORDS, write_private
from script.stack.places import Places
from script.stack.postgres import Postgres, explain_server
from script.stack.throwaway import temporary_places
from script.stack.trouble import Trouble

pytestmark = pytest.mark.stack


def give_passwords(places: Places) -> None:
    for name in SERVER_PASSWORDS:
        write_private(places.keys / name, f"secret of {name}".encode())


@pytest.fixture
def places() -> Iterator[Places]:
    with temporary_places() as made:
        give_passwords(made)
        yield made


def server_at(places: Places) -> Postgres:
    return Postgres(places.postgres, passwords=places.keys, log=places.logs / "postgres.log", say=str)


@pytest.fixture
def postgres(places: Places) -> Iterator[Postgres]:
    server = server_at(places)
    server.start()
    yield server
    server.stop()


def write_row(postgres: Postgres, text: str) -> None:
    with psycopg2.connect(postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        cursor.execute("INSERT INTO note VALUES (%s)", [text])
    connection.close()


def rows(postgres: Postgres) -> list[str]:
    with psycopg2.connect(postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT text FROM note")
        found = [text for (text,) in cursor.fetchall()]
    connection.close()
    return found


def test_server_is_version_18_with_utf8_and_checksums(postgres: Postgres) -> None:
    with psycopg2.connect(postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_encoding'), current_setting('data_checksums'), current_user, "
            "current_setting('listen_addresses')"
        )
        assert cursor.fetchone() == ("UTF8", "on", "portal", "")
        assert connection.server_version >= 180000
    connection.close()


def test_data_are_kept_over_a_stop_and_a_start(postgres: Postgres) -> None:
    write_row(postgres, "王芳")
    postgres.stop()
    assert postgres.process() is None
    postgres.start()
    assert rows(postgres) == ["王芳"]


def test_killed_postmaster_starts_again_at_once_and_has_lost_nothing(postgres: Postgres) -> None:
    write_row(postgres, "paid")
    process = postgres.process()
    assert process is not None
    process.kill()
    postgres.start()
    assert rows(postgres) == ["paid"]


def test_start_waits_for_a_child_that_outlived_the_killed_postmaster(postgres: Postgres) -> None:
    connection = psycopg2.connect(postgres.url())
    process = postgres.process()
    assert process is not None
    backend = psutil.Process(connection.info.backend_pid)
    backend.suspend()  # it cannot notice that its postmaster died
    process.kill()
    psutil.wait_procs([process], timeout=5)
    postgres.start()
    assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    write_row(postgres, "works")
    connection.close()


def test_start_goes_on_with_a_server_that_still_runs(places: Places, postgres: Postgres) -> None:
    before = postgres.process()
    another = server_at(places)
    another.start()
    assert another.process() == before


def test_process_number_reused_by_a_stranger_does_not_count_as_the_server(postgres: Postgres) -> None:
    write_row(postgres, "kept")
    pid_file = postgres.data / "postmaster.pid"
    process = postgres.process()
    assert process is not None
    process.kill()
    psutil.wait_procs([process], timeout=5)
    stranger = subprocess.Popen(["sleep", "60"], user=postgres.account.uid)
    try:
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        assert postgres.process() is None
        postgres.start()
        assert rows(postgres) == ["kept"]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_copied_data_do_not_touch_the_server_of_the_original(places: Places, postgres: Postgres) -> None:
    copy = Places(places.data.with_name(f"{places.data.name}-copy"))
    subprocess.run(["cp", "-a", str(places.data), str(copy.data)], check=True)
    other = server_at(copy)
    try:
        assert other.process() is None
        other.start()
        assert other.process() != postgres.process()
        write_row(postgres, "still reached")
        assert rows(postgres) == ["still reached"]
    finally:
        other.stop()
        shutil.rmtree(copy.data)


def test_tidied_away_socket_is_made_again(postgres: Postgres) -> None:
    for path in postgres.socket_directory().iterdir():
        path.unlink()
    postgres.start()
    write_row(postgres, "reached")


def test_start_killed_during_initdb_leaves_nothing_that_hinders_the_next(places: Places) -> None:
    server = server_at(places)
    half = server.home / "data.new"
    half.mkdir()
    server.account.own(half)
    (half / "PG_VERSION").write_text("18\n")
    assert not server.exists()
    try:
        server.start()
        write_row(server, "made")
    finally:
        server.stop()


def test_path_too_long_for_a_socket_gets_a_short_private_one(places: Places) -> None:
    long = Places(places.data / ("long-" * 12) / ("path-" * 12))
    long.make()
    give_passwords(long)
    server = server_at(long)
    try:
        server.start()
        directory = server.socket_directory()
        assert len(str(directory)) < 60
        assert directory.stat().st_mode & 0o777 == 0o700
        write_row(server, "short")
    finally:
        server.stop()
        if (home := long.postgres).is_symlink():
            shutil.rmtree(home.resolve())
    assert not directory.exists()


def test_password_of_another_data_directory_is_told_in_one_sentence(postgres: Postgres) -> None:
    (postgres.passwords / "postgres_password").write_text("another")
    with pytest.raises(Trouble, match="does not accept the password"):
        postgres.start()


def test_directory_lets_nobody_else_in(postgres: Postgres) -> None:
    for path in (postgres.home, postgres.data, postgres.socket_directory()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_nobody_gets_in_without_the_password(postgres: Postgres) -> None:
    for role in ("postgres", "portal"):
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            psycopg2.connect(host=str(postgres.socket_directory()), user=role, dbname="portal")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_user_of_the_machine_cannot_reach_the_socket(postgres: Postgres) -> None:
    client = postgres.binaries / "psql"
    nobody = pwd.getpwnam("nobody")
    tried = subprocess.run(
        [client, postgres.url()], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        capture_output=True, text=True, input="SELECT 1", check=False,
    )  # fmt: skip
    assert tried.returncode != 0
    assert "Permission denied" in tried.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as another user")
def test_as_root_the_server_runs_as_its_own_user(postgres: Postgres) -> None:
    process = postgres.process()
    assert process is not None
    assert process.uids().real == postgres.data.stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as another user")
def test_private_parent_stays_private_and_the_data_lie_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    places = Places(closed / "var")
    places.make()
    give_passwords(places)
    server = server_at(places)
    try:
        server.start()
        write_row(server, "behind the link")
        assert closed.stat().st_mode & 0o777 == 0o700
        assert places.postgres.is_symlink()
        again = server_at(places)
        assert again.exists()
        again.start()
        assert rows(again) == ["behind the link"]
        twin = Places(tmp_path / "closed" / "twin")
        twin.make()
        twin.postgres.symlink_to(os.readlink(places.postgres))
        with pytest.raises(Trouble, match="delete the link"):
            server_at(twin).start()
    finally:
        server.stop()
        shutil.rmtree(places.postgres.resolve())


def test_crash_recovery_is_waited_for(postgres: Postgres) -> None:
    with psycopg2.connect(postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE big AS SELECT n, repeat('x', 200) AS filling FROM generate_series(1, 200000) n")
    connection.close()
    process = postgres.process()
    assert process is not None
    process.kill()
    began = time.monotonic()
    postgres.start()
    assert time.monotonic() - began < 60
    with psycopg2.connect(postgres.url()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM big")
        assert cursor.fetchone() == (200000,)
    connection.close()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("FATAL:  could not write file: No space left on device", "disk is full"),
        ("FATAL:  database files are incompatible with server", "another major version"),
        ("FATAL:  could not map anonymous shared memory", "shared memory"),
        ("LOG: x\nFATAL:  something new", "something new"),
        ("", "no reason given"),
    ],
)
def test_words_of_the_server_become_one_sentence(output: str, sentence: str) -> None:
    told = explain_server(output, Path("/var/logs/postgres.log"))
    assert sentence in told
    assert "\n" not in told

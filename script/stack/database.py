"""`script/database PROGRAM …`: a client of PostgreSQL (`psql`, `pg_dump`, `pg_basebackup`) on the embedded server.

It connects as the server's superuser, who may make backups. The server has to run.
"""

import os
import sys
from collections.abc import Sequence

from .machine import plain_sentences
from .places import Places
from .postgres import OWNER, SUPERUSER, Postgres
from .trouble import Trouble


def main(arguments: Sequence[str]) -> int:
    """Replace this process by the client; 1 when that cannot be, 2 when none is named."""
    try:
        with plain_sentences():
            places = Places.of_environment()
            postgres = Postgres(places.postgres, passwords=places.keys, log=places.logs / "postgres.log")
            if not postgres.exists() or postgres.process() is None:
                raise Trouble(f"No PostgreSQL runs on {places.data}; start script/server first.")
            programs = sorted(path.name for path in postgres.binaries.iterdir())
            if not arguments or arguments[0] not in programs:
                print(f"script/database PROGRAM [arguments]; the programs are: {', '.join(programs)}", file=sys.stderr)
                return 2
            connection = {
                "PGHOST": str(postgres.socket_directory()),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": postgres.password(SUPERUSER),
                "PGDATABASE": OWNER,
            }
            os.execve(postgres.binaries / arguments[0], list(arguments), dict(os.environ) | connection)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

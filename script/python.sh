# Sourced by the commands beside it: goes to the checkout and finds a Python of 3.11 or newer as $PYTHON.
# Set PYTHON yourself to choose another one.

CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        [ -n "$candidate" ] || continue
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        PYTHON=$candidate
        return 0
    done
    echo "Python 3.11 or newer is needed, and none was found; install it, or name it: PYTHON=/path/to/python3.12 $0" >&2
    exit 1
}

find_python
unset PYTHONSAFEPATH PYTHONHOME

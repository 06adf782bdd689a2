# Sourced by the scripts beside it: one virtual environment, .venv in the checkout.

# ensure_venv ROOT MINOR: make ROOT/.venv with a Python 3.MINOR or newer, if there is none.
ensure_venv() {
    local python=${PYTHON:-python3}
    [ -x "$1/.venv/bin/pip" ] && python=$1/.venv/bin/python
    if ! "$python" -c "import sys; sys.exit(sys.version_info < (3, $2))"; then
        echo "$python is too old: Python 3.$2 or newer is needed; remove $1/.venv, if it is there," \
            "and name one: PYTHON=python3.11 $0" >&2
        exit 1
    fi
    [ -x "$1/.venv/bin/pip" ] && return
    if ! "$python" -m venv "$1/.venv"; then
        echo "$python can't make virtual environments: sudo apt install python3-venv" >&2
        exit 1
    fi
}

# install ROOT REQUIREMENT...: pip, quietly; its own words on stderr.
install() {
    local root=$1
    shift
    "$root/.venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
}

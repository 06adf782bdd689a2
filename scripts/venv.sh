# Sourced by the scripts beside it: virtual environments in the checkout, .venv above all.

# ensure_venv FOLDER MINOR: make it with a Python 3.MINOR or newer, if it is not there.
ensure_venv() {
    local python=${PYTHON:-python3}
    [ -x "$1/bin/pip" ] && python=$1/bin/python
    if ! "$python" -c "import sys; sys.exit(sys.version_info < (3, $2))"; then
        echo "$python is too old: Python 3.$2 or newer is needed; remove $1, if it is there," \
            "and name one: PYTHON=python3.11 $0" >&2
        exit 1
    fi
    [ -x "$1/bin/pip" ] && return
    if ! "$python" -m venv "$1"; then
        echo "$python can't make virtual environments: sudo apt install python3-venv" >&2
        exit 1
    fi
}

# install FOLDER REQUIREMENT...: pip, quietly; its own words on stderr.
install() {
    local venv=$1
    shift
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
}

# Sourced by bin/run and bin/test, which set $root: finds Python and keeps .venv as the lock files say.
venv=${OPSCENTER_VENV:-$root/.venv}
venv_python=$venv/bin/python

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

python_fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# find_python: sets $python to the first Python >= 3.11 of OPSCENTER_PYTHON, .venv, python3, python3.14 ... 3.11.
find_python() {
    local candidate
    for candidate in ${OPSCENTER_PYTHON:-"$venv_python" python3 python3.14 python3.13 python3.12 python3.11}; do
        if python_fits "$candidate"; then
            python=$(command -v "$candidate")
            return
        fi
    done
    fail "Python 3.11 or newer is needed; found $(python3 --version 2>&1 || true)." \
        "Install python3 and python3-venv, or name one with OPSCENTER_PYTHON=/path/to/python."
}

hash_of() {
    "$venv_python" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

# ensure_venv LOCK [COVERED...]: makes .venv (or OPSCENTER_VENV) when it is missing and installs LOCK when it has
# changed since the last time. The locks agree on every version, so that installing one after the other only adds
# packages; COVERED are those that LOCK includes.
ensure_venv() {
    local lock=$1 stamp=$venv/.installed-$1 output covered
    # two starts at once: the second waits here and then finds the work done
    exec 9<"$root"
    if command -v flock >/dev/null; then flock 9; fi
    if ! python_fits "$venv_python"; then
        find_python
        echo "Making the virtual environment with $("$python" --version) ..." >&2
        rm -rf "$venv"
        if ! output=$("$python" -m venv "$venv" 2>&1); then
            echo "$output" >&2
            rm -rf "$venv"
            fail "Python could not make a virtual environment in $venv." \
                "On Debian and Ubuntu install the package python3-venv, then run this again."
        fi
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$(hash_of "$root/$lock")" ]; then
        echo "Installing the packages of $lock (only when it changes) ..." >&2
        # --no-deps: the lock is complete, so pip has nothing to resolve; --no-compile: only what is imported is compiled
        "$venv_python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-compile \
            --require-hashes --requirement "$root/$lock" >&2 ||
            fail "the packages of $lock could not be installed; the lines above say why. Run this again to retry."
        for covered in "$@"; do hash_of "$root/$covered" >"$venv/.installed-$covered"; done
    fi
    exec 9<&-
}

# Makes a Python environment from a lock file. Sourced by start_migrate.sh and tests/run.sh, in the
# tool's folder; needs a POSIX shell and nothing else.
#
# An environment is complete when its file .complete equals the lock it was made from; that file is
# written last, so that one whose making broke off is made anew.
# shellcheck shell=sh

setup_log=log/setup.log
setup_lock=
supported='import sys; v = sys.version_info[:2]; print("%d.%d" % v); sys.exit(v < (3, 10) or v >= (4, 0))'

complain() {
    printf '%s\n' "$1" >&2
}

give_up() {
    complain "error: $1"
    exit 2
}

# environment_is_complete FOLDER LOCK
environment_is_complete() {
    [ -x "$1/bin/python" ] && cmp -s "$1/.complete" "$2"
}

# make_environment FOLDER LOCK
make_environment() {
    check_writable
    trap 'remove_setup_lock; exit 130' INT
    trap 'remove_setup_lock; exit 143' TERM HUP
    take_setup_lock "$1"
    if ! environment_is_complete "$1" "$2"; then
        build_environment "$1" "$2"
    fi
    remove_setup_lock
    trap - INT TERM HUP
}

check_writable() {
    for folder in tmp log; do
        if ! mkdir -p "$folder" 2>/dev/null || ! (: >"$folder/.writable") 2>/dev/null; then
            give_up "cannot write to $(pwd)/$folder: the tool keeps its environment, logs and records in its own folder; copy it to a place you may write to, or free space on the disk"
        fi
        rm -f "$folder/.writable"
    done
}

# Two starts at once must not build the same environment; a lock whose owner is gone is taken over.
take_setup_lock() {
    setup_lock="tmp/.setup-$(printf '%s' "$1" | tr '/' '_')"
    waited=0
    until mkdir "$setup_lock" 2>/dev/null; do
        owner=$(cat "$setup_lock/pid" 2>/dev/null)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$setup_lock"
            continue
        fi
        if [ -z "$owner" ] && [ "$waited" -ge 10 ]; then
            rm -rf "$setup_lock"
            continue
        fi
        [ "$waited" -eq 0 ] && complain "another start is setting up the environment; waiting for it ..."
        waited=$((waited + 1))
        sleep 1
    done
    printf '%s\n' "$$" >"$setup_lock/pid"
}

remove_setup_lock() {
    [ -n "$setup_lock" ] && rm -rf "$setup_lock"
    setup_lock=
}

fail_setup() {
    remove_setup_lock
    give_up "$1"
}

build_environment() {
    find_python "$1"
    complain "setting up the Python environment in $1 (once; details in $setup_log) ..."
    printf '\n== %s: %s from %s by %s\n' "$(date)" "$1" "$2" "$python" >>"$setup_log"
    rm -rf "$1" tmp/setup
    mkdir -p tmp/setup tmp/cache
    TMPDIR=$(pwd)/tmp/setup
    PIP_CACHE_DIR=$(pwd)/tmp/cache/pip
    UV_CACHE_DIR=$(pwd)/tmp/cache/uv
    UV_PYTHON_DOWNLOADS=never
    UV_LINK_MODE=copy
    PIP_DISABLE_PIP_VERSION_CHECK=1
    export TMPDIR PIP_CACHE_DIR UV_CACHE_DIR UV_PYTHON_DOWNLOADS UV_LINK_MODE PIP_DISABLE_PIP_VERSION_CHECK
    # What builds the source packages comes first, from the same lock.
    awk '/^[^ ]/ { keep = /^(setuptools|wheel|packaging)==/ } keep' "$2" >tmp/setup/first.txt
    : >tmp/setup/out
    if command -v uv >/dev/null 2>&1; then
        install_with_uv "$1" "$2" >tmp/setup/out 2>&1
    else
        install_with_pip "$1" "$2" >tmp/setup/out 2>&1
    fi
    result=$?
    cat tmp/setup/out >>"$setup_log"
    [ "$result" -eq 0 ] || explain_failure "$1"
    if ! { cp "$2" "$1/.complete.new" && mv "$1/.complete.new" "$1/.complete"; }; then
        fail_setup "cannot write to $1: is the disk full?"
    fi
    rm -rf tmp/setup
    unset TMPDIR
}

install_with_uv() {
    uv venv --no-project --python "$python" "$1" || return 1
    if [ -s tmp/setup/first.txt ]; then
        uv pip install --python "$1/bin/python" --require-hashes --no-deps -r tmp/setup/first.txt || return 1
    fi
    uv pip install --python "$1/bin/python" --require-hashes --no-deps --no-build-isolation -r "$2"
}

install_with_pip() {
    "$python" -m venv "$1" || return 1
    if [ -s tmp/setup/first.txt ]; then
        "$1/bin/python" -m pip install --no-input --require-hashes --no-deps -r tmp/setup/first.txt || return 1
    fi
    "$1/bin/python" -m pip install --no-input --require-hashes --no-deps --no-build-isolation -r "$2"
}

explain_failure() {
    if grep -qi 'no space left' tmp/setup/out; then
        fail_setup "the disk is full: free some space (about 300 MB are needed) and start again"
    elif grep -qiE 'ensurepip|No module named .?venv' tmp/setup/out; then
        fail_setup "$python has no venv module: install it (Debian, Ubuntu: apt install python3-venv) or install uv, and start again"
    elif grep -qiE 'do not match the hashes|hash mismatch|hashes are required' tmp/setup/out; then
        fail_setup "a downloaded package is not the one that was pinned: look at $setup_log, and at your package mirror; nothing of it was installed"
    elif grep -qiE 'connection|resolve|network|timed out|no matching distribution|error sending|dns|proxy|unreachable' tmp/setup/out; then
        fail_setup "cannot download the packages: this machine needs access to a Python package index once (pip's and uv's own settings for mirrors and proxies apply); look at $setup_log, then start again"
    elif grep -qiE 'permission denied|read-only' tmp/setup/out; then
        fail_setup "cannot write to $(pwd)/$1: copy the tool to a folder you may write to"
    fi
    fail_setup "the environment cannot be made: look at the end of $setup_log"
}

# find_python FOLDER: sets python to the interpreter to use. That of an existing environment stays,
# as record databases depend on it; else 3.12 to 3.10, for which there are LevelDB packages, else
# the newest.
find_python() {
    python=
    seen=
    if [ -x "$1/bin/python" ]; then
        python=$("$1/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null)
        [ -n "$python" ] && "$python" -c "$supported" >/dev/null 2>&1 && return
        python=
    fi
    newer=
    for name in python3.12 python3.11 python3.10 python3 python python3.16 python3.15 python3.14 python3.13; do
        command -v "$name" >/dev/null 2>&1 || continue
        consider "$name"
        [ -n "$python" ] && return
    done
    if command -v uv >/dev/null 2>&1; then
        for version in 3.12 3.11 3.10 3.14 3.13; do
            name=$(UV_PYTHON_DOWNLOADS=never uv python find --no-project "$version" 2>/dev/null) || continue
            consider "$name"
            [ -n "$python" ] && return
        done
    fi
    python=$newer
    [ -n "$python" ] && return
    if [ -n "$seen" ]; then
        fail_setup "Python 3.10 or newer is needed; found only$seen: install a newer one (3.12 is best), then start again"
    fi
    fail_setup "no Python was found: install Python 3.10 or newer (3.12 is best), then start again"
}

# consider NAME: a shim that does not run is no interpreter.
consider() {
    version=$("$1" -c "$supported" 2>/dev/null)
    fits=$?
    [ -n "$version" ] || return 0
    if [ "$fits" -ne 0 ]; then
        seen="$seen $version"
        return 0
    fi
    case $version in
        3.10 | 3.11 | 3.12) python=$(command -v "$1") ;;
        *) [ -n "$newer" ] || newer=$(command -v "$1") ;;
    esac
}

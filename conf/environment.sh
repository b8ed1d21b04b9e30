# Makes a Python environment from a lock file. Sourced by start_migrate.sh and tests/run.sh, in the
# tool's folder; needs a POSIX shell and nothing else.
#
# An environment is complete when its file .complete equals its lock; that file is written last, so
# that an incomplete environment is made again.
# shellcheck shell=sh

setup_log=log/setup.log
setup_lock=
detour=
shower=
# The wheels of a bundle (conf/bundle.sh), for machines without a package index.
packages=conf/packages
bundled=
supported='import sys; v = sys.version_info[:2]; print("%d.%d" % v); sys.exit(v < (3, 10) or v >= (4, 0))'

print_message() {
    printf '%s\n' "$1" >&2
}

give_up() {
    print_message "error: $1"
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
    # Two environments may be made at once: each has its own lock and temporary folder.
    name=$(printf '%s' "$1" | tr '/' '_')
    scraps=tmp/setup-$name
    take_setup_lock "tmp/.setup-$name"
    if ! environment_is_complete "$1" "$2"; then
        build_environment "$1" "$2"
    fi
    remove_setup_lock
    trap - INT TERM HUP
}

# install_extras PYTHON FILE: installs the extras that the file names, as `--install` left it. Without
# them the tool starts; a key that needs one says so.
install_extras() {
    [ -s "$2" ] || return 0
    while read -r extra; do
        "$1" -m cos_migrate --install "$extra" </dev/null >&2
    done <"$2"
}

check_writable() {
    for folder in tmp log; do
        probe=$folder/.writable.$$
        # -C: never write to a file or link that another user has put there.
        # shellcheck disable=SC2174 # it has one level
        if ! mkdir -m 700 -p "$folder" 2>/dev/null || ! (rm -f "$probe" && set -C && : >"$probe") 2>/dev/null; then
            give_up "cannot write to $(pwd)/$folder: the tool keeps its environment, logs and records in its own folder; copy it to a place you may write to, or free space on the disk"
        fi
        rm -f "$probe"
    done
}

# take_setup_lock LOCK: two starts must not build the same environment at once; a lock whose owner
# has ended is taken over.
take_setup_lock() {
    waited=0
    nameless=0
    missing=0
    until mkdir "$1" 2>/dev/null; do
        owner=$(cat "$1/pid" 2>/dev/null)
        if [ -n "$owner" ]; then nameless=0; else nameless=$((nameless + 1)); fi
        if owner_is_gone "$owner" || [ "$nameless" -gt 2 ]; then
            remove_stale_lock "$1" "$owner" && continue
        fi
        if ! [ -d "$1" ]; then
            missing=$((missing + 1))
            [ "$missing" -lt 10 ] || give_up "cannot write to $(pwd)/tmp: is the disk full?"
        elif [ "$waited" -eq 0 ]; then
            print_message "another start is setting up the environment; waiting for it (if there is none, remove the folder $1) ..."
        fi
        waited=$((waited + 1))
        sleep 1
    done
    setup_lock=$1
    printf '%s %s\n' "$$" "$(start_time_of "$$")" >"$setup_lock/pid"
}

# owner_is_gone "PID START_TIME": a lock with our own number belongs to an earlier process, as in a
# restarted container; after a restart of the machine any process may have the number.
owner_is_gone() {
    [ -n "$1" ] || return 1
    number=${1%% *}
    [ "$number" = "$$" ] && return 0
    if ! kill -0 "$number" 2>/dev/null && ! [ -d "/proc/$number" ]; then
        return 0
    fi
    began=$(start_time_of "$number")
    case $1 in *" "?*) [ -n "$began" ] && [ "$1" != "$number $began" ] ;; *) false ;; esac
}

# start_time_of PID: prints the start time of the process; nothing where the system does not provide it.
start_time_of() {
    if { read -r facts <"/proc/$1/stat"; } 2>/dev/null; then
        # The name in brackets may hold anything; the third fact follows it.
        # shellcheck disable=SC2086
        set -- ${facts##*) }
        printf '%s\n' "${20}"
    else
        LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null
    fi
}

# remove_stale_lock LOCK OWNER: one start at a time removes it, if the owner is still the same, so
# that a lock that another start has just taken stays.
remove_stale_lock() {
    mkdir "$1.stale" 2>/dev/null || return 1
    if [ "$(cat "$1/pid" 2>/dev/null)" = "$2" ]; then
        rm -rf "$1"
    fi
    rmdir "$1.stale"
}

remove_setup_lock() {
    hide_installation
    [ -n "$detour" ] && rm -rf "$detour"
    detour=
    [ -n "$setup_lock" ] && rm -rf "$setup_lock"
    setup_lock=
}

# choose_place: sets workshop to the folder where packages are built, and place to the prefix of the
# environment's name when it is made. setuptools, make and venv misread many characters in a path
# ($HOME, {x}, a:b): then the environment is made through a link with a plain name.
choose_place() {
    place=
    workshop=$PWD/$scraps
    is_plain "$PWD" && return
    for folder in "${TMPDIR:-/tmp}" /tmp; do
        if is_plain "$folder" && mkdir -m 700 "$folder/cos-migrate-$$" 2>/dev/null; then
            detour=$folder/cos-migrate-$$
            ln -s "$PWD" "$detour/tool"
            place=$detour/tool/
            workshop=$detour
            return
        fi
    done
}

# is_plain PATH: whether all programs read it as one path.
is_plain() {
    [ "$(printf '%s' "$1" | LC_ALL=C tr -d 'A-Za-z0-9/._+@,= \200-\377-' && echo x)" = x ]
}

fail_setup() {
    remove_setup_lock
    give_up "$1"
}

build_environment() {
    pins=$2
    if has_packages "$2"; then
        pins=$packages/requirements.lock
        read -r bundled system <"$packages/made-for"
    fi
    find_python "$1"
    [ -z "$bundled" ] || check_bundle
    print_message "setting up the Python environment in $1: $(count_packages "$2") packages for $python (once; details in $setup_log) ..."
    printf '\n== %s: %s from %s by %s\n' "$(date)" "$1" "$2" "$python" >>"$setup_log"
    rm -rf "$1" "$scraps"
    mkdir -p "$scraps" tmp/cache
    # The packages that build others come first, from the same lock.
    awk '/^[^ ]/ { keep = /^(setuptools|wheel|packaging)==/ } keep' "$pins" >"$scraps/first.txt"
    choose_place
    : >"$scraps/out"
    show_installation
    install_packages "$place$1" "$pins" >"$scraps/out" 2>&1
    result=$?
    hide_installation
    cat "$scraps/out" >>"$setup_log"
    [ "$result" -eq 0 ] || explain_failure "$1"
    if ! { cp "$2" "$1/.complete.new" && mv "$1/.complete.new" "$1/.complete"; }; then
        fail_setup "cannot write to $1: is the disk full?"
    fi
    rm -rf "$scraps"
}

# has_packages LOCK: whether this is a bundle that has the packages of this lock.
has_packages() {
    cmp -s "$packages/made-from.lock" "$1"
}

# describe_python: prints version and system of the interpreter, as in conf/packages/made-for.
describe_python() {
    printf '%s %s\n' "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" "$(uname -sm)"
}

check_bundle() {
    found=$(describe_python)
    [ "$found" = "$bundled $system" ] || refuse_bundle "found $python for $found"
}

refuse_bundle() {
    fail_setup "this bundle has packages for Python $bundled on $system alone, $1: install Python $bundled, or make a bundle on a machine like this one (sh conf/bundle.sh)"
}

# count_packages LOCK
count_packages() {
    awk -F '==' '/^[^ #]/ && !seen[$1]++ { count++ } END { print count + 0 }' "$1"
}

# show_installation: shows what the installer writes, a line at a time, where a person can see it.
show_installation() {
    [ -t 2 ] || return 0
    while sleep 1; do
        printf '\r\033[K  %.70s' "$(tail -n 1 "$scraps/out" 2>/dev/null | tr -d '[:cntrl:]')"
    done >&2 &
    shower=$!
}

hide_installation() {
    [ -n "$shower" ] || return 0
    kill "$shower" 2>/dev/null
    wait "$shower" 2>/dev/null
    shower=
    printf '\r\033[K' >&2
}

# set_installers: keeps pip and uv to the tool's folder, whatever the user has set.
set_installers() {
    TMPDIR=$workshop
    PIP_CACHE_DIR=$PWD/tmp/cache/pip
    PIP_DISABLE_PIP_VERSION_CHECK=1
    PIP_USER=0
    PIP_PROGRESS_BAR=off
    UV_LINK_MODE=copy
    export TMPDIR PIP_CACHE_DIR PIP_DISABLE_PIP_VERSION_CHECK PIP_USER PIP_PROGRESS_BAR UV_LINK_MODE
    unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV PIP_DRY_RUN PIP_CONSTRAINT
    unset PIP_ONLY_BINARY PIP_NO_BINARY UV_CONSTRAINT UV_OVERRIDE UV_EXCLUDE_NEWER
}

# install_packages FOLDER LOCK: in a subshell, so that these settings do not reach the tool.
install_packages() (
    set_installers
    if has_uv && own_uv venv --no-project --python "$python" "$1"; then
        installer=uv
    else
        installer=pip
        "$python" -m venv "$1" || exit 1
    fi
    if [ -s "$scraps/first.txt" ]; then
        install_with "$installer" "$1" "$scraps/first.txt" || exit 1
    fi
    install_with "$installer" "$1" "$2" --no-build-isolation
)

# install_with INSTALLER FOLDER LOCK [OPTION]
install_with() {
    if [ "$1" = uv ]; then
        own_uv pip install --python "$2/bin/python" --require-hashes --no-deps ${4:+"$4"} \
            ${bundled:+--no-index --find-links "$packages"} -r "$3"
    else
        "$2/bin/python" -m pip install --no-input --require-hashes --no-deps ${4:+"$4"} \
            ${bundled:+--no-index --find-links "$packages"} -r "$3"
    fi
}

# make_wheels FOLDER LOCK WHEELS: makes an environment in FOLDER, and a wheel of each package.
make_wheels() (
    set_installers
    "$python" -m venv "$1" || own_uv venv --no-project --seed --python "$python" "$1" || exit 1
    awk '/^[^ ]/ { keep = /^(setuptools|wheel|packaging)==/ } keep' "$2" >"$scraps/first.txt"
    if [ -s "$scraps/first.txt" ]; then
        install_with pip "$1" "$scraps/first.txt" || exit 1
    fi
    "$1/bin/python" -m pip wheel --no-input --require-hashes --no-deps --no-build-isolation -w "$3" -r "$2"
)

# A shim of another tool named uv does not run.
has_uv() {
    uv --version >/dev/null 2>&1
}

# Runs uv without downloads of interpreters, and not in the user's cache.
own_uv() {
    # uv builds packages in its cache.
    uv_cache=$PWD/tmp/cache/uv
    [ -z "$detour" ] || uv_cache=$detour/uv
    UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR=$uv_cache uv "$@"
}

explain_failure() {
    if grep -qi 'no space left' "$scraps/out"; then
        fail_setup "the disk is full: free some space (about 300 MB are needed) and start again"
    elif grep -qiE 'ensurepip|No module named .?venv' "$scraps/out"; then
        fail_setup "$python has no venv module: install it (Debian, Ubuntu: apt install python3-venv) or install uv, and start again"
    elif grep -qiE 'do not match the hashes|hash mismatch|hashes are required' "$scraps/out"; then
        fail_setup "a downloaded package is not the pinned one: look at $setup_log, and at your package mirror; it was not installed"
    elif grep -qiE 'connection (refused|reset|aborted|broken|error)|newconnectionerror|connecttimeout|name resolution|could not resolve|failed to (fetch|lookup|resolve)|network is unreachable|network connectivity|no route to host|timed out|error sending request|dns error|proxyerror|certificate|network was disabled' "$scraps/out"; then
        fail_setup "cannot download the packages: this machine needs access to a Python package index once (pip's and uv's own settings for mirrors and proxies apply); look at $setup_log, then start again"
    elif grep -qiE 'no matching distribution|no solution found' "$scraps/out"; then
        fail_setup "the package index has no package for $python on this system: look at $setup_log; Python 3.12 has packages for most systems, and a mirror of the index may lag behind"
    elif grep -qiE 'permission denied|read-only' "$scraps/out"; then
        fail_setup "cannot write to $(pwd)/$1: copy the tool to a folder you may write to"
    fi
    fail_setup "the environment cannot be made: look at the end of $setup_log"
}

# find_python FOLDER: sets python to the interpreter to use: that of an existing environment, as
# record databases depend on it, else 3.12 to 3.10, which have LevelDB packages, else the newest.
find_python() {
    python=
    too_old=
    if [ -x "$1/bin/python" ]; then
        python=$("$1/bin/python" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null)
        [ -n "$python" ] && "$python" -c "$supported" >/dev/null 2>&1 && return
        python=
    fi
    # uv would find the interpreter of a broken environment.
    rm -rf "$1"
    newer=
    # shellcheck disable=SC2086 # nothing where this is no bundle
    for candidate in ${bundled:+python$bundled} python3.12 python3.11 python3.10 python3 python python3.16 python3.15 python3.14 python3.13; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        try_interpreter "$candidate"
        [ -n "$python" ] && return
    done
    if has_uv; then
        # shellcheck disable=SC2086 # as above
        for candidate in $bundled 3.12 3.11 3.10 3.14 3.13; do
            candidate=$(own_uv python find --no-project "$candidate" 2>/dev/null) || continue
            try_interpreter "$candidate"
            [ -n "$python" ] && return
        done
    fi
    python=$newer
    [ -n "$python" ] && return
    [ -z "$bundled" ] || refuse_bundle "which this machine does not have"
    if [ -n "$too_old" ]; then
        fail_setup "Python 3.10 or newer is needed; found only$too_old: install a newer one (3.12 is best), then start again"
    fi
    fail_setup "no Python was found: install Python 3.10 or newer (3.12 is best), then start again"
}

# try_interpreter NAME: takes the interpreter if it fits; a shim that does not run is ignored.
try_interpreter() {
    version=$("$1" -c "$supported" 2>/dev/null)
    fits=$?
    [ -n "$version" ] || return 0
    if [ "$fits" -ne 0 ]; then
        case "$too_old " in *" $version "*) ;; *) too_old="$too_old $version" ;; esac
        return 0
    fi
    [ -z "$bundled" ] || [ "$version" = "$bundled" ] || return 0
    found=$(command -v "$1")
    # python3 may be another version after an update of the system; python3.11 stays the same.
    if [ "$("python$version" -c "$supported" 2>/dev/null)" = "$version" ]; then
        found=$(command -v "python$version")
    fi
    case $version in
        3.10 | 3.11 | 3.12) python=$found ;;
        *) [ -n "$newer" ] || newer=$found ;;
    esac
}

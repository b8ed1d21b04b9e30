#!/bin/sh
# Makes one archive for machines without a package index: sh conf/bundle.sh [FOLDER]
# It holds the tool and all its packages as wheels, for this system and this version of Python; in it
# start_migrate.sh needs no network. The archive goes to FOLDER, or to dist in the tool's folder.

for name in $(env | LC_ALL=C awk -F= '/^PYTHON[A-Za-z0-9_]*=/ { print $1 }'); do
    unset "$name"
done
unset __PYVENV_LAUNCHER__ CDPATH
PYTHONUTF8=1
export PYTHONUTF8

goal=${1:-}
case $goal in
    '' | /*) ;;
    *) goal=$PWD/$goal ;;
esac
cd -- "$(dirname -- "$0")/.." || exit 2
goal=${goal:-$PWD/dist}

. ./conf/environment.sh
lock=conf/requirements.lock
scraps=tmp/bundle

end_bundle() {
    rm -rf "$scraps"
    remove_setup_lock
}

check_writable
trap 'end_bundle; exit 130' INT
trap 'end_bundle; exit 143' TERM HUP
take_setup_lock tmp/.bundle
rm -rf "$scraps"
mkdir -p "$scraps" "$goal" || fail_setup "cannot write to $goal"
find_python "$scraps/venv"
fits=$(describe_python)
version=$(awk -F '"' '/^__version__/ { print $2 }' cos_migrate/__init__.py)
title=cos-migrate-$version-$(printf '%s' "python$fits" | tr 'A-Z ' 'a-z-')
tool=$scraps/$title

print_message "1/3 collecting $(count_packages "$lock") packages for Python $fits (details in $setup_log) ..."
printf '\n== %s: a bundle by %s\n' "$(date)" "$python" >>"$setup_log"
choose_place
show_installation
make_wheels "$place$scraps/venv" "$lock" "$scraps/wheels" >"$scraps/out" 2>&1
result=$?
hide_installation
cat "$scraps/out" >>"$setup_log"
[ "$result" -eq 0 ] || explain_failure "$scraps"

print_message "2/3 copying the tool ..."
mkdir -p "$tool/conf" "$tool/db" "$tool/log" "$tool/tmp"
{
    cp -R cos_migrate docs README*.md CHANGELOG.md pyproject.toml start_migrate.sh start_migrate.bat "$tool/" &&
        cp conf/*.sh conf/*.py conf/requirements.* "$tool/conf/" &&
        # As it is shipped: the file in conf may hold secrets.
        cp cos_migrate/config/shipped.ini "$tool/conf/config.ini" &&
        mv "$scraps/wheels" "$tool/$packages" &&
        cp "$lock" "$tool/$packages/made-from.lock" &&
        printf '%s\n' "$fits" >"$tool/$packages/made-for" &&
        "$scraps/venv/bin/python" conf/pin_wheels.py "$tool/$packages" >"$tool/$packages/requirements.lock"
} || fail_setup "the tool cannot be copied: is the disk full?"
find "$tool" -name __pycache__ -prune -exec rm -rf {} +

print_message "3/3 packing ..."
if ! { (cd "$scraps" && tar -cf - "$title") | gzip >"$scraps/archive" && mv "$scraps/archive" "$goal/$title.tar.gz"; }; then
    fail_setup "cannot write to $goal: is the disk full?"
fi
end_bundle
printf '%s\n' "$goal/$title.tar.gz"
print_message "Unpack it on a machine with Python $fits, then: sh $title/start_migrate.sh --demo"

#!/bin/sh
# Runs all tests: sh tests/run.sh [pytest's words]. Makes its own environment in tests/.venv.

for name in $(env | LC_ALL=C awk -F= '/^PYTHON[A-Za-z0-9_]*=/ { print $1 }'); do
    unset "$name"
done
unset __PYVENV_LAUNCHER__ CDPATH
PYTHONUTF8=1
export PYTHONUTF8
case $0 in
    */*) cd -- "${0%/*}/.." || exit 2 ;;
    *) cd .. || exit 2 ;;
esac

. ./conf/environment.sh
if ! environment_is_complete tests/.venv tests/requirements.lock; then
    make_environment tests/.venv tests/requirements.lock
fi
[ "$#" -gt 0 ] || set -- -n 4 --dist loadgroup tests
exec tests/.venv/bin/python -m pytest "$@"

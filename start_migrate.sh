#!/bin/sh
# Starts cos-migrate on Linux and macOS: sh start_migrate.sh [-Dsection.key=value]... [CONFIG_PATH]
# The first start makes the Python environment in .venv; see README.md.

# Environment variables must not change Python's behaviour; names and output are UTF-8 in every
# locale.
for name in $(env | LC_ALL=C awk -F= '/^PYTHON[A-Za-z0-9_]*=/ { print $1 }'); do
    unset "$name"
done
unset __PYVENV_LAUNCHER__ CDPATH
PYTHONUTF8=1
export PYTHONUTF8

case $0 in
    -*) script=./$0 ;;
    *) script=$0 ;;
esac
while [ -h "$script" ]; do
    link=$(readlink "$script")
    case $link in
        /*) script=$link ;;
        *) script=$(dirname "$script")/$link ;;
    esac
done
case $script in
    */*) cd "${script%/*}/" || exit 2 ;;
esac

if ! [ -x .venv/bin/python ] || ! cmp -s .venv/.complete conf/requirements.lock; then
    . ./conf/environment.sh
    make_environment .venv conf/requirements.lock
    install_extras .venv/bin/python conf/extras
fi
exec .venv/bin/python -m cos_migrate "$@"

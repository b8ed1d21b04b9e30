#!/bin/sh
# Starts cos-migrate on Linux and macOS: sh start_migrate.sh [-Dsection.key=value]... [CONFIG_PATH]
# The first start makes the Python environment in .venv; README.md says more.

# Names and output are UTF-8 whatever the locale says; foreign modules must not shadow ours.
PYTHONUTF8=1
export PYTHONUTF8
unset PYTHONPATH PYTHONHOME PYTHONSAFEPATH CDPATH

script=$0
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
fi
exec .venv/bin/python -m cos_migrate "$@"

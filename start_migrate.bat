@echo off
rem Starts cos-migrate on Windows: double-click it, or run
rem   start_migrate.bat [-Dsection.key=value]... [CONFIG_PATH]
rem The first start makes the Python environment in .venv; README.md says more.
setlocal
cd /d "%~dp0"

rem Explorer runs a double-clicked file as: cmd.exe /c ""...\start_migrate.bat" "
set "double_click="
echo %cmdcmdline% | find /i "%~nx0" >nul && set "double_click=1"

set "PYTHONUTF8=1"
set "PYTHONPATH="
set "PYTHONHOME="
set "code=2"

if not exist .venv\Scripts\python.exe goto make
fc /b .venv\.complete conf\requirements.lock >nul 2>nul
if not errorlevel 1 goto run

:make
call :find_python
if not defined python goto no_python
if not exist tmp mkdir tmp
if not exist log mkdir log
2>nul (break > tmp\.writable) || goto read_only
del tmp\.writable >nul 2>nul
md tmp\.setup 2>nul || goto busy
echo setting up the Python environment in .venv (once; details in log\setup.log) ... 1>&2
set "PIP_CACHE_DIR=%cd%\tmp\cache\pip"
set "PIP_DISABLE_PIP_VERSION_CHECK=1"
if exist .venv rmdir /s /q .venv
%python% -m venv .venv >> log\setup.log 2>&1 || goto no_venv
.venv\Scripts\python.exe conf\first_requirements.py conf\requirements.lock > tmp\first.txt || goto no_venv
.venv\Scripts\python.exe -m pip install --no-input --require-hashes --no-deps -r tmp\first.txt >> log\setup.log 2>&1 || goto no_packages
.venv\Scripts\python.exe -m pip install --no-input --require-hashes --no-deps --no-build-isolation -r conf\requirements.lock >> log\setup.log 2>&1 || goto no_packages
copy /b conf\requirements.lock .venv\.complete >nul || goto no_packages
rd tmp\.setup

:run
.venv\Scripts\python.exe -m cos_migrate %*
set "code=%errorlevel%"
goto end

:find_python
set "python="
for %%v in (3.12 3.11 3.10 3.14 3.13) do if not defined python (
    py -%%v -c "import sys" >nul 2>nul && set "python=py -%%v"
)
if defined python exit /b 0
python -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul && set "python=python"
exit /b 0

:no_python
echo error: no Python 3.10 or newer was found: install one from python.org (3.12 is best) and start again 1>&2
goto end

:read_only
echo error: cannot write to %cd%: copy the tool to a folder you may write to 1>&2
goto end

:busy
echo error: another start is setting up the environment; wait for it. If there is none, remove the folder tmp\.setup 1>&2
goto end

:no_venv
rd tmp\.setup 2>nul
echo error: the environment cannot be made: look at the end of log\setup.log 1>&2
goto end

:no_packages
rd tmp\.setup 2>nul
echo error: cannot install the packages: this machine needs access to a Python package index once; look at the end of log\setup.log 1>&2
goto end

:end
if defined double_click pause
exit /b %code%

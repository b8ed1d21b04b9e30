@echo off
rem Starts cos-migrate on Windows: double-click it, or run
rem   start_migrate.bat [-Dsection.key=value]... [CONFIG_PATH]
rem The first start makes the Python environment in .venv; see README.md.
rem Whatever cmd /v or the registry say: delayed expansion would drop exclamation marks from paths.
setlocal EnableExtensions DisableDelayedExpansion

rem Explorer runs a double-clicked file as: cmd.exe /c ""C:\...\start_migrate.bat" "
rem and the window closes at the end. Consoles, PowerShell, schedulers and other scripts do not
rem write it like that; they must never wait for a key. The path is compared as a variable that is
rem expanded last: as a part of the line its special characters would mean something.
set "double_click="
set "self=%~f0"
setlocal EnableDelayedExpansion
set "line=!cmdcmdline!"
set "line=!line:"=!"
if /i "!line:*/c =!"=="!self! " (endlocal & set "double_click=1") else endlocal

rem Environment variables must not change Python's behaviour; names and output are UTF-8.
for /f "delims==" %%v in ('set PYTHON 2^>nul') do set "%%v="
set "PYTHONUTF8=1"
set "code=2"

pushd "%~dp0" || goto end
call :is_complete && goto run
if not exist tmp mkdir tmp 2>nul
if not exist log mkdir log 2>nul
2>nul (break > tmp\.writable) || goto read_only
2>nul (break > log\.writable) || goto read_only
del tmp\.writable log\.writable >nul 2>nul

rem An open handle 9 is the lock: no other process can open the file while :make runs, and the
rem handle ends with this process. A first try, without :make, hides the message of cmd.
set "announced="
:make_or_wait
set "outcome=busy"
2>nul (9>tmp\.setup.lock (call )) && call :make 9>tmp\.setup.lock
if not "%outcome%"=="busy" goto made
if not defined announced echo another start is setting up the environment; waiting for it ... 1>&2
set "announced=1"
ping -n 2 127.0.0.1 >nul
goto make_or_wait
:made
if not "%outcome%"=="ok" goto %outcome%
rem Without its extras the tool starts; a key that needs one says so.
if exist conf\extras for /f %%e in (conf\extras) do .venv\Scripts\python.exe -m cos_migrate --install %%e 1>&2 <nul

:run
.venv\Scripts\python.exe -m cos_migrate %*
set "code=%errorlevel%"
goto leave

:is_complete
if not exist .venv\Scripts\python.exe exit /b 1
fc /b .venv\.complete conf\requirements.lock >nul 2>nul
exit /b %errorlevel%

rem Sets outcome: ok, or the label of an error message.
:make
setlocal
call :is_complete
if not errorlevel 1 (endlocal & set "outcome=ok" & exit /b 0)
call :find_python
if not defined python (endlocal & set "outcome=no_python" & set "found=%found%" & exit /b 0)
echo setting up the Python environment in .venv (once; details in log\setup.log) ... 1>&2
>>log\setup.log echo == %date% %time% by %python%
set "scraps=%cd%\tmp\setup"
if exist tmp\setup rmdir /s /q tmp\setup
mkdir tmp\setup
set "TEMP=%scraps%"
set "TMP=%scraps%"
set "PIP_CACHE_DIR=%cd%\tmp\cache\pip"
set "PIP_DISABLE_PIP_VERSION_CHECK=1"
set "PIP_USER=0"
for %%v in (TARGET PREFIX ROOT REQUIRE_VIRTUALENV DRY_RUN CONSTRAINT ONLY_BINARY NO_BINARY) do set "PIP_%%v="
if exist .venv rmdir /s /q .venv
call :install > tmp\setup\out 2>&1
set "installed=%errorlevel%"
type tmp\setup\out >> log\setup.log
if not "%installed%"=="0" goto explain
copy /b conf\requirements.lock .venv\.complete >nul
if errorlevel 1 (endlocal & set "outcome=disk_full" & exit /b 0)
rmdir /s /q tmp\setup
endlocal & set "outcome=ok"
exit /b 0

:install
%python% -m venv .venv || exit /b 3
.venv\Scripts\python.exe conf\first_requirements.py conf\requirements.lock > tmp\setup\first.txt || exit /b 3
.venv\Scripts\python.exe -m pip install --no-input --require-hashes --no-deps -r tmp\setup\first.txt || exit /b 1
.venv\Scripts\python.exe -m pip install --no-input --require-hashes --no-deps --no-build-isolation -r conf\requirements.lock || exit /b 1
exit /b 0

:explain
set "why=no_packages"
if "%installed%"=="3" set "why=no_venv"
findstr /i /c:"WinError 206" /c:"too long" tmp\setup\out >nul && set "why=long_path"
findstr /i /c:"do not match the hashes" tmp\setup\out >nul && set "why=wrong_packages"
findstr /i /c:"no space left" /c:"not enough space" tmp\setup\out >nul && set "why=disk_full"
endlocal & set "outcome=%why%"
exit /b 0

rem Sets python, and found to the versions that are too old. The Python of a working environment
rem stays, as record databases depend on it; else one with LevelDB packages, else the newest.
:find_python
set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"
set "python="
set "found="
if exist .venv\Scripts\python.exe for /f "delims=" %%p in ('.venv\Scripts\python.exe -c "import sys; print(sys._base_executable)" 2^>nul') do set python="%%p"
if defined python %python% -c "import sys" >nul 2>nul || set "python="
if defined python exit /b 0
for %%v in (3.12 3.11 3.10 3.14 3.13) do if not defined python (
    py -%%v -c "import sys" >nul 2>nul && set "python=py -%%v"
)
if defined python exit /b 0
rem `python` may be a batch file (pyenv), which returns here only by call.
call python -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul && set "python=call python"
if defined python exit /b 0
for /f "tokens=1,2" %%v in ('python -c "import sys; print('old', sys.version.split()[0])" 2^>nul') do if "%%v"=="old" set "found= (found only %%w)"
exit /b 0

:no_python
echo error: no Python 3.10 or newer was found%found%: install one from python.org (3.12 is best) and start again 1>&2
goto leave

:read_only
echo error: cannot write to "%cd%": copy the tool to a folder you may write to, or free space on the disk 1>&2
goto leave

:no_venv
echo error: the environment cannot be made: look at the end of log\setup.log 1>&2
goto leave

:no_packages
echo error: cannot install the packages: this machine needs access to a Python package index once; look at the end of log\setup.log 1>&2
goto leave

:long_path
echo error: the path of "%cd%" is too long for Windows: move the tool to a shorter one, such as C:\cos-migrate 1>&2
goto leave

:wrong_packages
echo error: a downloaded package is not the pinned one: look at log\setup.log, and at your package mirror 1>&2
goto leave

:disk_full
echo error: the disk is full: free some space (about 300 MB are needed) and start again 1>&2
goto leave

:leave
popd
:end
if defined double_click pause
exit /b %code%

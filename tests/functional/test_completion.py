"""Words are completed on Tab, in real shells."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.cli.flags import FLAGS
from tests.functional.tool import Tool

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals there")
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; "),
}


class Shell:
    """A shell in a pseudo-terminal that has loaded the script."""

    def __init__(self, name: str, folder: Path, script: Path) -> None:
        import pty  # noqa: PLC0415 - not on every system

        words, before = SHELLS[name]
        ours, theirs = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
        environ |= {"LC_ALL": "C.UTF-8", "PS1": "% "}
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env=environ,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._ours = ours
        self._shown = ""
        self.type(f"{before}source '{script}'; echo load''ed\n")
        self.wait_for("loaded")

    def type(self, text: str) -> None:
        """Type a text."""
        self._shown = ""
        os.write(self._ours, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until something is shown behind what was typed last."""
        while not re.search(pattern, self._shown):
            try:
                data = os.read(self._ours, 4096)
            except OSError:
                data = b""
            assert data, self._shown
            self._shown += data.decode("utf-8", "replace")

    def end(self) -> None:
        """End the shell."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tool: Tool, tmp_path: Path) -> Iterator[Shell]:
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param}")
    script = tmp_path / "script"
    ended = tool.run("--completion", request.param)
    assert (ended.code, ended.err) == (0, "")
    script.write_text(ended.out, encoding="utf-8")
    (tool.folder / "my settings.ini").touch()
    opened = Shell(request.param, tool.folder, script)
    yield opened
    opened.end()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("cos-migrate --check", "--check-config"),
        ("cos-migrate --compare=c", "--compare=content"),
        ("start_migrate.sh --quiet -Dcommon.cosP", "-Dcommon.cosPath="),
        ("cos-migrate -DmigrateType.type=migrateB", "-DmigrateType.type=migrateBucketCopy"),
        ("cos-migrate --completion z", "--completion zsh"),
        ("cos-migrate my", r"my\\ settings.ini"),
        ("cos-migrate -Dcommon.tmpFolder=da", "-Dcommon.tmpFolder=data"),
    ],
)
def test_tab_completes_a_word(shell: Shell, typed: str, completed: str) -> None:
    shell.type(f"{typed}\t\t")
    shell.wait_for(completed)


@pytest.mark.parametrize("name", SHELLS)
def test_every_option_and_no_secret_is_offered(tool: Tool, name: str) -> None:
    script = tool.run("--completion", name).out
    for option in FLAGS:
        assert re.search(rf"[ '(]{re.escape(option)}[ ':]", script), option
    assert "-DmigrateLocal.localPath=" in script
    assert ".secretKey=" not in script


def test_another_shell_is_an_error(tool: Tool) -> None:
    ended = tool.run("--completion", "tcsh")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "write --completion bash or --completion zsh\n"

"""`--init` in a terminal: questions, answers, and the file that comes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate.cli.init_config import filled_in, shipped_config
from cos_migrate.emulator import EmbeddedCos
from tests.functional.terminals import start_in_terminal
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool
from tests.functional.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
pty_only = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals there")


class Dialogue:
    """A run of the tool in a pseudo-terminal, whose questions are answered."""

    def __init__(self, tool: Tool, *words: str) -> None:
        self.process, self._ours = start_in_terminal(tool, *words)
        self.shown = ""

    def answer(self, question: str, text: str) -> None:
        """Wait for a question and for the prompt behind it, then type a text."""
        self.wait_for(question)
        os.write(self._ours, f"{text}\n".encode())

    def wait_for(self, question: str) -> None:
        """Wait for a question and for the prompt behind it."""
        seen = len(self.shown)
        while question not in self.shown[seen:] or not self.shown.endswith(("> ", "] ")):
            assert self._read(), f"{question!r} was not asked: {self.shown}"

    def end(self) -> int:
        """Return the exit code."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # how Linux tells the end
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


def answer_all(dialogue: Dialogue, tool: Tool, secret: str = SECRET_KEY) -> None:
    dialogue.answer("Where does the data come from?", "migratelocal")
    dialogue.answer("[common] secretId", SECRET_ID)
    dialogue.answer("[common] secretKey", secret)
    dialogue.answer("[common] bucketName", "no-appid")
    dialogue.answer("legal: ", BUCKET)
    dialogue.answer("[common] region", "ap-guangzhou")
    dialogue.answer("[common] cosPath", "/to/")
    dialogue.answer("[migrateLocal] localPath", str(tool.data))


def where(cos: EmbeddedCos) -> list[str]:
    return [f"-Dcommon.endPointSuffix=localhost:{cos.port}", "-Dcommon.https=off"]


@pty_only
def test_a_new_configuration(tool: Tool, cos: EmbeddedCos) -> None:
    tool.put("a")
    path = tool.folder / "conf" / "config.ini"
    path.write_text(shipped_config(), encoding="utf-8")  # untouched: as good as absent
    dialogue = Dialogue(tool, "--init", *where(cos))
    answer_all(dialogue, tool)
    assert dialogue.end() == 0, dialogue.shown
    assert SECRET_KEY not in dialogue.shown
    assert "[ok] write permission" in dialogue.shown
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.parent.iterdir()) == [path]
    text = path.read_text(encoding="utf-8")
    assert f"\nsecretKey={SECRET_KEY}\n" in text
    assert "\nhttps=on\n" in text
    ended = subprocess.run(
        [sys.executable, "-m", "cos_migrate", *where(cos)],
        cwd=tool.folder,
        env=tool.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert cos.keys(BUCKET) == ["to/a"]


@pty_only
def test_a_file_of_the_user_stays_unless_told(tool: Tool, cos: EmbeddedCos) -> None:
    path = tool.write_config()
    before = path.read_bytes()
    dialogue = Dialogue(tool, "--init")
    dialogue.answer("exists: write it anew?", "")
    assert dialogue.end() == 0
    assert path.read_bytes() == before

    dialogue = Dialogue(tool, "--init", *where(cos))
    dialogue.answer("exists: write it anew?", "y")
    answer_all(dialogue, tool, secret="guessed")
    dialogue.answer("Some checks failed. Write it anyway?", "n")
    assert dialogue.end() == 2
    assert "[fail] write permission" in dialogue.shown
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == [path]


@pty_only
def test_ctrl_c_changes_nothing(tool: Tool) -> None:
    path = tool.folder / "conf" / "config.ini"
    dialogue = Dialogue(tool, "--init")
    dialogue.answer("Where does the data come from?", "1")
    dialogue.wait_for("[common] secretId")
    dialogue.process.send_signal(signal.SIGINT)
    assert dialogue.end() == 130
    assert "is not changed" in dialogue.shown
    assert not path.exists()


def test_it_needs_a_terminal(tool: Tool) -> None:
    ended = tool.run("--init")
    assert ended.code == 2
    assert "needs a terminal" in ended.err


def test_the_shipped_configuration_is_in_the_package() -> None:
    assert shipped_config() == (ROOT / "conf" / "config.ini").read_text(encoding="utf-8")


def test_values_take_their_places_and_placeholders_go() -> None:
    text = filled_in(
        shipped_config(),
        {("common", "bucketName"): "b-1", ("migrateAws", "bucket"): "x", ("common", "odd"): "1"},
    )
    assert "\nbucketName=b-1\n" in text
    assert "\nsecretKey=\n" in text
    assert "bucket=x\n" in text.partition("[migrateAws]")[2].partition("\n[")[0]
    assert text.endswith("[common]\nodd=1\n")

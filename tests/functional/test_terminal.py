"""The tool in a terminal, as most people first see it."""

from __future__ import annotations

import os
import re
import signal
import threading

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.terminals import start_in_terminal
from tests.functional.tool import Tool
from tests.functional.waiting import PATIENCE, HeldCos, wait_until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals there")

FILES = 1_200
MORE = "(some lines are left out here: log/info.log has all of them)"


class Terminal:
    """A run in a pseudo-terminal of 100 columns."""

    def __init__(self, tool: Tool, *words: str) -> None:
        tool.write_config()
        self.process, self._ours = start_in_terminal(tool, *words, columns=100)
        self._read = b""
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # how Linux tells the end
                data = b""
            if not data:
                return
            self._read += data

    def wait_for(self, pattern: str) -> None:
        """Wait until something is shown."""
        wait_until(
            lambda: re.search(pattern, self._read.decode("utf-8", "replace")) is not None,
            lambda: self.process.poll() is None,
        )

    def end(self) -> str:
        """Wait for the end; return all that was shown."""
        assert self.process.wait(PATIENCE) >= 0
        self._thread.join()
        os.close(self._ours)
        return self._read.decode()


def test_lines_are_thinned_but_no_failure_is_lost(tool: Tool, cos: EmbeddedCos) -> None:
    for number in range(FILES):
        tool.put(f"f{number:04d}")
    for number in range(100):
        (tool.data / f"gone{number:03d}").symlink_to("nowhere")
    cos.faults.append(Fault("status", key="f..[05]0$", status=400, code="Odd", times=-1))
    terminal = Terminal(tool)
    shown = terminal.end()
    assert terminal.process.returncode == 1
    failed = re.findall(r"\[fail\] .*?\r?\n +400 Odd: ", shown)
    assert len(failed) == shown.count("[fail] ") == FILES // 50
    assert shown.count("[reason: broken link]") == 100
    assert shown.count(MORE) == 1
    assert shown.count("[ok] ") < FILES // 2
    assert tool.log("info.log").count("[ok] ") == FILES - FILES // 50
    assert "status:PART_OK" in shown


def test_the_display_counts_all_that_was_found(tool: Tool, cos: EmbeddedCos) -> None:
    """What waits for its turn is known, too: else all seems done long before it is."""
    for number in range(FILES):
        tool.put(f"{number}", b"ab")
    cos.latency = 0.005
    tool.common["smallFileExecutorNum"] = "2"
    shown = Terminal(tool).end()
    complete = re.findall(r"\| ([\d,]+) of ([\d,]+) objects", shown)
    assert {total for _, total in complete} == {f"{FILES:,}"}
    assert int(complete[0][0].replace(",", "")) < FILES


def test_neither_lines_nor_display_when_not_wanted(tool: Tool) -> None:
    for number in range(10):
        tool.put(f"{number}")
    shown = Terminal(tool, "--quiet", "--no-progress").end()
    assert "objects, " not in shown
    assert "\x1b[J" not in shown
    assert "[ok]" not in shown
    assert "status:ALL_OK" in shown


def test_ctrl_c(tool: Tool, cos: HeldCos) -> None:
    for number in range(FILES):
        tool.put(f"{number}")
    cos.hold(30)
    tool.common["smallFileExecutorNum"] = "2"
    terminal = Terminal(tool)
    wait_until(lambda: cos.held > 0, lambda: terminal.process.poll() is None)
    os.killpg(terminal.process.pid, signal.SIGINT)  # to the whole group, as a terminal does
    terminal.wait_for("stopping: ")
    cos.release()
    shown = terminal.end()
    assert terminal.process.returncode == 130
    assert "stopping: transfers under way are being finished" in shown
    assert "Traceback" not in shown
    again = tool.run()
    assert again.code == 0
    counts = again.counts()
    assert counts["skip"] >= 20
    assert counts["skip"] + counts["new"] == FILES

"""The status page in a real browser."""

from __future__ import annotations

from pathlib import Path

from tests.functional.browser import browsing
from tests.functional.test_status_page import StatusClient
from tests.functional.tool import Tool
from tests.functional.waiting import HeldCos, Watched, wait_until


def test_the_page_follows_a_run_and_pauses_it(cos: HeldCos, tool: Tool, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile") as browser:
        tool.common |= {"statusAddress": "127.0.0.1:0", "smallFileExecutorNum": "1"}
        for number in range(30):
            tool.put(f"{number}", b"x" * 1000)
        cos.hold(after=3, operation="PutObject")
        run = Watched(tool.start())
        client = StatusClient(run)
        wait_until(lambda: cos.held == 1, run.alive)
        place = f"http://127.0.0.1:{client.port}/"
        browser.call("Page.navigate", url=f"{place}#{client.token}")
        text = "(document.body?.innerText ?? '')"
        browser.wait_for(f"{text}.includes('3 of 30 objects')")
        assert browser.evaluate("location.href") == place  # the token is not in the address
        assert browser.evaluate("document.querySelector('#plot-bytes path').getAttribute('d')")
        assert browser.evaluate("document.querySelector('#state').textContent") == "running"
        for columns in (1280, 360):
            browser.show(columns, 800)
            assert browser.evaluate("document.documentElement.scrollWidth") <= columns
        browser.evaluate("document.querySelector('#pause').click()")
        browser.wait_for("document.querySelector('#state').textContent === 'paused'")
        assert client.status()["paused"] is True
        cos.release()
        browser.evaluate("document.querySelector('#resume').click()")
        assert run.end().counts()["new"] == 30
        browser.wait_for(f"{text}.includes('No connection to cos-migrate')")
        refused = [each for each in browser.messages if "Content Security Policy" in each]
        assert not refused
        assert not [each for each in browser.messages if "exceptionDetails" in each]


def test_without_the_token_the_page_asks_for_it(tool: Tool, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile") as browser:
        tool.common |= {
            "statusAddress": "127.0.0.1:0",
            "daemonMode": "on",
            "daemonModeInterVal": "3600",
        }
        tool.put("a")
        run = Watched(tool.start())
        client = StatusClient(run)
        browser.call("Page.navigate", url=f"http://127.0.0.1:{client.port}/")
        browser.wait_for("(document.body?.innerText ?? '').includes('ALL_OK')")
        browser.evaluate("document.querySelector('#pause').click()")
        browser.wait_for(
            "(document.body?.innerText ?? '').includes('The token is missing or wrong')"
        )
        assert client.status()["paused"] is False
        browser.evaluate(f"document.querySelector('#token').value = '{client.token}'")
        browser.evaluate("document.querySelector('#pause').click()")
        browser.wait_for("document.querySelector('#state').textContent === 'paused'")
        assert client.status()["paused"] is True
        run.process.kill()
        run.end()

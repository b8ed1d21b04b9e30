"""Lists a source as the tool does, without waiting between the tries."""

from __future__ import annotations

import threading

from cos_migrate.http.retries import Retries
from cos_migrate.model import Page, SourceObject
from cos_migrate.sources.http_source import HttpSource
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Script


class _Patient(threading.Event):
    """Does not wait."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return False


def names_of(source: HttpSource, tries: int = 2) -> list[str]:
    """Return the names in the source's one range, each page tried some times."""
    (part,) = source.ranges()
    retries = Retries(tries, _Patient())
    names, marker = [], ""

    def page() -> Page:
        return source.list_page(part, marker)

    while True:
        found = retries.run(page)
        names += [item.name for item in found.found if isinstance(item, SourceObject)]
        marker = found.next
        if not marker:
            return names


def second(wrong: Answer, right: Script) -> Script:
    """Answer the second request with something that is wrong, all others as they should be."""
    count = 0

    def script(asked: Request) -> Answer | None:
        nonlocal count
        count += 1
        return wrong if count == 2 else right(asked)

    return script

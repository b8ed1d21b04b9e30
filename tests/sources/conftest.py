"""What the tests of the sources start from, beside the clouds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.web_server import WebServer
from tests.sources.url_lists import Site


@pytest.fixture
def site(web: WebServer, tmp_path: Path) -> Site:
    """A web server and a list of its URLs, both empty."""
    return Site(web, tmp_path / "urls.txt")

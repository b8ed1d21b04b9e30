"""Lists of URLs and the server that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import trustme

from cos_migrate.model import SourceObject, Target
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.source import UrlListSource
from tests.fakes.web_server import WebServer

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


class Site:
    """A server and a list of what lies there."""

    def __init__(self, web: WebServer, path: Path) -> None:
        self.web = web
        self.path = path
        self.path.touch()

    def put(self, key: str, body: bytes) -> None:
        if f"/{key}" not in self.web.pages:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{self.web.url}/{quote(key)}\n")
        self.web.put(f"/{key}", body)

    def remove(self, key: str) -> None:
        del self.web.pages[f"/{key}"]
        kept = [line for line in self.path.open() if not line.endswith(f"/{quote(key)}\n")]
        self.path.write_text("".join(kept))

    def write(self, *lines: str) -> None:
        """Write the list; `~` stands for the server."""
        text = "\n".join(line.replace("~", self.web.url, 1) for line in lines) + "\n"
        self.path.write_text(text, encoding="utf-8", newline="")


def source_of(path: Path, **more: Any) -> UrlListSource:
    return UrlListSource(UrlListConfig(urllist_path=str(path), **more), TARGET)


def certified(folder: Path) -> tuple[str, str]:
    """Make an authority (`ca.pem`) and a certificate of localhost; return its files."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    pair = authority.issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    pair.private_key_pem.write_to_path(str(folder / "key.pem"))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def only_in(source: UrlListSource) -> SourceObject:
    [item] = source.scan()
    assert isinstance(item, SourceObject)
    return source.stat(item)

"""The `[migrateUrl]` section."""

from __future__ import annotations

from dataclasses import dataclass

from cos_migrate.config import legal, values
from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.config.options import Section, option
from cos_migrate.config.values import NO_SECRET, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlListConfig(Section):
    """The `[migrateUrl]` section: lists of URLs to download."""

    urllist_path: str = option(
        "urllistPath",
        help="a file of URLs, one a line, or a folder: every file below it is such a list",
        parse=values.existing_path("urllistPath not exist!"),
        legal=legal.FILE_OR_FOLDER,
        path=True,
        placeholders=(r"D:\folder\urllist.txt", "/path/to/urllist.txt"),
        place=True,
    )
    is_skip_head: bool = option(
        "isSkipHead",
        help="send no HEAD; any record with the same key means migrated",
        default=False,
        parse=values.on_or_not,
        legal=legal.ON_OFF,
    )
    allow_http_redirect: bool = option(
        "allowHttpRedirect",
        help="follow a redirect from https to http, which others can read and change",
        default=False,
        parse=values.on_or_not,
        legal=legal.ON_OFF,
    )
    access_key_id: Secret = option(
        "accessKeyId",
        help="accepted and ignored",
        default=NO_SECRET,
        parse=values.secret,
        legal=legal.ANYTHING,
        secret=True,
    )
    access_key_secret: Secret = option(
        "accessKeySecret",
        help="accepted and ignored",
        default=NO_SECRET,
        parse=values.secret,
        legal=legal.ANYTHING,
        secret=True,
    )

    def filter_settings(self) -> FilterSettings:
        """Return settings without filters; messages show keys, as URLs may hold credentials."""
        return FilterSettings(names_keys=True)

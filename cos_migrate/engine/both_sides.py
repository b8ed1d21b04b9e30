"""Lists the source and COS at once, and pairs their objects by target paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, cast

from cos_migrate.engine.key_merge import CosEntry, CosPages, KeyMerge, Pair, SourcePages
from cos_migrate.engine.key_sort import KeySort, SourceEntry
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.filters import Filters
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.model import (
    Failure,
    Fingerprint,
    Found,
    ListRange,
    Note,
    Rejected,
    Row,
    SourceObject,
    object_of,
)
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.listing import Lister
from cos_migrate.sources.base import Source
from cos_migrate.sources.cos_bucket.target import TargetListing
from cos_migrate.text import printable

ScanMaker = Callable[[Callable[[Scanned | ScanEnded], None]], Scan]
_GUARDS_MOST = 1_000
_AHEAD = 2
"""Pages that may wait for the merge, of each side: enough, since the merge takes them in turn."""


class ListingOptions(NamedTuple):
    """How both sides are listed: ranges at once, tries, and where requests get credentials."""

    parallel: int
    """Ranges of a source that are listed at once, where they need not be in order."""
    tries: int
    """Tries of one request."""
    gate: CredentialGate
    own: OwnItems | None = None
    """What is compared of a job; None: all of it."""


class _SideEvent(NamedTuple):
    """An event of one of the scans."""

    scan: str
    """`source`, `slashes` (the names that have another order on COS), or `cos`."""
    event: Scanned | ScanEnded


class SeenNames:
    """Names that the source has, but that are not compared: what is below them is not extra.

    Names are added, and keys asked about, in the order of their bytes.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []

    def add(self, cos_path: str) -> None:
        """Add a name by its target path."""
        self._folders.append(cos_path.rstrip("/") + "/")
        if len(self._folders) > _GUARDS_MOST:
            self._drop_passed(cos_path)

    def covers(self, cos_path: str) -> bool:
        """Return whether a key is one of the names, or below one."""
        self._drop_passed(cos_path)
        return any(_is_within(cos_path, each) for each in self._folders)

    def _drop_passed(self, cos_path: str) -> None:
        self._folders = [
            each for each in self._folders if each > cos_path or _is_within(cos_path, each)
        ]


def _is_within(cos_path: str, folder: str) -> bool:
    return cos_path.startswith(folder) or cos_path == folder[:-1]


class BothSides:
    """The listings of both sides, merged."""

    def __init__(
        self,
        *,
        source: Source,
        filters: Filters,
        make_scan: ScanMaker,
        target: TargetListing,
        files: TempFiles,
        options: ListingOptions,
        report: Report,
        post: Callable[[object], None],
        protects_below: bool = False,
    ) -> None:
        """`make_scan` is called where the source is not listed by pages.

        `files`: for what is sorted on disk; open. `post` takes the events to pass to `handle`.
        `protects_below`: whether nothing below an object's name is extra.
        """
        self._source = source
        self._filters = filters
        self._target = target
        self._options = options
        self._report = report
        self._post = post
        self._protects_below = protects_below
        self._sort = KeySort(files)
        self._source_pages = SourcePages(lambda: self._allow_more("source"))
        self._cos_pages = CosPages(lambda: self._allow_more("cos"))
        self._merge = KeyMerge(self._source_pages, self._cos_pages)
        self._scans: dict[str, Scan] = {}
        self._make_scan = make_scan
        self._reordered = ""
        self._is_ordered = False
        self._last_source = SourceEntry("", None)
        self._seen = SeenNames()
        self.found = 0
        """Objects and names that the source has listed."""
        self.on_cos = 0
        """Objects that COS has listed."""
        self.problems = 0
        """Names of the source that cannot be migrated, and so cannot be compared."""
        self.is_complete = True
        """False once a side could not be listed completely."""
        self._listed = {"source": "", "cos": ""}
        """The last target path that each side has listed, where it is listed in order."""
        self._known: dict[str, str] = {}
        """Of a side that is not listed completely: the target path up to which it is."""

    @property
    def is_over(self) -> bool:
        """Whether all pairs were returned."""
        return self._merge.is_over

    def start(self) -> None:
        """Begin to list the source and COS."""
        paged = self._source.paged
        self._is_ordered = paged is not None and paged.lists_in_target_order
        if paged and self._is_ordered:
            self._reordered = paged.reordered_prefix
        if self._reordered:
            self._begin("slashes", self._lister([ListRange(self._reordered)], 1))
        else:
            self._begin_source()
        cos = [(each, "") for each in self._target.ranges()]
        options = self._options
        lister = partial(
            Lister, self._target, cos, 1, options.tries, gate=options.gate, ahead=_AHEAD
        )
        self._begin("cos", lister)

    def stop(self) -> None:
        """End both listings."""
        for scan in self._scans.values():
            scan.stop()

    def close(self) -> None:
        """End both listings, and remove what is on disk."""
        self.stop()
        self._sort.close()

    def watch(self) -> list[str]:
        """Return warnings about the process that scans."""
        return [line for scan in self._scans.values() for line in scan.watch()]

    def handle(self, event: object) -> None:
        """Take an event that one of the two listings has posted."""
        if not isinstance(event, _SideEvent):
            return
        if isinstance(event.event, ScanEnded):
            self._end(event.scan, event.event.failure)
        elif event.scan == "cos":
            self._add_cos(event.event)
        elif event.scan == "source" and self._is_ordered:
            self._source_pages.add(self._entries(event.event, skip=self._reordered))
        else:
            self._sort.add(self._entries(event.event))
            self._allow_more(event.scan)

    def step(self) -> list[Pair]:
        """Return the next pairs; empty: none is there yet, or all were returned.

        A name that is on one side behind the end of an incomplete listing of the other is left
        out. Two objects of the source with one target are reported, and the first one counts.
        """
        return [pair for pair in self._merge.step() if self._is_known(pair)]

    def _is_known(self, pair: Pair) -> bool:
        """Return whether it is certain which side has a key."""
        cos_path, entry, cos = pair
        if entry:
            if entry.cos_path == self._last_source.cos_path and self._is_repeated(entry):
                return False
            self._last_source = entry
            if entry.obj is None:
                self._seen.add(cos_path)
                return False
            if self._protects_below and not cos_path.endswith("/"):
                self._seen.add(cos_path)
            return cos is not None or self._is_listed("cos", cos_path)
        return cos is not None and self._is_extra(cos_path, cos)

    def _is_extra(self, cos_path: str, cos: Fingerprint) -> bool:
        """Return whether the source certainly lacks a key that COS has."""
        if not self._is_listed("source", cos_path):
            return False
        if self._seen.covers(cos_path):
            return False
        key = cos_path[len(self._source.target.cos_path) :]
        return not self._filters.leave_out_on_cos(key, cos.size)

    def _is_listed(self, side: str, cos_path: str) -> bool:
        """Return whether a side is listed as far as a target path."""
        known = self._known.get(side)
        return known is None or cos_path <= known

    def _note_gap(self, side: str) -> None:
        """Note that a side is not known behind what it has listed so far."""
        self.is_complete = False
        self._known.setdefault(side, self._listed[side])

    def _is_repeated(self, entry: SourceEntry) -> bool:
        """Return whether an entry must be passed over since it has the target of the last one."""
        first = self._last_source.obj
        if first is None:
            return False
        if entry.obj is None or first.name == entry.obj.name:
            return True
        self.problems += 1
        names = (printable(self._source.mask(each.name)) for each in (first, entry.obj))
        self._report.error(
            f"{printable(entry.cos_path)} is the target of two objects: {' and '.join(names)}; "
            "the first is compared"
        )
        return True

    # -- the listings ----------------------------------------------------------------------------

    def _begin_source(self) -> None:
        paged = self._source.paged
        if paged is None:
            self._begin("source", self._make_scan)
        else:
            parallel = 1 if self._is_ordered else self._options.parallel
            self._begin("source", self._lister(paged.ranges(), parallel))

    def _lister(self, ranges: Sequence[ListRange], parallel: int) -> ScanMaker:
        paged, options = self._source.paged, self._options
        assert paged is not None  # noqa: S101 - only paged sources are listed
        starts = [(each, "") for each in ranges]
        gate, ahead = options.gate, max(_AHEAD, parallel)
        return partial(Lister, paged, starts, parallel, options.tries, gate=gate, ahead=ahead)

    def _begin(self, name: str, make: ScanMaker) -> None:
        scan = self._scans[name] = make(lambda event: self._post(_SideEvent(name, event)))
        scan.start()

    def _allow_more(self, name: str) -> None:
        self._scans[name].allow_more()

    def _end(self, name: str, failure: Failure | None) -> None:
        if failure:
            where = "COS" if name == "cos" else "the source"
            self._report.error(f"{where} is not listed completely: {printable(failure.message)}")
            self._note_gap("cos" if name == "cos" else "source")
        if name == "slashes":
            if self._sort:
                self._source_pages.add_sorted(self._sort.merged())
            self._begin_source()
        elif name == "source":
            if not self._is_ordered:
                self._source_pages.add_sorted(self._sort.merged())
            self._source_pages.ended = True
        else:
            self._cos_pages.ended = True

    def _add_cos(self, page: Scanned) -> None:
        listed = [item for item in page.found if isinstance(item, SourceObject)]
        if page.position and page.position.unreliable:
            self._note_gap("cos")
        if listed:
            self._listed["cos"] = f"/{listed[-1].name}"
        own = self._options.own
        entries = [
            CosEntry(f"/{item.name}", item.fingerprint)
            for item in listed
            if own is None or own.has_path(f"/{item.name}")
        ]
        self.on_cos += len(entries)
        self._cos_pages.add(entries)

    def _entries(self, page: Scanned, skip: str = "") -> list[SourceEntry]:
        """Return the entries of a page; `skip`: the prefix of names that come another way."""
        if page.position and page.position.unreliable:
            self._note_gap("source")
        found = self._filters.replace_rejected(page.found) if self._filters else page.found
        entries = []
        for item in found:
            entry = self._entry(item)
            if entry and not (skip and entry.obj and entry.obj.name.startswith(skip)):
                entries.append(entry)
        if entries and self._is_ordered:
            self._listed["source"] = entries[-1].cos_path
        self.found += len(entries)
        if self._options.own:
            entries = self._options.own.entries(entries, names=self._protects_below)
        self._report.totals.add_found(len(entries), 0)
        return entries

    def _entry(self, item: Found | Row) -> SourceEntry | None:
        if isinstance(item, Note):
            (self._report.warn if item.warning else self._report.note)(item.line)
            return None
        entry = entry_of(self._source, item)
        if isinstance(item, Rejected):
            if item.failure and (self._options.own is None or self._options.own.has(item)):
                self.problems += 1
                name = printable(self._source.mask(item.name))
                self._report.error(f"{name} cannot be compared: {printable(item.failure.message)}")
            if item.unlisted:
                self.is_complete = False
                if entry is None:  # what is not listed is not known, so nothing is extra
                    self._known["source"] = ""
        return entry


def entry_of(source: Source, item: SourceObject | Rejected | Row) -> SourceEntry | None:
    """Return the entry of an item of a scan; None: a name that cannot be on COS."""
    target = source.target
    if type(item) is tuple:
        obj = object_of(cast("Row", item))
        return SourceEntry(target.cos_path + obj.key, obj)
    if isinstance(item, SourceObject):
        return SourceEntry(cos_path_of(target, item), item)
    assert isinstance(item, Rejected)  # noqa: S101 - the only other item
    key = item.key or source.key_of_name(item.name)
    if key is None:
        return None
    return SourceEntry(cos_path_of(target, SourceObject(item.name, key, Fingerprint(-1))), None)


SidesMaker = Callable[[Callable[[object], None]], BothSides]
"""Makes the listings of both sides, given the function to post their events with."""

"""Lists the source and COS at once, and pairs their objects by target paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from cos_migrate.engine.key_merge import (
    Both,
    CosPage,
    CosPages,
    KeyMerge,
    Pair,
    SourceColumns,
    SourcePages,
    Step,
)
from cos_migrate.engine.key_sort import KeySort, SourceEntry
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.engine.seen_names import SeenNames
from cos_migrate.engine.source_entries import SourceEntries
from cos_migrate.filters import Filters
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.model import (
    Failure,
    Fingerprint,
    ListRange,
    SourceObject,
)
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.listing import Lister
from cos_migrate.sources.base import Source
from cos_migrate.sources.column_pages import (
    ColumnSource,
    columns_of,
    fingerprint_in,
    pick_columns,
)
from cos_migrate.sources.cos_bucket.target import TargetListing
from cos_migrate.sources.paged import PagedSource
from cos_migrate.text import printable

ScanMaker = Callable[[Callable[[Scanned | ScanEnded], None]], Scan]
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
        self._entries = SourceEntries(
            source, filters, report, options.own, keeps_names=protects_below
        )
        self._target = target
        self._options = options
        self._report = report
        self._post = post
        self._protects_below = protects_below
        self._sort = KeySort(files)
        self._source_pages = SourcePages(lambda: self._allow_more("source"))
        self._cos_pages = CosPages(lambda: self._allow_more("cos"))
        self._merge = KeyMerge(self._source_pages, self._cos_pages, self._entries.of_columns)
        self._scans: dict[str, Scan] = {}
        self._make_scan = make_scan
        self._reordered = ""
        self._is_ordered = False
        self._last_source = SourceEntry("", None)
        self._seen = SeenNames()
        self.on_cos = 0
        """Objects that COS has listed."""
        self.is_complete = True
        """False once a side could not be listed completely."""
        self._listed = {"source": "", "cos": ""}
        """The last target path that each side has listed, where it is listed in order."""
        self._known: dict[str, str] = {}
        """Of a side that is not listed completely: the target path up to which it is."""

    @property
    def found(self) -> int:
        """Objects and names that the source has listed."""
        return self._entries.found

    @property
    def problems(self) -> int:
        """Names of the source that cannot be migrated, and so cannot be compared."""
        return self._entries.problems

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
        if paged and self._reordered:
            slashes = [ListRange(self._reordered)]
            self._begin("slashes", _lister_of(paged, slashes, 1, self._options, None))
        else:
            self._begin_source()
        ranges, target = self._target.ranges(), self._target
        lister = _lister_of(target, ranges, 1, self._options, target)
        self._begin("cos", lister)

    def stop(self) -> None:
        """End both listings."""
        for scan in self._scans.values():
            scan.stop()

    def close(self) -> None:
        """End both listings, and remove the sorted keys on disk."""
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
            self._add_source(event.event)
        else:
            self._sort.add(self._take(event.event))
            self._allow_more(event.scan)

    def step(self) -> Step:
        """Return the next objects; empty: none is there yet, or all were returned.

        A name that is on one side behind the end of an incomplete listing of the other is left
        out. Two objects of the source with one target are reported, and the first one counts.
        """
        pairs, both = self._merge.step()
        if both and self._protects_below:
            self._seen.update(both.paths)
        known = [pair for pair in pairs if self._is_known(pair)]
        if both and both.paths:
            self._seen.drop_passed(both.paths[-1])
        return Step(known, both)

    def pair_of(self, both: Both, number: int) -> Pair:
        """Return one of the objects that both sides have."""
        part = SourceColumns([both.paths[number]], pick_columns(both.source, [number]))
        (entry,) = self._entries.of_columns(part)
        return Pair(entry.cos_path, entry, fingerprint_in(both.cos, number))

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
        self._entries.report_repeated(entry.cos_path, first, entry.obj)
        return True

    # -- the listings ----------------------------------------------------------------------------

    def _begin_source(self) -> None:
        paged = self._source.paged
        if paged is None:
            self._begin("source", self._make_scan)
        else:
            parallel = 1 if self._is_ordered else self._options.parallel
            is_plain = self._is_ordered and not self._sort
            columns = self._entries.column_source if is_plain else None
            lister = _lister_of(paged, paged.ranges(), parallel, self._options, columns)
            self._begin("source", lister)

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
        columns = page.columns
        if columns is None:
            columns = columns_of([item for item in page.found if isinstance(item, SourceObject)])
        if page.position and page.position.unreliable:
            self._note_gap("cos")
        paths = [f"/{name}" for name in columns.names]
        if paths:
            self._listed["cos"] = paths[-1]
        if own := self._options.own:
            kept = [number for number, path in enumerate(paths) if own.has_path(path)]
            paths, columns = [paths[number] for number in kept], pick_columns(columns, kept)
        self.on_cos += len(paths)
        self._cos_pages.add(CosPage(paths, columns))

    def _add_source(self, page: Scanned) -> None:
        """Add a page of a source that is listed in the order of target paths."""
        entries, columns = self._entries, page.columns
        if columns is None:
            found = self._take(page, skip=self._reordered)
            last = found[-1].cos_path if found else ""
            self._source_pages.add(found)
        else:
            added = entries.add_columns(columns, self._reordered)
            last = added.paths[-1] if added.paths else ""
            self._source_pages.add(added)
        self._listed["source"] = last or self._listed["source"]

    def _take(self, page: Scanned, skip: str = "") -> list[SourceEntry]:
        """Return the entries of a page; `skip`: the prefix of names that come another way."""
        if page.position and page.position.unreliable:
            self._note_gap("source")
        found = self._entries.add(page.found, skip)
        if self._entries.unlisted:
            self.is_complete = False
            if self._entries.unlisted_without_key:
                self._known["source"] = ""  # what is not listed is not known: nothing is extra
        return found


def _lister_of(
    paged: PagedSource,
    ranges: Sequence[ListRange],
    parallel: int,
    options: ListingOptions,
    columns: ColumnSource | None,
) -> ScanMaker:
    """Return what lists ranges; `columns`: the same source, where it is listed by columns."""
    return partial(
        Lister,
        paged,
        [(each, "") for each in ranges],
        parallel,
        options.tries,
        gate=options.gate,
        ahead=max(_AHEAD, parallel),
        list_page=columns.list_page_of_columns if columns else None,
    )


SidesMaker = Callable[[Callable[[object], None]], BothSides]
"""Makes the listings of both sides, given the function to post their events with."""

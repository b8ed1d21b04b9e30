"""What every bucket must do, whatever its provider: errors, TLS, proxies, changes, lists of keys.

The test file of a provider gives the fixture `cloud` (one of `clouds.py`); `BucketContract` makes
the fixtures of `contract.py` of it. What lists its keys in their order, as S3 does, inherits
`OrderedBucketContract` and, where they fit, `PrefixContract` and `SlashesContract`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Note, SourceObject, Target
from cos_migrate.sources.base import Source, SourceOptions
from tests.fakes.certificates import issue
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.sources.clouds import Cloud
from tests.sources.contract import (
    Cut,
    CutsContract,
    PagesContract,
    Put,
    Remove,
    SourceContract,
    WireContract,
    content,
    objects,
    only,
)


def failure(cloud: Cloud, call: Callable[[], object]) -> MigrateError:
    """Return the error that a call ends in; it shows no secret."""
    with pytest.raises(MigrateError) as caught:
        call()
    error = caught.value
    assert cloud.secret not in f"{error}{error.__cause__}{error.__context__}"
    return error


class BucketContract:
    """A bucket on a server of the tests; it needs the fixture `cloud` alone."""

    archived: ClassVar[str] = "InvalidObjectState"
    """The code of an object that must be restored; empty: nothing is archived there."""
    no_listing: ClassVar[str] = "BadAnswer"
    """The code of a page that is none of its listings."""
    takes_conditions: ClassVar[bool] = True
    """Whether its server takes `If-Match`."""

    @pytest.fixture
    def source(self, cloud: Cloud) -> Source:
        return cloud.source()

    @pytest.fixture
    def put(self, cloud: Cloud) -> Put:
        def put(key: str, body: bytes) -> None:
            cloud.server.put(key, body)

        return put

    @pytest.fixture
    def remove(self, cloud: Cloud) -> Remove:
        remove: Remove = cloud.server.remove
        return remove

    @pytest.fixture
    def cut(self, cloud: Cloud) -> Cut:
        cut: Cut = cloud.server.cut
        return cut

    # -- content -------------------------------------------------------------------------------

    def test_a_flipped_bit_is_noticed(self, source: Source, put: Put, cloud: Cloud) -> None:
        put("f", b"x" * 100_000)
        obj = only(source)
        cloud.server.faults.append(Fault("flip", cloud.server.reads, at=70_000))
        error = failure(cloud, lambda: content(source, obj))
        assert (error.code, error.retryable) == ("SourceChecksumMismatch", True)
        assert content(source, obj) == b"x" * 100_000

    def test_reads_are_pinned_to_the_listed_version(
        self, source: Source, put: Put, cloud: Cloud
    ) -> None:
        put("f", bytes(100))
        obj = only(source)
        content(source, obj)
        content(source, obj, 10, 20)
        reads = [seen for seen in cloud.server.seen if seen.operation == cloud.server.reads]
        assert len(reads) == 2
        pin = f'"{obj.fingerprint.etag}"' if self.takes_conditions else None
        assert {seen.headers.get("if-match") for seen in reads} == {pin}

    def test_a_change_while_it_is_read(self, source: Source, put: Put, cloud: Cloud) -> None:
        put("f", b"one")
        obj = only(source)
        cloud.server.faults.append(
            Fault("call", cloud.server.reads, action=lambda: put("f", b"two"))
        )
        with pytest.raises(SourceChanged):
            content(source, obj)
        assert content(source, only(source)) == b"two"

    def test_a_change_between_its_parts(self, source: Source, put: Put, cloud: Cloud) -> None:
        put("f", b"x" * 1000)
        obj = only(source)
        assert content(source, obj, 0, 10) == b"x" * 10
        cloud.server.faults.append(
            Fault("call", cloud.server.reads, action=lambda: put("f", b"y" * 1000))
        )
        with pytest.raises(SourceChanged):
            content(source, obj, 10, 10)

    def test_an_archived_object_is_named_as_such(self, cloud: Cloud) -> None:
        if not self.archived:
            pytest.skip("nothing is archived there")
        cloud.archive("f", b"hello")
        source = cloud.source()
        obj = only(source)
        error = failure(cloud, lambda: content(source, obj))
        assert (error.code, error.retryable, error.fatal) == (self.archived, False, False)
        assert "must be restored" in str(error)
        cloud.restore("f", b"hello")
        assert content(source, only(source)) == b"hello"

    # -- names ---------------------------------------------------------------------------------

    def test_below_a_folder(self, cloud: Cloud, put: Put) -> None:
        for key in ("a/b/d.txt", "a/b/c/e", "a/bc/d.txt", "top"):
            put(key, key.encode())
        source = cloud.below("a/b/")
        found = {obj.name: obj for obj in objects(source)}
        assert {obj.key: name for name, obj in found.items()} == {
            "d.txt": "a/b/d.txt",
            "c/e": "a/b/c/e",
        }
        assert content(source, found["a/b/c/e"]) == b"a/b/c/e"

    def test_a_file_of_keys(self, cloud: Cloud, put: Put, tmp_path: Path) -> None:
        for key in ("a/1", "\u4e2d/2", "not listed"):
            put(key, key.encode())
        path = tmp_path / "keys"
        path.write_bytes("\ufeffa/1\r\n\r\n\u4e2d/2\nmissing\na/1".encode())
        source = cloud.listed(path)
        *named, note = source.scan()
        assert isinstance(note, Note)
        assert note.line == f"line 5 of {path} is passed over: it repeats line 1"
        one, two, missing = [obj for obj in named if isinstance(obj, SourceObject)]
        assert [obj.key for obj in (one, two, missing)] == ["a/1", "\u4e2d/2", "missing"]
        assert {obj.fingerprint.size for obj in (one, two, missing)} == {-1}
        assert content(source, source.stat(two)) == "\u4e2d/2".encode()
        error = failure(cloud, lambda: source.stat(missing))
        assert (error.code, error.retryable, error.fatal) == ("NoSuchKey", False, False)
        assert cloud.server.lists not in cloud.server.operations()
        assert source.split(source.ranges()[0], "") is None
        origin = source.origin()
        assert cloud.listed(path).origin() == origin != cloud.source().origin()
        path.write_text("new\na/1\n")
        assert cloud.listed(path).origin() != origin

    # -- the way there -------------------------------------------------------------------------

    def test_an_authority_of_its_own(self, cloud: Cloud, tmp_path: Path) -> None:
        mine, other = tmp_path / "ca.pem", tmp_path / "other.pem"
        issue(other, *cloud.hosts)
        with cloud.secured(issue(mine, *cloud.hosts)) as secured:
            secured.server.put("f", b"x")
            for trusted in (mine, other, ""):
                options = SourceOptions(ca_file=str(trusted), https=True)
                source = secured.source(options, **secured.https)
                if trusted == mine:
                    assert content(source, only(source)) == b"x"
                    continue
                error = failure(cloud, lambda source=source: objects(source))  # type: ignore[misc]
                assert "not trusted" in str(error)
                if error.code != "Unreachable":
                    assert (error.code, error.retryable) == ("CertificateInvalid", False)
                    assert "[common] caFile" in str(error)

    def test_nothing_but_the_configuration_names_a_proxy(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        cloud.server.put("f", b"x")
        for source in (cloud.source(), cloud.proxied()):
            del cloud.server.seen[:]
            assert content(source, source.stat(only(source))) == b"x"
        assert {seen.proxied for seen in cloud.server.seen} == {True}
        assert not caplog.records, "libraries log headers, which hold signatures"

    def test_a_server_that_is_not_there(self, cloud: Cloud) -> None:
        through = cloud.proxied(port=1)
        gone: list[tuple[Source, str, str]] = [(through, "refused the connection", "proxyHost")]
        if cloud.address:
            addresses = {"none.invalid": "be resolved", "localhost:1": "refused the connection"}
            for address, text in addresses.items():
                changes: dict[str, Any] = {cloud.address: address}
                gone.append((cloud.source(**changes), text, cloud.address_key))
        for source, text, key in gone:
            error = failure(cloud, lambda source=source: objects(source))  # type: ignore[misc]
            assert (error.retryable, error.fatal) == (True, False)
            for words in (text, f"[{cloud.section}] ", key):
                assert words in str(error)

    # -- refusals and faults -------------------------------------------------------------------

    def test_wrong_settings_are_named(self, cloud: Cloud, put: Put) -> None:
        put("f", b"x")
        obj = only(cloud.source())
        for key, (changes, code) in cloud.wrong.items():
            source = cloud.source(**changes)
            assert cloud.secret not in repr(source.config)
            error = failure(cloud, lambda source=source: objects(source))  # type: ignore[misc]
            assert (error.code, error.retryable, error.fatal) == (code, False, True)
            assert f"[{cloud.section}] {key}" in str(error)
            if code != "NoSuchBucket":
                error = failure(cloud, lambda source=source: content(source, obj))  # type: ignore[misc]
                assert (error.retryable, error.fatal) == (False, True)
                assert f"[{cloud.section}] {key.split(',')[0]}" in str(error)

    def test_no_permission(self, source: Source, put: Put, cloud: Cloud) -> None:
        put("f", b"x")
        obj, server = only(source), cloud.server
        denied = Fault("status", times=-1, status=403, code="AccessDenied")
        for operation, call in (
            (server.lists, lambda: objects(source)),
            (server.reads, lambda: content(source, obj)),
        ):
            server.faults[:] = [replace(denied, operation=operation)]
            error = failure(cloud, call)
            assert (error.status, error.retryable, error.fatal) == (403, False, False)
            assert f"[{cloud.section}] " in str(error)
            assert re.search("permission|allowed to|may not do|needs", str(error))

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            (Fault("reset", times=-1), "ConnectionReset"),
            (Fault("cut", at=5, times=-1), "ConnectionReset"),
            (Fault("hang", times=-1, seconds=60.0), "Timeout"),
            (Fault("status", status=500, code="InternalError"), ""),
            (Fault("status", status=503, code="ServiceUnavailable", retry_after=7), ""),
        ],
        ids=lambda given: given.kind + str(given.status) if isinstance(given, Fault) else "",
    )
    def test_what_may_pass(self, cloud: Cloud, put: Put, fault: Fault, code: str) -> None:
        put("f", bytes(100))
        source = cloud.source()
        obj, server = only(source), cloud.server
        hasty: Any = cloud.impatient() if fault.kind == "hang" else source
        if hasty is None:
            pytest.skip("its limit is fixed")
        for operation, call in (
            (server.lists, lambda: objects(hasty)),
            (server.reads, lambda: content(hasty, obj)),
        ):
            server.faults[:] = [replace(fault, operation=operation)]
            error = failure(cloud, call)
            assert (error.retryable, error.fatal) == (True, False), error
            assert error.code == (code or error.code)
            assert error.retry_after == fault.retry_after
            assert error.operation
            server.faults.clear()
        assert content(source, only(source)) == bytes(100)

    def test_a_listing_that_is_none(self, source: Source, cloud: Cloud) -> None:
        page = Answer(200, {"content-type": "text/html"}, b"<html><body>Welcome!</body></html>")
        cloud.server.faults.append(Fault("status", cloud.server.lists, times=-1, answer=page))
        error = failure(cloud, lambda: objects(source))
        assert not error.fatal
        assert f"[{cloud.section}] " in str(error)
        assert error.code == self.no_listing
        cloud.server.faults.clear()
        assert objects(source) == []


class OrderedBucketContract(
    BucketContract, SourceContract, PagesContract, CutsContract, WireContract
):
    """All contracts of a bucket that lists its keys in their order."""

    def test_dots_are_no_folders(self, cloud: Cloud) -> None:
        keys = ["./a", "../b", "c/../d", "c/./e", "f/.."]
        for key in keys:
            cloud.server.put(key, key.encode())
        source = cloud.source()
        assert {obj.name: content(source, obj) for obj in objects(source)} == {
            key: key.encode() for key in keys
        }

    @pytest.mark.parametrize("kind", ["repeat", "shuffle"])
    def test_a_listing_out_of_order(self, cloud: Cloud, kind: str) -> None:
        for number in range(1500):
            cloud.server.put(f"k{number:05}", b"")
        skip = 0 if kind == "shuffle" else 1
        cloud.server.faults.append(Fault(kind, cloud.server.lists, skip=skip, times=-1))
        error = failure(cloud, lambda: objects(cloud.source()))
        assert (error.code, error.retryable) == ("ListingOutOfOrder", False)


class PrefixContract:
    """A bucket whose prefix is any beginning of its keys; it needs the fixture `cloud` alone."""

    listed_keys: ClassVar[Sequence[str]] = ("a/b c+%41.txt", "\u4e2d/ 3 ")
    """Keys in a file, as they stand."""

    @pytest.mark.parametrize(
        ("prefix", "name", "key"),
        [
            ("", "a/b.txt", "a/b.txt"),
            ("", "x/", "x/"),
            ("a/b", "a/bc/d.txt", "bc/d.txt"),
            ("a/b/", "a/b/d.txt", "d.txt"),
            ("a/b/", "a/b/", ""),
            ("ab", "abc", "abc"),
        ],
    )
    def test_a_prefix(self, cloud: Cloud, prefix: str, name: str, key: str) -> None:
        """It takes away all up to its last slash."""
        for each in ("0", name, "z"):
            cloud.server.put(each, each.encode())
        source = cloud.source(prefix=prefix)
        found = [obj for obj in objects(source) if prefix or obj.name == name]
        assert [(obj.name, obj.key) for obj in found] == [(name, key)]
        assert content(source, found[0]) == name.encode()

    def test_a_prefix_and_a_file_of_keys(self, cloud: Cloud, tmp_path: Path) -> None:
        for key in self.listed_keys:
            cloud.server.put(key, key.encode())
        path = tmp_path / "keys"
        path.write_text("\n".join(self.listed_keys), encoding="utf-8")
        source = cloud.source(uri_list=str(path), prefix="a/")
        found = objects(source)
        assert [obj.name for obj in found] == list(self.listed_keys)
        assert [obj.key for obj in found] == ["b c+%41.txt", self.listed_keys[1]]
        for obj in found:
            assert content(source, source.stat(obj)) == obj.name.encode()


class SlashesContract:
    """A bucket whose keys may differ in slashes alone; it needs the fixture `cloud` alone."""

    def test_names_that_differ_in_leading_slashes_only(self, cloud: Cloud) -> None:
        """COS takes none: the name with the fewest is migrated, the others are refused."""
        for name in ("x", "/x", "//x", "/alone", "a/y", "a//y"):
            cloud.server.put(name, name.encode())
        root = Target("examplebucket-1250000000", "ap-guangzhou", "/")
        source = cloud.source(None, root)
        found = {obj.name: obj for obj in objects(source)}
        for name in ("x", "/alone", "a/y", "a//y"):
            assert content(source, found[name]) == name.encode()
        for name in ("/x", "//x"):
            for call in (
                lambda name=name: content(source, found[name]),
                lambda name=name: source.describe(found[name]),
            ):
                with pytest.raises(SourceError, match=r"same object as /?x") as caught:
                    call()
                assert (caught.value.code, caught.value.retryable) == ("SameTarget", False)
            assert not source.takes_one_request(found[name])
        below = cloud.below("a/", root)
        twins = {obj.name: obj for obj in objects(below)}
        assert {name: obj.key for name, obj in twins.items()} == {"a/y": "y", "a//y": "/y"}
        with pytest.raises(SourceError, match="same object as a/y"):
            content(below, twins["a//y"])
        # Below a folder only the first slash of a whole key goes.
        with pytest.raises(SourceError, match="same object as x"):
            content(cloud.source(), found["/x"])
        assert content(cloud.source(), found["//x"]) == b"//x"
        assert content(cloud.below("a/"), twins["a//y"]) == b"a//y"

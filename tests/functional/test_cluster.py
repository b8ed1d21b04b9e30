"""Jobs on a Dask cluster: the same objects, records, counts and exit codes as with processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.fakes.oss_server import OssServer
from tests.fakes.qiniu_server import QiniuServer
from tests.fakes.s3_server import S3Server
from tests.fakes.upyun_server import UpyunServer
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import counted, noise, stored
from tests.functional.contract import RunContract
from tests.functional.dask_cluster import DaskCluster
from tests.functional.more_sites import CopySite, LocalSite, UpyunSite, UrlSite
from tests.functional.sites import AliSite, AwsSite, QiniuSite, Site
from tests.functional.tool import ROOT, SECRET_KEY, Tool, end
from tests.functional.waiting import HeldCos, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
MIB = 1 << 20
EVERY = "test_every_object_with_its_metadata_and_then_nothing_again"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster of two workers for all tests that leave it as it is."""
    with DaskCluster(tmp_path_factory.mktemp("dask")) as cluster:
        for name in ("one", "two"):
            cluster.start_worker(name)
        yield cluster


@pytest.fixture(name="dask")
def _dask(tmp_path: Path) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path / "dask") as cluster:
        yield cluster


@pytest.fixture(name="site", params=["aws", "ali", "qiniu", "upyun", "copy"])
def _site(
    request: pytest.FixtureRequest, tmp_path: Path, cos: HeldCos, shared: DaskCluster
) -> Iterator[Site]:
    site: Site
    if request.param == "copy":
        copies = CopySite(tmp_path, cos)
        with copies.server:
            copies.tool.common["cluster"] = shared.address
            yield copies
        return
    if request.param == "aws":
        with S3Server() as s3:
            site = AwsSite(tmp_path, cos, s3)
            site.tool.common["cluster"] = shared.address
            yield site
    elif request.param == "ali":
        with OssServer() as oss:
            site = AliSite(tmp_path, cos, oss)
            site.tool.common["cluster"] = shared.address
            yield site
    elif request.param == "qiniu":
        with QiniuServer() as qiniu:
            site = QiniuSite(tmp_path, cos, qiniu)
            site.tool.common["cluster"] = shared.address
            yield site
    else:
        with UpyunServer() as upyun:
            site = UpyunSite(tmp_path, cos, upyun)
            site.tool.common["cluster"] = shared.address
            yield site


def test_every_source(site: Site, cos: HeldCos) -> None:
    RunContract().test_every_object_with_its_metadata_and_then_nothing_again(site, cos)


def test_urls(tmp_path: Path, cos: HeldCos, shared: DaskCluster) -> None:
    with WebServer() as web:
        site = UrlSite(tmp_path, cos, web)
        bodies = {"a": b"x", "big": noise(11 * MIB)}
        for key, body in bodies.items():
            site.put(key, body)
        site.tool.common["cluster"] = shared.address
        ended = site.tool.run()
        assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.err
        assert sorted(stored(cos).values()) == sorted(bodies.values())
        assert site.tool.run().counts() == counted(skip=2)


class TestLocalCluster(RunContract):
    """A folder, with a cluster that the tool starts for the run."""

    test_an_empty_source = None  # type: ignore[assignment]
    test_only_what_failed_is_tried_again = None  # type: ignore[assignment]
    # It does not count what each worker asks before its first object.
    test_a_dry_run_foretells_the_next_run = None  # type: ignore[assignment]

    @pytest.fixture
    def site(self, tmp_path: Path, cos: HeldCos) -> LocalSite:
        site = LocalSite(tmp_path, cos)
        site.tool.common["cluster"] = "local:2"
        return site


def fill(tool: Tool, files: int = 200) -> dict[str, bytes]:
    """Make files; return the objects that they become."""
    content = {f"d{number % 5}/{number:04}": noise(1000, number) for number in range(files)}
    content["big"] = noise(14 * MIB)
    for name, data in content.items():
        tool.put(name, data)
    tool.common |= {"smallFileExecutorNum": "8", "bigFileExecutorNum": "4"}
    return content


def begun(tool: Tool, cos: HeldCos, dask: DaskCluster, *names: str) -> subprocess.Popen[str]:
    """Return a run over workers of these names, of which COS keeps some requests back."""
    tool.common["cluster"] = dask.address
    for name in names:
        dask.start_worker(name)
    cos.hold(50)
    process = tool.start("--quiet")
    wait_until(lambda: cos.held > 4, lambda: process.poll() is None)
    return process


def test_a_worker_that_is_killed(tool: Tool, cos: HeldCos, dask: DaskCluster) -> None:
    content = fill(tool)
    process = begun(tool, cos, dask, "one", "two")
    dask.signal("one", signal.SIGKILL)
    cos.release()
    ended = end(process)
    assert (ended.code, ended.counts()) == (0, counted(new=201)), ended.err
    assert "Dask worker one (" in tool.log("warn.log")
    assert stored(cos) == content
    assert tool.run().counts() == counted(skip=201)


def test_a_worker_that_stands_still_for_a_while(
    tool: Tool, cos: HeldCos, dask: DaskCluster
) -> None:
    content = fill(tool)
    process = begun(tool, cos, dask, "one", "two")
    dask.signal("one", signal.SIGSTOP)
    cos.release()
    wait_until(lambda: len(stored(cos)) > 120, lambda: process.poll() is None)
    dask.signal("one", signal.SIGCONT)
    ended = end(process)
    assert (ended.code, ended.counts()) == (0, counted(new=201)), ended.err
    assert stored(cos) == content


def test_a_worker_that_joins_late_goes_on_alone(
    tool: Tool, cos: HeldCos, dask: DaskCluster
) -> None:
    content = fill(tool)
    process = begun(tool, cos, dask, "one")
    dask.start_worker("two")
    wait_until(lambda: dask.children("two"), lambda: process.poll() is None)
    dask.signal("one", signal.SIGKILL)
    cos.release()
    ended = end(process)
    assert (ended.code, ended.counts()) == (0, counted(new=201)), ended.err
    assert stored(cos) == content


def test_a_lost_scheduler_ends_the_run_with_what_is_done(
    tool: Tool, cos: HeldCos, dask: DaskCluster
) -> None:
    content = fill(tool)
    process = begun(tool, cos, dask, "one", "two")
    dask.signal("scheduler", signal.SIGKILL)
    ended = end(process, seconds=60)
    assert (ended.code, ended.status, ended.list_finished) == (1, "PART_OK", False), ended.err
    assert "is lost" in tool.log("error.log")
    done = ended.counts()["new"]
    assert 0 < done < 201
    cos.release()
    tool.common.pop("cluster")
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=201 - done, skip=done)), ended.err
    assert stored(cos) == content


def test_a_worker_of_another_version_is_not_used(
    tool: Tool, dask: DaskCluster, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "cos_migrate", other / "cos_migrate")
    (other / "cos_migrate" / "__init__.py").write_text('__version__ = "0.0.1"\n')
    dask.start_worker("old", {"PYTHONPATH": str(other)})
    dask.start_worker("new")
    tool.put("a")
    tool.common["cluster"] = dask.address
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.err
    warnings = tool.log("warn.log")
    assert "a Dask worker is not used: Dask worker old (" in warnings
    assert "it has version 0.0.1 of cos-migrate instead of" in warnings
    assert "Dask worker new" not in warnings


BLIND = """
import os, sys

def watch(event, args):
    if event == "open" and str(args[0]).endswith("first"):
        raise PermissionError(13, "Permission denied", str(args[0]))

if "cos_migrate.pools.worker" in sys.orig_argv:
    sys.addaudithook(watch)
"""


def test_a_worker_that_does_not_see_the_folder_is_named(
    tool: Tool, cos: HeldCos, dask: DaskCluster, tmp_path: Path
) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(BLIND)
    dask.start_worker("blind", {"PYTHONPATH": f"{tmp_path / 'hook'}{os.pathsep}{ROOT}"})
    dask.start_worker("seeing")
    tool.put("first", b"1")
    tool.put("second", b"22")
    tool.common["cluster"] = dask.address
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted()), ended.out + ended.err
    errors = tool.log("error.log")
    assert "Dask worker blind (" in errors
    assert "does not see the same source as this machine" in errors
    assert "seeing" not in errors
    assert stored(cos) == {}


def test_secrets_reach_workers_in_the_job_alone(
    tool: Tool, cos: HeldCos, dask: DaskCluster
) -> None:
    fill(tool, files=20)
    tool.common["cluster"] = dask.address
    dask.start_worker("one")
    cos.hold(5)
    process = tool.start("--quiet")
    wait_until(lambda: cos.held, lambda: process.poll() is None)
    shown = b""
    for pid in dask.children("one"):
        for name in ("cmdline", "environ"):
            shown += Path(f"/proc/{pid}/{name}").read_bytes()
    assert b"cos_migrate.pools.worker" in shown
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.err
    seen = shown.decode() + dask.log("scheduler") + dask.log("one")
    assert SECRET_KEY not in seen


def test_a_cluster_with_tls(tool: Tool, cos: HeldCos, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("dask.example.com")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    files = {"ca-file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    files = {name: str(tmp_path / path) for name, path in files.items()}
    tool.put("a", b"x")
    tool.common |= {"clusterCa": files["ca-file"], "clusterCert": files["cert"]}
    tool.common["clusterKey"] = files["key"]
    with DaskCluster(tmp_path / "dask", files) as dask:
        dask.start_worker("one")
        assert dask.address.startswith("tls://")
        tool.common["cluster"] = dask.address
        ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.err
    assert stored(cos) == {"a": b"x"}


def test_a_cluster_of_this_machine_ends_with_the_tool(tool: Tool, cos: HeldCos) -> None:
    fill(tool, files=20)
    tool.common["cluster"] = "local:2"
    cos.hold(operation="PutObject")  # not what the workers prove first
    process = tool.start("--quiet")
    # A scheduler, two workers and a process of each.
    wait_until(lambda: len(descendants(process.pid)) >= 5, lambda: process.poll() is None)
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    below = descendants(process.pid)
    process.kill()
    process.communicate()
    cos.release()
    wait_until(lambda: not any(lives(pid) for pid in below))


def descendants(pid: int) -> list[int]:
    """Return all processes below one."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def lives(pid: int) -> bool:
    """Return whether a process runs: it is neither gone nor waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

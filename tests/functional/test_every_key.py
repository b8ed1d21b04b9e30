"""Every key of every section has a test that fails when the key is ignored.

The tests of `[common]` are listed here, those of a source in the table `PROVEN_KEYS` of its own
test file: section -> test (with its file, where that is another one) -> the keys that it proves.
The tests named are looked up, so that none can be renamed away.
"""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import declared_options
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[2]

LOCAL = "functional/test_local.py"
WAYS = "functional/test_ways_there.py"
KEYS = "functional/test_keys.py"
CLOUD = "functional/test_cloud_runs.py"
ENCRYPTION = "functional/test_encryption.py"
FILTERS = "functional/test_filters.py"
FAULTS = "functional/test_faults.py"
LIMITS = "functional/test_limits.py"
DAEMON = "functional/test_window_and_daemon.py"

TYPE = {
    "type": "unit/config/test_config.py::test_the_type_ignores_case",
    "deprecatedType": "unit/config/test_config.py::test_deprecated_type_is_accepted_and_ignored",
}
COMMON = {
    "secretId": "functional/test_batch.py::test_each_line_is_a_run_of_its_own",
    "secretKey": f"{FAULTS}::test_wrong_credentials_end_the_run_with_one_message",
    "token": f"{LOCAL}::test_a_temporary_token",
    "camRole": "functional/test_credential_chains.py::test_the_cam_role_of_a_cvm",
    "camRoleUrl": "functional/test_credential_chains.py::test_the_cam_role_of_a_cvm",
    "bucketName": f"{WAYS}::test_an_http_proxy_gets_absolute_targets",
    "region": "functional/test_batch.py::test_without_an_endpoint_the_region_of_common_counts",
    "storageClass": f"{LOCAL}::test_cos_path_and_metadata",
    "cosPath": f"{LOCAL}::test_cos_path_and_metadata",
    "dbCosPath": "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told",
    "https": f"{WAYS}::test_tls_with_a_private_ca",
    "caFile": f"{WAYS}::test_tls_with_a_private_ca",
    "endPointSuffix": f"{WAYS}::test_an_address_as_endpoint",
    "proxyHost": f"{WAYS}::test_an_http_proxy_gets_absolute_targets",
    "proxyPort": f"{WAYS}::test_an_https_tunnel_through_a_proxy",
    "proxyUser": f"{WAYS}::test_an_http_proxy_gets_absolute_targets",
    "proxyPassword": f"{WAYS}::test_an_http_proxy_gets_absolute_targets",
    "shortConnection": f"{WAYS}::test_short_connections",
    "tmpFolder": f"{KEYS}::test_what_cannot_be_streamed_lies_in_the_tmp_folder",
    "smallFileThreshold": f"{KEYS}::test_the_threshold_decides_what_is_sent_in_parts",
    "smallFileExecutorNum": f"{LOCAL}::test_concurrency_is_what_was_asked_for",
    "bigFileExecutorNum": f"{KEYS}::test_parts_at_once",
    "threadNum": f"{KEYS}::test_the_java_tools_task_threads_change_nothing",
    "workerProcessNum": f"{KEYS}::test_worker_processes",
    "listParallel": f"{CLOUD}::test_list_parallel_is_how_many_listings_are_under_way",
    "bufferMemory": f"{KEYS}::test_object_data_in_memory",
    "bigFileUploadPartSize": f"{KEYS}::test_the_part_size",
    "threadTrafficLimit": f"{LOCAL}::test_cos_path_and_metadata",
    "entireFileMd5Attached": f"{LOCAL}::test_without_md5",
    "daemonMode": f"{DAEMON}::test_daemon_mode_goes_round",
    "daemonModeInterVal": f"{DAEMON}::test_daemon_mode_goes_round",
    "executeTimeWindow": f"{DAEMON}::test_outside_the_window_nothing_is_sent",
    "encryptionType": f"{LOCAL}::test_cos_path_and_metadata",
    "outputFinishedFileFolder": f"{LOCAL}::test_finished_files_are_listed",
    "resume": f"{CLOUD}::test_resume_goes_on_listing_where_it_was_left",
    "skipSamePath": f"{LOCAL}::test_skip_same_path",
    "realTimeCompare": f"{CLOUD}::test_real_time_compare_asks_cos_instead_of_the_records",
    "probeRecords": "functional/test_probe_records.py::test_nothing_is_asked_when_it_is_off",
    "requestTryCount": f"{FAULTS}::test_tries_run_out",
    "requestTimeoutEnable": f"{FAULTS}::test_a_hanging_server_is_given_up",
    "requestTimeoutMs": f"{FAULTS}::test_a_hanging_server_is_given_up",
    "clientEncryption": f"{ENCRYPTION}::test_everything_is_encrypted_and_nothing_twice",
    "encryptionAlgo": "unit/config/test_bad_configs.py::test_bad_value",
    "keyPath": f"{ENCRYPTION}::test_our_own_command_reads_it_back",
    "encryptIV": f"{ENCRYPTION}::test_a_given_vector_and_part_sizes_of_no_whole_blocks",
    "check": "functional/test_check.py::test_what_differs_and_what_is_missing",
    "copyAcl": "functional/test_ali.py::test_acls_are_carried_over",
    "restoreArchived": "functional/test_restores.py::test_archived_objects_are_restored_and_sent",
    "restoreDays": "functional/test_restores.py::test_tiers_and_days_that_a_class_does_not_have",
    "restoreWait": "functional/test_restores.py::test_archived_objects_are_restored_and_sent",
    "copyTags": "functional/test_carried_over.py::test_tags",
    "copyMtime": "functional/test_carried_over.py::test_modification_times",
    "deleteExtra": "functional/test_delete_extra.py::test_recorded_objects_go_with_their_records",
    "maxDelete": "functional/test_delete_extra.py::test_more_than_allowed_is_none",
    "cluster": "functional/test_cluster.py::test_a_worker_that_joins_late_goes_on_alone",
    "clusterCert": "functional/test_cluster.py::test_a_cluster_with_tls",
    "clusterKey": "functional/test_cluster.py::test_a_cluster_with_tls",
    "clusterCa": "functional/test_cluster.py::test_a_cluster_with_tls",
    "clusterInsecure": "unit/config/test_cluster_keys.py::test_a_scheduler_that_others_reach",
    "shard": "functional/test_shards.py::test_shards_share_the_objects_and_nothing_twice",
    "storageClassMap": "functional/test_carried_over.py::test_storage_classes_are_mapped",
    "batchTaskPath": "functional/test_batch.py::test_each_line_is_a_run_of_its_own",
    "rocksMaxOpenFile": f"{KEYS}::test_open_files_of_the_database",
    "language": "functional/test_languages.py::test_the_key_comes_before_the_system",
    "heartbeat": "functional/test_streams.py::test_a_heartbeat_where_there_is_no_terminal",
    "bandwidthLimit": f"{LIMITS}::test_bandwidth_is_shared_by_small_and_big_objects",
    "requestsPerSecond": f"{LIMITS}::test_requests_to_cos_of_every_kind_are_counted",
    "srcRequestsPerSecond": f"{LIMITS}::test_requests_to_the_source_are_counted_with_its_listing",
    "include": f"{FILTERS}::test_every_filter_of_files",
    "exclude": f"{FILTERS}::test_every_filter_of_files",
    "filterFile": f"{FILTERS}::test_every_filter_of_files",
    "minSize": f"{FILTERS}::test_every_filter_of_files",
    "maxSize": f"{FILTERS}::test_every_filter_of_files",
    "modifiedAfter": f"{FILTERS}::test_every_filter_of_files",
    "modifiedBefore": f"{FILTERS}::test_every_filter_of_files",
    "onFinish": "functional/test_on_finish.py::test_it_gets_the_summary_and_no_credentials",
    "statusAddress": "functional/test_status_page.py::test_the_status_while_a_run_goes_on",
    "logSkipped": "functional/test_logs.py::test_skipped_objects_stay_out_of_the_logs",
}


def proven_keys() -> dict[str, dict[str, str]]:
    """Return section -> key -> test of the tables of all test files of sources."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "tests/sources").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROVEN_KEYS":
                for section, proofs in ast.literal_eval(node.value).items():
                    assert section not in found, f"{section} has two tables"
                    found[section] = {
                        key: proof if "::" in proof else f"sources/{path.name}::{proof}"
                        for proof, keys in proofs.items()
                        for key in keys.split()
                    }
    return found


PROVEN = proven_keys()
ALL: dict[str, tuple[type[Any], dict[str, str]]] = {
    "migrateType": (MigrateType, TYPE),
    "common": (Common, COMMON),
    **{name: (SECTIONS[name], PROVEN.get(name, {})) for name in registry.source_types()},
}


@functools.cache
def names_in(file: str) -> set[str]:
    """Return the tests of a file, also those that its classes inherit from a contract."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("contract"):
            contract = importlib.import_module(node.module or "")
            for one in node.names:
                names.update(dir(getattr(contract, one.name)))
    return names


@pytest.mark.parametrize("section", ALL)
def test_every_key_is_proven_by_a_test(section: str) -> None:
    kind, proofs = ALL[section]
    keys = {one.option.key for one in declared_options(kind)}
    assert keys == set(proofs), f"name a test for each key of [{section}]: {keys ^ set(proofs)}"
    for key, proof in proofs.items():
        file, _, name = proof.partition("::")
        assert name in names_in(file), f"{key}: there is no {proof}"


def test_no_section_is_proven_that_does_not_exist() -> None:
    assert set(PROVEN) == set(SECTIONS)

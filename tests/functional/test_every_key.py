"""Every key of every section has a test that fails when the key is ignored: which one stands here.

A new key needs a line here, and a section of a new source its own table. The tests named are looked
up, so that none can be renamed away.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import declared
from cos_migrate.sources import registry
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[2]

LOCAL = "functional/test_local.py"
WAYS = "functional/test_ways_there.py"
ACCEPTED = "unit/config/test_config.py::test_keys_of_a_url_list_are_accepted_and_ignored"
KEYS = "functional/test_keys.py"
CLOUD = "functional/test_cloud_runs.py"
ENCRYPTION = "functional/test_encryption.py"
FAULTS = "functional/test_faults.py"
DAEMON = "functional/test_window_and_daemon.py"
CONNECT = "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection"

TYPE = {
    "type": "unit/config/test_config.py::test_the_type_ignores_case",
    "deprecatedType": "unit/config/test_config.py::test_deprecated_type_is_accepted_and_ignored",
}
COMMON = {
    "secretId": "functional/test_batch.py::test_each_line_is_a_run_of_its_own",
    "secretKey": f"{FAULTS}::test_wrong_credentials_end_the_run_with_one_message",
    "token": f"{LOCAL}::test_a_temporary_token",
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
    "batchTaskPath": "functional/test_batch.py::test_each_line_is_a_run_of_its_own",
    "rocksMaxOpenFile": f"{KEYS}::test_open_files_of_the_database",
    "logSkipped": "functional/test_logs.py::test_skipped_objects_stay_out_of_the_logs",
}
SOURCES = {
    "migrateLocal": {
        "localPath": f"{LOCAL}::test_new_skip_update",
        "excludes": f"{LOCAL}::test_filters_are_told_and_counted",
        "ignoreModifiedTimeLessThanSeconds": f"{LOCAL}::test_filters_are_told_and_counted",
        "ignoreSuffix": f"{LOCAL}::test_filters_are_told_and_counted",
        "includeSuffix": f"{LOCAL}::test_filters_are_told_and_counted",
        "ignoreEmptyFile": f"{LOCAL}::test_filters_are_told_and_counted",
        "fileListMode": f"{LOCAL}::test_a_file_list",
        "fileListPath": f"{LOCAL}::test_a_file_list",
        "checkLocalRecord": f"{LOCAL}::test_without_records_everything_is_an_update",
    },
    "migrateAli": {
        "bucket": "sources/test_aliyun.py::test_a_missing_bucket_and_a_wrong_endpoint_are_named",
        "accessKeyId": "sources/test_aliyun.py::test_wrong_credentials_are_named",
        "accessKeySecret": "sources/test_aliyun.py::test_wrong_credentials_are_named",
        "prefix": "sources/test_aliyun.py::test_what_a_prefix_leaves_of_a_key",
        "proxyHost": "functional/test_ali.py::test_through_a_proxy_with_v4_signatures",
        "proxyPort": "functional/test_ali.py::test_through_a_proxy_with_v4_signatures",
        "srcHttps": "sources/test_aliyun.py::test_over_https_with_a_private_authority",
        "srcConnectTimeout": CONNECT,
        "srcSocketTimeout": "sources/test_aliyun.py::test_what_may_go_away_again",
        "uriList": "sources/test_aliyun.py::test_a_list_of_keys_instead_of_the_bucket",
        "endPoint": "sources/test_aliyun.py::test_what_an_endpoint_means",
    },
    "migrateQiniu": {
        "bucket": "sources/test_qiniu.py::test_a_missing_bucket",
        "accessKeyId": "sources/test_qiniu.py::test_wrong_keys",
        "accessKeySecret": "sources/test_qiniu.py::test_wrong_keys",
        "prefix": "functional/test_qiniu.py::test_a_prefix_through_a_proxy",
        "proxyHost": "functional/test_qiniu.py::test_a_prefix_through_a_proxy",
        "proxyPort": "functional/test_qiniu.py::test_a_prefix_through_a_proxy",
        "srcHttps": "sources/test_qiniu.py::test_https",
        "srcConnectTimeout": CONNECT,
        "srcSocketTimeout": "sources/test_qiniu.py::test_silence_is_not_waited_for",
        "uriList": "functional/test_qiniu.py::test_a_file_of_keys",
        "endPoint": "sources/test_qiniu.py::test_a_domain_that_is_not_there",
        "needSign": "sources/test_qiniu.py::test_an_unsigned_url_of_a_private_bucket",
        "rsHost": "sources/test_qiniu.py::test_hosts_of_a_private_deployment",
        "rsfHost": "sources/test_qiniu.py::test_hosts_of_a_private_deployment",
        "ucHost": "sources/test_qiniu.py::test_hosts_of_a_private_deployment",
    },
    "migrateUpyun": {
        "bucket": "sources/test_upyun.py::test_a_missing_service",
        "accessKeyId": "sources/test_upyun.py::test_wrong_keys",
        "accessKeySecret": "sources/test_upyun.py::test_wrong_keys",
        "prefix": "sources/test_upyun.py::test_the_prefix_is_a_folder",
        "proxyHost": "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told",
        "proxyPort": "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told",
        "srcHttps": "sources/test_upyun.py::test_https",
        "srcConnectTimeout": CONNECT,
        "srcSocketTimeout": "sources/test_upyun.py::test_silence_is_not_waited_for",
        "uriList": "sources/test_upyun.py::test_a_file_of_keys",
        "endPoint": "functional/test_upyun.py::test_many_folders_in_either_order",
        "dbPrefix": "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told",
        "compareMd5": (
            "functional/test_upyun.py::test_every_file_with_its_metadata_and_then_nothing_again"
        ),
        "acsendingOrder": "sources/test_upyun.py::test_both_orders",
    },
    "migrateAws": {
        "region": "sources/test_aws_errors.py::test_the_region_that_a_service_does_not_name",
        "bucket": "sources/test_aws_errors.py::test_wrong_settings",
        "accessKeyId": "sources/test_aws_errors.py::test_wrong_settings",
        "accessKeySecret": "sources/test_aws_errors.py::test_wrong_settings",
        "prefix": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "proxyHost": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "proxyPort": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "srcHttps": "sources/test_aws_errors.py::test_tls_with_a_private_ca",
        "srcConnectTimeout": CONNECT,
        "srcSocketTimeout": "sources/test_aws_errors.py::test_a_source_that_is_silent",
        "uriList": "sources/test_aws.py::test_a_list_of_keys_instead_of_a_listing",
        "endPoint": "sources/test_aws_errors.py::test_an_endpoint_that_nothing_answers",
        "etagIsMd5": "functional/test_etags.py::test_etags_that_are_no_md5",
    },
    "migrateCsp": {
        # What it shares with S3 is one code, tested there.
        "bucket": "sources/test_aws_errors.py::test_wrong_settings",
        "accessKeyId": "sources/test_aws_errors.py::test_wrong_settings",
        "accessKeySecret": "sources/test_aws_errors.py::test_wrong_settings",
        "prefix": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "proxyHost": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "proxyPort": "functional/test_aws.py::test_a_prefix_through_a_proxy",
        "srcHttps": "sources/test_aws_errors.py::test_tls_with_a_private_ca",
        "srcConnectTimeout": CONNECT,
        "srcSocketTimeout": "sources/test_aws_errors.py::test_a_source_that_is_silent",
        "uriList": "sources/test_csp.py::test_a_list_of_keys_may_have_blanks_around_them",
        "endPoint": "sources/test_aws_errors.py::test_an_endpoint_that_nothing_answers",
        "migrateSlashEndObjectAcl": "sources/test_csp.py::test_keys_that_end_in_a_slash",
    },
    "migrateUrl": {
        "urllistPath": "functional/test_urls.py::test_a_folder_of_lists_killed_and_completed",
        "isSkipHead": "functional/test_urls.py::test_is_skip_head",
        "allowHttpRedirect": "sources/test_url_list.py::test_a_redirect_from_https_to_http",
        "accessKeyId": ACCEPTED,
        "accessKeySecret": ACCEPTED,
    },
    "migrateBucketCopy": {
        "srcRegion": "functional/test_bucket_copy.py::test_through_a_proxy",
        "srcBucketName": "functional/test_bucket_copy.py::test_wrong_access_ends_with_one_message",
        "srcSecretId": "functional/test_bucket_copy.py::test_wrong_access_ends_with_one_message",
        "srcSecretKey": "functional/test_bucket_copy.py::test_wrong_access_ends_with_one_message",
        "srcToken": "sources/test_cos_bucket.py::test_a_token",
        "srcCosPath": "sources/test_cos_bucket.py::test_a_folder",
        "srcEndPointSuffix": (
            "functional/test_bucket_copy.py::test_wrong_access_ends_with_one_message"
        ),
        "srcFileList": "functional/test_bucket_copy.py::test_a_list_of_keys",
        "srcStorageClass": "sources/test_cos_bucket.py::test_one_storage_class",
    },
}
ALL: dict[str, tuple[type[Any], dict[str, str]]] = {
    "migrateType": (MigrateType, TYPE),
    "common": (Common, COMMON),
    **{name: (SECTIONS[name], SOURCES.get(name, {})) for name in registry.available()},
}


@functools.cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("section", ALL)
def test_every_key_is_proven_by_a_test(section: str) -> None:
    kind, proofs = ALL[section]
    assert {one.option.key for one in declared(kind)} == set(proofs)
    for key, proof in proofs.items():
        file, _, name = proof.partition("::")
        assert name in names_in(file), f"{key}: there is no {proof}"


def test_no_section_is_proven_that_does_not_exist() -> None:
    assert set(SOURCES) == set(SECTIONS)


def test_every_section_has_its_source() -> None:
    assert set(registry.available()) == set(SECTIONS)
    for name, section in SECTIONS.items():
        source = registry.find(name)
        assert (source.migrate_type, source.Config) == (name, section)

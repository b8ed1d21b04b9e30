"""Restores and tiers of the S3, OSS and COS servers, driven by the official SDKs."""

from __future__ import annotations

from pathlib import Path

import oss2
import pytest
from botocore.exceptions import ClientError
from oss2.models import RestoreConfiguration, RestoreJobParameters
from qcloud_cos.cos_exception import CosServiceError

from tests.fakes import oss_server, s3_server
from tests.fakes.aws_sdk import sdk_client
from tests.fakes.cos_server import sdk_of, serve
from tests.fakes.cos_wire import BUCKET
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server


def test_s3() -> None:
    with S3Server() as server:
        sdk = sdk_client("s3", server.url, s3_server.KEY_ID, s3_server.KEY)
        place = {"Bucket": s3_server.BUCKET, "Key": "a"}
        sdk.put_object(**place, Body=b"x", StorageClass="DEEP_ARCHIVE")
        with pytest.raises(ClientError, match="InvalidObjectState"):
            sdk.get_object(**place)
        wanted = {"Days": 2, "GlacierJobParameters": {"Tier": "Expedited"}}
        with pytest.raises(ClientError, match="no tier Expedited"):
            sdk.restore_object(**place, RestoreRequest=wanted)
        server.archive.seconds = 3600.0
        wanted["GlacierJobParameters"] = {"Tier": "Bulk"}
        answer = sdk.restore_object(**place, RestoreRequest=wanted)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert sdk.head_object(**place)["Restore"] == 'ongoing-request="true"'
        with pytest.raises(ClientError, match="RestoreAlreadyInProgress"):
            sdk.restore_object(**place, RestoreRequest=wanted)
        server.archive.finish()
        assert 'ongoing-request="false"' in sdk.head_object(**place)["Restore"]
        assert sdk.get_object(**place)["Body"].read() == b"x"
        assert server.archive.requests == [("a", "Bulk", 2)] * 2


def test_oss() -> None:
    with OssServer() as server:
        auth = oss2.Auth(oss_server.KEY_ID, oss_server.SECRET)
        bucket = oss2.Bucket(auth, server.url, oss_server.BUCKET, is_path_style=True)
        bucket.put_object("a", b"x", headers={"x-oss-storage-class": "ColdArchive"})
        server.archive.seconds = 3600.0
        wanted = RestoreConfiguration(days=2, job_parameters=RestoreJobParameters("Bulk"))
        assert bucket.restore_object("a", input=wanted).status == 202
        assert bucket.head_object("a").headers["x-oss-restore"] == 'ongoing-request="true"'
        with pytest.raises(oss2.exceptions.RestoreAlreadyInProgress):
            bucket.restore_object("a", input=wanted)
        server.archive.finish()
        assert bucket.get_object("a").read() == b"x"
        assert bucket.restore_object("a", input=wanted).status == 200
        bucket.put_object("warm", b"x")
        with pytest.raises(oss2.exceptions.OperationNotSupported):
            bucket.restore_object("warm", input=wanted)


def test_cos(tmp_path: Path) -> None:
    with serve(tmp_path / "cos") as server:
        sdk = sdk_of(server)
        sdk.put_object(BUCKET, b"x", "a", StorageClass="DEEP_ARCHIVE")
        assert sdk.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"x"
        server.archive.seconds = 3600.0
        with pytest.raises(CosServiceError, match="InvalidObjectState"):
            sdk.get_object(BUCKET, "a")
        wanted = {"Days": 2, "CASJobParameters": {"Tier": "Expedited"}}
        with pytest.raises(CosServiceError, match="MalformedXML"):
            sdk.restore_object(BUCKET, "a", wanted)
        wanted["CASJobParameters"] = {"Tier": "Bulk"}
        sdk.restore_object(BUCKET, "a", wanted)
        assert sdk.head_object(BUCKET, "a")["x-cos-restore"] == 'ongoing-request="true"'
        with pytest.raises(CosServiceError, match="RestoreAlreadyInProgress"):
            sdk.restore_object(BUCKET, "a", wanted)
        server.archive.finish()
        assert sdk.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"x"
        assert server.archive.asked == {"a": 1}

"""A private authority is trusted besides the public ones: target and source need not share it."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
import requests.adapters
import trustme

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.errors import SourceError
from cos_migrate.http.routes import Proxy
from cos_migrate.sources.base import SourceOptions
from tests.sources.contract import content, only
from tests.sources.test_cos_bucket import BUCKET, SECRET_ID, SECRET_KEY, source_of, store


@pytest.mark.parametrize("issued_by", ["public", "private", "another"])
def test_both_kinds_of_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issued_by: str
) -> None:
    authorities = {name: trustme.CA() for name in ("public", "private", "another")}
    for name, authority in authorities.items():
        authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "public.pem"))
    bundle = str(tmp_path / "public.pem")
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", bundle)
    issued = authorities[issued_by].issue_cert(f"{BUCKET}.cos.ap-shanghai.myqcloud.com")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    folder = tmp_path / "cos"
    folder.mkdir()
    server = EmbeddedCos(
        folder,
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        buckets=[BUCKET],
        tls=(tmp_path / "cert.pem", tmp_path / "key.pem"),
    )
    with server as cos:
        store(cos, "a", b"content")
        proxy = Proxy.of("127.0.0.1", cos.port)
        options = SourceOptions(str(tmp_path / "private.pem"), https=True, proxy=proxy)
        source = source_of(cos, options=options, src_end_point_suffix="")
        if issued_by == "another":
            with pytest.raises(SourceError) as caught:
                only(source)
            assert caught.value.code in {"CertificateInvalid", "TlsFailed"}
            return
        assert content(source, only(source)) == b"content"

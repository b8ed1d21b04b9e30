"""Certificates for servers of the tests, of an authority that is made for one test."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


def issue(ca_file: Path, *names: str) -> ssl.SSLContext:
    """Write the certificate of a new authority; return what a server with these names needs."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(str(ca_file))
    return context

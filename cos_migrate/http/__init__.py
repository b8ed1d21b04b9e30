"""Bytes over sockets: connections, TLS, retries."""

"""The target: signing, requests, verification."""

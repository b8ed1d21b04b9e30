"""A bucket of an embedded COS with the faults and the journal of all test clouds."""

from __future__ import annotations

import re
import ssl
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer, Request
from tests.fakes.tampered import Tampered

_ENTRY = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_END = b"</ListBucketResult>"


class CosFront(Tampered):
    """Forwards the requests for a bucket to an embedded COS in this process."""

    reads, lists = "GetObject", "GetBucket"

    def __init__(self, cos: EmbeddedCos, bucket: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(cos.port, tls=tls)
        self.cos, self.bucket = cos, bucket
        self._first_page = Answer(200)

    def put(
        self, key: str, body: bytes, headers: dict[str, str] | None = None, *, acl: str = ""
    ) -> None:
        """Place an object; it has a type unless `headers` name another one."""
        kept = {"content-type": "text/plain", **(headers or {})}
        self.cos.store.put(self.bucket, key, self.cos.store.receive([body]), kept, acl=acl)

    def remove(self, key: str) -> None:
        self.cos.store.delete(self.bucket, key)

    def operation(self, request: Request) -> tuple[str, str]:
        key = unquote(request.path[1:])
        if "acl" in dict(request.params):
            return "GetObjectAcl", key
        return f"{request.method.title()}{'Object' if key else 'Bucket'}", key

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        answer = super().answer(operation, key, request)
        if operation != self.lists:
            return answer
        if request.fault == "repeat":
            return self._first_page
        if request.fault == "shuffle":
            entries = _ENTRY.findall(answer.body)
            rest = _ENTRY.sub(b"", answer.body)
            body = rest.replace(_END, b"".join([*entries[::-1], _END]))
            return Answer(answer.status, {"x-cos-request-id": "shuffled"}, body)
        self._first_page = answer
        return answer

    def refusal(self, fault: Fault, request: Request) -> Answer:
        inner = f"<Code>{escape(fault.code)}</Code><Message>a planted fault</Message>"
        headers = {"content-type": "application/xml", "x-cos-request-id": "planted"}
        body = f"<Error>{inner}</Error>".encode()
        return Answer(fault.status, headers, b"" if request.method == "HEAD" else body)

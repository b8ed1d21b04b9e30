"""What several keys take, in the words of messages and of the documentation."""

from __future__ import annotations

from cos_migrate.config.values import MAX_INT

AES_KEY = "the absolute path of a file of 16, 24 or 32 bytes, the AES key itself"
ANYTHING = "anything"
COS_FOLDER = "a path that starts with /, such as /folder/doc/"
COUNT = f"a whole number from 1 to {MAX_INT}"
ENDPOINT_SUFFIX = "host or host:port without http://, such as cos.example.com or localhost:8080"
FILE = "the absolute path of an existing file, or nothing"
FILE_OR_FOLDER = "the absolute path of an existing file or folder"
HOST = "a host name or address without http:// and port"
ON_OFF = "on or off"
MILLISECONDS = f"milliseconds, 1 to {MAX_INT}"
PORT = "a whole number from 1 to 65535"
PREFIX = "the beginning of keys, or nothing"
SECONDS = f"seconds, 1 to {MAX_INT}"
SUFFIXES = "suffixes separated by ;"
TRUE_FALSE = "true or false"

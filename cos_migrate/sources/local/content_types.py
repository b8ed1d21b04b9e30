"""Content types by extension: an own table, the same on every machine.

The tables of operating systems differ, so the stored type would depend on the machine. Types: the
IANA registry, and the WHATWG list for web formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DEFAULT = "application/octet-stream"
FOLDER = "application/x-directory"

_GROUPS = {
    "application/epub+zip": "epub",
    "application/geo+json": "geojson",
    "application/gzip": "gz tgz",
    "application/java-archive": "jar war ear",
    "application/json": "json map",
    "application/jsonl": "jsonl ndjson",
    "application/ld+json": "jsonld",
    "application/manifest+json": "webmanifest",
    "application/msword": "doc dot",
    "application/mxf": "mxf",
    "application/ogg": "ogx",
    "application/pdf": "pdf",
    "application/pgp-signature": "asc sig",
    "application/pkcs8": "p8",
    "application/postscript": "ai eps ps",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/rtf": "rtf",
    "application/sql": "sql",
    "application/toml": "toml",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apple.installer+xml": "mpkg",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/vnd.debian.binary-package": "deb",
    "application/vnd.google-earth.kml+xml": "kml",
    "application/vnd.google-earth.kmz": "kmz",
    "application/vnd.ms-excel": "xls xlt",
    "application/vnd.ms-fontobject": "eot",
    "application/vnd.ms-powerpoint": "ppt pps",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.rar": "rar",
    "application/vnd.sqlite3": "sqlite db3",
    "application/vnd.visio": "vsd",
    "application/wasm": "wasm",
    "application/x-7z-compressed": "7z",
    "application/x-apple-diskimage": "dmg",
    "application/x-bittorrent": "torrent",
    "application/x-bzip2": "bz2",
    "application/x-iso9660-image": "iso",
    "application/x-msdownload": "exe dll",
    "application/x-msi": "msi",
    "application/x-rpm": "rpm",
    "application/x-sh": "sh",
    "application/x-shockwave-flash": "swf",
    "application/x-tar": "tar",
    "application/x-tex": "tex",
    "application/x-x509-ca-cert": "crt cer der",
    "application/x-xz": "xz",
    "application/xhtml+xml": "xhtml",
    "application/xml": "xml xsd xsl",
    "application/yaml": "yaml yml",
    "application/zip": "zip",
    "application/zstd": "zst",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/midi": "mid midi",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "oga ogg opus",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "audio/x-aiff": "aif aiff",
    "audio/x-ms-wma": "wma",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/apng": "apng",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/jpeg": "jpg jpeg jpe jfif",
    "image/jxl": "jxl",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif tiff",
    "image/vnd.adobe.photoshop": "psd",
    "image/vnd.djvu": "djvu",
    "image/webp": "webp",
    "image/x-icon": "ico",
    "message/rfc822": "eml",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "model/stl": "stl",
    "text/calendar": "ics",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "html htm",
    "text/javascript": "js mjs",
    "text/markdown": "md markdown",
    "text/plain": "txt text log conf cfg ini properties",
    "text/tab-separated-values": "tsv",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "text/x-c": "c h",
    "text/x-java-source": "java",
    "text/x-python": "py",
    "video/3gpp": "3gp",
    "video/mp2t": "ts m2ts",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpg mpeg",
    "video/ogg": "ogv",
    "video/quicktime": "mov qt",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-ms-asf": "asf",
    "video/x-ms-wmv": "wmv",
    "video/x-msvideo": "avi",
}
_HEADERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        extension: MappingProxyType({"content-type": kind})
        for kind, extensions in _GROUPS.items()
        for extension in extensions.split()
    }
)
_DEFAULT_HEADERS: Mapping[str, str] = MappingProxyType({"content-type": DEFAULT})
FOLDER_HEADERS: Mapping[str, str] = MappingProxyType({"content-type": FOLDER})


def headers_for(name: str) -> Mapping[str, str]:
    """Return the `content-type` header for a file of this name, shared by all of its kind."""
    dot = name.rfind(".")
    if dot < 0:
        return _DEFAULT_HEADERS
    extension = name[dot + 1 :]
    found = _HEADERS.get(extension)
    return found or _HEADERS.get(extension.lower(), _DEFAULT_HEADERS)

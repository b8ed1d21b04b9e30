"""Lines of URL lists: what is requested, the key, and what is masked."""

from __future__ import annotations

import base64

import pytest

from cos_migrate.sources.url_list.urls import BadUrl, follow_redirect, mask, parse_url


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "url", "key"),
        [
            ("http://h/a/b.txt", "http://h/a/b.txt", "a/b.txt"),
            ("HTTPS://H.Example/a?x=1&y=%20", "https://h.example/a?x=1&y=%20", "a"),
            ("http://h:80/a", "http://h/a", "a"),
            ("https://h:80/a", "https://h:80/a", "a"),
            ("http://h:8080/a#part?x", "http://h:8080/a", "a"),
            ("http://h//a///b//", "http://h//a///b//", "a/b/"),
            ("http://h/a%20b%2Fc", "http://h/a%20b%2Fc", "a b/c"),
            ("http://h/a b", "http://h/a%20b", "a b"),
            ("http://h/100%", "http://h/100%25", "100%"),
            ("http://h/%zz%41", "http://h/%25zz%41", "%zzA"),
            ("http://h/%2541", "http://h/%2541", "%41"),
            ("http://h/ü/中?q=中 x", "http://h/%C3%BC/%E4%B8%AD?q=%E4%B8%AD%20x", "ü/中"),
            ("http://h/a+b[1]{2}", "http://h/a+b%5B1%5D%7B2%7D", "a+b[1]{2}"),
            ("http://bücher.example/a", "http://xn--bcher-kva.example/a", "a"),
            ("http://faß.example/a", "http://xn--fa-hia.example/a", "a"),
            ("http://[::1]:81/a", "http://[::1]:81/a", "a"),
            ("\t http://h/a \r", "http://h/a", "a"),
        ],
    )
    def test_what_is_requested_and_the_key(self, text: str, url: str, key: str) -> None:
        address = parse_url(text)
        assert (address.url, address.key) == (url, key)
        assert parse_url(address.url) == address

    @pytest.mark.parametrize("text", ["http://h", "http://h/", "http://h//", "http://h?a=/b"])
    def test_no_path(self, text: str) -> None:
        assert parse_url(text).key == ""

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("just words", "does not begin with http:// or https://"),
            ("/a/b", "does not begin"),
            ("ftp://user:secret@h/a", "its scheme ftp: is not supported"),
            ("http:/h/a", "// is missing"),
            ("http:///a", "names no host"),
            ("http://ho st/secret", "its host is no host name"),
            ("http://h\\@evil/secret", "its host is no host name"),
            ("http://h:0/secret", "its port"),
            ("http://h:x/secret", "its port"),
            ("http://h:70000/secret", "its port"),
            ("http://h/%ff?secret", "not UTF-8"),
        ],
    )
    def test_what_is_no_url(self, text: str, why: str) -> None:
        with pytest.raises(BadUrl, match=why) as caught:
            parse_url(text)
        assert "secret" not in str(caught.value)

    def test_credentials_become_a_header(self) -> None:
        address = parse_url("http://us%40er:p%3Aw%2F@h/a")
        assert address.url == "http://h/a"
        token = base64.b64decode(address.authorization.removeprefix("Basic "))
        assert token == b"us@er:p:w/"

    def test_credentials_stay_with_their_server(self) -> None:
        start = parse_url("https://u:p@h/a/b")
        assert follow_redirect(start, "c?x").url == "https://h/a/c?x"
        assert follow_redirect(start, "/d").authorization == start.authorization
        for elsewhere in ("//other/x", "http://h/x", "https://h:444/x"):
            assert follow_redirect(start, elsewhere).authorization == ""
        with pytest.raises(BadUrl):
            follow_redirect(start, "file:///etc/passwd")

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("http://h/a?sig=x#f", "http://h/a?***"),
            ("http://u:p@h/a", "http://***@h/a"),
            ("http://h?token", "http://h?***"),
            ("ftp://u:p@h/a", "ftp://***@h/a"),
            ("/lists/a?b:7", "/lists/a?b:7"),
            ("user:p@h/a?sig=x", "***@h/a?***"),
            ("user@h/a", "***@h/a"),
            ("//user:p@h/a", "//***@h/a"),
            ("http:user:p@h/a", "***@h/a"),
            ("http://user:p/w@h/a", "http://***@h/a"),
            ("h:80/a@b", "h:80/a@b"),
            ("h/a@b", "h/a@b"),
            (
                "[taskType: migrateUrl] [bucket: b] [cosPath: /q?x=1] [url: http://u:p@h/q%3F?s=]]",
                "[taskType: migrateUrl] [bucket: b] [cosPath: /q?x=1] [url: http://***@h/q%3F?***]",
            ),
        ],
    )
    def test_masking(self, text: str, masked: str) -> None:
        assert mask(text) == masked

package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const cosScheme = "q-sign-algorithm=sha1&"

const hexDigits = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// appendEscaped appends text in the percent encoding that both signature
// schemes use (RFC 3986; a slash stays as it is only where keepSlash says so).
func appendEscaped(to []byte, text string, keepSlash bool) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if unreserved(c) || c == '/' && keepSlash {
			to = append(to, c)
		} else {
			to = append(to, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return to
}

// cosVerifier checks the q-sign-algorithm=sha1 signature of COS.
type cosVerifier struct {
	id, key  string
	signKeys sync.Map // q-key-time -> hex sign key: clients use one for many requests
}

func (v *cosVerifier) signKey(keyTime string) []byte {
	if known, ok := v.signKeys.Load(keyTime); ok {
		return known.([]byte)
	}
	key := []byte(hex.EncodeToString(hmacSHA1([]byte(v.key), []byte(keyTime))))
	v.signKeys.Store(keyTime, key)
	return key
}

func hmacSHA1(key, text []byte) []byte {
	mac := hmac.New(sha1.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

type cosAuthorization struct {
	id, signTime, keyTime, headers, params, signature string
}

func parseCOS(authorization string) cosAuthorization {
	var a cosAuthorization
	for authorization != "" {
		var field string
		field, authorization, _ = strings.Cut(authorization, "&")
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "q-ak":
			a.id = value
		case "q-sign-time":
			a.signTime = value
		case "q-key-time":
			a.keyTime = value
		case "q-header-list":
			a.headers = value
		case "q-url-param-list":
			a.params = value
		case "q-signature":
			a.signature = value
		}
	}
	return a
}

func inTime(span string) bool {
	from, to, ok := strings.Cut(span, ";")
	begin, err1 := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	now := time.Now().Unix()
	return ok && err1 == nil && err2 == nil && begin <= now+900 && now <= end
}

func (v *cosVerifier) verify(r *http.Request, authorization string) error {
	a := parseCOS(authorization)
	if a.id != v.id {
		return errors.New("unknown secret id")
	}
	if !inTime(a.signTime) || !inTime(a.keyTime) {
		return errors.New("the signature's time is over")
	}
	text := make([]byte, 0, 512)
	text = append(text, strings.ToLower(r.Method)...)
	text = append(text, '\n')
	text = append(text, r.URL.Path...)
	text = append(text, '\n')
	text = appendParams(text, r, a.params)
	text = append(text, '\n')
	text = appendHeaders(text, r, a.headers)
	text = append(text, '\n')
	digest := sha1.Sum(text)
	text = append(text[:0], "sha1\n"...)
	text = append(text, a.signTime...)
	text = append(text, '\n')
	text = hex.AppendEncode(text, digest[:])
	text = append(text, '\n')
	want := hmacSHA1(v.signKey(a.keyTime), text)
	if got, err := hex.DecodeString(a.signature); err != nil || !hmac.Equal(want, got) {
		return errors.New("the signature does not match")
	}
	return nil
}

func appendPair(to []byte, name string, value []byte) []byte {
	if len(to) > 0 && to[len(to)-1] != '\n' {
		to = append(to, '&')
	}
	to = append(to, name...)
	to = append(to, '=')
	return append(to, value...)
}

func appendParams(to []byte, r *http.Request, list string) []byte {
	if list == "" {
		return to
	}
	values := make(map[string]string)
	for name, all := range r.URL.Query() {
		escaped := strings.ToLower(string(appendEscaped(nil, name, false)))
		values[escaped] = all[0]
	}
	if decoded, err := url.PathUnescape(list); err == nil && strings.Contains(list, "%3B") {
		list = decoded
	}
	names := strings.Split(list, ";")
	sort.Strings(names)
	for _, name := range names {
		value := appendEscaped(nil, values[strings.ToLower(name)], false)
		to = appendPair(to, strings.ToLower(name), value)
	}
	return to
}

// headerValue gives back what net/http takes out of the header map.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	return r.Header.Get(name)
}

func appendHeaders(to []byte, r *http.Request, list string) []byte {
	var scratch [128]byte
	for list != "" {
		var name string
		name, list, _ = strings.Cut(list, ";")
		to = appendPair(to, name, appendEscaped(scratch[:0], headerValue(r, name), false))
	}
	return to
}

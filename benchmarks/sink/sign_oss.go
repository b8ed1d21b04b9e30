package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"sort"
	"strings"
)

const ossScheme = "OSS "

// ossVerifier checks OSS's signature version 1 in the Authorization header, of
// requests that name the bucket in their path and no subresource.
type ossVerifier struct{ id, key string }

func (v *ossVerifier) verify(r *http.Request, authorization string) error {
	id, signature, _ := strings.Cut(strings.TrimPrefix(authorization, ossScheme), ":")
	if id != v.id {
		return errors.New("unknown access key")
	}
	var names []string
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Oss-") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	text := r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n" + r.Header.Get("Date") + "\n"
	for _, name := range names {
		text += strings.ToLower(name) + ":" + strings.TrimSpace(r.Header.Get(name)) + "\n"
	}
	mac := hmac.New(sha1.New, []byte(v.key))
	mac.Write([]byte(text + r.URL.Path))
	if signature != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		return errors.New("the signature does not match")
	}
	return nil
}

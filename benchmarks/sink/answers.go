package main

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

// failure has every field that COS's own SDKs insist on.
type failure struct {
	Code, Message, Resource string
	RequestID               string `xml:"RequestId"`
	TraceID                 string `xml:"TraceId"`
}

type initiated struct {
	Bucket, Key string
	UploadID    string `xml:"UploadId"`
}

type completed struct {
	Location, Bucket, Key, ETag string
}

type completion struct {
	Parts []struct {
		Number int `xml:"PartNumber"`
	} `xml:"Part"`
}

type part struct {
	PartNumber         int
	LastModified, ETag string
	Size               int64
}

type partList struct {
	Bucket, Key          string
	UploadID             string `xml:"UploadId"`
	MaxParts             int
	PartNumberMarker     int
	NextPartNumberMarker int
	IsTruncated          bool
	Part                 []part
}

type pendingUpload struct {
	Key       string
	UploadID  string `xml:"UploadId"`
	Initiated string
}

type uploadList struct {
	Bucket      string
	IsTruncated bool
	Upload      []pendingUpload
}

type content struct {
	Key, LastModified, ETag string
	Size                    int64
	StorageClass, Type      string // the type is OSS's
}

type commonPrefix struct{ Prefix string }

type objectList struct {
	Name, Prefix          string
	Marker                string
	NextMarker            string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	KeyCount, MaxKeys     int
	IsTruncated           bool
	Contents              []content
	CommonPrefixes        []commonPrefix
}

func writeXML(w io.Writer, root string, value any) {
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).EncodeElement(value, xml.StartElement{Name: xml.Name{Local: root}})
}

func reply(c *call, root string, value any) {
	c.w.Header().Set("Content-Type", "application/xml")
	c.w.WriteHeader(http.StatusOK)
	writeXML(c.w, root, value)
}

func number(query url.Values, name string, fallback int) int {
	if value, err := strconv.Atoi(query.Get(name)); err == nil && value >= 0 {
		return value
	}
	return fallback
}

func partsOf(c *call, id string, u *upload) partList {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	marker := number(c.query, "part-number-marker", 0)
	list := partList{
		Bucket: c.bucket, Key: c.key, UploadID: id,
		MaxParts: min(number(c.query, "max-parts", 1000), 1000), PartNumberMarker: marker,
	}
	for _, n := range u.numbers() {
		if n <= marker {
			continue
		}
		if len(list.Part) == list.MaxParts {
			list.IsTruncated = true
			break
		}
		known := u.parts[n]
		list.Part = append(list.Part, part{
			PartNumber: n, LastModified: time.Now().UTC().Format(timeFormat), ETag: `"` + known.etag + `"`, Size: known.size,
		})
		list.NextPartNumberMarker = n
	}
	return list
}

func uploadsOf(c *call, s *store) uploadList {
	list := uploadList{Bucket: c.bucket}
	s.uploads.Range(func(id, value any) bool {
		bucket, key, _ := strings.Cut(value.(*upload).path, "/")
		if bucket == c.bucket && strings.HasPrefix(key, c.query.Get("prefix")) {
			list.Upload = append(list.Upload, pendingUpload{
				Key: key, UploadID: id.(string), Initiated: time.Now().UTC().Format(timeFormat),
			})
		}
		return true
	})
	return list
}

// list answers both versions of the object listing.
func (s *sink) list(c *call) {
	marker := c.query.Get("marker")
	for _, name := range []string{"start-after", "continuation-token"} {
		if value := c.query.Get(name); value != "" {
			marker = value
		}
	}
	list := objectList{
		Name: c.bucket, Prefix: c.query.Get("prefix"), Marker: marker,
		MaxKeys: min(number(c.query, "max-keys", 1000), 1000), EncodingType: c.query.Get("encoding-type"),
	}
	last := s.page(c, &list, c.query.Get("delimiter"))
	list.KeyCount = len(list.Contents) + len(list.CommonPrefixes)
	if list.IsTruncated {
		list.NextMarker, list.NextContinuationToken = last, last
	}
	if list.EncodingType == "url" {
		escapeKeys(&list)
	}
	reply(c, "ListBucketResult", list)
}

// page fills the list with the keys behind its marker; it returns the last one.
func (s *sink) page(c *call, list *objectList, delimiter string) (last string) {
	paths := s.store.paths()
	prefix := c.bucket + "/" + list.Prefix
	from := max(prefix, c.bucket+"/"+list.Marker)
	for i := sort.SearchStrings(paths, from); i < len(paths) && strings.HasPrefix(paths[i], prefix); i++ {
		key := paths[i][len(c.bucket)+1:]
		if list.Marker != "" && (key == list.Marker || delimiter != "" && strings.HasSuffix(list.Marker, delimiter) && strings.HasPrefix(key, list.Marker)) {
			continue
		}
		folder := ""
		if cut := strings.Index(key[len(list.Prefix):], delimiter); delimiter != "" && cut >= 0 {
			folder = key[:len(list.Prefix)+cut+len(delimiter)]
		}
		if folder != "" && folder == last {
			continue
		}
		if len(list.Contents)+len(list.CommonPrefixes) == list.MaxKeys {
			list.IsTruncated = true
			return last
		}
		if folder != "" {
			list.CommonPrefixes = append(list.CommonPrefixes, commonPrefix{folder})
			last = folder
		} else if o := s.store.get(paths[i]); o != nil {
			list.Contents = append(list.Contents, content{
				Key: key, LastModified: o.modified.UTC().Format(timeFormat), ETag: `"` + o.etag + `"`,
				Size: o.size, StorageClass: "STANDARD", Type: "Normal",
			})
			last = key
		}
	}
	return last
}

func escape(text string) string { return string(appendEscaped(nil, text, true)) }

func escapeKeys(list *objectList) {
	list.Prefix, list.Marker, list.NextMarker = escape(list.Prefix), escape(list.Marker), escape(list.NextMarker)
	for i := range list.Contents {
		list.Contents[i].Key = escape(list.Contents[i].Key)
	}
	for i := range list.CommonPrefixes {
		list.CommonPrefixes[i].Prefix = escape(list.CommonPrefixes[i].Prefix)
	}
}

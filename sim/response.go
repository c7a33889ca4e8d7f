package sim

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// gzipFrom is the size from which libprocess compresses a body.
const gzipFrom = 1024

// serveJSON sends the size bytes that write writes. Mesos says the length of
// its bodies, so it has to be known before; only a compressed body goes out in
// chunks, because its length is not known.
func serveJSON(w http.ResponseWriter, r *http.Request, size int64, write func(io.Writer) error) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if size < gzipFrom || !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
		if r.Method != http.MethodHead {
			write(w) // an error here is the client's: nobody is left to tell
		}
		return
	}
	h.Set("Content-Encoding", "gzip")
	if r.Method == http.MethodHead {
		return
	}
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // cannot fail: the level is valid
	if write(z) == nil {
		z.Close()
	}
}

// refuse sends a reason as plain text, as Mesos does.
func refuse(w http.ResponseWriter, status int, reason string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(reason)))
	w.WriteHeader(status)
	io.WriteString(w, reason) // an error here is the client's
}

// countingWriter counts bytes and forgets them.
type countingWriter int64

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3).
func acceptsGzip(values []string) bool {
	accepted := false
	for _, item := range strings.Split(strings.Join(values, ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "*" {
			continue
		}
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		if coding == "gzip" {
			return weight > 0
		}
		accepted = weight > 0
	}
	return accepted
}

func utoa(n uint16) string { return strconv.Itoa(int(n)) }

package sim

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gzipFrom is the size from which libprocess compresses a body.
const gzipFrom = 1024

// serveJSON sends the size bytes that write writes. Mesos says the length of
// its bodies, so it has to be known before; only a compressed body goes out in
// chunks, because its length is not known.
func serveJSON(w http.ResponseWriter, r *http.Request, size int64, write func(io.Writer) error) {
	if r.Method == http.MethodHead {
		serveHead(w, size, write)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if size < gzipFrom || !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
		write(w) // an error here is the client's: nobody is left to tell
		return
	}
	h.Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // cannot fail: the level is valid
	if write(z) == nil {
		z.Close()
	}
}

// serveHead answers HEAD with a body, as Mesos does: what follows on a kept
// connection is taken for the next answer. net/http would leave the body out,
// so the connection is taken from it. It ends after that, because it cannot be
// given back.
func serveHead(w http.ResponseWriter, size int64, write func(io.Writer) error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil { // a recorder, say
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		return
	}
	defer conn.Close()
	fmt.Fprintf(buffered, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		time.Now().UTC().Format(http.TimeFormat), size)
	if write(buffered) == nil {
		buffered.Flush()
	}
}

// refuse sends a reason as plain text, as Mesos does.
func respondText(w http.ResponseWriter, status int, reason string) {
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

func formatPort(n uint16) string { return strconv.Itoa(int(n)) }

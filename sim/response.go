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

// serveJSON sends the body that write writes, which has size bytes. Mesos sends the length
// of its bodies; only a compressed body is sent in chunks, because its length is not known.
func serveJSON(w http.ResponseWriter, r *http.Request, size int64, write func(io.Writer) error) {
	if r.Method == http.MethodHead {
		serveHead(w, size, write)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if size < gzipFrom || !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
		write(w) // an error means that the client has left
		return
	}
	h.Set("Content-Encoding", "gzip")
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // cannot fail: the level is valid
	if write(z) == nil {
		z.Close()
	}
}

// serveHead responds to HEAD with a body, as Mesos does: a client takes it for the next
// response on the connection. net/http would omit the body, so the connection is hijacked
// and closed at the end.
func serveHead(w http.ResponseWriter, size int64, write func(io.Writer) error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil { // not a network connection
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

// respondText sends a reason as plain text, as Mesos does.
func respondText(w http.ResponseWriter, status int, reason string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(reason)))
	w.WriteHeader(status)
	io.WriteString(w, reason) // an error means that the client has left
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

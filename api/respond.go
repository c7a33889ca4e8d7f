package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// notReady is what is said before the first state has arrived.
const notReady = "no state of the cluster yet"

// contentJSON has no charset, as in Mesos-DNS: JSON has only one.
const contentJSON = "application/json"

// writeJSON answers with a value in the form of json.MarshalIndent(v, "", " "),
// except that '<', '>' and '&' stand for themselves: this is no HTML, and the
// type says so.
func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		s.log.WithError(err).Error("an HTTP answer could not be encoded")
		http.Error(w, "the answer could not be encoded", http.StatusInternalServerError)
		return
	}
	write(w, status, contentJSON, bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// writeText answers with plain text.
func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// write answers with a body that is complete. For HEAD, net/http leaves the
// body out and keeps the length. An error of writing means that the client is
// gone, which concerns nobody.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

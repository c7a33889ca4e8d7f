package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"toponym/records"
)

// contentJSON has no charset, as in Mesos-DNS: JSON has only one.
const contentJSON = "application/json"

// notReady is the error of paths that need a state of the cluster.
const notReady = "no state of the cluster yet"

// encodeJSON encodes a value in the form of json.MarshalIndent(v, "", " "), except
// that '<', '>' and '&' are not escaped: this is not HTML, and the content type
// says so.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// writeJSON answers with a value of limited size.
func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := encodeJSON(v)
	if err != nil {
		s.log.WithError(err).Error("encoding an HTTP answer failed")
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	write(w, status, contentJSON, body)
}

// writeError answers with an error in JSON.
func (s *Server) writeError(w http.ResponseWriter, status int, text string) {
	s.writeJSON(w, status, errorBody{text})
}

// writeText answers with plain text.
func writeText(w http.ResponseWriter, status int, text string) {
	write(w, status, "text/plain; charset=utf-8", []byte(text))
}

// write answers with a complete body. net/http leaves the body out for HEAD and
// keeps its length. An error of writing means that the client is gone.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.Writer(w).Write(body)
}

// appendText appends any text as a JSON string, as encodeJSON does. ASCII makes no
// garbage.
func appendText[T ~string | ~[]byte](b []byte, text T) []byte {
	begin := len(b)
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c > '~':
			quoted, _ := encodeJSON(string(text)) // a string has an encoding
			return append(b[:begin], quoted...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends printable ASCII, such as the presentation form of a name,
// as a JSON string.
func appendQuoted[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// appendName appends a name in presentation form as a JSON string, without
// allocating memory.
func appendName(b []byte, n records.Name) []byte {
	var text [1024]byte // the longest name with every byte escaped
	return appendQuoted(b, n.AppendTo(text[:0]))
}

// withoutControls replaces the control characters in JSON strings (C0, C1 and
// DEL) by U+FFFD: texts of masters and frameworks must not reach terminals and
// logs by way of an answer. It expects the escapes of encoding/json.
func withoutControls(b []byte) []byte {
	const replacement = "\uFFFD"
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && i+1 < len(b):
			i++
			switch e := b[i]; {
			case bytes.IndexByte([]byte("bfnrt"), e) >= 0:
				out = append(out, replacement...)
			case e == 'u' && i+4 < len(b) && b[i+1] == '0' && b[i+2] == '0' && b[i+3] <= '1':
				out = append(out, replacement...)
				i += 4
			default:
				out = append(out, '\\', e)
			}
		case c == 0x7f:
			out = append(out, replacement...)
		case c == 0xc2 && i+1 < len(b) && b[i+1] < 0xa0:
			out = append(out, replacement...)
			i++
		default:
			out = append(out, c)
		}
	}
	return out
}

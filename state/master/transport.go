package master

import (
	"net"
	"net/http"
	"time"
)

// dialTimeout is for a connection to a master, and for its TLS handshake.
const dialTimeout = 5 * time.Second

// newTransport is how masters are asked.
func newTransport(o Options) http.RoundTripper {
	// A master keeps idle connections for ever, and what follows an answer to
	// HEAD or an error breaks the next one: one connection per reading.
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		TLSClientConfig:        o.TLS,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         64 << 10,
	}
	if o.Username != "" {
		return basic{t, o.Username, o.Password}
	}
	return t
}

// basic adds HTTP Basic authentication to requests (RFC 7617).
type basic struct {
	next               http.RoundTripper
	username, password string
}

func (b basic) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(b.username, b.password)
	return b.next.RoundTrip(r)
}

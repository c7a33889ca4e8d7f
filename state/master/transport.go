package master

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"time"
)

// dialTimeout is for a connection to a master, and for its TLS handshake.
const dialTimeout = 5 * time.Second

// newTransport is how masters are asked: over connections of their own, with
// what the authentication of the settings adds. It is safe for concurrent use.
func newTransport(o Options) http.RoundTripper {
	d := &dialer{tls: o.TLS}
	// A master keeps idle connections for ever, and what follows an answer to
	// HEAD or an error breaks the next one: one connection per reading.
	t := &http.Transport{
		DialContext:            d.DialContext,
		DialTLSContext:         d.DialTLSContext,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         64 << 10,
	}
	switch o.authentication() {
	case basicAuthentication:
		return basic{t, o.Username, o.Password}
	case iamAuthentication:
		return newIAM(t, o.Account)
	}
	return t
}

// dialer opens connections. Certificates are those of the moment: a file that
// was changed counts from the next connection on.
type dialer struct {
	net.Dialer
	tls func() *tls.Config // nil for the system's authorities and no certificate
}

func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return d.Dialer.DialContext(ctx, network, addr)
}

func (d *dialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.tls != nil {
		conf = d.tls().Clone()
	}
	if conf.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conf.ServerName, _, _ = strings.Cut(host, "%") // no certificate is for a zone
	}
	secure := tls.Client(conn, conf)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

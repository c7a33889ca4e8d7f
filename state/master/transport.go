package master

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// dialTimeout bounds a connection to a master, and its TLS handshake.
const dialTimeout = 5 * time.Second

// newTransport returns what sends single requests, with the authentication of
// the settings. It is safe for concurrent use.
func newTransport(o Options) http.RoundTripper {
	d := &dialer{tls: o.TLS, log: o.Log, legacy: map[string]bool{}}
	if d.tls == nil {
		d.tls = systemTLS
	}
	// A master keeps idle connections for ever, and a connection is broken by
	// what follows an answer to HEAD or an error: each request gets its own.
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

// systemTLS trusts the system's authorities and has no certificate.
func systemTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// dialer opens connections. It takes the certificates of the moment, so that a
// changed file counts from the next connection on. It is safe for concurrent
// use.
type dialer struct {
	net.Dialer
	tls func() *tls.Config
	log logrus.FieldLogger

	mu     sync.Mutex
	legacy map[string]bool // by host:port: masters that accept legacy ciphers only
}

func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return d.Dialer.DialContext(ctx, network, addr)
}

// legacyCiphers are offered to masters that refuse all others. Mesos's default
// ciphers (LIBPROCESS_SSL_CIPHERS) are AES128-SHA, AES256-SHA and some that Go
// does not have.
var legacyCiphers = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// DialTLSContext opens a connection and makes the TLS handshake. A master that
// refuses the ciphers of TLS 1.2 and 1.3 that are good is offered legacy ones:
// its certificate is checked all the same.
func (d *dialer) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conf := d.tls()
	d.mu.Lock()
	known := d.legacy[addr]
	d.mu.Unlock()
	if known {
		if conn, err := d.handshake(ctx, network, addr, withLegacyCiphers(conf)); err == nil {
			return conn, nil
		}
	}
	conn, err := d.handshake(ctx, network, addr, conf)
	if err == nil || !isAlert(err, alertHandshakeFailure) || known {
		return asConn(conn), err
	}
	legacy, lerr := d.handshake(ctx, network, addr, withLegacyCiphers(conf))
	if isAlert(lerr, alertHandshakeFailure) {
		return nil, err // it wants something else
	} else if lerr != nil {
		return nil, lerr
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.legacy) < maxRemembered {
		d.legacy[addr] = true
	}
	d.log.WithFields(logrus.Fields{"master": addr, "cipher": tls.CipherSuiteName(legacy.ConnectionState().CipherSuite)}).
		Warn("a master accepts legacy TLS ciphers only; set LIBPROCESS_SSL_CIPHERS of the masters to ECDHE ciphers with GCM")
	return legacy, nil
}

// asConn keeps a nil connection a nil interface.
func asConn(c *tls.Conn) net.Conn {
	if c == nil {
		return nil
	}
	return c
}

func withLegacyCiphers(conf *tls.Config) *tls.Config {
	conf = conf.Clone()
	conf.CipherSuites = legacyCiphers
	conf.MaxVersion = tls.VersionTLS12
	return conf
}

func (d *dialer) handshake(ctx context.Context, network, addr string, conf *tls.Config) (*tls.Conn, error) {
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if conf.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			conn.Close()
			return nil, err
		}
		conf = conf.Clone()
		conf.ServerName, _, _ = strings.Cut(host, "%") // no certificate is for a zone
	}
	secure := tls.Client(conn, conf)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, handshakeError{err}
	}
	return secure, nil
}

// handshakeError is an error of a TLS handshake. net/http replaces what it
// recognizes as a tls.RecordHeaderError.
type handshakeError struct{ err error }

func (e handshakeError) Error() string { return e.err.Error() }
func (e handshakeError) Unwrap() error { return e.err }

// Alerts of TLS (RFC 8446 s6.2).
const (
	alertHandshakeFailure    tls.AlertError = 40
	alertBadCertificate      tls.AlertError = 42
	alertCertificateRequired tls.AlertError = 116
)

// isAlert reports whether an error is one of these alerts of the peer. Package
// tls returns them as an unexported type, so the text is compared.
func isAlert(err error, alerts ...tls.AlertError) bool {
	oe := (*net.OpError)(nil)
	if !errors.As(err, &oe) || oe.Op != "remote error" {
		return false
	}
	return slices.ContainsFunc(alerts, func(a tls.AlertError) bool { return oe.Err.Error() == a.Error() })
}

// explain describes an error of sending a request. It leaves out what differs
// each time, the URL and the port on this side, and names the settings to check
// where one side speaks TLS and the other does not, or a certificate is missing.
func (c *client) explain(err error) error {
	plain := cause(err)
	if c.scheme == "https" && isAlert(err, alertHandshakeFailure, alertBadCertificate, alertCertificateRequired) && !hasCertificate(c.tls()) {
		return fmt.Errorf("%w: the master may require a client certificate: check CertFile and KeyFile", plain)
	}
	header := tls.RecordHeaderError{}
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	switch handshake := errors.As(err, new(handshakeError)); {
	case handshake && (closed || errors.As(err, &header)):
		return fmt.Errorf("%w: the master does not answer in TLS: check MesosHTTPSOn", plain)
	case c.scheme == "http" && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`):
		return errors.New("the master answers in TLS: set MesosHTTPSOn")
	case c.scheme == "http" && closed:
		return fmt.Errorf("%w: the master closed the connection without an answer; if it expects TLS, set MesosHTTPSOn", plain)
	}
	return plain
}

func hasCertificate(conf *tls.Config) bool {
	return len(conf.Certificates) > 0 || conf.GetClientCertificate != nil
}

// cause returns an error without what differs each time: the URL, which the
// caller names, and the port on this side.
func cause(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if de := (*net.DNSError)(nil); errors.As(err, &de) {
		// Its text quotes the connection to the resolver, as in "read udp
		// 10.0.0.1:41872->10.0.0.2:53: i/o timeout"; the end is what happened.
		return fmt.Errorf("looking up %s: %s", de.Name, strings.TrimSpace(de.Err[strings.LastIndex(de.Err, ": ")+1:]))
	}
	if oe := (*net.OpError)(nil); errors.As(err, &oe) {
		return fmt.Errorf("%s: %w", oe.Op, oe.Err)
	}
	return err
}

package server

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/filewatch"
	"toponym/internal/handshake"
)

// certificates hold a TLS configuration as the files of the settings have it at
// the moment: certificates are often renewed every few days, and restarting a name
// server for that is not acceptable.
type certificates struct {
	of   string // what they are for, in the log: "the masters"
	load func() (*tls.Config, error)
	log  logrus.FieldLogger

	mu      sync.Mutex
	files   *filewatch.Files
	current *tls.Config // the last that could be used
	failed  string      // why those read last cannot be used, which was logged
}

// newCertificates reads the files. The error says what is wrong with them.
func newCertificates(of string, from config.TLSFiles, log logrus.FieldLogger) (*certificates, error) {
	t := &certificates{of: of, load: from.Load, log: log, files: filewatch.NewFiles(from.Paths...)}
	t.files.MarkRead()
	var err error
	t.current, err = t.load()
	return t, err
}

// config returns the configuration for a new connection. While files cannot be
// used, those from before are: a certificate and its key are seldom replaced at
// the same moment.
func (t *certificates) config() *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.files.Changed() {
		return t.current
	}
	t.files.MarkRead()
	c, err := t.load()
	if err != nil {
		if text := err.Error(); text != t.failed {
			t.failed = text
			t.log.WithField("error", strings.ReplaceAll(text, "\n", "; ")).
				Warn("the certificates for " + t.of + " have changed and cannot be used; those from before are")
		}
		return t.current
	}
	t.current, t.failed = c, ""
	t.log.Info("the certificates for " + t.of + " were read again")
	return t.current
}

// tlsServer returns the function that makes the TLS side of a server out of a
// connection, or nil where no listener uses it.
func tlsServer(used bool, of string, from config.TLSFiles, limit *handshake.Limit, log logrus.FieldLogger) (func(net.Conn) *tls.Conn, error) {
	if !used {
		return nil, nil
	}
	certs, err := newCertificates(of, from, log)
	if err != nil {
		return nil, err
	}
	return limit.Server(certs.config), nil
}

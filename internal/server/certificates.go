package server

import (
	"crypto/tls"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"toponym/config"
	"toponym/internal/filewatch"
)

// certificates hold the TLS configuration for connections to the masters, as the
// files of the settings have it at the moment: certificates are often renewed
// every few days, and restarting a name server for that is not acceptable.
type certificates struct {
	load func() (*tls.Config, error)
	log  logrus.FieldLogger

	mu      sync.Mutex
	files   *filewatch.Files
	current *tls.Config // the last that could be used
	failed  string      // why those read last cannot be used, which was logged
}

func newCertificates(c *config.Config, log logrus.FieldLogger) (*certificates, error) {
	var paths []string
	for _, path := range []string{c.CACertFile, c.CertFile, c.KeyFile} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	t := &certificates{load: c.TLS, log: log, files: filewatch.NewFiles(paths...)}
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
				Warn("the certificates for the masters have changed and cannot be used; those from before are")
		}
		return t.current
	}
	t.current, t.failed = c, ""
	t.log.Info("the certificates for the masters were read again")
	return t.current
}

package server

import (
	"crypto/tls"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"toponym/config"
)

// certificates are how to speak TLS with the masters, by the files of the
// settings as they are at the moment. Certificates are often renewed every few
// days, and nobody restarts a name server for that.
type certificates struct {
	load  func() (*tls.Config, error)
	files []string
	log   logrus.FieldLogger

	mu     sync.Mutex
	seen   []stamp     // of files, when they were read last
	conf   *tls.Config // the last that was good
	broken string      // why what was read last is not
}

func newCertificates(c *config.Config, log logrus.FieldLogger) (*certificates, error) {
	t := &certificates{load: c.TLS, log: log}
	for _, f := range []string{c.CACertFile, c.CertFile, c.KeyFile} {
		if f != "" {
			t.files = append(t.files, f)
		}
	}
	t.seen = t.look()
	var err error
	t.conf, err = t.load()
	return t, err
}

// look tells apart files that were changed, by what it costs little to know.
func (t *certificates) look() []stamp {
	seen := make([]stamp, len(t.files))
	for i, f := range t.files {
		seen[i] = stampOf(f)
	}
	return seen
}

// current is for each new connection. Files that cannot be used leave what was
// good before: a certificate and its key are seldom written at once.
func (t *certificates) current() *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Looked at before they are read: what changes meanwhile is seen next time.
	now := t.look()
	if slices.EqualFunc(t.seen, now, stamp.equal) {
		return t.conf
	}
	t.seen = now
	conf, err := t.load()
	if err != nil {
		if why := err.Error(); why != t.broken {
			t.broken = why
			t.log.Warnf("the certificates for the masters were changed and cannot be used; those from before are: %s", strings.ReplaceAll(why, "\n", "; "))
		}
		return t.conf
	}
	t.conf, t.broken = conf, ""
	t.log.Info("the certificates for the masters were changed, and are read anew")
	return t.conf
}

package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// maxPEMBytes bounds each file. The CAs of a system take some 200 KiB.
const maxPEMBytes = 4 << 20

// tlsFile is a setting that names a PEM file; path is empty if it is not set.
type tlsFile struct{ key, path string }

// tlsFiles are the files of one use of TLS.
type tlsFiles struct{ ca, cert, key tlsFile }

func (c *Config) masterFiles() tlsFiles {
	return tlsFiles{tlsFile{"CACertFile", c.CACertFile}, tlsFile{"CertFile", c.CertFile}, tlsFile{"KeyFile", c.KeyFile}}
}

func (c *Config) dnsFiles() tlsFiles {
	return tlsFiles{tlsFile{"tlsClientCAFile", c.TLSClientCAFile}, tlsFile{"tlsCertFile", c.TLSCertFile}, tlsFile{"tlsKeyFile", c.TLSKeyFile}}
}

func (c *Config) httpsFiles() tlsFiles {
	return tlsFiles{tlsFile{"httpsClientCAFile", c.HTTPSClientCAFile}, tlsFile{"httpsCertFile", c.HTTPSCertFile}, tlsFile{"httpsKeyFile", c.HTTPSKeyFile}}
}

// paths returns the files that are set.
func (f tlsFiles) paths() (paths []string) {
	for _, one := range [...]tlsFile{f.ca, f.cert, f.key} {
		if one.path != "" {
			paths = append(paths, one.path)
		}
	}
	return paths
}

// TLSFiles are the files of one use of TLS, to be read again when they change.
type TLSFiles struct {
	Paths []string                    // that are set
	Load  func() (*tls.Config, error) // reads them; the error is an Errors
}

func (f tlsFiles) export(load func() (*tls.Config, Errors)) TLSFiles {
	return TLSFiles{f.paths(), func() (*tls.Config, error) {
		conf, errs := load()
		if len(errs) > 0 {
			return nil, errs
		}
		return conf, nil
	}}
}

// TLS returns what makes the TLS configuration for connections to the masters:
// CACertFile, CertFile and KeyFile. Without CACertFile it has the CAs of the
// system.
func (c *Config) TLS() TLSFiles { return c.masterFiles().export(c.tls) }

// DNSTLS returns what makes the TLS configuration of tlsListen: tlsCertFile,
// tlsKeyFile and tlsClientCAFile.
func (c *Config) DNSTLS() TLSFiles { return c.dnsFiles().export(c.dnsTLS) }

// HTTPSTLS returns what makes the TLS configuration of httpsListen: httpsCertFile,
// httpsKeyFile and httpsClientCAFile.
func (c *Config) HTTPSTLS() TLSFiles { return c.httpsFiles().export(c.httpsTLS) }

func (c *Config) tls() (*tls.Config, Errors) {
	var errs Errors
	f := c.masterFiles()
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.ca.pool(&errs)}
	conf.Certificates = f.pair(&errs)
	return conf, errs
}

func (c *Config) dnsTLS() (*tls.Config, Errors) {
	conf, errs := c.dnsFiles().server("tlsListen")
	conf.NextProtos = []string{"dot"} // RFC 7858, section 3.2, and RFC 9103, section 7.1
	// A response leaves in one piece: with small records first, Go would divide it.
	conf.DynamicRecordSizingDisabled = true
	return conf, errs
}

func (c *Config) httpsTLS() (*tls.Config, Errors) {
	conf, errs := c.httpsFiles().server("httpsListen")
	// Without HTTP/2, a connection has one request at a time, which the limits of
	// the API count on.
	conf.NextProtos = []string{"http/1.1"}
	return conf, errs
}

// server returns the configuration of a listener. Certificates of clients are
// verified if there is a CA for them; a client need not have one.
func (f tlsFiles) server(listen string) (*tls.Config, Errors) {
	var errs Errors
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if conf.ClientCAs = f.ca.pool(&errs); conf.ClientCAs != nil {
		conf.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if f.cert.path == "" && f.key.path == "" {
		errs = append(errs, Error{Key: f.cert.key, Problem: "is missing while " + listen + " is given", Want: "a PEM file of the server's certificate, and its key in " + f.key.key})
		return conf, errs
	}
	conf.Certificates = f.pair(&errs)
	return conf, errs
}

// warnOfMissingFiles warns of files that will be missed once there is a listener.
func (l *loader) warnOfMissingFiles(listen string, listeners int, f tlsFiles) {
	if listeners > 0 || !l.valid(listen) {
		return
	}
	for _, one := range [...]tlsFile{f.ca, f.cert, f.key} {
		if _, given := l.config.sources[one.key]; !given || one.path == "" || !l.valid(one.key) {
			continue
		}
		if _, err := os.Stat(one.path); err != nil {
			l.warn(l.label(one.key), fmt.Sprintf("%s cannot be read: %v; it is not used, because %s is not set", one.path, withoutPath(err), listen))
		}
	}
}

func (f tlsFile) read(errs *Errors) (pem []byte, ok bool) {
	pem, err := readLimited(f.path, maxPEMBytes)
	if err != nil {
		return nil, position{key: f.key, errs: errs}.reject(f.path, "cannot be read: "+err.Error(), "a PEM file")
	}
	return pem, true
}

// pool reads a file of CAs. It is nil if there is none.
func (f tlsFile) pool(errs *Errors) *x509.CertPool {
	if f.path == "" {
		return nil
	}
	pem, ok := f.read(errs)
	if !ok {
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		position{key: f.key, errs: errs}.reject(f.path, "contains no certificate", "a PEM file of certificates")
	}
	return pool
}

// pair reads a certificate and its key. There is none if neither is set.
func (f tlsFiles) pair(errs *Errors) []tls.Certificate {
	missing := func(one, other tlsFile) []tls.Certificate {
		*errs = append(*errs, Error{Key: one.key, Problem: "is missing while " + other.key + " is given", Want: "both or none"})
		return nil
	}
	switch {
	case f.cert.path == "" && f.key.path == "":
		return nil
	case f.cert.path == "":
		return missing(f.cert, f.key)
	case f.key.path == "":
		return missing(f.key, f.cert)
	}
	cert, certRead := f.cert.read(errs)
	key, keyRead := f.key.read(errs)
	if !certRead || !keyRead {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		position{key: f.cert.key, errs: errs}.reject(f.cert.path, "does not match "+f.key.key+": "+err.Error(), "a certificate and its key, both PEM")
		return nil
	}
	return []tls.Certificate{pair}
}

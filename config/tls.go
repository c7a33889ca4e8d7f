package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
)

// TLS returns how to speak TLS with the masters: CACertFile, CertFile and
// KeyFile, read anew. Without CACertFile the CAs of the system count. The
// error is an Errors.
func (c *Config) TLS() (*tls.Config, error) {
	conf, faults := c.tls()
	if len(faults) > 0 {
		return nil, faults
	}
	return conf, nil
}

func (c *Config) tls() (*tls.Config, Errors) {
	var faults Errors
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	read := func(key, file string) []byte {
		pem, err := os.ReadFile(file)
		if err != nil {
			var e *fs.PathError // names the file once more
			if errors.As(err, &e) {
				err = e.Err
			}
			position{key: key, errs: &faults}.reject(file, "cannot be read: "+err.Error(), "a PEM file")
		}
		return pem
	}

	if c.CACertFile != "" {
		if pem := read("CACertFile", c.CACertFile); len(faults) == 0 {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(pem) {
				position{key: "CACertFile", errs: &faults}.reject(c.CACertFile, "holds no certificate", "a PEM file of certificates")
			}
		}
	}
	switch {
	case c.CertFile == "" && c.KeyFile == "":
	case c.CertFile == "":
		faults = append(faults, Error{Key: "CertFile", Problem: "is missing while KeyFile is given", Want: "both or none"})
	case c.KeyFile == "":
		faults = append(faults, Error{Key: "KeyFile", Problem: "is missing while CertFile is given", Want: "both or none"})
	default:
		before := len(faults)
		cert, key := read("CertFile", c.CertFile), read("KeyFile", c.KeyFile)
		if len(faults) > before {
			break
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			position{key: "CertFile", errs: &faults}.reject(c.CertFile, "does not go with KeyFile: "+err.Error(), "a certificate and its key, both PEM")
			break
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, faults
}

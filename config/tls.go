package config

import (
	"crypto/tls"
	"crypto/x509"
)

// maxPEMBytes bounds each file. The CAs of a system take some 200 KiB.
const maxPEMBytes = 4 << 20

// TLS reads CACertFile, CertFile and KeyFile and returns the TLS configuration
// for the masters. Without CACertFile it has the CAs of the system. The error is
// an Errors.
func (c *Config) TLS() (*tls.Config, error) {
	conf, errs := c.tls()
	if len(errs) > 0 {
		return nil, errs
	}
	return conf, nil
}

func (c *Config) tls() (*tls.Config, Errors) {
	var errs Errors
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	read := func(key, file string) []byte {
		pem, err := readLimited(file, maxPEMBytes)
		if err != nil {
			position{key: key, errs: &errs}.reject(file, "cannot be read: "+err.Error(), "a PEM file")
		}
		return pem
	}

	if c.CACertFile != "" {
		if pem := read("CACertFile", c.CACertFile); len(errs) == 0 {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(pem) {
				position{key: "CACertFile", errs: &errs}.reject(c.CACertFile, "contains no certificate", "a PEM file of certificates")
			}
		}
	}
	switch {
	case c.CertFile == "" && c.KeyFile == "":
	case c.CertFile == "":
		errs = append(errs, Error{Key: "CertFile", Problem: "is missing while KeyFile is given", Want: "both or none"})
	case c.KeyFile == "":
		errs = append(errs, Error{Key: "KeyFile", Problem: "is missing while CertFile is given", Want: "both or none"})
	default:
		before := len(errs)
		cert, key := read("CertFile", c.CertFile), read("KeyFile", c.KeyFile)
		if len(errs) > before {
			break
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			position{key: "CertFile", errs: &errs}.reject(c.CertFile, "does not match KeyFile: "+err.Error(), "a certificate and its key, both PEM")
			break
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, errs
}

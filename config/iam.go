package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
)

// ServiceAccount is who we are to the identity management of DC/OS: the file
// of IAMConfigFile, as DC/OS writes it and Mesos-DNS reads it.
type ServiceAccount struct {
	UID           string
	LoginEndpoint string          // an absolute URL, http or https, without credentials
	Key           *rsa.PrivateKey // for RS256, the only scheme that there is
}

// Format prints who, and where to log in, but not the key.
func (a ServiceAccount) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%s %s %s}", a.UID, a.LoginEndpoint, stars)
}

// MarshalJSON shows what Format does.
func (a ServiceAccount) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"uid": a.UID, "login_endpoint": a.LoginEndpoint, "private_key": stars})
}

const (
	maxAccountBytes = 64 << 10
	minKeyBits      = 1024 // what crypto/rsa signs with at least
	aServiceAccount = "the JSON of a service account: uid, private_key, login_endpoint"
)

// ServiceAccount reads IAMConfigFile anew. The error is an Errors. It never
// holds what stands in the file, for nobody can say which part of a malformed
// file is the key.
func (c *Config) ServiceAccount() (*ServiceAccount, error) {
	a, faults := c.serviceAccount()
	if len(faults) > 0 {
		return nil, faults
	}
	return a, nil
}

func (c *Config) serviceAccount() (*ServiceAccount, Errors) {
	var faults Errors
	fault := func(problem string) { // names the file, not what is in it
		position{key: "IAMConfigFile", errs: &faults}.reject(c.IAMConfigFile, problem, aServiceAccount)
	}
	if c.IAMConfigFile == "" {
		return nil, Errors{{Key: "IAMConfigFile", Problem: "is missing: mesosAuthentication is iam", Want: "a file with " + aServiceAccount}}
	}
	data, err := readAccount(c.IAMConfigFile)
	if err != nil {
		fault("cannot be read: " + err.Error())
		return nil, faults
	}
	var file struct {
		UID           string `json:"uid"`
		PrivateKey    string `json:"private_key"`
		LoginEndpoint string `json:"login_endpoint"`
		Scheme        string `json:"scheme"`
	}
	if json.Unmarshal(data, &file) != nil {
		fault("is not JSON, or a member of it is not a text")
		return nil, faults
	}
	a := &ServiceAccount{UID: file.UID, LoginEndpoint: file.LoginEndpoint}
	if file.UID == "" {
		fault("has no uid")
	}
	if u, err := url.Parse(file.LoginEndpoint); file.LoginEndpoint == "" {
		fault("has no login_endpoint")
	} else if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		fault("has a login_endpoint that is not http://host/path or https://host/path")
	}
	if file.Scheme != "" && file.Scheme != "RS256" {
		fault("has a scheme other than RS256")
	}
	if a.Key, err = parseKey(file.PrivateKey); err != nil {
		fault(err.Error())
	}
	return a, faults
}

func readAccount(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			err = e.Err // it names the file once more
		}
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAccountBytes+1))
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if err == nil && len(data) > maxAccountBytes {
		err = errors.New("it is larger than 64 KiB")
	}
	return data, err
}

// parseKey reads a PEM of PKCS #1 or PKCS #8.
func parseKey(text string) (*rsa.PrivateKey, error) {
	if text == "" {
		return nil, errors.New("has no private_key")
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("has a private_key that is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		ok := false
		if key, ok = any.(*rsa.PrivateKey); err != nil || !ok {
			return nil, errors.New("has a private_key that is not an RSA key without a password")
		}
	}
	if key.N.BitLen() < minKeyBits {
		return nil, fmt.Errorf("has a private_key of fewer than %d bits", minKeyBits)
	}
	return key, nil
}

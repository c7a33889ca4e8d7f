package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
)

// ServiceAccount is the content of IAMConfigFile: an account of DC/OS's identity
// and access management, in the format that Mesos-DNS reads.
type ServiceAccount struct {
	UID           string
	LoginEndpoint string          // an absolute URL, http or https, without credentials
	Key           *rsa.PrivateKey // for RS256, the only scheme
}

// Format prints the account without its key.
func (a ServiceAccount) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%s %s %s}", a.UID, a.LoginEndpoint, stars)
}

// MarshalJSON encodes the account without its key.
func (a ServiceAccount) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"uid": a.UID, "login_endpoint": a.LoginEndpoint, "private_key": stars})
}

const (
	maxAccountBytes = 64 << 10
	minKeyBits      = 1024 // the minimum of crypto/rsa
	aServiceAccount = "the JSON of a service account: uid, private_key, login_endpoint"
)

// ServiceAccount reads IAMConfigFile. The error is an Errors, without anything of
// the content: any part of a malformed file may be the key.
func (c *Config) ServiceAccount() (*ServiceAccount, error) {
	a, errs := c.serviceAccount()
	if len(errs) > 0 {
		return nil, errs
	}
	return a, nil
}

func (c *Config) serviceAccount() (*ServiceAccount, Errors) {
	var errs Errors
	reject := func(problem string) { // shows the path, not the content
		position{key: "IAMConfigFile", errs: &errs}.reject(c.IAMConfigFile, problem, aServiceAccount)
	}
	if c.IAMConfigFile == "" {
		return nil, Errors{{Key: "IAMConfigFile", Problem: "is missing: mesosAuthentication is iam", Want: "a file with " + aServiceAccount}}
	}
	data, err := readLimited(c.IAMConfigFile, maxAccountBytes)
	if err != nil {
		reject("cannot be read: " + err.Error())
		return nil, errs
	}
	var file struct {
		UID           string `json:"uid"`
		PrivateKey    string `json:"private_key"`
		LoginEndpoint string `json:"login_endpoint"`
		Scheme        string `json:"scheme"`
	}
	if json.Unmarshal(data, &file) != nil {
		reject("is not JSON, or a member of it is not a string")
		return nil, errs
	}
	a := &ServiceAccount{UID: file.UID, LoginEndpoint: file.LoginEndpoint}
	if file.UID == "" {
		reject("has no uid")
	}
	if u, err := url.Parse(file.LoginEndpoint); file.LoginEndpoint == "" {
		reject("has no login_endpoint")
	} else if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		reject("has a login_endpoint that is not http://host/path or https://host/path")
	}
	if file.Scheme != "" && file.Scheme != "RS256" {
		reject("has a scheme other than RS256")
	}
	if a.Key, err = parseKey(file.PrivateKey); err != nil {
		reject(err.Error())
	}
	return a, errs
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

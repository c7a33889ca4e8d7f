package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// Limits of reading from a server.
const (
	askTimeout = 30 * time.Second
	maxAnswer  = 64 << 20 // bytes
)

// serverFlag is -server, of the commands that ask a running server.
func serverFlag(flags *pflag.FlagSet, server *string) {
	flags.StringVar(server, "server", "http://127.0.0.1:"+defaultHTTPPort, "`ADDRESS` of the server's HTTP API: host, host:port or a URL")
}

// defaultHTTPPort is the default of the setting httpport.
const defaultHTTPPort = "8123"

// apiURL is the URL of a server's HTTP API, from what -server says.
func apiURL(server string) (*url.URL, error) { return serverURL(withHTTPPort(server)) }

// withHTTPPort adds the default port to a host name or an IP address that stands alone.
func withHTTPPort(text string) string {
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return net.JoinHostPort(addr.String(), defaultHTTPPort)
	}
	if _, err := strconv.Atoi(text); err == nil || text == "" || strings.ContainsAny(text, ":/?#[]@ ") {
		return text // a port, a URL, or nothing of this kind
	}
	return net.JoinHostPort(text, defaultHTTPPort)
}

// serverURL is the URL of a server, from a URL or host:port.
func serverURL(server string) (*url.URL, error) {
	text := server
	if !strings.Contains(text, "://") {
		if host, port, err := net.SplitHostPort(text); err == nil && host != "" && port != "" {
			text = "http://" + text
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("-server: %q is not a URL, host:port or a host: want something like http://127.0.0.1:8123 or 127.0.0.1:8123", server)
	}
	return u, nil
}

// errNoPath is the error for a path that a server does not have.
var errNoPath = errors.New("404 Not Found")

// client asks a running server.
type client struct {
	server    string // as the flag has it
	tokenFile string
}

// defineClient defines the flags of a client.
func defineClient(flags *pflag.FlagSet) *client {
	c := &client{}
	serverFlag(flags, &c.server)
	flags.StringVar(&c.tokenFile, "token-file", "", tokenFileUsage)
	return c
}

// adviceHTTP follows an error of something that is no HTTP API.
const adviceHTTP = "-server wants the address of the HTTP API, whose port is " + defaultHTTPPort + " unless httpport says otherwise"

// unreachable is the error for a server that gave no answer.
func unreachable(server string, err error) error {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return fmt.Errorf("the certificate of %s is not trusted: %w; the environment variable SSL_CERT_FILE names a file with the certificate of its authority", server, err)
	}
	if text := err.Error(); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || strings.Contains(text, "malformed HTTP") {
		return fmt.Errorf("%s does not speak HTTP: %w; %s", server, err, adviceHTTP)
	}
	if at, e := apiURL(server); e == nil && at.Port() == "53" {
		return fmt.Errorf("%s is the port of DNS: %w; %s", server, err, adviceHTTP)
	}
	return fmt.Errorf("no server answers at %s: %w; -server chooses another address", server, err)
}

// get reads an answer in JSON, and returns it also as it is. What an error status says
// is an error.
func (c *client) get(ctx context.Context, path []string, query url.Values, answer any) (raw []byte, err error) {
	if raw, err = c.read(ctx, path, query); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, fmt.Errorf("%s: the response does not come from Toponym: %w", c.server, err)
	}
	return raw, nil
}

// pathOfHealth is the path that every server has.
var pathOfHealth = []string{"healthz"}

// alive returns an error if the server does not answer, and only then.
func (c *client) alive(ctx context.Context) error {
	raw, err := c.read(ctx, pathOfHealth, nil)
	if err == nil && strings.TrimSpace(string(raw)) != "ok" {
		err = fmt.Errorf("%s: the response does not come from Toponym", c.server)
	}
	return err
}

// read reads an answer. What an error status says is an error.
func (c *client) read(ctx context.Context, path []string, query url.Values) (raw []byte, err error) {
	base, err := apiURL(c.server)
	if err != nil {
		return nil, err
	}
	at := base.JoinPath(path...)
	at.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	if err := authorize(ctx, r, c.tokenFile); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return nil, unreachable(c.server, err)
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, maxAnswer)
	if response.StatusCode == http.StatusNotFound {
		if slices.Equal(path, pathOfHealth) || c.alive(ctx) != nil {
			return nil, fmt.Errorf("%s: 404 Not Found: it does not look like Toponym; -server chooses another address", c.server)
		}
		return nil, fmt.Errorf("%s: %w", c.server, errNoPath)
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.NewDecoder(body).Decode(&refused) // without an error text the status has to do
		text := cmp.Or(plainText(refused.Error), response.Status)
		if response.StatusCode == http.StatusUnauthorized && c.tokenFile == "" {
			text += "; -token-file names a file with a token"
		}
		return nil, fmt.Errorf("%s: %s", c.server, text)
	}
	if raw, err = io.ReadAll(body); err != nil {
		return nil, fmt.Errorf("%s: the response is not complete: %w", c.server, err)
	}
	return raw, nil
}

//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// settings is the content of a configuration file.
type settings map[string]any

// server is a Toponym that runs as a process.
type server struct {
	*process
	port int    // of DNS
	url  string // of HTTP, without a slash at the end
}

// refresh is the interval at which a server of these tests polls its master.
const refresh = time.Second

// configFile writes the configuration of a server that reads m.
func configFile(t *testing.T, m *master, s *server, more settings) string {
	t.Helper()
	all := settings{
		"masters":        []string{m.addr.String()},
		"listener":       "127.0.0.1",
		"port":           s.port,
		"HTTPListener":   "127.0.0.1",
		"httpport":       portOf(t, s.url),
		"IPSources":      []string{"netinfo", "mesos", "host"},
		"refreshSeconds": int(refresh.Seconds()),
		"externalon":     false, // no query leaves this machine
	}
	maps.Copy(all, more)
	return writeJSON(t, "config.json", all)
}

func writeJSON(t *testing.T, name string, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, name, string(b))
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func portOf(t *testing.T, url string) json.Number {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return json.Number(port)
}

// launch starts a server without waiting until it is ready.
func launch(t *testing.T, m *master, more settings, flags ...string) *server {
	t.Helper()
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	s.process = start(t, toponym, append([]string{"-config", configFile(t, m, s, more)}, flags...)...)
	return s
}

// serve starts a server and waits until it has read the state.
func serve(t *testing.T, m *master, more settings, flags ...string) *server {
	t.Helper()
	s := launch(t, m, more, flags...)
	s.waitReady(t)
	return s
}

// serveExample starts a server for the example cluster.
func serveExample(t *testing.T, more settings) *server {
	t.Helper()
	return serve(t, newMaster(t, example(t).Cluster), more)
}

func (s *server) waitReady(t *testing.T) {
	t.Helper()
	eventually(t, "the server is ready", func() (bool, string) {
		if !s.running() {
			t.Fatal("the server has exited")
		}
		status, body, err := s.get("/readyz")
		return err == nil && status == http.StatusOK, fmt.Sprint(status, body, err)
	})
}

// get sends a GET request to the server.
func (s *server) get(path string) (status int, body string, err error) {
	c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(s.url + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// addr returns the address for DNS.
func (s *server) addr() string { return local(s.port) }

// web returns the address for HTTP.
func (s *server) web() string { return strings.TrimPrefix(s.url, "http://") }

// goResolver returns Go's resolver with the server as its only name server.
func (s *server) goResolver() *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr())
		},
	}
}

// addresses returns all addresses of a name, sorted.
func (s *server) addresses(name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, err := s.goResolver().LookupHost(ctx, name+".")
	slices.Sort(found)
	return found, err
}

// serial returns the serial of the domain.
func (s *server) serial(t *testing.T) uint32 {
	t.Helper()
	status, body, err := s.get("/v1/axfr")
	var zone struct{ Serial uint32 }
	if err == nil {
		err = json.Unmarshal([]byte(body), &zone)
	}
	if err != nil || status != http.StatusOK || zone.Serial == 0 {
		t.Fatalf("/v1/axfr: got status %d, error %v; want a serial", status, err)
	}
	return zone.Serial
}

// listedRecords are the addresses and SRV records that /v1/axfr lists, by name.
type listedRecords struct{ As, AAAAs, SRVs map[string][]string }

// listed returns what /v1/axfr lists of a zone; of the domain for "".
func (s *server) listed(t *testing.T, zone string) listedRecords {
	t.Helper()
	status, body, err := s.get("/v1/axfr?zone=" + zone)
	var all struct{ Records listedRecords }
	if err == nil {
		err = json.Unmarshal([]byte(body), &all)
	}
	if err != nil || status != http.StatusOK {
		t.Fatalf("/v1/axfr?zone=%s: got status %d, error %v; want 200", zone, status, err)
	}
	return all.Records
}

// wantAddresses fails the test unless the name has these addresses now.
func (s *server) wantAddresses(t *testing.T, name string, want ...string) {
	t.Helper()
	got, err := s.addresses(name)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got addresses %v, want %v", name, got, want)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"toponym/compare"
)

// Bounds of asking Mesos-DNS. Its answers are made in memory before they begin.
const (
	mesosDNSTimeout  = 5 * time.Minute // for an answer as a whole
	mesosDNSFirst    = time.Minute     // until an answer begins
	maxMesosDNSSmall = 1 << 20         // bytes of an answer about itself
)

// mesosDNS is a running Mesos-DNS, or a copy of its answer to /v1/axfr.
type mesosDNS struct {
	base *url.URL // nil for a copy
	file string
	http *http.Client
}

func newMesosDNS(f compareFlags) (*mesosDNS, error) {
	if !strings.Contains(f.mesosDNS, "://") {
		if _, err := os.Stat(f.mesosDNS); err == nil {
			return &mesosDNS{file: f.mesosDNS}, nil
		}
	}
	base, err := serverURL(f.mesosDNS)
	if err != nil {
		return nil, fmt.Errorf("-mesos-dns: %q is neither a URL nor a file: want something like http://127.0.0.1:8123", f.mesosDNS)
	}
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		ResponseHeaderTimeout:  mesosDNSFirst,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
	}
	return &mesosDNS{base: base, http: &http.Client{Transport: transport, Timeout: mesosDNSTimeout}}, nil
}

// statusError is the error for another status than 200.
type mesosDNSStatus struct{ code int }

func (e mesosDNSStatus) Error() string {
	text := fmt.Sprintf("status %d", e.code)
	if e.code == http.StatusNotFound {
		text += "; the setting EnumerationOn of Mesos-DNS must be true, and the URL must not have a path"
	}
	return text
}

// get passes the answer to a path to read.
func (m *mesosDNS) get(ctx context.Context, path string, read func(io.Reader) error) error {
	at := m.base.JoinPath(path)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	resp, err := m.http.Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("Mesos-DNS does not answer at %s: %w", at, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", at, mesosDNSStatus{resp.StatusCode})
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// axfr reads the records.
func (m *mesosDNS) axfr(ctx context.Context, limits compare.Limits) (a *compare.AXFR, err error) {
	read := func(r io.Reader) error {
		a, err = compare.ReadAXFR(r, limits)
		return err
	}
	if m.file == "" {
		return a, m.get(ctx, "/v1/axfr", read)
	}
	f, err := os.Open(m.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := read(f); err != nil {
		return nil, fmt.Errorf("%s: %w", m.file, err)
	}
	return a, nil
}

// tasks reads which tasks are listed; nil for a copy, and if they are not listed.
func (m *mesosDNS) tasks(ctx context.Context, limits compare.Limits) (tasks map[compare.Task]bool, err error) {
	if m.file != "" {
		return nil, nil
	}
	err = m.get(ctx, "/v1/enumerate", func(r io.Reader) error {
		tasks, err = compare.ReadEnumerate(r, limits)
		return err
	})
	if errors.As(err, new(mesosDNSStatus)) {
		return nil, nil
	}
	return tasks, err
}

// settings asks for the version and the settings; nil for a copy. What it does not tell
// is left out: early versions have fewer paths.
func (m *mesosDNS) settings(ctx context.Context) (*mesosDNSSettings, error) {
	if m.file != "" {
		return nil, nil
	}
	s := &mesosDNSSettings{values: map[string]json.RawMessage{}}
	var version struct{ Version string }
	var values map[string]json.RawMessage
	for path, answer := range map[string]any{"/v1/version": &version, "/v1/config": &values} {
		err := m.get(ctx, path, func(r io.Reader) error {
			return json.NewDecoder(io.LimitReader(r, maxMesosDNSSmall)).Decode(answer)
		})
		if err != nil && !errors.As(err, new(mesosDNSStatus)) {
			return nil, err
		}
	}
	s.version = plainText(version.Version)
	for key, v := range values {
		s.values[strings.ToLower(key)] = v
	}
	return s, nil
}

// dnsAddress is where a running Mesos-DNS answers over DNS, by its settings.
func (m *mesosDNS) dnsAddress(s *mesosDNSSettings) string {
	if m.base == nil {
		return ""
	}
	port := uint16(53)
	if s != nil && s.values["port"] != nil {
		_ = json.Unmarshal(s.values["port"], &port) // what is no port is not used
	}
	return net.JoinHostPort(m.base.Hostname(), strconv.Itoa(int(port)))
}

var versionNumber = regexp.MustCompile(`^v?([0-9]{1,4})\.([0-9]{1,4})(?:[.-]|$)`)

// before010 reports whether a version of Mesos-DNS is older than 0.10. One that is not
// known is not.
func before010(version string) bool {
	m := versionNumber.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1]) // at most four digits
	minor, _ := strconv.Atoi(m[2])
	return major == 0 && minor < 10
}

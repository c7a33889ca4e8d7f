package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/internal/backoff"
	"toponym/internal/filewatch"
	"toponym/internal/managedfile"
)

// Limits of a follower.
const (
	serverWait       = 10 * time.Second // of the server, for another configuration
	fetchTimeout     = serverWait + 20*time.Second
	maxConfiguration = 64 << 20 // bytes
	maxHead          = 1 << 20
	maxServerState   = 64 << 20
	stateTimeout     = 5 * time.Second
	longestWait      = 30 * time.Second // after failures
)

// follower keeps a configuration of HAProxy up to date:
//
//  1. It asks the server for the configuration. While that has the entity tag of
//     the last one, the server waits.
//  2. It replaces the file if it differs, once the new one has been checked.
//  3. It saves the addresses of HAProxy's servers and reloads HAProxy.
//
// What fails is tried again, and the file stays as it is meanwhile.
type follower struct {
	server, tokenFile string
	url               *url.URL
	query             url.Values
	headFile          string
	file              managedfile.File
	stateFile, socket string
	interval, pause   time.Duration
	log               logrus.FieldLogger

	tag      string // of the configuration that the file has
	head     []byte // that the file has
	pending  bool   // the file has changed, and HAProxy has not been reloaded
	failures int    // in a row
	reported string // the error that was logged last
}

// errUnchanged means that the configuration is the one that the file has.
var errUnchanged = errors.New("the configuration is unchanged")

// run keeps the file up to date until ctx ends.
func (f *follower) run(ctx context.Context) {
	f.log.WithFields(logrus.Fields{"server": f.server, "interval": f.interval}).Info("keeping a configuration of HAProxy up to date")
	for ctx.Err() == nil {
		wait := f.interval
		reloaded, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			f.logError(err)
			wait = max(wait, backoff.Delay(f.failures, f.interval, longestWait))
			f.failures++
		case f.failures > 0:
			f.log.Info("the configuration of HAProxy is up to date again")
			f.failures, f.reported = 0, ""
		}
		if reloaded {
			wait = max(wait, f.pause)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	f.log.Info("stopping")
}

// once makes the file up to date.
func (f *follower) once(ctx context.Context) error {
	_, err := f.look(ctx)
	return err
}

// look makes the file up to date, if it is not.
func (f *follower) look(ctx context.Context) (reloaded bool, err error) {
	content, err := f.fetch(ctx)
	switch {
	case errors.Is(err, errUnchanged):
	case err != nil:
		return false, err
	default:
		changed, err := f.file.Replace(ctx, content)
		if err != nil {
			f.tag = "" // it is checked again: what was wrong may be outside of the file
			return false, err
		}
		if changed {
			f.pending = true
			f.log.WithField("bytes", len(content)).Info("a new configuration of HAProxy is written")
		}
	}
	if !f.pending {
		return false, nil
	}
	f.saveState(ctx)
	if err := f.file.Apply(ctx); err != nil {
		return true, fmt.Errorf("reloading HAProxy: %w", err)
	}
	f.pending = false
	if f.file.Reload != "" {
		f.log.Info("HAProxy is reloaded")
	}
	return true, nil
}

// pid matches the process id in what HAProxy prints, which differs each time.
var pid = regexp.MustCompile(`\([0-9]+\)`)

// logError logs an error once until it changes.
func (f *follower) logError(err error) {
	text := pid.ReplaceAllString(err.Error(), "")
	if text == f.reported {
		return
	}
	f.reported = text
	var failed *managedfile.CommandError
	log := f.log.WithError(err)
	if errors.As(err, &failed) {
		log = f.log.WithFields(logrus.Fields{"command": failed.Command, "error": failed.Err, "output": failed.Output})
	}
	switch {
	case failed != nil && failed.Command == f.file.Check && !f.pending:
		log.Error("the new configuration of HAProxy is wrong; keeping the old one")
	case f.pending:
		log.Error("HAProxy was not reloaded; trying again")
	default:
		log.Error("the configuration of HAProxy cannot be brought up to date; keeping the old one")
	}
}

// fetch returns the configuration, with its head. The error is errUnchanged if the
// file has it.
func (f *follower) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var head []byte
	if f.headFile != "" {
		var err error
		if head, err = readLimited(ctx, f.headFile, maxHead); err != nil {
			return nil, err
		}
		if !bytes.Equal(head, f.head) {
			f.tag = ""
		}
	}
	body, tag, err := f.ask(ctx)
	if err != nil {
		return nil, err
	}
	f.tag, f.head = tag, head
	if f.headFile == "" {
		return body, nil
	}
	return append(append(bytes.TrimRight(head, "\n"), "\n\n"...), body...), nil
}

// readLimited reads a file that must not be longer than a limit.
func readLimited(ctx context.Context, path string, limit int64) ([]byte, error) {
	b, err := filewatch.Read(ctx, path, limit+1)
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return b, err
}

// ask requests the configuration from the server.
func (f *follower) ask(ctx context.Context) (body []byte, tag string, err error) {
	u, query := *f.url, maps.Clone(f.query)
	if f.tag != "" && !f.pending {
		query.Set("wait", serverWait.String())
	}
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", err
	}
	if f.tag != "" {
		r.Header.Set("If-None-Match", f.tag)
	}
	if err := authorize(ctx, r, f.tokenFile); err != nil {
		return nil, "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return nil, "", fmt.Errorf("no server answers at %s: %w; -server chooses another address", f.server, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && f.tag != "" {
		return nil, "", errUnchanged
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxConfiguration+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("%s: reading the configuration: %w", f.server, err)
	case response.StatusCode != http.StatusOK:
		var refused struct{ Error string }
		_ = json.Unmarshal(body, &refused) // without an error text the status has to do
		return nil, "", fmt.Errorf("%s: %s", f.server, cmp.Or(refused.Error, response.Status))
	case len(body) > maxConfiguration:
		return nil, "", fmt.Errorf("%s: the configuration is longer than %d bytes", f.server, maxConfiguration)
	case !bytes.HasPrefix(body, []byte("# Written by Toponym ")):
		return nil, "", fmt.Errorf("%s: the response is no configuration of HAProxy: want a Toponym that has /v1/sd/haproxy", f.server)
	}
	return body, response.Header.Get("ETag"), nil
}

// saveState writes the addresses of HAProxy's servers to the file that HAProxy reads
// them from when it starts. Without that, HAProxy has no servers until DNS answers.
func (f *follower) saveState(ctx context.Context) {
	if f.stateFile == "" {
		return
	}
	state, err := serverState(ctx, f.socket)
	if err == nil {
		_, err = (&managedfile.File{Path: f.stateFile}).Replace(ctx, state)
	}
	if err != nil {
		f.log.WithError(err).WithField("state", f.stateFile).Warn("the addresses of HAProxy's servers cannot be saved; after the reload it waits for DNS")
	}
}

// serverState asks a running HAProxy for the state of its servers.
func serverState(ctx context.Context, socket string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if _, err := io.WriteString(c, "show servers state\n"); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(bufio.NewReader(io.LimitReader(c, maxServerState)))
	if err == nil && !bytes.HasPrefix(b, []byte("1\n")) {
		err = fmt.Errorf("%s: %.100q is not the state of servers, version 1", socket, b)
	}
	return b, err
}

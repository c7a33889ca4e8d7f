package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tmaxmax/go-sse"

	"toponym/api"
	"toponym/internal/backoff"
)

// Limits of watching a server.
const (
	// watchSilence is how long a server may send nothing: it sends something every
	// 15 s.
	watchSilence  = 45 * time.Second
	maxWatchEvent = 16 << 20 // bytes
	firstWatchGap = 250 * time.Millisecond
	maxWatchGap   = 10 * time.Second
)

// texts is a flag that may be given several times, or with a list of values that are
// separated by commas.
type texts []string

// Type implements pflag.Value. Of a slice, the flag is completed more than once.
func (t *texts) Type() string { return "stringSlice" }

// String implements pflag.Value.
func (t *texts) String() string { return strings.Join(*t, ",") }

// Set implements pflag.Value.
func (t *texts) Set(s string) error {
	*t = append(*t, strings.Split(s, ",")...)
	return nil
}

// watchCommand is the command that prints the changes of a running server until it
// is interrupted.
func watchCommand(env environment) *cobra.Command {
	c := &cobra.Command{
		Use: "watch [NAME...] [FLAGS]", Short: "print the changes of records as they happen, on a running server",
		Long: "toponym watch [NAME...] prints the changes of records on a running server as they happen, until it is interrupted. " +
			"Without a name these are the changes of all names.",
	}
	flags := c.Flags()
	w := &watching{out: env.stdout, messages: env.stderr}
	serverFlag(flags, &w.server)
	flags.StringVar(&w.tokenFile, "token-file", "", tokenFileUsage)
	var suffixes, types, frameworks texts
	flags.Var(&suffixes, "suffix", "only names at or below a `NAME`; may be repeated")
	flags.Var(&types, "type", "only records of a `TYPE` such as SRV; may be repeated")
	flags.Var(&frameworks, "framework", "only names of the `FRAMEWORK`; may be repeated")
	flags.Uint64Var(&w.index, "index", 0, "begin with the changes after a version, by its `INDEX`; 0: from now on")
	var form output
	outputFlag(c, &form, "one object in each line")
	c.RunE = func(c *cobra.Command, names []string) error {
		base, err := apiURL(w.server)
		if err != nil {
			return err
		}
		u := base.JoinPath("v1", "watch")
		u.RawQuery = url.Values{"name": names, "suffix": suffixes, "type": types, "framework": frameworks}.Encode()
		w.url, w.json = u.String(), form == outputJSON
		server := &client{server: w.server, tokenFile: w.tokenFile}
		for _, f := range frameworks {
			w.tellWithoutTasks(c.Context(), server, f)
		}
		if err := w.run(c.Context()); err != nil && c.Context().Err() == nil {
			fmt.Fprintln(env.stderr, "toponym watch:", err)
			if w.refused {
				for _, name := range names {
					printFullName(c.Context(), env.stderr, server, name)
				}
			}
			return exitStatus(statusFailed)
		}
		return nil
	}
	return c
}

// tellWithoutTasks says that a framework has no tasks: it may be mistyped, or still to
// come. Where the server does not say, nothing is printed.
func (w *watching) tellWithoutTasks(ctx context.Context, server *client, framework string) {
	var found struct{ Instances []json.RawMessage }
	_, err := server.get(ctx, []string{"v1", "instances"}, url.Values{"framework": {framework}, "limit": {"1"}}, &found)
	if err == nil && found.Instances != nil && len(found.Instances) == 0 {
		fmt.Fprintf(w.messages, "toponym watch: no framework %s has tasks now; waiting for one\n", plain(framework))
	}
}

// printFullName prints what a name that cannot be watched is short for, or is like.
func printFullName(ctx context.Context, w io.Writer, server *client, name string) {
	var l api.Lookup
	_, err := server.get(ctx, []string{"v1", "lookup"}, url.Values{"name": {name}}, &l)
	if list := append(l.Completions, l.Near...); err == nil && len(list) > 0 {
		fmt.Fprintf(w, "%s: did you mean: %s\n", plain(name), plain(strings.Join(list, ", ")))
	}
}

// watching is a server whose changes are printed.
type watching struct {
	server, url   string
	tokenFile     string
	index         uint64 // to go on with; 0: from now on
	json          bool
	out, messages io.Writer

	connected bool   // it has been at least once
	refused   bool   // the server does not understand the request
	failures  int    // since events were read last
	told      string // the last error that was printed
}

// fatal is an error that another attempt would not change.
type fatal struct{ error }

// run prints changes until ctx ends. It connects again where the connection breaks,
// but not where there has never been one.
func (w *watching) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if f := (fatal{}); errors.As(err, &f) {
			return f.error
		}
		if message := err.Error(); w.failures == 0 || message != w.told {
			fmt.Fprintf(w.messages, "toponym watch: %s; trying again\n", message)
			w.told = message
		}
		select {
		case <-time.After(backoff.Delay(w.failures, firstWatchGap, maxWatchGap)):
		case <-ctx.Done():
		}
		w.failures++
	}
	return nil
}

// connect prints changes until the connection ends.
func (w *watching) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, nil)
	if err != nil {
		return fatal{err}
	}
	r.Header.Set("Accept", "text/event-stream")
	if w.index != 0 {
		r.Header.Set("Last-Event-ID", strconv.FormatUint(w.index, 10))
	}
	if err := authorize(ctx, r, w.tokenFile); err != nil {
		return fatal{err}
	}
	silence := time.AfterFunc(watchSilence, func() { cancel(fmt.Errorf("%s sent nothing for %v", w.server, watchSilence)) })
	defer silence.Stop()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
			err = cause
		}
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		if !w.connected {
			return fatal{unreachable(w.server, err)}
		}
		return fmt.Errorf("no server answers at %s: %w", w.server, err)
	}
	defer response.Body.Close()
	if err := w.check(response); err != nil {
		return err
	}
	if w.connected && w.failures > 0 {
		fmt.Fprintln(w.messages, "toponym watch: connected again")
	}
	w.connected = true
	err = w.read(response.Body, func() { silence.Reset(watchSilence) })
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return fmt.Errorf("%s has ended the connection: %w", w.server, cmp.Or(err, io.EOF))
}

// check looks at the status of a response.
func (w *watching) check(response *http.Response) error {
	if response.StatusCode == http.StatusOK && strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return nil
	}
	var refused struct{ Error string }
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&refused) // without an error text the status has to do
	err := fmt.Errorf("%s: %s", w.server, cmp.Or(plainText(refused.Error), response.Status))
	newest, parseErr := strconv.ParseUint(response.Header.Get("X-Toponym-Index"), 10, 64)
	switch {
	case response.StatusCode == http.StatusGone && w.connected && parseErr == nil:
		// Changes while there was no connection are lost.
		w.index = newest
		w.missed(newest)
		return err
	case response.StatusCode == http.StatusServiceUnavailable:
		return err
	case response.StatusCode == http.StatusBadRequest:
		w.refused = true
	case response.StatusCode == http.StatusOK || response.StatusCode == http.StatusNotFound:
		return fatal{fmt.Errorf("%s: the response does not come from a Toponym whose changes can be watched: %s", w.server, response.Status)}
	}
	return fatal{err}
}

// missed prints that all zones have to be read again.
func (w *watching) missed(index uint64) {
	if w.json {
		fmt.Fprintf(w.out, "{\"event\":%q,\"index\":%d}\n", api.WatchReset, index)
		return
	}
	fmt.Fprintln(w.out, "reset: changes were missed; read all records again")
}

// read prints the events of a stream. It calls alive whenever something arrives. Only an
// event that is complete counts, and only then its id, as for a browser: where the
// connection breaks, the last line may be any part of one.
func (w *watching) read(body io.Reader, alive func()) error {
	for e, err := range sse.Read(&livelyReader{body, alive}, &sse.ReadConfig{MaxEventSize: maxWatchEvent}) {
		if err != nil {
			return err
		}
		if e.Data != "" {
			if err := w.print([]byte(e.Data)); err != nil {
				return fatal{err}
			}
			w.failures = 0
		}
		if e.LastEventID == "" {
			continue
		}
		if w.index, err = strconv.ParseUint(e.LastEventID, 10, 64); err != nil {
			return fatal{fmt.Errorf("%s: got the event id %.40q, want a number", w.server, e.LastEventID)}
		}
	}
	return nil
}

// livelyReader calls alive after each read that gets something.
type livelyReader struct {
	io.Reader
	alive func()
}

func (r *livelyReader) Read(b []byte) (n int, err error) {
	if n, err = r.Reader.Read(b); n > 0 {
		r.alive()
	}
	return n, err
}

// print prints an event.
func (w *watching) print(data []byte) error {
	var e api.WatchEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%s: an event cannot be read: %w", w.server, err)
	}
	var b []byte
	switch {
	case w.json:
		b = append(append(b, data...), '\n')
	case e.Event == api.WatchIndex && e.Newest != e.Index:
		fmt.Fprintf(w.messages, "toponym watch: changes after index %d; the newest version is %d\n", e.Index, e.Newest)
	case e.Event == api.WatchIndex:
		fmt.Fprintf(w.messages, "toponym watch: changes after index %d, the newest version\n", e.Index)
	case e.Event == api.WatchReset:
		b = fmt.Appendf(b, "%s reset %s: too much has changed; read the zone again\n", timeOf(e), plainText(e.Zone))
	default:
		b = appendChanges(appendChanges(b, "-", e, e.Removed), "+", e, e.Added)
	}
	_, err := w.out.Write(b)
	return err
}

func appendChanges(b []byte, sign string, e api.WatchEvent, list []api.WatchRecord) []byte {
	for _, r := range list {
		b = fmt.Appendf(b, "%s %s %s %d %s %s\n", timeOf(e), sign, plainText(e.Name), r.TTL, plainText(e.Type), plainText(r.Data))
	}
	return b
}

// timeOf is the time of an event to the millisecond.
func timeOf(e api.WatchEvent) string {
	if e.Time == nil {
		return "-"
	}
	return e.Time.Format("2006-01-02T15:04:05.000Z07:00")
}

// plainText is a text without characters that could control a terminal.
func plainText(s string) string {
	if s == "" {
		return ""
	}
	return plain(s)
}

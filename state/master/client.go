package master

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"toponym/internal/backoff"
	"toponym/state"
	"toponym/state/leader"
)

// Paths of masters. Mesos before 0.25 knows the old path of the state only, and
// Mesos from 1.8 on the new one only. The operator API is that of Mesos 1.0 and
// later.
const (
	statePath    = "/master/state"
	oldStatePath = "/master/state.json"
	apiPath      = "/api/v1"
)

// Bounds of requests.
const (
	// maxHops bounds how often one request follows a redirect, a leader field or
	// an old path.
	maxHops = 5
	// firstByteTimeout is how long an answer may take to begin. A state of
	// 100,000 tasks takes a busy master some seconds; some proxies keep a stream
	// back for ever. Other masters are asked who leads long before.
	firstByteTimeout = time.Minute
	// callTimeout bounds a call with a small answer, and smallAnswer its size.
	callTimeout = 5 * time.Second
	smallAnswer = 64 << 10
	// maxRetryAfter bounds how long a master can ask us to stay away.
	maxRetryAfter = 5 * time.Minute
	// maxRemembered bounds of how many masters something is remembered: any number
	// of addresses may be named as the leader.
	maxRemembered = 100
	// maxErrorText bounds, in bytes, what is quoted of an answer.
	maxErrorText = 200
)

// client sends requests to masters and follows redirects to the leader. It is
// safe for concurrent use but for fullState, which is for one goroutine at a
// time.
type client struct {
	http     *http.Client
	scheme   string
	auth     authentication
	timeout  time.Duration // from the first byte of a state to its last
	maxBytes int64         // of one answer or event, decompressed
	keep     []string      // prefixes of the keys of labels that are kept
	decoders func() int    // how many goroutines may decode a state
	trusted  trustedHosts
	tls      func() *tls.Config
	oldPath  map[leader.Address]bool // masters that know the old path only
	busy     busyTracker
}

func newClient(o Options) *client {
	c := &client{
		scheme:   "http",
		auth:     o.authentication(),
		timeout:  o.Timeout,
		maxBytes: o.MaxBytes,
		keep:     o.KeepLabels,
		decoders: func() int { return 1 },
		trusted:  trustedHosts{masters: o.Leaders.Masters, resolve: o.Resolve},
		oldPath:  map[leader.Address]bool{},
		busy:     busyTracker{busy: o.Busy},
	}
	if o.HTTPS {
		c.scheme = "https"
	}
	c.http = &http.Client{Transport: newTransport(o), CheckRedirect: c.checkRedirect}
	if c.tls = o.TLS; c.tls == nil {
		c.tls = systemTLS
	}
	return c
}

// checkRedirect is the http.Client's. A standby answers 307 with the leader's
// host and port; only these count, since the path is the one asked for, or means
// the same. Mesos never answers 302, but a proxy may, and net/http would make a
// GET of a call then.
func (c *client) checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	if req.URL.Scheme != first.URL.Scheme {
		return fmt.Errorf("a redirect from %s to %.20s is not allowed", first.URL.Scheme, strings.ToValidUTF8(req.URL.Scheme, "\uFFFD"))
	}
	to, err := urlAddress(req.URL)
	if err == nil && !isHost(to.Host) {
		err = errors.New("the host is neither an address nor a host name")
	}
	if err != nil {
		return fmt.Errorf("a redirect to %.100q: %w", req.URL.Host, err)
	}
	for _, r := range via {
		if r.URL.Host == req.URL.Host || r.URL.Host == to.String() {
			return errors.New("masters name each other as the leader")
		}
	}
	if len(via) >= maxHops {
		return errors.New("too many redirects")
	}
	if err := c.checkTrust(req.Context(), to.Host, last.URL.Hostname()); err != nil {
		return err
	}
	req.URL = &url.URL{Scheme: first.URL.Scheme, Host: to.String(), Path: first.URL.Path}
	if req.Method != first.Method {
		body, err := first.GetBody()
		if err != nil {
			return err
		}
		req.Method, req.Body, req.GetBody, req.ContentLength = first.Method, body, first.GetBody, first.ContentLength
	}
	req.Header = first.Header.Clone()
	activityOf(req.Context()).requested(to)
	return nil
}

// isHost reports whether a host is an address or may be a host name.
func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || leader.IsHostName(s)
}

// checkTrust returns an error where a host that another one named must not be
// sent credentials.
func (c *client) checkTrust(ctx context.Context, host, from string) error {
	if c.auth == noAuthentication || c.scheme == "https" {
		return nil
	}
	return c.trusted.check(ctx, host, from)
}

// urlAddress returns where a URL leads.
func urlAddress(u *url.URL) (leader.Address, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return leader.ParseAddress(net.JoinHostPort(u.Hostname(), port))
}

// do sends a request to a master, follows its redirect to the leader, and returns
// the response and the master that it came from. Errors begin with the address of the master that
// they are about.
func (c *client) do(ctx context.Context, at leader.Address, method, path, body string) (*http.Response, leader.Address, error) {
	u := url.URL{Scheme: c.scheme, Host: at.String(), Path: path}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, at, fmt.Errorf("%s: %w", at, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Toponym")
	if body != "" {
		req.Header.Set("Content-Type", "application/json") // with a charset it is refused
	}
	activity := activityOf(ctx)
	activity.requested(at)
	asked := at
	resp, err := c.http.Do(req)
	if err != nil {
		activity.finished()
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			if u, perr := url.Parse(ue.URL); perr == nil {
				if a, perr := urlAddress(u); perr == nil {
					at = a
				}
			}
		}
		if err = c.explain(err); at != asked {
			return nil, at, fmt.Errorf("%s redirects to %s: %w", asked, at, err)
		}
		return nil, at, fmt.Errorf("%s: %w", at, err)
	}
	if resp.Request != nil {
		if a, err := urlAddress(resp.Request.URL); err == nil {
			at = a
		}
	}
	activity.expects(resp.ContentLength)
	resp.Body = activeBody{resp.Body, activity}
	return resp, at, nil
}

// fullState reads the full state. It starts with a master of any role and follows
// redirects and the leader field of the state until the leader answers. It returns
// the address of the leader beside its state. The
// answer must begin within firstByte and end within c.timeout from then on.
func (c *client) fullState(ctx context.Context, at leader.Address, firstByte time.Duration, withoutTasks bool) (*document, leader.Address, error) {
	asked := map[leader.Address]bool{}
	for range maxHops {
		if asked[at] {
			return nil, at, fmt.Errorf("%s: masters name each other as the leader", at)
		}
		asked[at] = true
		doc, who, err := c.stateOf(ctx, at, firstByte, withoutTasks)
		if err != nil {
			return nil, who, err
		}
		asked[who] = true
		if doc.leader.IsZero() {
			return nil, who, fmt.Errorf("%s: the state names no leader", who)
		}
		lead := leader.Address{Host: doc.leader.Host, Port: doc.leader.Port}
		if lead == who || doc.pid.IsZero() || doc.pid.Host == lead.Host && doc.pid.Port == lead.Port {
			return doc, who, nil
		}
		if err := c.checkTrust(ctx, lead.Host, who.Host); err != nil {
			return nil, who, fmt.Errorf("%s: %w", who, err)
		}
		at = lead // a standby of an old version answers for itself
	}
	return nil, at, fmt.Errorf("%s: too many redirects", at)
}

// stateOf reads the state of one master, or of the master that it redirects to.
func (c *client) stateOf(ctx context.Context, at leader.Address, firstByte time.Duration, withoutTasks bool) (*document, leader.Address, error) {
	ctx, limit := withTimeLimit(ctx, firstByte, errNoAnswer)
	defer limit.stop()
	paths := []string{statePath, oldStatePath}
	if c.oldPath[at] {
		paths = []string{oldStatePath, statePath}
	}
	for _, path := range paths {
		resp, who, err := c.do(ctx, at, http.MethodGet, path, "")
		if err != nil {
			return nil, who, limit.explain(who, err)
		}
		if resp.StatusCode == http.StatusNotFound {
			resp.Body.Close()
			continue
		}
		if delete(c.oldPath, at); path == oldStatePath && len(c.oldPath) < maxRemembered {
			c.oldPath[at] = true
		}
		limit.extend(c.timeout, errStateTimeout(c.timeout))
		doc, err := c.read(resp, withoutTasks)
		resp.Body.Close()
		if err != nil {
			return nil, who, limit.explain(who, fmt.Errorf("%s: %w", who, err))
		}
		return doc, who, nil
	}
	return nil, at, fmt.Errorf("%s: %w", at, &statusError{status: http.StatusNotFound,
		text: fmt.Sprintf("status 404 for %s and %s: is this a Mesos master?", statePath, oldStatePath)})
}

// read decodes the state in a response.
func (c *client) read(resp *http.Response, withoutTasks bool) (*document, error) {
	if resp.StatusCode != http.StatusOK {
		return nil, c.auth.refusal(resp)
	}
	c.busy.begin()
	if resp.ContentLength > c.maxBytes {
		return nil, errTooLarge(c.maxBytes)
	}
	var body io.Reader = resp.Body
	// Compression is not asked for: it costs more time than it saves on the way.
	// A proxy may compress all the same.
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, syntax(err)
		}
		body = z
	}
	doc, err := decodeWith(c.decoders(), &limitReader{r: body, left: c.maxBytes, max: c.maxBytes}, withoutTasks, c.keep...)
	if err == nil {
		doc.LeaderAge = leaderAge(doc.Leadership, resp)
	}
	return doc, err
}

// leaderAge returns for how long a master led when it answered, by its own
// clock; 0 where that is unknown.
func leaderAge(l state.Leadership, resp *http.Response) time.Duration {
	at, known := l.ElectedAt()
	answered, err := http.ParseTime(resp.Header.Get("Date"))
	if !known || err != nil {
		return 0
	}
	return max(answered.Sub(at), 0)
}

// call makes a call of the operator API and follows a redirect to the leader. It
// returns the response, which has status 200, and the master that it came from.
func (c *client) call(ctx context.Context, at leader.Address, call string) (*http.Response, leader.Address, error) {
	resp, at, err := c.do(ctx, at, http.MethodPost, apiPath, `{"type":"`+call+`"}`)
	if err != nil {
		return nil, at, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, at, fmt.Errorf("%s: %w", at, c.auth.refusal(resp))
	}
	return resp, at, nil
}

// isRecovered asks a master whether it has recovered, which all of its operator
// API waits for. Where that API is missing or not open to us, the answer is unknown.
func (c *client) isRecovered(ctx context.Context, at leader.Address) (recovered, known bool) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, _, err := c.call(ctx, at, "GET_MASTER")
	if err == nil {
		resp.Body.Close()
		return true, true
	}
	refused := (*statusError)(nil)
	return false, errors.As(err, &refused) && refused.status == http.StatusServiceUnavailable
}

// answers reports whether a master answers a small call within a time, whatever
// it says.
func (c *client) answers(ctx context.Context, at leader.Address, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	resp, _, err := c.call(ctx, at, "GET_MASTER")
	if err == nil {
		resp.Body.Close()
	}
	return err == nil || errors.As(err, new(*statusError))
}

// leadership is what a master says of itself as the leader.
type leadership struct {
	state.Leadership
	at  leader.Address // who said it
	age time.Duration  // see FullState.LeaderAge
}

// whoLeads finds the leader through a master of any role. Only a master that
// answers as the leader itself counts.
func (c *client) whoLeads(ctx context.Context, at leader.Address, within time.Duration) (leadership, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	resp, at, err := c.call(ctx, at, "GET_MASTER")
	if err != nil {
		return leadership{at: at}, err
	}
	defer resp.Body.Close()
	m, err := newEventDecoder().read(io.LimitReader(resp.Body, smallAnswer))
	if err != nil {
		return leadership{at: at}, err
	}
	return leadership{m.leadership, at, leaderAge(m.leadership, resp)}, nil
}

// getState asks the operator API for the full state, which says no pids of
// frameworks. It is for those to whom `/master/state` is not open.
func (c *client) getState(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	ctx, limit := withTimeLimit(ctx, max(firstByteTimeout, c.timeout), errNoAnswer)
	defer limit.stop()
	lead, _ := c.whoLeads(ctx, at, callTimeout)
	resp, at, err := c.call(ctx, lead.at, "GET_STATE")
	if err != nil {
		return nil, at, limit.explain(at, err)
	}
	defer resp.Body.Close()
	c.busy.begin()
	limit.extend(c.timeout, errStateTimeout(c.timeout))
	d := newEventDecoder(c.keep...)
	d.decoders = c.decoders()
	m, err := d.read(&limitReader{r: resp.Body, left: c.maxBytes, max: c.maxBytes})
	if err == nil && m.doc == nil {
		err = errNotMessage
	}
	if err != nil {
		return nil, at, limit.explain(at, fmt.Errorf("%s: %w", at, err))
	}
	m.doc.Leadership, m.doc.LeaderAge = lead.Leadership, lead.age
	return m.doc, at, nil
}

// timeLimit ends a request at its time, which may be put off.
type timeLimit struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	err    atomic.Pointer[error] // why it ends
}

// withTimeLimit returns a context that ends after d because of err.
func withTimeLimit(ctx context.Context, d time.Duration, err error) (context.Context, *timeLimit) {
	l := &timeLimit{}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	l.err.Store(&err)
	l.timer = time.AfterFunc(d, func() { l.cancel(*l.err.Load()) })
	return l.ctx, l
}

// extend lets the request go on for d from now, and ends it because of err then.
func (l *timeLimit) extend(d time.Duration, err error) {
	l.err.Store(&err)
	l.timer.Reset(d)
}

func (l *timeLimit) stop() {
	l.timer.Stop()
	l.cancel(nil)
}

// explain returns why the time limit ended a request where it did, else err.
func (l *timeLimit) explain(at leader.Address, err error) error {
	if c := context.Cause(l.ctx); errors.Is(c, *l.err.Load()) {
		return fmt.Errorf("%s: %w", at, c)
	}
	return err
}

// errNoAnswer ends a request whose answer does not begin.
var errNoAnswer = errors.New("it accepts connections and does not answer")

// errStateTimeout ends a request whose answer takes too long.
type errStateTimeout time.Duration

func (e errStateTimeout) Error() string {
	return fmt.Sprintf("reading the state takes longer than stateTimeoutSeconds = %v", time.Duration(e).Seconds())
}

// activity tells how a request gets on with the master that it was sent to. It
// is safe for concurrent use; nil notes nothing.
type activity struct {
	epoch   time.Time
	started atomic.Int64 // time from epoch to the request
	last    atomic.Int64 // time from epoch to the request or the last byte
	bytes   atomic.Int64 // of the answer that have come
	total   atomic.Int64 // bytes of the answer; 0: not known
	at      atomic.Pointer[leader.Address]
}

type activityKey struct{}

func withActivity(ctx context.Context) (context.Context, *activity) {
	a := &activity{epoch: time.Now()}
	return context.WithValue(ctx, activityKey{}, a), a
}

func activityOf(ctx context.Context) *activity {
	a, _ := ctx.Value(activityKey{}).(*activity)
	return a
}

// requested notes that a request is sent to a master.
func (a *activity) requested(at leader.Address) {
	if a != nil {
		a.started.Store(int64(time.Since(a.epoch)))
		a.bytes.Store(0)
		a.total.Store(0)
		a.received(0)
		a.at.Store(&at)
	}
}

func (a *activity) received(bytes int) {
	if a != nil {
		a.bytes.Add(int64(bytes))
		a.last.Store(int64(time.Since(a.epoch)))
	}
}

// finished notes that nothing more is expected from the master.
func (a *activity) finished() {
	if a != nil {
		a.at.Store(nil)
	}
}

// waiting returns which master an answer is expected from, for how long nothing
// has come, and for how long the request has been going on.
func (a *activity) waiting() (at leader.Address, silence, total time.Duration) {
	p := a.at.Load()
	if p == nil {
		return at, 0, 0
	}
	now := time.Since(a.epoch)
	return *p, now - time.Duration(a.last.Load()), now - time.Duration(a.started.Load())
}

// expects notes how long the answer is.
func (a *activity) expects(bytes int64) {
	if a != nil {
		a.total.Store(max(bytes, 0))
	}
}

// progress returns how many bytes of the answer have come, and of how many; 0 where
// that is not known.
func (a *activity) progress() (bytes, total int64) { return a.bytes.Load(), a.total.Load() }

// activeBody notes what is read of an answer.
type activeBody struct {
	io.ReadCloser
	activity *activity
}

func (b activeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.activity.received(n)
	return n, err
}

func (b activeBody) Close() error {
	b.activity.finished()
	return b.ReadCloser.Close()
}

// busyTracker tells when a core is at work: from the first byte of a state until
// all is done with it.
type busyTracker struct {
	busy func() (done func())
	done func()
}

func (b *busyTracker) begin() {
	if b.busy != nil && b.done == nil {
		b.done = b.busy()
	}
}

func (b *busyTracker) end() {
	if b.done != nil {
		b.done()
		b.done = nil
	}
}

// errTooLarge is the error of reading beyond the limit.
type errTooLarge int64

func (e errTooLarge) Error() string {
	return fmt.Sprintf("the answer is larger than stateMaxBytes = %d", int64(e))
}

// limitReader reads up to a number of bytes and fails beyond. Other goroutines
// get their turn between the pieces of a large state.
type limitReader struct {
	r    io.Reader
	left int64
	max  int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	if int64(len(p)) > l.left {
		p = p[:l.left+1] // one more, to see whether there is more
	}
	runtime.Gosched()
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge(l.max)
	}
	return n, err
}

// statusError is an answer with another status than 200.
type statusError struct {
	status int
	text   string
	after  time.Duration // the shortest wait before the next request; 0 where the master does not say
}

func (e *statusError) Error() string { return e.text }

// refusal describes an answer with another status than 200.
func (a authentication) refusal(resp *http.Response) error {
	e := &statusError{status: resp.StatusCode}
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		e.text = a.refused(resp.StatusCode)
	case resp.StatusCode/100 == 3 && resp.StatusCode != http.StatusNotModified && resp.Header.Get("Location") == "":
		e.text = "a redirect without a Location"
	default:
		e.text = fmt.Sprintf("status %d%s", resp.StatusCode, firstLine(resp.Body))
	}
	if n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		e.after = min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	return e
}

// firstLine quotes the beginning of an error's body.
func firstLine(r io.Reader) string {
	line, _ := bufio.NewReader(io.LimitReader(r, maxErrorText)).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return fmt.Sprintf(": %q", line)
	}
	return ""
}

// retryAfter returns for how long masters that are overloaded asked us to wait:
// the longest time of all that were asked.
func retryAfter(err error) (d time.Duration) {
	if e := (*statusError)(nil); errors.As(err, &e) {
		d = e.after
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			d = max(d, retryAfter(one))
		}
	}
	return d
}

// retryDelay returns how long to wait after a number of failures: at most as
// long as until the next reading would be due.
func retryDelay(failures int, interval time.Duration) time.Duration {
	return backoff.Delay(failures, firstBackoff, min(maxBackoff, interval))
}

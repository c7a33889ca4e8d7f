package api

import (
	"context"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toponym/zone"
)

// Limits of what watchers cost.
const (
	// maxWindow bounds the text of the versions that watchers share, in bytes. A
	// watcher that is further behind is cut off.
	maxWindow = 16 << 20

	// One goroutine tells all watchers of changes, one after the other. It pauses
	// after each burst, and in all for restFactor times as long as a round has worked,
	// so that it uses a third of one core at most. A burst has a few steps at least:
	// where other programs need the processors a single one may take longer, and a
	// pause after each would make a round endless. A pause takes a millisecond where
	// nothing else wakes the process.
	watchBurst = 500 * time.Microsecond
	burstSteps = 16
	restFactor = 2
	minRest    = 10 * time.Millisecond
	maxRest    = 50 * time.Millisecond // where other programs need the processors, work takes long

	// A round that has taken roundTime ends, and the next one begins where it ended: where
	// other programs need the processors, it may take seconds to give a thousand watchers
	// their turns, and the background decides between rounds how urgent they are.
	roundTime = 250 * time.Millisecond

	// moreTurns is how many turns more a watcher gets in a round that has much to read.
	// To look at all others in between costs more than a turn.
	moreTurns = 16

	// tellEvery is the number of versions after which a client is told the index
	// although there was no event for it, so that it is not far behind when it comes
	// back. This does not happen more often than heartbeats may come together.
	tellEvery = 64

	// turnTime is how long the goroutine waits for a watcher whose client does not
	// read. The watcher goes on alone then.
	turnTime = time.Millisecond
)

// changeFeed tells watchers of new versions. What it keeps of a watcher is a position in
// the versions, not a queue.
type changeFeed struct {
	history    *zone.History
	processors *processors
	background func(func()) // does work that takes long
	limit      int          // of watchers
	perClient  int
	maxWindow  int // maxWindow, but for tests

	ctx  context.Context // ends when the server stops
	stop func()
	wake chan struct{} // something has changed other than the history
	runs sync.WaitGroup

	mu       sync.Mutex
	admitted int
	clients  map[netip.Addr]int
	watchers []*watcher
	running  bool

	// Of the goroutine run.
	window  *watchWindow
	burst   time.Time     // when it took its token; zero: it has none
	steps   int           // in this burst
	began   time.Time     // when this round began
	first   int           // the watcher that the next round begins with
	backlog []*watcher    // in this round: those that have more to read
	worked  time.Duration // in this round, without the last burst
	paused  time.Duration // between bursts of this round
	timeout *time.Timer

	events          atomic.Uint64 // sent
	stalled, behind atomic.Uint64 // watchers that were cut off
}

// watchWindow is the text of consecutive versions, the newest among them. It does
// not change.
type watchWindow struct {
	after    uint64 // the index before the first version
	versions []*watchVersion
	bytes    int // memory of all versions
}

// last is the index of the last version.
func (w *watchWindow) last() uint64 { return w.after + uint64(len(w.versions)) }

// version is the one with an index.
func (w *watchWindow) version(index uint64) *watchVersion { return w.versions[index-w.after-1] }

// add adds the version that follows.
func (w *watchWindow) add(v *watchVersion) {
	w.versions = append(w.versions, v)
	w.bytes += v.size()
}

// shrink drops the first versions where there is more than a number of bytes.
// Windows that share the versions do not change.
func (w *watchWindow) shrink(most int) {
	if w.bytes <= most {
		return
	}
	drop := 0
	for w.bytes > most*3/4 && drop < len(w.versions)-1 {
		w.bytes -= w.versions[drop].size()
		drop++
	}
	w.after += uint64(drop)
	w.versions = slices.Clone(w.versions[drop:])
}

// watcher is a client that is told of changes. Its goroutine owns it from the time
// when it receives from turn until it sends to done, and the goroutine of the feed
// at all other times.
type watcher struct {
	position
	joined bool      // the position has been in the window
	told   uint64    // the index that the client knows about; 0: it needs none
	due    time.Time // when something has to be sent without a change; zero: never
	turn   chan *watchWindow
	done   chan struct{}
	late   atomic.Bool // the feed has not waited until the turn ended

	busy bool // of the feed: has a turn
}

// position is the place of a reader in the versions.
type position struct {
	filter *watchFilter
	index  uint64 // of the last version that has been read completely
	event  int    // number of events of the next version that have been read
}

// seek goes to the next event that the filter selects. It is false, at the end of
// the window, where there is none. The position has to be in the window.
func (p *position) seek(w *watchWindow) bool {
	for p.index < w.last() {
		if p.seekIn(w.version(p.index + 1)) {
			return true
		}
	}
	return false
}

// seekIn does the same in the next version, and goes behind it where there is no
// such event.
func (p *position) seekIn(v *watchVersion) bool {
	for ; p.event < len(v.events); p.event++ {
		if p.filter.matches(&v.events[p.event]) {
			return true
		}
	}
	p.index, p.event = v.index, 0
	return false
}

// read appends the events that follow, as server-sent events, until the buffer has
// chunkSize bytes or nothing follows.
func (p *position) read(b []byte, w *watchWindow) (text []byte, events int) {
	for len(b) < chunkSize && p.seek(w) {
		v := w.version(p.index + 1)
		if p.filter == nil && p.event == 0 && len(v.text) <= chunkSize {
			b = append(b, v.text...)
			events += len(v.events)
			p.index = v.index
			continue
		}
		b = append(b, v.block(&v.events[p.event])...)
		events++
		p.event++
		if p.seekIn(v) {
			b = append(b, '\n')
		} else {
			b = appendNumber(b, v.index)
		}
	}
	return b, events
}

func newChangeFeed(h *zone.History, p *processors, background func(func()), limit, perClient int) *changeFeed {
	f := &changeFeed{history: h, processors: p, background: background, limit: limit, perClient: perClient, maxWindow: maxWindow, clients: map[netip.Addr]int{}, wake: make(chan struct{}, 1), timeout: time.NewTimer(0)}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// end ends all watchers and waits for the feed. It may be called once or never.
func (f *changeFeed) end() {
	f.mu.Lock() // none begins afterwards
	f.stop()
	f.mu.Unlock()
	f.runs.Wait()
}

// admit counts a watcher of a client. It is not ok where there are too many.
func (f *changeFeed) admit(client netip.Addr) (leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.admitted >= f.limit || f.clients[client] >= f.perClient {
		return nil, false
	}
	f.admitted++
	f.clients[client]++
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.admitted--
		if f.clients[client]--; f.clients[client] == 0 {
			delete(f.clients, client)
		}
	}, true
}

// count is the number of watchers.
func (f *changeFeed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.admitted
}

// join adds a watcher, and starts the feed with the first one.
func (f *changeFeed) join(w *watcher) {
	w.turn, w.done = make(chan *watchWindow, 1), make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, w)
	if !f.running && f.ctx.Err() == nil {
		f.running = true
		f.runs.Go(f.run)
	}
	f.nudge()
}

// part removes a watcher. Its goroutine may have a turn.
func (f *changeFeed) part(w *watcher) {
	f.mu.Lock()
	f.watchers = slices.DeleteFunc(f.watchers, func(o *watcher) bool { return o == w })
	f.mu.Unlock()
	select {
	case w.done <- struct{}{}: // the feed does not wait
	default:
	}
	f.nudge()
}

// end ends the turn of a watcher.
func (w *watcher) end(f *changeFeed) {
	w.done <- struct{}{}
	if w.late.Swap(false) {
		f.nudge()
	}
}

// nudge makes the feed look at its watchers.
func (f *changeFeed) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run gives watchers their turns until there are none.
func (f *changeFeed) run() {
	var list []*watcher
	for f.ctx.Err() == nil {
		changed := f.history.Changed()
		f.mu.Lock()
		list = append(list[:0], f.watchers...)
		if len(list) == 0 {
			f.running, f.window = false, nil
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		var again bool
		var due time.Duration
		f.background(func() { again, due = f.round(list) })
		clear(list)
		rest := min(restFactor*f.worked-f.paused, maxRest)
		if again {
			f.wait(rest, nil, nil)
			continue
		}
		f.wait(max(minRest, rest), nil, nil) // so that more comes at a time
		f.wait(due, changed, f.wake)
	}
	f.mu.Lock()
	f.running, f.window = false, nil
	f.mu.Unlock()
}

// wait waits until something happens, or for some time.
func (f *changeFeed) wait(d time.Duration, changed, wake <-chan struct{}) {
	f.timeout.Reset(d)
	select {
	case <-changed:
	case <-wake:
	case <-f.timeout.C:
	case <-f.ctx.Done():
	}
}

// round gives each watcher a turn for which there is something, or those that it
// reaches within roundTime. again says that there is more to do already; else the next
// round is due after some time, where nothing happens before.
func (f *changeFeed) round(list []*watcher) (again bool, due time.Duration) {
	f.worked, f.paused, f.began = 0, 0, time.Now()
	if f.take() != nil {
		return false, 0
	}
	defer f.release()
	for _, w := range list {
		w.ended()
	}
	f.update(list)
	due = heartbeat
	first := f.first % len(list)
	f.first = 0
	for i := range list {
		w := list[(first+i)%len(list)]
		if w.busy {
			continue
		}
		if i >= burstSteps && f.isLong() {
			f.first, again = (first+i)%len(list), true
			break
		}
		if f.rest(); f.ctx.Err() != nil {
			return false, 0
		}
		now := time.Now()
		if f.hasWork(w, now) {
			f.give(w)
			if f.isBehind(w) {
				f.backlog = append(f.backlog, w)
			}
		}
		if !w.busy && !w.due.IsZero() {
			due = min(due, max(w.due.Sub(now), minHeartbeatWait))
		}
	}
	return f.catchUp() || again, due
}

// isLong reports whether the round has taken roundTime.
func (f *changeFeed) isLong() bool { return time.Since(f.began) >= roundTime }

// catchUp gives watchers that have more to read some turns, one after the other, and
// reports whether any has still more to read.
func (f *changeFeed) catchUp() (again bool) {
	list := f.backlog
	for range moreTurns {
		for _, w := range list {
			if f.rest(); f.ctx.Err() != nil || f.isLong() {
				break
			}
			f.give(w)
		}
		if list = slices.DeleteFunc(list, func(w *watcher) bool { return !f.isBehind(w) }); len(list) == 0 || f.isLong() {
			break
		}
	}
	again = len(list) > 0
	clear(f.backlog)
	f.backlog = f.backlog[:0]
	return again
}

// isBehind reports whether a watcher without a turn has more to read.
func (f *changeFeed) isBehind(w *watcher) bool { return !w.busy && w.index < f.window.last() }

// hasWork reports whether a watcher needs a turn: it is behind the window, has
// something to read, or has been silent for long.
func (f *changeFeed) hasWork(w *watcher, now time.Time) bool {
	return w.index < f.window.after || w.seek(f.window) || !w.joined || !w.due.IsZero() && !now.Before(w.due) ||
		w.told != 0 && w.untold(now)
}

// untold reports whether a client is to be told the index without an event.
func (w *watcher) untold(now time.Time) bool {
	return w.index-w.told >= tellEvery && !now.Before(w.due.Add(minHeartbeatWait-heartbeat))
}

// give gives a watcher its turn.
func (f *changeFeed) give(w *watcher) {
	select {
	case w.turn <- f.window:
	default:
		return // it has parted in this round, and has left its last turn where it is
	}
	w.busy = true
	select {
	case <-w.done:
		w.busy = false
		return
	default:
	}
	f.timeout.Reset(turnTime)
	select {
	case <-w.done:
		w.busy = false
	case <-f.timeout.C:
		w.late.Store(true)
		w.ended()
	}
}

// ended notes that a turn has ended.
func (w *watcher) ended() {
	select {
	case <-w.done:
		w.busy = false
	default:
	}
}

// take takes a token, as answers do.
func (f *changeFeed) take() error {
	err := f.processors.acquire(f.ctx)
	f.burst, f.steps = time.Now(), 0
	return err
}

// release returns the token.
func (f *changeFeed) release() {
	if f.burst.IsZero() {
		return
	}
	f.worked += time.Since(f.burst)
	f.burst = time.Time{}
	f.processors.tokens.release()
}

// rest gives DNS a turn where a burst has been long enough.
func (f *changeFeed) rest() {
	if f.burst.IsZero() {
		return
	}
	if f.steps++; f.steps < burstSteps || time.Since(f.burst) < watchBurst {
		return
	}
	f.release()
	begin := time.Now()
	time.Sleep(breather)
	if f.take() != nil {
		f.burst = time.Time{}
	}
	f.paused += time.Since(begin)
}

// update makes the window end with the newest version, and begin where the watchers
// are that have just come, if they are not too far behind.
func (f *changeFeed) update(list []*watcher) {
	if f.window == nil {
		f.window = f.emptyWindow()
	}
	versions, _, ok := f.history.After(f.window.last(), allVersions)
	next := *f.window
	if !ok {
		next = *f.emptyWindow() // watchers find out that they are behind
	}
	for _, v := range versions {
		next.add(newWatchVersion(v, nil, f.rest))
		next.shrink(f.maxWindow)
	}
	oldest := next.after
	for _, w := range list {
		if !w.busy && !w.joined {
			oldest = min(oldest, w.index)
		}
	}
	if oldest < next.after {
		f.extend(&next, oldest)
	}
	f.window = &next
}

// allVersions is more than a history can have.
const allVersions = math.MaxInt32

func (f *changeFeed) emptyWindow() *watchWindow {
	_, newest := f.history.Index()
	return &watchWindow{after: newest}
}

// extend adds versions before the first of a window until it begins behind an index
// or is almost full.
func (f *changeFeed) extend(w *watchWindow, after uint64) {
	versions, _, ok := f.history.After(after, int(w.after-after))
	if !ok {
		return // the watcher finds out
	}
	var more []*watchVersion
	for _, v := range slices.Backward(versions) {
		one := newWatchVersion(v, nil, f.rest)
		if w.bytes+one.size() > f.maxWindow*3/4 {
			break
		}
		more = append(more, one)
		w.bytes += one.size()
	}
	slices.Reverse(more)
	w.after -= uint64(len(more))
	w.versions = append(more, w.versions...)
}

// past is a window for one reader that is behind that of the feed, with the events
// that it selects. It is not ok where the versions that follow are not kept.
func (f *changeFeed) past(p *position) (w *watchWindow, ok bool) {
	versions, _, ok := f.history.After(p.index, maxPast)
	w = &watchWindow{after: p.index}
	for _, v := range versions {
		if w.add(newWatchVersion(v, p.filter, func() {})); w.bytes > pollBytes {
			break
		}
	}
	return w, ok
}

// maxPast bounds the versions of such a window.
const maxPast = 256

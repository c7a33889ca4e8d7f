package api

import (
	"cmp"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/zone"
)

// The values of WatchEvent.Event.
const (
	WatchIndex  = "index"  // the first event of a stream
	WatchChange = "change" // records of one name and type have changed
	WatchReset  = "reset"  // a zone has changed in ways that are not told: it has to be read again
)

// WatchEvent is an event of /v1/watch.
type WatchEvent struct {
	Event string `json:"event"` // one of the constants above
	// Index is the number of the version of the zones that the event belongs to; of
	// the first event, that after which changes are told.
	Index uint64 `json:"index"`
	// Newest is the index of the newest version, only in the first event.
	Newest uint64 `json:"newest,omitempty"`

	Time   *time.Time `json:"time,omitempty"`   // when the version was made
	Zone   string     `json:"zone,omitempty"`   // the origin of the zone
	Serial uint32     `json:"serial,omitempty"` // of the zone in this version (RFC 1035, section 3.3.13)

	// These are only in changes. The lists of records have no order.
	Name    string        `json:"name,omitempty"`
	Type    string        `json:"type,omitempty"`
	Removed []WatchRecord `json:"removed,omitempty"`
	Added   []WatchRecord `json:"added,omitempty"`
}

// WatchRecord is a record of the name and type of an event.
type WatchRecord struct {
	TTL  uint32 `json:"ttl"`  // in seconds
	Data string `json:"data"` // in presentation form
}

// maxVersionText bounds the text of one version, in bytes. Of a version with more
// changes watchers are told to read its zones again.
const maxVersionText = 4 << 20

// watchVersion is a version of the zones as the text of its events. All watchers
// share it; it does not change.
type watchVersion struct {
	index  uint64
	text   []byte // as server-sent events
	events []watchEvent
}

// watchEvent is one event in the text of a version.
type watchEvent struct {
	origin   records.Name
	name     records.Name // "" for a reset
	rtype    uint16
	from, to int // the fields event and data, without the empty line behind them
}

// size is the memory of a version, in bytes.
func (v *watchVersion) size() int {
	return int(unsafe.Sizeof(*v)) + cap(v.text) + cap(v.events)*int(unsafe.Sizeof(watchEvent{}))
}

// Parts of a server-sent event (HTML Living Standard, section 9.2.5).
const (
	eventBegin  = "event: "
	eventData   = "\ndata: "
	eventNumber = "id: "
)

// block is the text of an event, to which its number or an empty line has to be
// added.
func (v *watchVersion) block(e *watchEvent) []byte { return v.text[e.from:e.to] }

// json is the data of an event.
func (v *watchVersion) json(e *watchEvent) []byte {
	event := WatchChange
	if e.name == "" {
		event = WatchReset
	}
	return v.text[e.from+len(eventBegin)+len(event)+len(eventData) : e.to-1]
}

// appendNumber ends an event, and with it a version: a client that reconnects with
// this number gets the versions that follow.
func appendNumber(b []byte, index uint64) []byte {
	b = strconv.AppendUint(append(b, eventNumber...), index, 10)
	return append(b, "\n\n"...)
}

// newWatchVersion makes the text of those events of a version that a filter selects.
// It calls rest before each.
//
// Only the last event of a version has the version's index as its id, so that a
// client that was interrupted in the middle gets the whole version again. To apply
// an event twice does no harm.
func newWatchVersion(v *zone.Version, f *watchFilter, rest func()) *watchVersion {
	w := &watchVersion{index: v.Index}
	at := v.Time.UTC().AppendFormat(nil, time.RFC3339Nano)
	for _, c := range v.Changes {
		if c.Whole {
			w.reset(at, c)
			continue
		}
		for group := range byNameAndType(c) {
			rest()
			if f != nil && !f.matches(&watchEvent{origin: c.Origin, name: group.name, rtype: group.rtype}) {
				continue
			}
			w.change(at, c, group)
			if len(w.text) > maxVersionText {
				return w.tooLarge(at, v)
			}
		}
	}
	w.end()
	return w
}

// tooLarge tells of each zone of the version that it has changed.
func (w *watchVersion) tooLarge(at []byte, v *zone.Version) *watchVersion {
	w.text, w.events = nil, nil
	for _, c := range v.Changes {
		w.reset(at, c)
	}
	w.end()
	return w
}

// end adds the index of the version to its last event.
func (w *watchVersion) end() {
	if len(w.events) > 0 {
		w.text = appendNumber(w.text[:len(w.text)-1], w.index)
	}
	w.text = slices.Clip(w.text)
}

// begin appends what all events have in common.
func (w *watchVersion) begin(event string, at []byte, c *zone.Change) {
	b := append(append(append(w.text, eventBegin...), event...), eventData...)
	b = append(append(append(b, `{"event":"`...), event...), `","index":`...)
	b = strconv.AppendUint(b, w.index, 10)
	b = append(append(append(b, `,"time":"`...), at...), `","zone":`...)
	b = append(appendName(b, c.Origin), `,"serial":`...)
	w.text = strconv.AppendUint(b, uint64(c.Serial()), 10)
}

func (w *watchVersion) reset(at []byte, c *zone.Change) {
	e := watchEvent{origin: c.Origin, from: len(w.text)}
	w.begin(WatchReset, at, c)
	w.text = append(w.text, "}\n"...)
	e.to = len(w.text)
	w.text = append(w.text, '\n')
	w.events = append(w.events, e)
}

func (w *watchVersion) change(at []byte, c *zone.Change, g recordGroup) {
	e := watchEvent{origin: c.Origin, name: g.name, rtype: g.rtype, from: len(w.text)}
	w.begin(WatchChange, at, c)
	b := appendName(append(w.text, `,"name":`...), g.name)
	b = append(append(append(b, `,"type":"`...), dns.Type(g.rtype).String()...), '"')
	b = appendWatchRecords(append(b, `,"removed":`...), g.removed)
	b = appendWatchRecords(append(b, `,"added":`...), g.added)
	w.text = append(b, "}\n"...)
	e.to = len(w.text)
	w.text = append(w.text, '\n')
	w.events = append(w.events, e)
}

func appendWatchRecords(b []byte, list []zone.Record) []byte {
	var data [512]byte
	b = append(b, '[')
	for i, r := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(append(b, `{"ttl":`...), uint64(r.TTL), 10)
		b = append(appendQuoted(append(b, `,"data":`...), r.AppendData(data[:0])), '}')
	}
	return append(b, ']')
}

// recordGroup is the changes of one name and type.
type recordGroup struct {
	name           records.Name
	rtype          uint16
	removed, added []zone.Record
}

// byNameAndType iterates over the changes by name and type, in the order of both.
func byNameAndType(c *zone.Change) func(func(recordGroup) bool) {
	return func(yield func(recordGroup) bool) {
		removed, added := sortedRecords(c.Removed), sortedRecords(c.Added)
		for len(removed) > 0 || len(added) > 0 {
			var first zone.Record
			if len(added) == 0 || len(removed) > 0 && compareOwners(removed[0], added[0]) <= 0 {
				first = removed[0]
			} else {
				first = added[0]
			}
			g := recordGroup{name: first.Owner, rtype: first.Type}
			g.removed, removed = cutGroup(removed, first)
			g.added, added = cutGroup(added, first)
			if !yield(g) {
				return
			}
		}
	}
}

// cutGroup splits a sorted list behind the records with the owner and type of one.
func cutGroup(list []zone.Record, of zone.Record) (group, rest []zone.Record) {
	n := 0
	for n < len(list) && compareOwners(list[n], of) == 0 {
		n++
	}
	return list[:n], list[n:]
}

// sortedRecords returns a copy of a list, sorted by owner and type.
func sortedRecords(list []zone.Record) []zone.Record {
	if !slices.IsSortedFunc(list, compareOwners) { // a change of one name usually is
		list = slices.Clone(list)
		slices.SortStableFunc(list, compareOwners)
	}
	return list
}

func compareOwners(a, b zone.Record) int {
	return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Type, b.Type))
}

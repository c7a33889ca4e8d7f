// Package querylog writes a line for each query of a client, or for some of them.
//
// It stands behind package tap: what is wanted is decided where queries are answered,
// and one goroutine writes the lines. Those above the rate, or for which there is no
// room, are dropped and counted.
//
// What always holds: a log that is slow, hung or on a full disk costs lines, and never
// delays an answer.
package querylog

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/appendfile"
	"toponym/internal/dnswire"
	"toponym/resolver/tap"
)

// Options of a [Log].
type Options struct {
	// A query gets a line if it meets each filter that is not empty, and of those it is
	// one in Sample.
	Names   [][]byte       // the name is one of these, in lower-case wire form, or below it
	Clients []netip.Prefix // the client is in one of these
	Rcodes  []uint16       // the response code; see Unanswered
	Sample  int            // at least 1
	Rate    int            // lines per second at most; 0: no limit

	File      string // "": lines go to Log
	FileBytes int64  // size of a file at which another one is begun

	// NewLogger returns a logger for lines in a file, in the form that Log has.
	NewLogger func(to io.Writer) logrus.FieldLogger

	Counters *tap.Counters
	Log      logrus.FieldLogger // says also when lines can no longer be written, and can again
}

// Unanswered in [Options.Rcodes] stands for queries that get no response.
const Unanswered = 0xFFFF

// NewCounters returns counters for the lines of all logs that will be.
func NewCounters() *tap.Counters {
	return tap.NewCounters("toponym_query_log_lines_total",
		"Lines of the query log, by result: written, or dropped because of queryLogRate, or because the log was slow or full.")
}

// Log is a query log. It is a [tap.Observer].
type Log struct {
	o       Options
	seen    atomic.Uint64 // queries that met the filters
	limiter *tap.Limiter
	queue   chan line
}

// line is what is known of a query.
type line struct {
	client    netip.AddrPort
	transport tap.Transport
	name      string // in wire form, as typed; "" if the packet has none
	qtype     uint16
	class     uint16
	rcode     uint16 // or Unanswered
	flags     uint16 // of the response
	answers   int
	bytes     int
	duration  time.Duration
}

// maxLines bounds the lines that wait to be written: 1 MB.
const maxLines = 4096

// New returns a query log. It opens and starts nothing.
func New(o Options) *Log {
	return &Log{o: o, limiter: tap.NewLimiter(o.Rate), queue: make(chan line, maxLines)}
}

// Observe implements [tap.Observer].
func (l *Log) Observe(events []tap.Event) {
	// When the rate is reached, what is left of a batch only has to be counted.
	now, reached, dropped := time.Now(), false, uint64(0)
	for i := range events {
		e := &events[i]
		if e.Upstream || e.Stage == tap.Received || !l.wants(e) {
			continue
		}
		if l.o.Sample > 1 && l.seen.Add(1)%uint64(l.o.Sample) != 0 {
			continue
		}
		if reached = reached || l.limiter.Take(now, 1) == 0; reached {
			dropped++
			continue
		}
		select {
		case l.queue <- newLine(e):
		default:
			dropped++
		}
	}
	if dropped > 0 {
		l.o.Counters.Dropped.Add(dropped)
	}
}

// wants reports whether an event meets the filters.
func (l *Log) wants(e *tap.Event) bool {
	return (len(l.o.Rcodes) == 0 || slices.Contains(l.o.Rcodes, rcodeOf(e))) &&
		(len(l.o.Clients) == 0 || slices.ContainsFunc(l.o.Clients, func(p netip.Prefix) bool { return p.Contains(e.Client.Addr()) })) &&
		(len(l.o.Names) == 0 || isBelowAny(question(e), l.o.Names))
}

// isBelowAny reports whether a name in wire form is one of some names, or below one.
func isBelowAny(name []byte, origins [][]byte) bool {
	if name == nil {
		return false
	}
	var lower [dnswire.MaxName + 1]byte
	n := copy(lower[:], name)
	dnswire.ToLower(lower[:n])
	for _, o := range origins {
		if string(lower[:n]) == string(o) || dnswire.IsBelow(lower[:n], string(o)) {
			return true
		}
	}
	return false
}

// question is the name of an event's question in wire form, as typed; nil if the packet
// has no whole question.
func question(e *tap.Event) []byte {
	msg := packet(e)
	name := dnswire.QuestionName(msg)
	if name == nil || dnswire.HeaderSize+len(name)+4 > len(msg) {
		return nil
	}
	return name
}

// packet is the message that has the question: the response, if there is one.
func packet(e *tap.Event) []byte {
	if len(e.Response) > 0 {
		return e.Response
	}
	return e.Query
}

// rcodeOf is the code of the response. The part of it that an OPT record has (RFC 6891,
// section 6.1.3) is not 0 only in responses without other records.
func rcodeOf(e *tap.Event) uint16 {
	msg := e.Response
	if len(msg) < dnswire.HeaderSize {
		return Unanswered
	}
	rcode := dnswire.Flags(msg) & dnswire.RcodeMask
	if dnswire.Records(msg, dnswire.Answer)+dnswire.Records(msg, dnswire.Authority) > 0 || dnswire.Records(msg, dnswire.Additional) == 0 {
		return rcode
	}
	off := dnswire.HeaderSize
	if name := question(e); name != nil {
		off += len(name) + 4
	}
	if r, ok := dnswire.ReadRecord(msg, off); ok && r.Type == dns.TypeOPT {
		rcode |= uint16(r.TTL>>24) << 4
	}
	return rcode
}

func newLine(e *tap.Event) line {
	l := line{client: e.Client, transport: e.Transport, rcode: rcodeOf(e), bytes: len(e.Response)}
	if name := question(e); name != nil {
		l.name = string(name)
		at := packet(e)[dnswire.HeaderSize+len(name):]
		l.qtype, l.class = uint16(at[0])<<8|uint16(at[1]), uint16(at[2])<<8|uint16(at[3])
	}
	if l.rcode != Unanswered {
		l.flags, l.answers = dnswire.Flags(e.Response), dnswire.Records(e.Response, dnswire.Answer)
		l.duration = max(e.Responded.Sub(e.Asked), 0)
	}
	return l
}

// addFields adds the fields of the line.
func (l *line) addFields(f logrus.Fields) {
	f["client"], f["protocol"] = l.client.String(), l.transport.String()
	if l.name != "" {
		name, _, err := dns.UnpackDomainName([]byte(l.name), 0)
		if err == nil {
			f["name"] = name
		}
		f["type"] = dns.Type(l.qtype).String()
		if l.class != dns.ClassINET {
			f["class"] = dns.Class(l.class).String()
		}
	}
	if l.rcode == Unanswered {
		f["rcode"] = "none"
		return
	}
	f["rcode"] = tap.RcodeName(l.rcode)
	f["flags"] = flagNames(l.flags)
	f["answers"] = l.answers
	f["bytes"] = l.bytes
	f["duration"] = l.duration.String()
}

// flagNames are the flags of a response that differ, as dig shows them.
func flagNames(flags uint16) string {
	b := make([]byte, 0, 16)
	for _, f := range [...]struct {
		bit  uint16
		name string
	}{
		{dnswire.FlagAA, "aa"}, {dnswire.FlagTC, "tc"}, {dnswire.FlagRD, "rd"}, {dnswire.FlagRA, "ra"}, {dnswire.FlagAD, "ad"}, {dnswire.FlagCD, "cd"},
	} {
		if flags&f.bit != 0 {
			if len(b) > 0 {
				b = append(b, ' ')
			}
			b = append(b, f.name...)
		}
	}
	return string(b)
}

// flushBytes is how many bytes are collected for a file before they are written.
const flushBytes = 64 << 10

// Run writes lines until ctx ends, and then those that are there.
func (l *Log) Run(ctx context.Context) {
	w := &writer{log: l}
	if l.o.File != "" {
		w.file = appendfile.New(l.o.File, l.o.FileBytes, nil, nil)
		w.entry = l.o.NewLogger(&w.buf).WithFields(nil)
		defer w.file.Close()
		if err := w.file.Open(); err != nil {
			w.report(err)
		}
	} else {
		w.entry = l.o.Log.WithFields(nil)
	}
	w.common = maps.Clone(w.entry.Data)
	for {
		select {
		case one := <-l.queue:
			w.write(&one)
			if len(l.queue) == 0 || w.buf.Len() >= flushBytes {
				w.flush()
			}
			continue
		default:
		}
		select {
		case one := <-l.queue:
			w.write(&one)
			w.flush()
		case <-ctx.Done():
			if len(l.queue) == 0 {
				return
			}
		}
	}
}

// writer writes lines for a log. One goroutine uses it.
type writer struct {
	log     *Log
	entry   *logrus.Entry    // the fields of which are replaced for each line
	common  logrus.Fields    // fields of all lines
	file    *appendfile.File // nil: lines go to the log
	buf     bytes.Buffer     // of the file
	lines   uint64           // in buf
	failing bool
}

func (w *writer) write(one *line) {
	clear(w.entry.Data)
	maps.Copy(w.entry.Data, w.common)
	one.addFields(w.entry.Data)
	w.entry.Info("query") // copies the fields
	if w.file == nil {
		w.log.o.Counters.Written.Add(1)
		return
	}
	w.lines++
}

// flush writes what is in the buffer to the file. What the file does not take is
// dropped.
func (w *writer) flush() {
	if w.file == nil || w.lines == 0 {
		return
	}
	_, err := w.file.Write(w.buf.Bytes())
	if err == nil {
		w.log.o.Counters.Written.Add(w.lines)
	} else {
		w.log.o.Counters.Dropped.Add(w.lines)
	}
	w.report(err)
	w.buf.Reset()
	w.lines = 0
}

// report says when lines can no longer be written, and when they can again.
func (w *writer) report(err error) {
	log := w.log.o.Log.WithField("file", w.log.o.File)
	switch {
	case err != nil && !w.failing:
		log.WithError(err).Warn("cannot write the query log; lines are dropped until that is possible")
	case err == nil && w.failing:
		log.Info("writing the query log again")
	}
	w.failing = err != nil
}

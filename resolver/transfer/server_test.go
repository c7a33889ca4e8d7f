package transfer

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/zone"
)

// recordsIn are the records of a zone as text, without the SOA record.
func recordsIn(t *testing.T, z *zone.Zone, origin records.Name) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for r := range z.RecordsOf(origin) {
		rr, err := r.RR()
		if err != nil {
			t.Fatal(err)
		}
		all[rr.String()] = true
	}
	return all
}

// whole reads a response that has a whole zone: the SOA record, all others, and the
// SOA record.
func whole(rrs []dns.RR) (soa string, content map[string]bool, err error) {
	if len(rrs) < 2 || rrs[0].Header().Rrtype != dns.TypeSOA || rrs[0].String() != rrs[len(rrs)-1].String() {
		return "", nil, fmt.Errorf("%d records that do not begin and end with the same SOA record", len(rrs))
	}
	content = map[string]bool{}
	for _, rr := range rrs[1 : len(rrs)-1] {
		if content[rr.String()] || rr.Header().Rrtype == dns.TypeSOA {
			return "", nil, fmt.Errorf("%v twice", rr)
		}
		content[rr.String()] = true
	}
	return rrs[0].String(), content, nil
}

// applyIXFR applies a response to a version, as a secondary does (RFC 1995, section
// 4).
func applyIXFR(soa string, content map[string]bool, rrs []dns.RR) (string, map[string]bool, error) {
	if len(rrs) == 1 {
		return rrs[0].String(), content, nil
	}
	if rrs[1].Header().Rrtype != dns.TypeSOA {
		return whole(rrs)
	}
	content = mapsClone(content)
	last := rrs[len(rrs)-1].String()
	if rrs[0].String() != last {
		return "", nil, fmt.Errorf("begins with %v and ends with %s", rrs[0], last)
	}
	// Steps, each of which removes from the version before, and adds to the next one.
	removing := false
	for i, rr := range rrs[1:] {
		text := rr.String()
		switch {
		case rr.Header().Rrtype == dns.TypeSOA && removing:
			soa, removing = text, false
		case rr.Header().Rrtype == dns.TypeSOA && text != soa:
			return "", nil, fmt.Errorf("removes from %v, want from %s", rr, soa)
		case rr.Header().Rrtype == dns.TypeSOA:
			if removing = true; i == len(rrs)-2 && soa != last {
				return "", nil, fmt.Errorf("ends with %s, want %s", soa, last)
			}
		case removing && !content[text]:
			return "", nil, fmt.Errorf("removes %s, which is not there", text)
		case removing:
			delete(content, text)
		case content[text]:
			return "", nil, fmt.Errorf("adds %s, which is there", text)
		default:
			content[text] = true
		}
	}
	return last, content, nil
}

func mapsClone(m map[string]bool) map[string]bool {
	c := make(map[string]bool, len(m))
	for k := range m {
		c[k] = true
	}
	return c
}

// A whole zone has exactly the records that the zone has, in messages that other
// software can read, and so has any version after the differences.
func TestDifferencesFromAnyVersionLeadToTheWholeZone(t *testing.T) {
	type version struct {
		soa     string
		serial  uint32
		content map[string]bool
	}
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 1995))
		c := newCluster(t, randomState(r))
		s := newServer(c)
		kept := map[string][]version{}
		var kinds [3]int // up to date, differences, whole
		for step := range 20 {
			for _, origin := range c.zone.TransferZones() {
				zoneName := origin.String()
				soa, content, err := whole(answers(s.ask(t, request(t, axfr(zoneName), true))))
				if err != nil {
					t.Fatalf("seed %d, step %d, %s: %v", seed, step, zoneName, err)
				}
				if want := recordsIn(t, c.zone, origin); !equalSets(content, want) {
					t.Fatalf("seed %d, step %d, %s:\ngot  %v\nwant %v", seed, step, zoneName, sorted(content), sorted(want))
				}
				serial, _ := c.zone.Serial(origin)
				r.Shuffle(len(kept[zoneName]), func(i, j int) { kept[zoneName][i], kept[zoneName][j] = kept[zoneName][j], kept[zoneName][i] })
				for _, v := range kept[zoneName][:min(4, len(kept[zoneName]))] {
					for _, streams := range []bool{true, false} {
						rrs := answers(s.ask(t, request(t, ixfr(zoneName, v.serial), streams)))
						if !streams && len(rrs) == 1 {
							continue // asks again over TCP
						}
						gotSOA, got, err := applyIXFR(v.soa, v.content, rrs)
						if err != nil {
							t.Fatalf("seed %d, step %d, %s from %d: %v", seed, step, zoneName, v.serial, err)
						}
						if gotSOA != soa || !equalSets(got, content) {
							t.Fatalf("seed %d, step %d, %s from %d to %d:\ngot  %v\nwant %v", seed, step, zoneName, v.serial, serial, sorted(got), sorted(content))
						}
						switch {
						case len(rrs) == 1:
							kinds[0]++
						case rrs[1].Header().Rrtype == dns.TypeSOA:
							kinds[1]++
						default:
							kinds[2]++
						}
					}
				}
				kept[zoneName] = append(kept[zoneName], version{soa, serial, content})
			}
			c.publish(randomState(r))
		}
		for i, what := range []string{"up to date", "differences", "the whole zone"} {
			if kinds[i] == 0 {
				t.Errorf("seed %d: no IXFR query was answered with %s", seed, what)
			}
		}
	}
}

func equalSets(a, b map[string]bool) bool { return slices.Equal(sorted(a), sorted(b)) }

func sorted(m map[string]bool) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// Messages are as large as compression pointers reach, all but the last are nearly
// full, and the first alone has the question.
func TestMessagesAreFullAndCompressed(t *testing.T) {
	s := newServer(newCluster(t, bigState(1000)))
	q := request(t, axfr("mesos."), true)
	q.OPT = []byte{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}
	messages := s.askBytes(t, q)
	if len(messages) < 3 {
		t.Fatalf("got %d messages, want more", len(messages))
	}
	var size, uncompressed int
	for i, b := range messages {
		m := new(dns.Msg)
		if err := m.Unpack(b); err != nil {
			t.Fatal(err)
		}
		if len(b) > messageSize || i < len(messages)-1 && len(b) < messageSize-reserve-300 {
			t.Errorf("message %d has %d bytes, want a little less than %d", i, len(b), messageSize)
		}
		if got, want := len(m.Question), 1-min(i, 1); got != want {
			t.Errorf("message %d has %d questions, want %d", i, got, want)
		}
		if m.IsEdns0() == nil {
			t.Errorf("message %d has no OPT record", i)
		}
		if !m.Authoritative || !m.Response || m.Id != q.id() || m.Rcode != dns.RcodeSuccess {
			t.Errorf("message %d has the header %+v", i, m.MsgHdr)
		}
		m.Compress = false
		size, uncompressed = size+len(b), uncompressed+m.Len()
	}
	if size*10 > uncompressed*8 {
		t.Errorf("%d bytes, %d without compression, want less", size, uncompressed)
	}
}

func (q *Request) id() uint16 { return uint16(q.Packet[0])<<8 | uint16(q.Packet[1]) }

// Whoever asks for what cannot be had gets the error that says why.
func TestErrorsOfTransferQueries(t *testing.T) {
	c := newCluster(t, bigState(30))
	s := newServer(c)
	noSerial := axfr("mesos.")
	noSerial.Question[0].Qtype = dns.TypeIXFR
	otherZone := ixfr("mesos.", 1)
	otherZone.Ns[0].Header().Name = "b.mesos."
	empty := New(Options{
		History:  zone.NewHistory(zone.HistoryLimits{}, zone.NewEmpty(c.zone.Options(), c.next), time.Now()),
		Settings: everybody(), Max: 1, Log: quiet(),
	})
	refusing := New(Options{History: c.history, Catalog: name("catalog.test"), Max: 1, Log: quiet()})
	for title, x := range map[string]struct {
		server  *Server
		query   *dns.Msg
		streams bool
		rcode   int
	}{
		"a zone that is not served":                  {s, axfr("example."), true, dns.RcodeNotAuth},
		"differences of a zone that is not served":   {s, ixfr("example.", 1), true, dns.RcodeNotAuth},
		"a name within a zone":                       {s, axfr("marathon.mesos."), true, dns.RcodeNotAuth},
		"the root":                                   {s, axfr("."), true, dns.RcodeNotAuth},
		"a whole zone over UDP":                      {s, axfr("mesos."), false, dns.RcodeFormatError},
		"differences without a serial":               {s, noSerial, true, dns.RcodeFormatError},
		"differences with the serial of another one": {s, otherZone, true, dns.RcodeFormatError},
		"a zone before the first state":              {empty, axfr("mesos."), true, dns.RcodeServerFailure},
		"nobody is allowed":                          {refusing, axfr("mesos."), true, dns.RcodeRefused},
		"nobody is allowed any zone":                 {refusing, axfr("example."), true, dns.RcodeRefused},
		"nobody is allowed differences":              {refusing, ixfr("mesos.", 1), false, dns.RcodeRefused},
		"nobody is allowed the catalog":              {refusing, axfr("catalog.test."), true, dns.RcodeRefused},
		"nor its SOA record":                         {refusing, new(dns.Msg).SetQuestion("catalog.test.", dns.TypeSOA), false, dns.RcodeRefused},
		"other records of the catalog":               {s, new(dns.Msg).SetQuestion("catalog.test.", dns.TypeNS), true, dns.RcodeRefused},
		"a name within the catalog":                  {s, new(dns.Msg).SetQuestion("zones.catalog.test.", dns.TypeSOA), true, dns.RcodeRefused},
	} {
		got := x.server.ask(t, request(t, x.query, x.streams))
		if len(got) != 1 || got[0].Rcode != x.rcode || len(got[0].Answer) != 0 || got[0].Authoritative || len(got[0].Question) != 1 {
			t.Errorf("%s: got %v, want %s", title, got, dns.RcodeToString[x.rcode])
		}
	}
	if m := empty.ask(t, request(t, axfr("static.test."), true)); len(m[0].Answer) < 3 {
		t.Errorf("a zone of a file before the first state: got %v, want it", m)
	}
}

// Over UDP a secondary gets the differences if they fit, else the SOA record, which
// has it ask over TCP.
func TestDifferencesOverUDP(t *testing.T) {
	c := newCluster(t, bigState(30))
	s := newServer(c)
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(31))
	for _, x := range []struct {
		serial  uint32
		size    int
		records int
	}{
		{serial, 1232, 3}, // with more than two SOA records
		{serial, 200, 1},
		{serial - 1, 1232, 1}, // not kept
		{serial + 1, 1232, 1}, // up to date
		{serial + 2, 1232, 1}, // newer
	} {
		q := request(t, ixfr("mesos.", x.serial), false)
		q.Size = x.size
		got := s.askBytes(t, q)
		m := new(dns.Msg)
		if err := m.Unpack(got[0]); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || len(got[0]) > x.size || x.records == 1 && len(m.Answer) != 1 || len(m.Answer) < x.records {
			t.Errorf("serial %d, %d bytes: got %d messages, the first of %d bytes with %d records, want %d or more", x.serial, x.size, len(got), len(got[0]), len(m.Answer), x.records)
		}
		if soa, ok := m.Answer[0].(*dns.SOA); !ok || soa.Serial != serial+1 {
			t.Errorf("serial %d: got %v, want the current SOA record", x.serial, m.Answer[0])
		}
	}
}

// Twenty secondaries that ask for one step cost one encoding of the differences.
func TestAStepIsEncodedOnce(t *testing.T) {
	c := newCluster(t, bigState(30))
	s := newServer(c)
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(31))
	var first []byte
	for i := range 20 {
		m := ixfr("mesos.", serial)
		m.Id = uint16(1000 + i)
		m.Question[0].Name = []string{"mesos.", "MESOS."}[i%2]
		got := s.askBytes(t, request(t, m, true))
		packet, _ := m.Pack()
		if !bytes.Equal(got[0][:2], packet[:2]) || !bytes.Equal(got[0][12:23], packet[12:23]) {
			t.Errorf("got the header and question % x, want those of % x", got[0][:23], packet[:23])
		}
		if first == nil {
			first = got[0]
		} else if !bytes.Equal(first[23:], got[0][23:]) {
			t.Errorf("query %d got other records than the first", i)
		}
	}
	if made, kept := s.counts.made.Load(), s.counts.kept.Load(); made != 1 || kept != 19 {
		t.Errorf("got %d encodings made and %d used again, want 1 and 19", made, kept)
	}
}

// A difference of more than one message is the same whether it was kept or not.
func TestLargeDifferences(t *testing.T) {
	c := newCluster(t, bigState(1000))
	s := newServer(c)
	serial, _ := c.zone.Serial(name("mesos"))
	_, content, err := whole(answers(s.ask(t, request(t, axfr("mesos."), true))))
	if err != nil {
		t.Fatal(err)
	}
	soa, _ := c.zone.SOARecord(name("mesos"))
	before, _ := soa.RR()
	for _, tasks := range []int{1100, 1500} { // the second difference is too large to be kept
		c.publish(bigState(tasks))
		for range 2 {
			messages := s.ask(t, request(t, ixfr("mesos.", serial), true))
			if len(messages) < 2 {
				t.Fatalf("%d tasks: got %d messages, want more", tasks, len(messages))
			}
			_, got, err := applyIXFR(before.String(), content, answers(messages))
			if err != nil {
				t.Fatalf("%d tasks: %v", tasks, err)
			}
			if answers(messages)[1].Header().Rrtype != dns.TypeSOA {
				t.Errorf("%d tasks: got the whole zone, want the difference", tasks)
			}
			if want := recordsIn(t, c.zone, name("mesos")); !equalSets(got, want) {
				t.Errorf("%d tasks: got %d records, want %d", tasks, len(got), len(want))
			}
		}
	}
}

// A large difference is not made while a query is read: not at all over UDP, where one
// goroutine answers all queries, and over TCP when the transfer has its turn. Anybody
// who may ask can name any version, so each query could cost another difference.
func TestAQueryForALargeDifferenceKeepsNoOtherWaiting(t *testing.T) {
	c := newCluster(t, bigState(1000))
	s := newServer(c)
	serial, _ := c.zone.Serial(name("mesos"))
	_, content, err := whole(answers(s.ask(t, request(t, axfr("mesos."), true))))
	if err != nil {
		t.Fatal(err)
	}
	soa, _ := c.zone.SOARecord(name("mesos"))
	before, _ := soa.RR()
	c.publish(bigState(1500))

	if got := answers(s.ask(t, request(t, ixfr("mesos.", serial), false))); len(got) != 1 {
		t.Errorf("over UDP: got %d records, want the SOA record alone", len(got))
	}
	q := request(t, ixfr("mesos.", serial), true)
	if _, stream, _ := s.Answer(make([]byte, bufferSize), q); stream == nil {
		t.Error("over TCP: got a message at once, want a stream")
	}
	if made := s.counts.made.Load(); made != 0 {
		t.Errorf("%d differences were made while queries were read, want none", made)
	}
	_, got, err := applyIXFR(before.String(), content, answers(s.ask(t, q)))
	if err != nil {
		t.Fatal(err)
	}
	if want := recordsIn(t, c.zone, name("mesos")); !equalSets(got, want) {
		t.Errorf("over TCP: got %d records, want %d", len(got), len(want))
	}
}

// A difference whose version goes before the transfer has its turn is the whole zone.
func TestADifferenceThatIsGoneIsTheWholeZone(t *testing.T) {
	c := newCluster(t, bigState(1000))
	s := newServer(c)
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(1500))
	want := recordsIn(t, c.zone, name("mesos"))
	_, stream, _ := s.Answer(make([]byte, bufferSize), request(t, ixfr("mesos.", serial), true))
	if stream == nil {
		t.Fatal("got a message at once, want a stream")
	}
	for i := range 15 { // more than are kept
		c.publish(bigState(1501 + i))
	}
	var messages []*dns.Msg
	err := stream.Run(context.Background(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
		for _, b := range split(t, framed) {
			m := new(dns.Msg)
			if err := m.Unpack(b); err != nil {
				return err
			}
			messages = append(messages, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := whole(answers(messages)); err != nil || !equalSets(got, want) {
		t.Errorf("got %d records and error %v, want the %d of the version that was asked for", len(got), err, len(want))
	}
}

// Refusals are logged once a minute for each client, and not more than some lines
// whatever the addresses are.
func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	log := logrus.New()
	log.SetOutput(&out)
	s := New(Options{History: newCluster(t, bigState(1)).history, Max: 1, Log: log})
	now := time.Unix(1_700_000_000, 0)
	s.refusals.now = func() time.Time { return now }
	ask := func(client string) {
		q := request(t, axfr("mesos."), true)
		q.Client = netip.MustParseAddr(client)
		s.ask(t, q)
	}
	lines := func() int { return strings.Count(out.String(), "refused a zone transfer") }
	for range 5 {
		ask("192.0.2.1")
		ask("2001:db8::1")
		ask("2001:db8::2")
	}
	if lines() != 2 {
		t.Errorf("got %d lines, want one for each of 2 clients:\n%s", lines(), out.String())
	}
	if want := "client=192.0.2.1 type=AXFR zone=mesos."; !strings.Contains(out.String(), want) {
		t.Errorf("got %s, want %s", out.String(), want)
	}
	now = now.Add(refusalInterval)
	out.Reset()
	for i := range 300 {
		ask(fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	if lines() != maxRefusalLines || !strings.Contains(out.String(), "unlogged=13") {
		t.Errorf("got %d lines, want %d, and the number of those not logged:\n%s", lines(), maxRefusalLines, out.String())
	}
	if got := s.counts.failed[failedRefused].Load(); got != 315 {
		t.Errorf("got %d refusals counted, want 315", got)
	}
}

func TestRules(t *testing.T) {
	sha256, _ := ParseAlgorithm("hmac-sha256")
	a, _ := NewKey(name("a.key"), sha256, []byte("secret"))
	b, _ := NewKey(name("b.key"), sha256, []byte("secret"))
	ten := netip.MustParsePrefix("10.0.0.0/8")
	anonymous := &Session{Version: tls.VersionTLS13}
	known := &Session{Version: tls.VersionTLS13, Names: []string{"host", "ns2.example.com"}}
	old := &Session{Version: tls.VersionTLS12, Names: known.Names}
	for _, x := range []struct {
		rule    Rule
		client  string
		key     *Key
		session *Session
		want    bool
	}{
		{Rule{Prefix: ten}, "10.1.2.3", nil, nil, true},
		{Rule{Prefix: ten}, "10.1.2.3", a, nil, true},
		{Rule{Prefix: ten}, "11.1.2.3", a, nil, false},
		{Rule{Key: a.Name()}, "11.1.2.3", a, nil, true},
		{Rule{Key: a.Name()}, "11.1.2.3", b, nil, false},
		{Rule{Key: a.Name()}, "11.1.2.3", nil, nil, false},
		{Rule{Prefix: ten, Key: a.Name()}, "10.1.2.3", a, nil, true},
		{Rule{Prefix: ten, Key: a.Name()}, "10.1.2.3", nil, nil, false},
		{Rule{Prefix: ten, Key: a.Name()}, "11.1.2.3", a, nil, false},
		{Rule{Prefix: ten}, "fd00::1", nil, nil, false},
		{Rule{Prefix: ten}, "10.1.2.3", nil, anonymous, true},
		{Rule{Prefix: ten}, "10.1.2.3", nil, old, false}, // RFC 9103, section 7.1
		{Rule{TLS: true}, "10.1.2.3", nil, nil, false},
		{Rule{TLS: true}, "10.1.2.3", nil, anonymous, true},
		{Rule{TLS: true, Key: a.Name()}, "10.1.2.3", nil, anonymous, false},
		{Rule{TLS: true, Key: a.Name()}, "10.1.2.3", a, anonymous, true},
		{Rule{Cert: "ns2.example.com"}, "10.1.2.3", a, nil, false},
		{Rule{Cert: "ns2.example.com"}, "10.1.2.3", a, anonymous, false},
		{Rule{Cert: "ns2.example.com"}, "10.1.2.3", nil, known, true},
		{Rule{Cert: "ns2.example.com"}, "10.1.2.3", nil, old, false},
		{Rule{Cert: "ns3.example.com"}, "10.1.2.3", nil, known, false},
		{Rule{Cert: "*"}, "10.1.2.3", nil, known, true},
		{Rule{Cert: "*"}, "10.1.2.3", nil, anonymous, false},
	} {
		if got := allowed([]Rule{x.rule}, netip.MustParseAddr(x.client), x.key, x.session); got != x.want {
			t.Errorf("%v, client %s, key %v, session %v: got %v, want %v", x.rule, x.client, x.key, x.session, got, x.want)
		}
	}
	if allowed(nil, oneClient, a, known) {
		t.Error("without rules somebody is allowed")
	}
}

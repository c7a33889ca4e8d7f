package transfer

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var testSecret = []byte("a secret of thirty-two bytes ...")

func testKey(t testing.TB, keyName, algorithm string) *Key {
	t.Helper()
	a, err := ParseAlgorithm(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKey(name(keyName), a, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signed is a query that package dns has signed, with the MAC.
func signed(t testing.TB, m *dns.Msg, keyName, algorithm string, secret []byte, at time.Time) (packet []byte, mac string) {
	t.Helper()
	m.SetTsig(keyName, algorithm, 300, at.Unix())
	packet, mac, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(secret), "", false)
	if err != nil {
		t.Fatal(err)
	}
	return packet, mac
}

// tsigServer is a server with a key for each algorithm, and the time that it has.
func tsigServer(t testing.TB) (*Server, time.Time) {
	o := everybody()
	for _, a := range algorithms {
		o.Keys = append(o.Keys, testKey(t, a.text+".key", a.text))
	}
	now := time.Unix(1_700_000_000, 0)
	s := New(Options{History: newCluster(t, bigState(600)).history, Settings: o, Max: 4, Log: quiet()})
	s.now = func() time.Time { return now }
	return s, now
}

// tsigOffset is where the TSIG record of a packet begins.
func tsigOffset(packet []byte) int { return findTSIG(packet) }

// Another implementation signs queries that are accepted here, and accepts what is
// signed here: all messages of a transfer as well, and with each algorithm.
func TestSignaturesAreThoseOfAnotherImplementation(t *testing.T) {
	s, now := tsigServer(t)
	for _, a := range algorithms {
		keyName := a.text + ".key."
		packet, mac := signed(t, axfr("mesos."), keyName, a.text+".", testSecret, now)
		v := s.Verify(packet, tsigOffset(packet))
		if v.Rcode != dns.RcodeSuccess || v.Key == nil || v.Key.Name().String() != keyName {
			t.Fatalf("%s: got rcode %d, error %q, key %v", a, v.Rcode, v.Error(), v.Key)
		}
		q := NewRequest(v.Packet)
		q.Client, q.Key, q.Streams, q.Size = oneClient, v.Key, true, dns.MaxMsgSize
		_, stream, _ := s.Answer(make([]byte, bufferSize), q)
		stream.SignWith(v)
		secret := base64.StdEncoding.EncodeToString(testSecret)
		count := 0
		err := stream.Run(t.Context(), func(_ context.Context, framed []byte, _ time.Time, _ Turn) error {
			for _, msg := range split(t, framed) {
				if len(msg) > messageSize {
					t.Errorf("%s: message %d has %d bytes, want at most %d", a, count, len(msg), messageSize)
				}
				m := new(dns.Msg)
				if err := m.Unpack(msg); err != nil {
					return err
				}
				if m.IsTsig() == nil {
					return fmt.Errorf("message %d is not signed", count)
				}
				// The library checks the time against its own clock.
				if err := verifyAt(msg, secret, mac, count > 0); err != nil {
					return fmt.Errorf("message %d: %w", count, err)
				}
				mac = m.IsTsig().MAC
				count++
			}
			return nil
		})
		if err != nil || count < 2 {
			t.Errorf("%s: %d messages: %v", a, count, err)
		}
	}
}

// verifyAt is dns.TsigVerify but for the time, which the library takes from its own
// clock.
func verifyAt(msg []byte, secret, mac string, timersOnly bool) error {
	err := dns.TsigVerify(msg, secret, mac, timersOnly)
	if err == dns.ErrTime {
		return nil // the MAC was checked before
	}
	return err
}

// Requests signed here are accepted by another implementation, and responses from
// there are checked here.
func TestRequestsOfOurOwn(t *testing.T) {
	now := time.Now()
	secret := base64.StdEncoding.EncodeToString(testSecret)
	for _, a := range algorithms {
		k := testKey(t, "notify.key", a.text)
		notify := new(dns.Msg).SetNotify("mesos.")
		plain, err := notify.Pack()
		if err != nil {
			t.Fatal(err)
		}
		packet, mac := k.Sign(append([]byte(nil), plain...), now)
		if err := dns.TsigVerify(append([]byte(nil), packet...), secret, "", false); err != nil {
			t.Errorf("%s: the request is refused: %v", a, err)
		}
		response := func(change func(m *dns.Msg), secret []byte, requestMAC string) []byte {
			m := new(dns.Msg).SetReply(notify)
			m.SetTsig("notify.key.", a.text+".", 300, now.Unix())
			if change != nil {
				change(m)
			}
			b, _, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(secret), requestMAC, false)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		good := response(nil, testSecret, fmt.Sprintf("%x", mac))
		other := append([]byte(nil), good...)
		other[3] |= dns.RcodeRefused
		bare, _ := new(dns.Msg).SetReply(notify).Pack()
		badKey := new(dns.Msg).SetReply(notify)
		badKey.SetTsig("notify.key.", a.text+".", 300, now.Unix())
		badKey.IsTsig().Error = dns.RcodeBadKey
		unsigned, err := badKey.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for title, x := range map[string]struct {
			msg  []byte
			at   time.Time
			want error
		}{
			"a good one":           {good, now, nil},
			"changed":              {other, now, ErrSignature},
			"another secret":       {response(nil, []byte("other"), fmt.Sprintf("%x", mac)), now, ErrSignature},
			"to another request":   {response(nil, testSecret, strings.Repeat("00", 32)), now, ErrSignature},
			"too late":             {good, now.Add(301 * time.Second), ErrTime},
			"without a signature":  {bare, now, ErrUnsigned},
			"nothing":              {nil, now, ErrUnsigned},
			"an unknown key there": {unsigned, now, RejectedError(dns.RcodeBadKey)},
		} {
			if got := k.VerifyResponse(x.msg, mac, x.at); got != x.want {
				t.Errorf("%s, %s: got %v, want %v", a, title, got, x.want)
			}
		}
	}
}

// Each error is the one of RFC 8945, sections 5.2 and 5.3.2.
func TestTSIGErrors(t *testing.T) {
	s, now := tsigServer(t)
	const sha256, keyName = "hmac-sha256.", "hmac-sha256.key."
	sign := func(keyName, algorithm string, secret []byte, at time.Time) []byte {
		packet, _ := signed(t, new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA), keyName, algorithm, secret, at)
		return packet
	}
	// cut takes bytes off the MAC.
	cut := func(packet []byte, bytes int) []byte {
		r, ok := parseTSIG(packet, tsigOffset(packet))
		if !ok {
			t.Fatal("the packet has no TSIG record")
		}
		p := append([]byte(nil), packet[:r.start]...)
		p[11]--
		return appendTSIG(p, r.key, r.algorithm, r.time, r.mac[:len(r.mac)-bytes], r.id, 0, nil)
	}
	good := sign(keyName, sha256, testSecret, now)
	for title, x := range map[string]struct {
		packet []byte
		rcode  uint16
		err    string
		signed bool
	}{
		"a good one":                         {good, dns.RcodeSuccess, "", true},
		"an unknown key":                     {sign("other.key.", sha256, testSecret, now), dns.RcodeNotAuth, "BADKEY", false},
		"a key of another algorithm":         {sign(keyName, "hmac-sha512.", testSecret, now), dns.RcodeNotAuth, "BADKEY", false},
		"an algorithm that is not supported": {sign(keyName, dns.HmacSHA1, testSecret, now), dns.RcodeNotAuth, "BADKEY", false},
		"another secret":                     {sign(keyName, sha256, []byte("other"), now), dns.RcodeNotAuth, "BADSIG", false},
		"another secret, and too late":       {sign(keyName, sha256, []byte("other"), now.Add(-time.Hour)), dns.RcodeNotAuth, "BADSIG", false},
		"too late":                           {sign(keyName, sha256, testSecret, now.Add(-301*time.Second)), dns.RcodeNotAuth, "BADTIME", true},
		"too early":                          {sign(keyName, sha256, testSecret, now.Add(301*time.Second)), dns.RcodeNotAuth, "BADTIME", true},
		"just in time":                       {sign(keyName, sha256, testSecret, now.Add(300*time.Second)), dns.RcodeSuccess, "", true},
		"half the MAC":                       {cut(good, 16), dns.RcodeNotAuth, "BADTRUNC", true},
		"less than half the MAC":             {cut(good, 17), dns.RcodeFormatError, "", false},
		"no MAC":                             {cut(good, 32), dns.RcodeFormatError, "", false},
	} {
		before := append([]byte(nil), x.packet...)
		v := s.Verify(x.packet, tsigOffset(x.packet))
		if v.Rcode != x.rcode || v.Error() != x.err || (v.Key != nil) != (x.rcode == dns.RcodeSuccess) {
			t.Errorf("%s: got rcode %d and %q, want %d and %q", title, v.Rcode, v.Error(), x.rcode, x.err)
			continue
		}
		if string(before) != string(x.packet) {
			t.Errorf("%s: the packet was changed", title)
		}
		query := new(dns.Msg)
		if err := query.Unpack(x.packet); err != nil {
			t.Fatal(err)
		}
		reply := new(dns.Msg).SetRcode(query, int(x.rcode))
		plain, _ := reply.Pack()
		response := v.Finish(plain)
		if got := len(response) - len(plain); got > v.Size() {
			t.Errorf("%s: the TSIG record has %d bytes, more than the %d that were said", title, got, v.Size())
		}
		m := new(dns.Msg)
		if err := m.Unpack(response); err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		tsig := m.IsTsig()
		if x.rcode == dns.RcodeFormatError {
			if tsig != nil {
				t.Errorf("%s: got %v, want no TSIG record", title, tsig)
			}
			continue
		}
		if tsig == nil || (tsig.MAC != "") != x.signed || x.err != "" && tsigErrorName(tsig.Error) != x.err {
			t.Errorf("%s: got %v, want error %q, signed: %v", title, tsig, x.err, x.signed)
			continue
		}
		if x.signed {
			// The library refuses to verify errors, but signs them.
			got := tsig.MAC
			_, want, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(testSecret), query.IsTsig().MAC, false)
			if err != nil || got != want {
				t.Errorf("%s: got the MAC %s, want %s (%v)", title, got, want, err)
			}
		}
		if x.err == "BADTIME" && (tsig.OtherData != fmt.Sprintf("%012x", now.Unix()) || tsig.TimeSigned != query.IsTsig().TimeSigned) {
			t.Errorf("%s: got other data %s and time %d, want our time %012x and theirs %d", title, tsig.OtherData, tsig.TimeSigned, now.Unix(), query.IsTsig().TimeSigned)
		}
	}
}

// A forwarder may change the id of a query. The signature is that of the original.
func TestSignatureOfAForwardedQuery(t *testing.T) {
	s, now := tsigServer(t)
	packet, _ := signed(t, new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA), "hmac-sha256.key.", "hmac-sha256.", testSecret, now)
	packet[0] ^= 0xFF
	if v := s.Verify(packet, tsigOffset(packet)); v.Rcode != dns.RcodeSuccess {
		t.Errorf("got rcode %d and %q, want a valid signature", v.Rcode, v.Error())
	}
}

// Any single bit of a signed query counts, but for the id of the message.
func TestEveryBitIsSigned(t *testing.T) {
	s, now := tsigServer(t)
	packet, _ := signed(t, ixfr("mesos.", 7), "hmac-sha256.key.", "hmac-sha256.", testSecret, now)
	at := tsigOffset(packet)
	for i := 2 * 8; i < len(packet)*8; i++ {
		changed := append([]byte(nil), packet...)
		changed[i/8] ^= 1 << (i % 8)
		if findTSIG(changed) != at {
			continue // resolver finds no TSIG record there
		}
		v := s.Verify(changed, at)
		if v.Rcode == dns.RcodeSuccess && !lowerCaseOnly(packet, changed, at) {
			t.Errorf("bit %d of byte %d is not signed", i%8, i/8)
		}
	}
}

// lowerCaseOnly reports whether two packets differ only in the case of a letter of
// the TSIG record's names, which are signed in lower case.
func lowerCaseOnly(a, b []byte, at int) bool {
	return strings.EqualFold(string(a[at:]), string(b[at:])) && string(a[:at]) == string(b[:at])
}

func TestKeysShowNoSecret(t *testing.T) {
	k := testKey(t, "a.key", "hmac-sha256")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k, []*Key{k}, struct{ K *Key }{k}} {
			text := fmt.Sprintf(verb, v)
			if strings.Contains(text, string(testSecret)) || strings.Contains(text, fmt.Sprintf("%x", testSecret)) || strings.Contains(text, "97 32 115 101") {
				t.Errorf("%s of %T: got %s", verb, v, text)
			}
		}
	}
}

// FuzzTSIG has packets checked that say that they are signed. None passes that the
// key has not signed, and the response can always be read.
func FuzzTSIG(f *testing.F) {
	s, now := tsigServer(f)
	good := map[string]bool{}
	for _, m := range []*dns.Msg{axfr("mesos."), ixfr("mesos.", 7), new(dns.Msg).SetNotify("mesos."), new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA)} {
		m.Id = 7
		packet, _ := signed(f, m, "hmac-sha256.key.", "hmac-sha256.", testSecret, now)
		f.Add(packet, uint16(tsigOffset(packet)))
		good[string(packet[:tsigOffset(packet)])] = true
	}
	f.Fuzz(func(t *testing.T, packet []byte, at uint16) {
		v := s.Verify(packet, int(at))
		if v.Rcode == dns.RcodeSuccess {
			plain := append([]byte(nil), packet[:at]...)
			binary.BigEndian.PutUint16(plain, 7)
			if !good[string(plain)] {
				t.Fatalf("%x was accepted", packet)
			}
		}
		response := v.Finish(make([]byte, 12, 1000))
		if err := new(dns.Msg).Unpack(response); err != nil {
			t.Fatalf("the response %x cannot be read: %v", response, err)
		}
		if len(response)-12 > v.Size() {
			t.Fatalf("the TSIG record has %d bytes, more than the %d that were said", len(response)-12, v.Size())
		}
		_ = s.Key(name("hmac-sha256.key")).VerifyResponse(packet, nil, now)
	})
}

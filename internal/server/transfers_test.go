package server

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
)

const (
	firstSecret  = "dGhlIGZpcnN0IHNlY3JldCBvZiAzMiBieXRlcyAuLi4="
	secondSecret = "dGhlIHNlY29uZCBzZWNyZXQgb2YgMzIgYnl0ZXMgLi4="
)

// axfr transfers a zone, signed with a secret if there is one, and returns what went
// wrong, or "".
func axfr(s *reloadingServer, zone, secret string) string {
	m := new(dns.Msg).SetAxfr(zone)
	tr := &dns.Transfer{DialTimeout: time.Minute, ReadTimeout: time.Minute}
	if secret != "" {
		m.SetTsig("secondary.example.", dns.HmacSHA256, 300, time.Now().Unix())
		tr.TsigSecret = map[string]string{"secondary.example.": secret}
	}
	envelopes, err := tr.In(m, s.DNSAddr().String())
	if err != nil {
		return err.Error()
	}
	records := 0
	for e := range envelopes {
		if e.Error != nil {
			err = e.Error
		}
		records += len(e.RR)
	}
	switch {
	case err != nil:
		return err.Error()
	case records < 3:
		return "too few records"
	}
	return ""
}

// Keys and rules for transfers take effect at once, so that a key can be exchanged:
// also when its secret is in a file that has changed.
func TestTransferSettingsAreFollowed(t *testing.T) {
	s := newReloadingServer(t, shortInterval)
	defer s.stop()
	if got := axfr(s, "mesos.", ""); got == "" {
		t.Error("got the zone, want it refused: by default nobody may have it")
	}
	s.write(t, `{`+s.base+`, "transferAllow": ["127.0.0.0/8"]}`)
	testutil.EventuallyEqual(t, "", func() string { return axfr(s, "mesos.", "") }, "the zone for clients of this machine")

	file := filepath.Join(t.TempDir(), "secret")
	writeSecret := func(secret string) {
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeSecret(firstSecret)
	s.write(t, `{`+s.base+`, "transferAllow": ["key:secondary.example"], "tsigKeys": {"secondary.example": {"secretFile": "`+file+`"}}}`)
	testutil.EventuallyEqual(t, "", func() string { return axfr(s, "mesos.", firstSecret) }, "the zone for the key")
	for title, secret := range map[string]string{"no key": "", "another secret": secondSecret} {
		if got := axfr(s, "mesos.", secret); got == "" {
			t.Errorf("%s: got the zone, want it refused", title)
		}
	}
	writeSecret(secondSecret)
	s.hangup <- syscall.SIGHUP
	testutil.EventuallyEqual(t, "", func() string { return axfr(s, "mesos.", secondSecret) }, "the zone for the new secret")
	if got := axfr(s, "mesos.", firstSecret); got == "" {
		t.Error("the old secret: got the zone, want it refused")
	}
	for _, secret := range []string{firstSecret, secondSecret, "the first secret", "the second secret"} {
		if n := s.logged(secret); n > 0 {
			t.Errorf("%d lines of the log show %q, want none", n, secret)
		}
	}
}

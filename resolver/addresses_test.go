package resolver

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/testutil"
	"toponym/zone"
)

// testInterfaces are the addresses of interfaces, which a test changes.
type testInterfaces struct {
	now atomic.Pointer[map[string][]string]
}

func (i *testInterfaces) set(now map[string][]string) { i.now.Store(&now) }

func (i *testInterfaces) addresses(name string) (addrs []netip.Addr, err error) {
	texts, ok := (*i.now.Load())[name]
	if !ok {
		return nil, errors.New("there is no such interface")
	}
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs, nil
}

func listens(items ...string) (list []Listen) {
	for _, item := range items {
		if addr, err := netip.ParseAddr(item); err == nil {
			list = append(list, Listen{Addr: addr})
		} else if at, err := netip.ParseAddrPort(item); err == nil {
			list = append(list, Listen{Addr: at.Addr(), Port: at.Port()})
		} else {
			list = append(list, Listen{Interface: item})
		}
	}
	return list
}

func TestPlacesAreEachAddressOnce(t *testing.T) {
	var i testInterfaces
	i.set(map[string][]string{"a": {"10.0.0.1", "fd00::1", "fe80::1%a"}, "b": {"10.0.0.2", "10.0.0.1"}})
	for _, x := range []struct{ listen, want string }{
		{"10.0.0.9 fd00::9", "10.0.0.9:53 [fd00::9]:53"},
		{"a", "10.0.0.1:53 (a) [fd00::1]:53 (a) [fe80::1%a]:53 (a)"},
		{"a b", "10.0.0.1:53 (a) [fd00::1]:53 (a) [fe80::1%a]:53 (a) 10.0.0.2:53 (b)"},
		{"b 10.0.0.1", "10.0.0.1:53 10.0.0.2:53 (b)"},
		{"a 0.0.0.0", "0.0.0.0:53 [fd00::1]:53 (a) [fe80::1%a]:53 (a)"},
		{"a ::", "[::]:53"},
		{"0.0.0.0 ::", "0.0.0.0:53 [::]:53"},
		{"a 0.0.0.0:5353", "0.0.0.0:5353 10.0.0.1:53 (a) [fd00::1]:53 (a) [fe80::1%a]:53 (a)"},
		{"none b", "none 10.0.0.2:53 (b) 10.0.0.1:53 (b)"},
	} {
		o := testOptions()
		o.Listen, o.Port, o.addressesOf = listens(strings.Fields(x.listen)...), 53, i.addresses
		var names []string
		s := New(zone.NewStore(testZone(t)), o)
		for _, p := range s.places(s.listening.Load()) {
			names = append(names, p.name())
		}
		if got := strings.Join(names, " "); got != x.want {
			t.Errorf("%s: got %s, want %s", x.listen, got, x.want)
		}
	}
}

func TestIPv4AndIPv6AreAnsweredBesideEachOther(t *testing.T) {
	o := testOptions()
	o.Listen = listens("0.0.0.0", "::")
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		if addr == "::1" && len(s.Addrs()) < 2 {
			t.Skip("there is no IPv6")
		}
		for _, network := range []string{"udp", "tcp"} {
			if got := askOver(t, dial(t, s, network, addr), askOne); got != wantOne {
				t.Errorf("%s over %s: got %q, want %q", addr, network, got, wantOne)
			}
		}
	}
}

func TestAddressesOfAnInterfaceComeAndGo(t *testing.T) {
	var i testInterfaces
	i.set(map[string][]string{})
	o := testOptions()
	log, hook := test.NewNullLogger()
	o.Log, o.Listen, o.addressesOf, o.addressInterval = log, listens("127.0.0.1", "late0"), i.addresses, time.Millisecond
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	for _, addrs := range [][]string{nil, {"127.0.0.2"}, {"127.0.0.2", "127.0.0.3"}, {"127.0.0.3"}, nil, {"127.0.0.2"}} {
		now := map[string][]string{}
		if addrs != nil {
			now["late0"] = addrs
		}
		i.set(now)
		want := append([]string{"127.0.0.1"}, addrs...)
		testutil.Poll(t, func() (bool, string) {
			var got []string
			for _, a := range s.Addrs() {
				got = append(got, a.Addr().String())
			}
			slices.Sort(got)
			return slices.Equal(got, want), strings.Join(got, " ")
		}, "the addresses are those of the interface")
		for _, a := range want {
			for _, network := range []string{"udp", "tcp"} {
				if got := askOver(t, dial(t, s, network, a), askOne); got != wantOne {
					t.Errorf("%s over %s: got %q, want %q", a, network, got, wantOne)
				}
			}
		}
	}
	warned := 0
	for _, e := range hook.AllEntries() {
		if e.Data["addr"] == "late0" {
			warned++
		}
	}
	if warned == 0 || warned > 3 {
		t.Errorf("got %d lines about an interface that is missing 2 times, want at most one each", warned)
	}
	if n := len(s.counters.workers()); n > 1+4*o.Workers*2 {
		t.Errorf("got counters of %d workers, want those of ended ones to be used again", n)
	}
}

func TestMissingAddressesAreAwaitedOnlyBesideOthers(t *testing.T) {
	for _, x := range []struct {
		listen string
		open   int
		fails  bool
	}{
		{"192.0.2.1", 0, true},
		{"192.0.2.1 127.0.0.1", 1, false},
		{"192.0.2.1 240.0.0.1", 0, false},
		{"no-such-if", 0, false},
	} {
		o := testOptions()
		o.Listen, o.Port = listens(strings.Fields(x.listen)...), 0
		s := New(zone.NewStore(testZone(t)), o)
		if err := s.Listen(); (err != nil) != x.fails {
			t.Errorf("%s: got error %v, want one: %v", x.listen, err, x.fails)
		}
		if got := len(s.Addrs()); got != x.open {
			t.Errorf("%s: got %d addresses open, want %d", x.listen, got, x.open)
		}
		for _, e := range s.endpoints.open {
			e.close()
		}
	}
}

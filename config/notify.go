package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// NotifyTarget is a secondary that is told of new versions of the zones.
type NotifyTarget struct {
	Addr netip.AddrPort
	Key  string // of tsigKeys, that the messages are signed with; "": none
}

// String returns the target as it is written, such as "10.0.0.5:53 key:NAME".
func (t NotifyTarget) String() string {
	if t.Key == "" {
		return t.Addr.String()
	}
	return t.Addr.String() + " key:" + t.Key
}

// MarshalText returns String.
func (t NotifyTarget) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// maxNotify bounds the secondaries that are told of new versions. Behind as many,
// others can be told by them.
const maxNotify = 500

// notifyTarget parses an item of notify.
func notifyTarget(raw any, at position) (t NotifyTarget, ok bool) {
	s, ok := text(raw, at)
	if !ok {
		return t, false
	}
	const example = `something like "10.0.0.5", "[fd00::5]:5353" or "10.0.0.5:53 key:NAME"`
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 2 {
		return t, at.reject(raw, "is neither an address nor an address and a key", example)
	}
	addr, err := netip.ParseAddr(unbracket(words[0]))
	t.Addr = netip.AddrPortFrom(addr, dnsPort)
	if err != nil {
		t.Addr, err = netip.ParseAddrPort(words[0])
	}
	t.Addr = netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port())
	switch a := t.Addr.Addr(); {
	case err != nil || t.Addr.Port() == 0:
		return t, at.reject(raw, "is neither an IP address nor IP:port", example)
	case a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return t, at.reject(raw, "is not the address of one host", example)
	case len(words) == 1:
		return t, true
	}
	key, isKey := strings.CutPrefix(words[1], "key:")
	if !isKey {
		return t, at.reject(raw, "has something other than a key behind the address", example)
	}
	name, problem := normalName(key, maxName, true)
	if problem != "" {
		return t, at.reject(raw, "has a key that is not a domain name: "+problem, example)
	}
	t.Key = name
	return t, true
}

// checkNotify rejects keys that are missing and secondaries that are named twice, and
// warns of what cannot work.
func (l *loader) checkNotify() {
	c := l.config
	if len(c.Notify) == 0 || !l.valid("notify", "tsigKeys") {
		return
	}
	at := position{key: l.label("notify"), errs: &l.errs}
	if len(c.Notify) > maxNotify {
		at.reject(nil, fmt.Sprintf("has %d items", len(c.Notify)), fmt.Sprintf("at most %d: further secondaries can be told by those", maxNotify))
		return
	}
	seen := map[netip.AddrPort]bool{}
	for i, t := range c.Notify {
		if _, known := c.TSIGKeys[t.Key]; t.Key != "" && !known {
			at.item(i).reject(t.String(), "names a key that is not in tsigKeys", "a key of tsigKeys")
		}
		if seen[t.Addr] {
			at.item(i).reject(t.String(), "has the address of another item", "each address once")
		}
		seen[t.Addr] = true
	}
	if !c.DNSOn && l.valid("dnson") {
		l.warn("notify", "not used: dnson is false")
	} else if len(c.TransferAllow) == 0 && l.valid("transferAllow") {
		l.warn("notify", "transferAllow allows nobody to have the zones that these secondaries are told of")
	}
}

package resolver

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/zone"
)

// ZonePreference says which instances are in the fault domain of a client, so that
// answers list them first. Its functions are called from any goroutine.
type ZonePreference struct {
	Domain string // of the names T.F.<zone>.zone.D, in lower-case wire form
	// ZoneOf returns the label of a client's zone; empty if that is not known.
	ZoneOf func(client netip.Addr) string
	// Contains reports whether an address is that of an agent in a zone.
	Contains func(label string, a netip.Addr) bool
}

// nearZone is what is in the zone of a client.
type nearZone struct {
	*ZonePreference
	label string
	zone  *zone.Zone // the version that has node
	node  *zone.Node // T.F.<zone>.zone.D; nil if there is none
}

// zoneLabel is the label above the names of zones, in wire form.
const zoneLabel = "\x04zone"

// nearZone returns what is in the zone of a client, nil if that is not known. For a
// name T.F.D it is what the name of the subset has.
func (p *ZonePreference) nearZone(z *zone.Zone, name string, client netip.Addr) *nearZone {
	label := p.ZoneOf(client)
	if label == "" {
		return nil
	}
	near := &nearZone{ZonePreference: p, label: label, zone: z}
	if front, ok := strings.CutSuffix(name, p.Domain); ok && front != "" {
		b := append([]byte(front), byte(len(label)))
		b = append(b, label+zoneLabel+p.Domain...)
		if found, result := z.Lookup(b, dns.TypeANY); result == zone.Success {
			near.node = found.Node
		}
	}
	return near
}

func (n *nearZone) hasIPv4(a [4]byte) bool {
	if n.node != nil {
		if _, found := slices.BinarySearchFunc(n.node.A, a, func(x, y [4]byte) int { return bytes.Compare(x[:], y[:]) }); found {
			return true
		}
	}
	return n.Contains(n.label, netip.AddrFrom4(a))
}

func (n *nearZone) hasIPv6(a [16]byte) bool {
	if n.node != nil {
		if _, found := slices.BinarySearchFunc(n.node.AAAA, a, func(x, y [16]byte) int { return bytes.Compare(x[:], y[:]) }); found {
			return true
		}
	}
	return n.Contains(n.label, netip.AddrFrom16(a))
}

// hasSRV reports whether an SRV record is one of an instance in the zone.
func (n *nearZone) hasSRV(s zone.SRV) bool {
	if n.node == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(n.node.SRV, s, n.zone.CompareSRV)
	return found
}

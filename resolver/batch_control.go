//go:build linux && (amd64 || arm64)

package resolver

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// control holds the control message with which the system says where a packet
// was sent to: a struct cmsghdr and a struct in_pktinfo (ip(7)) or in6_pktinfo
// (ipv6(7)).
//
// The same message with a packet to be sent says where it shall come from, so
// one is made of the other in place.
type control [unix.SizeofCmsghdr + (unix.SizeofInet6Pktinfo+7)&^7]byte

// Offsets in control.
const (
	cmsgLevel = 8
	cmsgType  = 12
	cmsgData  = unix.SizeofCmsghdr

	inetInterface  = cmsgData
	inet6Interface = cmsgData + 16
)

// reverse turns what was received into what is to be sent with the reply, and
// returns its length: 0 for none, so that the system chooses the address.
//
// The interface is left to the routing table, since the way back may be another
// one. Only addresses of the link mean nothing without it.
func (c *control) reverse(received uint64) uint64 {
	if received < unix.SizeofCmsghdr {
		return 0
	}
	length := binary.NativeEndian.Uint64(c[:])
	level, kind := binary.NativeEndian.Uint32(c[cmsgLevel:]), binary.NativeEndian.Uint32(c[cmsgType:])
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && length == cmsgData+unix.SizeofInet4Pktinfo:
		clear(c[inetInterface:][:4])
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && length == cmsgData+unix.SizeofInet6Pktinfo:
		if !netip.AddrFrom16([16]byte(c[cmsgData:])).IsLinkLocalUnicast() {
			clear(c[inet6Interface:][:4])
		}
	default:
		return 0
	}
	return length
}

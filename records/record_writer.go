package records

import (
	"net/netip"

	"toponym/internal/names"
)

// recordWriter receives the records that a generator makes. Buffers that hold
// names are reused after the call.
type recordWriter interface {
	addr(name []byte, a netip.Addr, from addrSource)
	srv(name []byte, target Name, d SRV) // the target has the id of d
	ptr(a netip.Addr, p PTR, from addrSource)
	ttl(name []byte, seconds uint32) // requests a TTL for a name that has records of the same owner
	target(name []byte) numberedName // returns a lasting copy of a name, for SRV and PTR data
	omit(Omission)
}

// numberedName is a name with the id that a writer knows it by. Those that are not about
// the records of a set know none.
type numberedName struct {
	Name
	id names.ID
}

// discard drops all records. It is the writer of callers that only need names.
type discard struct{}

func (discard) addr([]byte, netip.Addr, addrSource) {}
func (discard) srv([]byte, Name, SRV)               {}
func (discard) ptr(netip.Addr, PTR, addrSource)     {}
func (discard) ttl([]byte, uint32)                  {}
func (discard) target(name []byte) numberedName     { return numberedName{Name: Name(name)} }
func (discard) omit(Omission)                       {}

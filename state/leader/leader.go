// Package leader finds the Mesos masters, and which of them is likely to lead.
//
// Package state/master asks the candidates that it names. They come from the
// setting masters, from ZooKeeper, where the masters elect their leader, or from the
// agent on the same machine. A candidate is a hint: only the answer of a master proves that it leads. So
// masters that were found once stay candidates when ZooKeeper becomes
// unavailable.
package leader

import "toponym/internal/hostport"

// Address is where a master, or a server of ZooKeeper, listens.
type Address = hostport.Addr

// ParseAddress reads host:port.
func ParseAddress(s string) (Address, error) { return hostport.Parse(s) }

// Detector names the masters to ask. The name is that of Mesos
// (master/detector.hpp).
type Detector interface {
	// Candidates returns the masters in the order in which to ask them. There
	// may be none before anything is known.
	Candidates() []Address
	// Masters returns all known masters, in an order that is stable as long as
	// the masters are the same.
	Masters() []Address
	// SetLeading records that a master answered as the leader.
	SetLeading(Address)
	// Changed delivers an element when another master seems to lead, or Masters
	// differ: it is time to ask Candidates. It is nil for a detector that cannot
	// know.
	Changed() <-chan struct{}
}

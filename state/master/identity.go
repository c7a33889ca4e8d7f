package master

import (
	"math"
	"time"

	"toponym/state"
	"toponym/state/leader"
)

// identity tells one leadership from another. A master that no longer leads
// ends itself, and one that starts gives itself another id, so the id is
// enough where it is known; old versions and proxies may leave it out. Nobody is
// elected twice, so another time of election is another leadership anyway.
type identity struct {
	id      string  // state: id; MasterInfo.id
	pid     string  // host:port of the libprocess address
	elected float64 // elected_time, seconds since 1970; 0 when it is not known
}

// same reports whether both are of the same leadership. What is not known of
// one of them tells nothing; when nothing is known of both, they are not.
func (i identity) same(o identity) bool {
	if i.id != "" && o.id != "" && i.id != o.id {
		return false
	}
	if i.elected != 0 && o.elected != 0 && math.Abs(i.elected-o.elected) > 1e-3 {
		return false
	}
	return i.id != "" && i.id == o.id || i.pid != "" && i.pid == o.pid
}

// electedAt is when the leadership began, by the master's clock.
func (i identity) electedAt() (at time.Time, known bool) {
	if i.elected <= 0 || i.elected > math.MaxInt32*100 {
		return at, false
	}
	return time.UnixMicro(int64(i.elected * 1e6)), true
}

// pidOf is where a master listens, as an identity has it.
func pidOf(p state.UPID) string {
	if p.IsZero() {
		return ""
	}
	return leader.Address{Host: p.Host, Port: p.Port}.String()
}

// known reports whether an identity tells of anything.
func (i identity) known() bool { return i != identity{} }

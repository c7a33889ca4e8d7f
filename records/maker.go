package records

import (
	"crypto/sha1"
	"encoding/base32"
	"net/netip"
	"strings"

	"toponym/state"
)

// sink takes the records that a maker makes. Names come in buffers that are
// used again.
type sink interface {
	addr(name []byte, a netip.Addr)
	srv(name []byte, d SRV)
	ptr(a netip.Addr, target Name)
	ttl(name []byte, seconds uint32) // a wish for a name of which records were made
	target(name []byte) Name         // the name as it is kept, for SRV and PTR data
	omit(Omission)
}

// owner is a task that gets names, with what its names depend on.
type owner struct {
	task      *state.Task
	framework *state.Framework
	agent     *state.Agent
	hide      hidden // what others of its names keep it from
}

// maker makes the records of tasks, agents, frameworks and masters and hands
// them to its sink.
type maker struct {
	o     Options
	sink  sink
	names map[string]*suffixes // by framework name
	buf   [maxName + 2*(1+maxLabel)]byte

	// Of the task that is being made:
	at        place
	base, set steering // of the task, and in force
	from      origin   // of the addresses that are handed on
	made      []Name   // targets that only SRV records need

	// Of the one of its names that is being made: T, T-H-S and _T, and the
	// canonical names as targets, empty where they are none.
	host, canonical, service []byte
	onTask, onAgent          Name

	aliasList, protos []string // used again
	announced         []service
	explain           bool // what leads nowhere is told of, too
}

// suffixes are the two ends of all names of one framework's tasks.
type suffixes struct {
	tasks  Name   // F.D
	slave  Name   // F.slave.D
	inside Name   // F.containerip.D, with F as one label
	view   string // F as one label
	views  []viewSuffixes
	err    error
}

// maxCachedFrameworks bounds the cache of suffixes against frameworks that
// come and go under ever new names.
const maxCachedFrameworks = 1024

func newMaker(o Options, s sink) *maker {
	return &maker{o: o, sink: s, names: map[string]*suffixes{}}
}

func (m *maker) suffixes(framework string) *suffixes {
	if s, ok := m.names[framework]; ok {
		return s
	}
	s := &suffixes{}
	labels := m.o.Rule.Labels(framework)
	if len(labels) == 0 {
		s.err = ErrLabelLength
	} else if s.tasks, s.err = m.o.Domain.Join(labels...); s.err == nil {
		var slave Name
		if slave, s.err = m.o.Domain.Join("slave"); s.err == nil {
			s.slave, s.err = slave.Join(labels...)
		}
		m.joinViews(s, labels)
	}
	if len(m.names) >= maxCachedFrameworks {
		clear(m.names)
	}
	m.names[framework] = s
	return s
}

// framework makes F.D and _framework._tcp.F.D.
func (m *maker) framework(f *state.Framework) {
	if len(f.Addrs) == 0 {
		return
	}
	s := m.suffixes(f.Name)
	if s.err != nil {
		m.sink.omit(Omission{Framework: f.ID, Value: f.Name, Reason: s.err})
		return
	}
	m.from = origin{source: SourceHost}
	m.addrs(f.Addrs, nil, s.tasks)
	if !f.PID.IsZero() {
		m.srv(SRV{Target: s.tasks, Port: f.PID.Port}, s.tasks, "_framework", "_tcp")
	}
}

// agent makes slave.D and _slave._tcp.D.
func (m *maker) agent(a *state.Agent) {
	if len(a.Addrs) == 0 {
		return
	}
	slave, err := m.o.Domain.Join("slave")
	if err != nil {
		return
	}
	m.addrs(a.Addrs, nil, slave)
	if !a.PID.IsZero() {
		m.srv(SRV{Target: slave, Port: a.PID.Port}, m.o.Domain, "_slave", "_tcp")
	}
}

// addrs makes the address records of one name.
func (m *maker) addrs(addrs []netip.Addr, prefix []byte, suffix Name) bool {
	name, ok := m.join(prefix, suffix)
	if !ok {
		return false
	}
	m.addrsAt(name, addrs)
	return true
}

// addrsAt makes the address records of a name.
func (m *maker) addrsAt(name []byte, addrs []netip.Addr) {
	for _, a := range addrs {
		m.sink.addr(name, a)
	}
	if m.set.ttl != 0 && len(addrs) > 0 {
		m.sink.ttl(name, m.set.ttl)
	}
}

// srv makes one SRV record at labels.suffix.
func (m *maker) srv(d SRV, suffix Name, labels ...string) {
	name, err := suffix.Join(labels...)
	if err != nil {
		return
	}
	d.Weight = m.o.SRVWeight
	m.sink.srv([]byte(name), d)
}

// join puts a prefix before a suffix in the maker's buffer.
func (m *maker) join(prefix []byte, suffix Name) ([]byte, bool) {
	if len(prefix)+len(suffix) > maxName {
		return nil, false
	}
	return append(append(m.buf[:0], prefix...), suffix...), true
}

// zbase32 is the alphabet that was made for people to read
// (philzimmermann.com/docs/human-oriented-base-32-encoding.txt).
var zbase32 = base32.NewEncoding(zbase32Alphabet).WithPadding(base32.NoPadding)

const zbase32Alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"

// taskHash is what tells tasks of one name apart: 5 characters of a hash of
// the task's id.
func taskHash(id string) string {
	sum := sha1.Sum([]byte(id))
	var b [8]byte
	zbase32.Encode(b[:], sum[:5])
	return string(b[:5])
}

// agentTail is what follows the last '-' of an agent's id, such as "s0".
func agentTail(id string) string {
	return strings.ToLower(id[strings.LastIndexByte(id, '-')+1:])
}

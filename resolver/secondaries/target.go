package secondaries

import (
	"net/netip"
	"time"

	"toponym/records"
	"toponym/resolver/notify"
)

// target is a secondary that is told of new versions.
type target struct {
	addr         netip.AddrPort
	key          records.Name // "" for none
	sent         uint64
	acknowledged uint64
	failures     uint64
	lastSent     Message
	lastAck      Message
	lastError    Failure
}

// id is that of the secondary that a target is, as far as is known of a target.
func (n *target) id() id { return id{n.addr.Addr(), n.key} }

// SetTargets replaces the secondaries that are told of new versions.
func (t *Table) SetTargets(list []notify.Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.targets
	t.targets = make(map[netip.AddrPort]*target, len(list))
	t.targetsAt = make(map[netip.Addr][]*target, len(list))
	for _, n := range list {
		if t.targets[n.Addr] != nil {
			continue
		}
		next := &target{addr: n.Addr, key: n.KeyName()}
		if old := before[n.Addr]; old != nil && old.key == next.key {
			next = old
		}
		t.targets[n.Addr] = next
		t.targetsAt[n.Addr.Addr()] = append(t.targetsAt[n.Addr.Addr()], next)
	}
}

// ObserveNotify implements [notify.Observer].
func (t *Table) ObserveNotify(e notify.Event) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.targets[e.Target]
	if n == nil {
		return // it has just left the settings
	}
	m := Message{Zone: e.Zone, Serial: e.Serial, Time: now}
	switch e.Kind {
	case notify.Sent:
		n.sent++
		n.lastSent = m
	case notify.Acknowledged:
		n.acknowledged++
		n.lastAck = m
	case notify.Failed:
		n.failures++
		n.lastError = Failure{Text: e.Err.Error(), Zone: e.Zone, Time: now}
	}
}

// targetsOf returns the targets that are a secondary: those at its address, unless
// both have a key and not the same. The caller holds mu.
func (t *Table) targetsOf(key id) (list []*target) {
	for _, n := range t.targetsAt[key.addr] {
		if n.key == key.key || n.key == "" || key.key == "" {
			list = append(list, n)
		}
	}
	return list
}

package secondaries

import (
	"net/netip"
	"time"

	"toponym/records"
	"toponym/resolver/notify"
	"toponym/zone"
)

// target is a secondary that is told of new versions.
type target struct {
	addr         netip.AddrPort
	key          records.Name // "" for none
	asks         id           // as which it transferred a zone over TCP last, or else asked first; zero for none
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

// Progress is a [notify.ProgressFunc]. Where several targets ask from one address, with
// one key or none, nobody knows which of them has come.
func (t *Table) Progress(to netip.AddrPort, origin records.Name, serial uint32) notify.Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.targets[to]
	if n == nil || len(t.targetsOf(n.asks)) != 1 {
		return notify.Unknown
	}
	r, ok := t.rows.Peek(n.asks)
	if !ok || r.zones[origin] == nil {
		return notify.Unknown // it may have the zone from elsewhere
	}
	return r.zones[origin].progress(serial)
}

// progress is how far the secondary has come with a version of the zone.
func (h *held) progress(serial uint32) notify.Progress {
	switch {
	case h.known && !zone.SerialAfter(serial, h.serial):
		return notify.Reached
	case h.told == 0 || zone.SerialAfter(serial, h.told):
		return notify.Behind
	case h.known:
		return notify.Unknown // it knows of the version, and has not got it from here
	}
	return notify.Reached
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

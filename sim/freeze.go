package sim

import "context"

// Freeze makes the master fall silent, as a process does that is stopped or
// swapped out: connections are accepted and stay open, and nothing is
// answered on them until Thaw.
func (m *Master) Freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen == nil {
		m.frozen = make(chan struct{})
	}
}

// Thaw lets a frozen master go on.
func (m *Master) Thaw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen != nil {
		close(m.frozen)
		m.frozen = nil
	}
}

// thawed waits while the master is frozen. It is false when ctx ended first.
func (m *Master) thawed(ctx context.Context) bool {
	for {
		m.mu.Lock()
		frozen := m.frozen
		m.mu.Unlock()
		if frozen == nil {
			return true
		}
		select {
		case <-frozen:
		case <-ctx.Done():
			return false
		}
	}
}

// BreakStreams ends all streams of the operator API as a killed process does:
// the connections end without a last chunk.
func (m *Master) BreakStreams() {
	if m.cluster != nil {
		m.cluster.endStreams(m, streamBroken)
	}
}

// CloseStreams ends them as the eviction of a subscriber does: a last chunk,
// and the connections stay open.
func (m *Master) CloseStreams() {
	if m.cluster != nil {
		m.cluster.endStreams(m, streamClosed)
	}
}

// Subscribers is how many streams there are.
func (m *Master) Subscribers() int {
	if m.cluster == nil {
		return 0
	}
	return m.cluster.subscribers(m)
}

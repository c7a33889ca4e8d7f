package master

// work tells when a core is at work: from the first octet of a state until all
// is done with it.
type work struct {
	busy func() (done func())
	done func()
}

func (w *work) begin() {
	if w.busy != nil && w.done == nil {
		w.done = w.busy()
	}
}

func (w *work) end() {
	if w.done != nil {
		w.done()
		w.done = nil
	}
}

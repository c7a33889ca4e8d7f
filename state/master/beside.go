package master

import (
	"context"
	"errors"

	"toponym/state/leader"
)

// readBeside reads the state of the master that is followed, or without its
// tasks.
func (w *Watcher) readBeside(ctx context.Context, at, lead leader.Address, light bool) (r reread) {
	r.light = light
	w.fetcher.light = light
	defer func() { w.fetcher.light = false }()
	r.doc, r.at, r.err = w.readWhole(ctx, at)
	if r.err == nil {
		if own, err := leader.ParseAddress(pidOf(r.doc.leader)); err == nil {
			lead = own
		}
		r.said = w.said(ctx, r.doc, lead)
		r.said.index()
	}
	if ctx.Err() != nil {
		r.err = ctx.Err()
	}
	return r
}

// readWhole asks for the state, of the operator API where the state itself is
// not for us. It gives where it was answered.
func (w *Watcher) readWhole(ctx context.Context, at leader.Address) (*document, leader.Address, error) {
	doc, at, err := w.fetch(ctx, at)
	refused := (*statusError)(nil)
	if err == nil || !errors.As(err, &refused) || refused.status < 400 || refused.status > 404 || w.fetcher.light {
		return doc, at, err // the operator API does not know pids
	}
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	who, at := w.fetcher.whoLeads(ctx, at)
	resp, at, v1err := w.fetcher.call(ctx, at, "GET_STATE")
	if v1err != nil {
		return nil, at, err
	}
	defer resp.Body.Close()
	w.fetcher.work.begin()
	m, v1err := newEventDecoder().read(&limited{r: resp.Body, left: w.o.MaxBytes, max: w.o.MaxBytes})
	if v1err != nil || m.doc == nil {
		return nil, at, errors.Join(err, v1err)
	}
	m.doc.who = who
	return m.doc, at, nil
}

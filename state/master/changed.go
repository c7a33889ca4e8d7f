package master

import (
	"context"
	"errors"
	"slices"
)

var errOtherLeader = errors.New("another master leads now")

// untilOtherLeader is a context for asking masters: it ends when others are to
// be asked, so that one which is frozen does not hold up what comes after it.
// done stops looking; the context then lives on until it is cancelled.
func (w *Watcher) untilOtherLeader(ctx context.Context) (_ context.Context, done, cancel func()) {
	ctx, end := context.WithCancelCause(ctx)
	asking := w.o.Leaders.Candidates()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-w.o.Leaders.Changed():
				if !slices.Equal(asking, w.o.Leaders.Candidates()) {
					end(errOtherLeader)
					return
				}
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() { close(stop); <-stopped }, func() { end(nil) }
}

// otherLeader reports whether that is why asking masters came to its end.
func otherLeader(asking context.Context) bool {
	return errors.Is(context.Cause(asking), errOtherLeader)
}

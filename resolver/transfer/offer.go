package transfer

import (
	"context"
	"slices"
	"time"

	"toponym/internal/backoff"
	"toponym/records"
	"toponym/zone"
)

// offer is the version of the zones that secondaries get. A version is made for each
// change; of those within [Settings.Interval] only the last one is offered, and any for
// which a secondary transfers a whole zone, as that is to be the newest. So all secondaries
// go the same steps, and a step is made once, however many they are. What they are told
// by NOTIFY, AXFR and IXFR is of this version: else one that has just transferred a zone
// could be told that it lacks a version, and then that there is none.
type offer struct {
	zones *zone.Zone
	next  chan struct{} // closed when the next version is offered
}

// offered returns the version that is offered: the newest one until [Server.Run] runs,
// and until one with the first state is offered, which nobody should have to wait for.
func (s *Server) offered() *zone.Zone {
	if o := s.offer.Load(); o != nil && o.zones.Ready() {
		return o.zones
	}
	return s.history.Newest()
}

// Changed returns a channel that is closed when the next version is offered.
func (s *Server) Changed() <-chan struct{} {
	if o := s.offer.Load(); o != nil {
		return o.next
	}
	return s.firstOffer
}

// maxInterval bounds [Settings.Interval]: who asks without being told gets what is at
// most that old.
const maxInterval = time.Second

// maxPostponement bounds by how much an interval between two offers grows when
// secondaries have not got the version before yet.
const maxPostponement = time.Second

// Run offers the newest version, and each that follows, until ctx ends. While versions
// come faster than they can be handed on, fewer of them are offered: secondaries lag
// more, but each step costs as much as before for more changes.
func (s *Server) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed, began := s.history.Changed(), time.Now()
		s.offerNewest()
		made := time.Since(began)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		if !s.offer.Load().zones.Ready() {
			continue
		}
		interval := s.settings.Load().interval
		_ = backoff.Wait(ctx, max(interval-time.Since(began), made)) // the loop looks at ctx
		for until := time.Now().Add(maxPostponement); s.underway.Load() > 0 && time.Now().Before(until); {
			_ = backoff.Wait(ctx, max(interval/8, time.Millisecond))
		}
	}
}

// offerNewest offers the newest version, after the steps that lead to it have been made
// for the zones that secondaries follow.
func (s *Server) offerNewest() {
	s.offering.Lock()
	defer s.offering.Unlock()
	before, z := s.offer.Load(), s.history.Newest()
	if before != nil && before.zones == z {
		return
	}
	if before != nil {
		for _, origin := range s.steps.followed(z.TransferZones(), s.now()) {
			s.makeStep(before.zones, z, origin)
		}
	}
	s.offer.Store(&offer{zones: z, next: make(chan struct{})})
	if before != nil {
		close(before.next)
	} else {
		close(s.firstOffer)
	}
}

// makeStep makes the step between two versions of a zone.
func (s *Server) makeStep(before, z *zone.Zone, origin records.Name) {
	from, _ := before.Serial(origin)
	to, _ := z.Serial(origin)
	if from == to {
		return
	}
	cost, ok := s.history.Cost(origin, from, to, maxUrgent+1)
	if !ok {
		return
	}
	make := func() {
		if c, ok := s.history.Difference(origin, from, to); ok {
			s.counts.countEncoding(false)
			if one := newStep(fitted(c, z)); one != nil {
				s.steps.add(origin, one)
			}
		}
	}
	if cost <= maxUrgent {
		make()
	} else {
		s.background(make)
	}
}

// maxUrgent is how many records may have changed, or are sent, for that to be done at
// the priority of answers: some milliseconds of work with pauses in between, which all
// secondaries wait for. At a lower priority it takes a second while whole zones are
// transferred.
const maxUrgent = 20_000

// SOARecords are the SOA records of the versions that are offered of all zones, that of
// the catalog zone included.
func (s *Server) SOARecords() []zone.Record {
	z := s.offered()
	return slices.Concat(z.SOARecords(), s.catalogSOA(z))
}

// NewestSOARecords are the SOA records of the newest versions of these zones, whether
// they are offered yet or not.
func (s *Server) NewestSOARecords() []zone.Record {
	return slices.Concat(s.history.Newest().SOARecords(), s.catalogSOA(s.offered()))
}

// catalogSOA is the SOA record of the catalog zone, if there is one.
func (s *Server) catalogSOA(z *zone.Zone) []zone.Record {
	if s.catalog == nil {
		return nil
	}
	return []zone.Record{s.catalog.at(z).soa()}
}

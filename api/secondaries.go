package api

import (
	"net/netip"
	"slices"
	"time"

	"toponym/state/leader"
)

// SecondaryStatus is what is known of a secondary server since the start.
type SecondaryStatus struct {
	Address      netip.Addr        `json:"address"`
	Key          *string           `json:"key"`            // that it signs with
	LastSeen     *time.Time        `json:"last_seen"`      // when it asked last
	LastSOAQuery *VersionStatus    `json:"last_soa_query"` // with the serial that it was told
	LastTransfer *TransferStatus   `json:"last_transfer"`  // the last one that was complete
	Transfers    map[string]uint64 `json:"transfers"`      // complete ones, by kind
	Bytes        uint64            `json:"bytes"`
	Failures     uint64            `json:"failures"` // transfers that were not complete
	LastError    *leader.Failure   `json:"last_error"`
	Notify       []NotifyStatus    `json:"notify"` // for each port at which it is told of new versions
	Zones        []SecondaryZone   `json:"zones"`  // that it has
}

// VersionStatus is about a version of a zone.
type VersionStatus struct {
	Zone   string    `json:"zone"`
	Serial uint32    `json:"serial"`
	Time   time.Time `json:"time"`
}

// TransferStatus is what a secondary got when it asked for a zone.
type TransferStatus struct {
	VersionStatus
	Kind     string  `json:"kind"` // axfr, ixfr, fallback (the whole zone for IXFR) or uptodate
	Duration Seconds `json:"duration_seconds"`
}

// NotifyStatus is what became of NOTIFY messages.
type NotifyStatus struct {
	Address          netip.AddrPort  `json:"address"`
	Sent             uint64          `json:"sent"`
	Acknowledged     uint64          `json:"acknowledged"`
	Failures         uint64          `json:"failures"`
	LastSent         *VersionStatus  `json:"last_sent"`
	LastAcknowledged *VersionStatus  `json:"last_acknowledged"`
	LastError        *leader.Failure `json:"last_error"`
}

// SecondaryZone is the version of a zone that a secondary has.
type SecondaryZone struct {
	Zone   string `json:"zone"`
	Serial uint32 `json:"serial"`
	Newest uint32 `json:"newest"`
	// Lag is the time since the oldest version was published that the secondary
	// lacks; null if it does not ask for new versions.
	Lag *Seconds `json:"lag_seconds"`
	// Versions is how many it lacks; null if they are more than are kept.
	Versions *int `json:"lag_versions"`
}

// inUTC shortens what others wrote, and has all times in UTC.
func (s SecondaryStatus) inUTC() SecondaryStatus {
	if s.LastSeen != nil {
		utc := s.LastSeen.UTC()
		s.LastSeen = &utc
	}
	s.LastSOAQuery, s.LastError = s.LastSOAQuery.inUTC(), shortFailure(s.LastError)
	if t := s.LastTransfer; t != nil {
		s.LastTransfer = &TransferStatus{*t.VersionStatus.inUTC(), t.Kind, t.Duration}
	}
	s.Notify = slices.Clone(s.Notify)
	for i := range s.Notify {
		n := &s.Notify[i]
		n.LastSent, n.LastAcknowledged, n.LastError = n.LastSent.inUTC(), n.LastAcknowledged.inUTC(), shortFailure(n.LastError)
	}
	return s
}

func (v *VersionStatus) inUTC() *VersionStatus {
	if v == nil {
		return nil
	}
	return &VersionStatus{v.Zone, v.Serial, v.Time.UTC()}
}

// maxPageSecondaries bounds the secondaries that the page lists, those with the
// largest lag first.
const maxPageSecondaries = 100

// pageSecondary is a secondary on the page.
type pageSecondary struct {
	SecondaryStatus
	Lag      *Seconds // the largest one; nil if none is known
	Zone     string   // that has it; "" for a lag of 0
	Versions *int     // that it lacks
}

// pageSecondaries returns the secondaries for the page, at most so many.
func pageSecondaries(all []SecondaryStatus, most int) (list []pageSecondary) {
	for _, s := range all[:min(len(all), most)] {
		p := pageSecondary{SecondaryStatus: s}
		for i := range s.Zones {
			if z := &s.Zones[i]; z.Lag != nil && (p.Lag == nil || *z.Lag > *p.Lag) {
				p.Lag, p.Zone, p.Versions = z.Lag, z.Zone, z.Versions
			}
		}
		if p.Lag != nil && *p.Lag == 0 {
			p.Zone = ""
		}
		list = append(list, p)
	}
	return list
}

// Sent is the number of NOTIFY messages.
func (p pageSecondary) Sent() (n uint64) {
	for i := range p.Notify {
		n += p.Notify[i].Sent
	}
	return n
}

// Acknowledged is the number of NOTIFY messages that were acknowledged.
func (p pageSecondary) Acknowledged() (n uint64) {
	for i := range p.Notify {
		n += p.Notify[i].Acknowledged
	}
	return n
}

package server

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"toponym/api"
	"toponym/config"
	"toponym/records"
	"toponym/resolver/notify"
	"toponym/resolver/secondaries"
	"toponym/resolver/transfer"
	"toponym/state/leader"
	"toponym/state/snapshot"
	"toponym/zone"
)

// secondaryServers are the parts that deal with secondaries: they get the zones, are
// told of new versions, and what they have is known.
type secondaryServers struct {
	transfers *transfer.Server
	table     *secondaries.Table
	notify    *notify.Sender
}

// newSecondaryServers connects the parts. The history has the zones and their
// differences.
func (s *Server) newSecondaryServers(c *config.Config, history *zone.History) (*secondaryServers, error) {
	p := &secondaryServers{}
	p.table = secondaries.New(secondaries.Options{
		Changed: history.Changed, Zones: func() []zone.Record { return p.transfers.NewestSOARecords() }, Behind: history.Behind,
		Expire: func() time.Duration { return time.Duration(s.config.Load().SOA.Expire) * time.Second },
	})
	transfers, err := transferSettings(c)
	if err != nil {
		return nil, err
	}
	if p.transfers, err = newTransfers(c, transfer.Options{
		History: history, Settings: transfers, CatalogSerial: s.pipeline.nextSerial, Observer: p, Background: s.tuning.answer, Log: s.log,
	}); err != nil {
		return nil, err
	}
	told, err := notifySettings(c, transfers.Keys)
	if err != nil {
		return nil, err
	}
	o := notify.Options{Changed: p.transfers.Changed, Zones: p.transfers.SOARecords, Settings: told, Observer: p.table, Progress: p.table.Progress, Log: s.log}
	o.Local = func() (ipv4, ipv6 netip.Addr) { return sourceAddrs(s.config.Load().Listener) }
	p.notify = notify.New(o)
	p.table.SetTargets(told.Targets)
	return p, nil
}

// catalogVersion is the version of the catalog zone for the snapshot.
func (p *secondaryServers) catalogVersion() []snapshot.ZoneVersion {
	v := p.transfers.CatalogVersion()
	if v.Serial == 0 {
		return nil
	}
	return []snapshot.ZoneVersion{{Origin: string(v.Name), Serial: v.Serial, Digest: v.Digest}}
}

// restoreCatalog goes on with the catalog zone of a snapshot.
func (p *secondaryServers) restoreCatalog(c *snapshot.Zones, among primaries) {
	for _, v := range c.Versions {
		if !among.owns(v.Serial) {
			continue // of the time when this primary had another number
		}
		p.transfers.RestoreCatalog(transfer.CatalogVersion{Name: records.Name(v.Origin), Serial: v.Serial, Digest: v.Digest})
	}
}

// Observe implements [transfer.Observer].
func (p *secondaryServers) Observe(e transfer.Event) {
	p.table.Observe(e)
	p.notify.Heard(e.Client, e.Key)
}

// configure applies changed settings. An error changes nothing.
func (p *secondaryServers) configure(c *config.Config) error {
	transfers, err := transferSettings(c)
	if err != nil {
		return err
	}
	told, err := notifySettings(c, transfers.Keys)
	if err != nil {
		return err
	}
	p.transfers.Configure(transfers)
	p.table.SetTargets(told.Targets)
	p.notify.Configure(told)
	return nil
}

// run tells secondaries of new versions until ctx ends.
func (p *secondaryServers) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { p.transfers.Run(ctx) })
	running.Go(func() { p.table.Run(ctx) })
	running.Go(func() { p.notify.Run(ctx) })
	running.Wait()
}

// notifySettings returns the secondaries that are told of new versions.
func notifySettings(c *config.Config, keys []*transfer.Key) (notify.Settings, error) {
	o := notify.Settings{Interval: c.NotifyInterval}
	for _, n := range c.Notify {
		t := notify.Target{Addr: n.Addr}
		if n.Key != "" {
			name, err := parseName("notify", n.Key)
			if err != nil {
				return o, err
			}
			i := slices.IndexFunc(keys, func(k *transfer.Key) bool { return k.Name() == name })
			t.Key = keys[i] // config has checked that there is one
		}
		o.Targets = append(o.Targets, t)
	}
	return o, nil
}

// status describes the secondaries.
func (p *secondaryServers) status() []api.SecondaryStatus {
	list := []api.SecondaryStatus{}
	for _, s := range p.table.List() {
		list = append(list, describeSecondary(&s))
	}
	return list
}

func describeSecondary(s *secondaries.Secondary) api.SecondaryStatus {
	st := api.SecondaryStatus{
		Address: s.Addr, Key: nameOrNil(s.Key), LastSeen: timeOrNil(s.Seen),
		LastSOAQuery: messageOrNil(s.SOAQuery), Transfers: map[string]uint64{}, Bytes: s.Bytes,
		Failures: s.Failures, LastError: failureOrNil(s.LastError),
		Notify: []api.NotifyStatus{}, Zones: []api.SecondaryZone{},
	}
	for kind, count := range s.Transfers {
		st.Transfers[string(kind)] = count
	}
	if m := messageOrNil(s.LastTransfer.Message); m != nil {
		st.LastTransfer = &api.TransferStatus{VersionStatus: *m, Kind: string(s.LastTransfer.Kind), Duration: api.Seconds(s.LastTransfer.Duration)}
	}
	for _, n := range s.Notify {
		st.Notify = append(st.Notify, api.NotifyStatus{
			Address: n.Addr, Sent: n.Sent, Acknowledged: n.Acknowledged, Failures: n.Failures,
			LastSent: messageOrNil(n.LastSent), LastAcknowledged: messageOrNil(n.LastAcknowledged), LastError: failureOrNil(n.LastError),
		})
	}
	for _, z := range s.Zones {
		held := api.SecondaryZone{Zone: z.Name.String(), Serial: z.Serial, Newest: z.Newest}
		if z.Follows {
			lag := api.Seconds(z.Lag)
			held.Lag = &lag
			if z.Versions >= 0 {
				held.Versions = &z.Versions
			}
		}
		st.Zones = append(st.Zones, held)
	}
	return st
}

func nameOrNil(n records.Name) *string {
	if n == "" {
		return nil
	}
	text := n.String()
	return &text
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func messageOrNil(m secondaries.Message) *api.VersionStatus {
	if m.Time.IsZero() {
		return nil
	}
	return &api.VersionStatus{Zone: m.Zone.String(), Serial: m.Serial, Time: m.Time}
}

func failureOrNil(f secondaries.Failure) *leader.Failure {
	if f.Time.IsZero() {
		return nil
	}
	return &leader.Failure{Text: f.Zone.String() + ": " + f.Text, Time: f.Time}
}

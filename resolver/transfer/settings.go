package transfer

import (
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/zone"
)

// Options configure a [Server].
type Options struct {
	History  *zone.History // has the version to transfer, and those before
	Settings Settings

	// Catalog is the name of the catalog zone, "" for none.
	Catalog records.Name

	// CatalogSerial gives the serials of the catalog zone; nil for the time. It may
	// wait for the maker of versions.
	CatalogSerial zone.SerialFunc

	// Max bounds the transfers that are under way. One client, an address or an
	// IPv6 /64, may have half of them.
	Max int

	// StepBytes bounds the memory of the steps that are kept ready for secondaries.
	StepBytes int

	// Observer is told of what secondaries do; nil for none.
	Observer Observer

	// Background calls a function that takes long, at a lower priority if that is
	// possible, and returns when it has ended. Nil calls it as it is.
	Background func(func())

	// Log gets what an operator can act upon.
	Log logrus.FieldLogger
}

// Settings are the options that may change while the server runs.
type Settings struct {
	Keys  []*Key // each with another name
	Allow []Rule // who may have the zones; nobody without rules

	// Timeout is how much longer a transfer may take than it does at [minRate].
	Timeout time.Duration

	// Interval is the least time between two versions that are offered, a second at
	// most.
	Interval time.Duration
}

// settings are Settings in the form that is used.
type settings struct {
	keys     map[records.Name]*Key
	allow    []Rule
	timeout  time.Duration
	interval time.Duration
}

// Configure replaces the settings. Transfers that are under way keep theirs.
func (s *Server) Configure(o Settings) {
	next := &settings{keys: make(map[records.Name]*Key, len(o.Keys)), allow: o.Allow, timeout: o.Timeout, interval: min(o.Interval, maxInterval)}
	for _, k := range o.Keys {
		next.keys[k.name] = k
	}
	s.settings.Store(next)
}

// Key returns the key of a name, nil if there is none.
func (s *Server) Key(name records.Name) *Key { return s.settings.Load().keys[name] }

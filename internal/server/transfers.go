package server

import (
	"maps"
	"slices"

	"toponym/config"
	"toponym/resolver/transfer"
)

// newTransfers returns what answers secondaries.
func newTransfers(c *config.Config, o transfer.Options) (*transfer.Server, error) {
	o.Max, o.StepBytes = c.TransferMax, c.HistoryBytes/2
	if c.CatalogZone != "" {
		var err error
		if o.Catalog, err = parseName("catalogZone", c.CatalogZone); err != nil {
			return nil, err
		}
	}
	return transfer.New(o), nil
}

// transferSettings returns the settings of transfers that may change.
func transferSettings(c *config.Config) (transfer.Settings, error) {
	o := transfer.Settings{Timeout: c.TransferTimeout, Interval: c.NotifyInterval}
	for _, text := range slices.Sorted(maps.Keys(c.TSIGKeys)) {
		name, err := parseName("tsigKeys", text)
		if err != nil {
			return o, err
		}
		algorithm, err := transfer.ParseAlgorithm(c.TSIGKeys[text].Algorithm)
		if err != nil {
			return o, err
		}
		key, err := transfer.NewKey(name, algorithm, []byte(c.TSIGKeys[text].Secret.Reveal()))
		if err != nil {
			return o, err
		}
		o.Keys = append(o.Keys, key)
	}
	for _, r := range c.TransferAllow {
		rule := transfer.Rule{Prefix: r.Network, TLS: r.TLS, Cert: r.Cert}
		if r.Key != "" {
			var err error
			if rule.Key, err = parseName("transferAllow", r.Key); err != nil {
				return o, err
			}
		}
		o.Allow = append(o.Allow, rule)
	}
	return o, nil
}

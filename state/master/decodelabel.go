package master

import (
	"strings"

	"toponym/state"
)

// The labels by which Marathon says on which side of a port mapping a port of
// the DiscoveryInfo is, and on which network.
const (
	labelScope   = "network-scope"
	labelNetwork = "network-name"
)

// steers reports whether a label steers records.
func steers(key []byte) bool { return strings.HasPrefix(string(key), state.LabelPrefix) }

// ofPort reports whether a label of a port says what it is, or steers records.
func ofPort(key []byte) bool {
	return string(key) == labelScope || string(key) == labelNetwork || steers(key)
}

// labels reads labels, which are a plain array in some places and inside of an
// object in others, and hands each on that is wanted and has a value.
func (d *decoder) labels(wanted func(key []byte) bool, use func(key, value string)) error {
	element := func() error { return d.label(wanted, use) }
	if d.Kind() == '[' {
		return d.array(element)
	}
	return d.object(func(key []byte) error {
		if string(key) != "labels" {
			return d.skip()
		}
		return d.array(element)
	})
}

// label reads one. Values of others may be large and are skipped: but for one
// that comes before its key, which no master does.
func (d *decoder) label(wanted func(key []byte) bool, use func(key, value string)) error {
	var key, value string
	unwanted := false
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "key":
			b, err := d.bytes()
			if err != nil {
				return err
			}
			if unwanted = !wanted(b); !unwanted {
				key = string(b)
			}
			return nil
		case "value":
			if !unwanted {
				return d.unique(&value)
			}
		}
		return d.skip()
	})
	if err == nil && !unwanted && key != "" && value != "" {
		use(key, value)
	}
	return err
}

package master

import (
	"math"
	"net/netip"

	"toponym/state"
)

// container reads what of a ContainerInfo has to do with networks.
func (d *decoder) container(t *state.Task) error {
	var c state.Container
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "docker":
			return d.object(func(key []byte) error {
				switch string(key) {
				case "network":
					return d.common(&c.DockerNetwork)
				case "port_mappings":
					return d.array(func() error { return d.portMapping(&c.Mappings) })
				}
				return d.skip()
			})
		case "network_infos":
			return d.array(func() error {
				n, err := d.networkInfo()
				if n.Name != "" || len(n.Mappings) > 0 {
					n.Addrs = nil // what is asked for is not what it gets
					c.Networks = append(c.Networks, n)
				}
				return err
			})
		}
		return d.skip()
	})
	if err == nil && !c.Equal(&state.Container{}) {
		t.Container = &c
	}
	return err
}

// networkInfo reads a NetworkInfo. Its addresses are good until the next one is
// read.
func (d *decoder) networkInfo() (n state.Network, err error) {
	d.addrs = d.addrs[:0]
	var old []netip.Addr // of Mesos 0.25, which had one address and no list
	listed := false
	err = d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.common(&n.Name)
		case "ip_addresses":
			return d.array(func() error {
				return d.object(func(key []byte) error {
					if string(key) != "ip_address" {
						return d.skip()
					}
					listed = true
					return d.address(&d.addrs)
				})
			})
		case "ip_address":
			return d.address(&old)
		case "port_mappings":
			return d.array(func() error { return d.portMapping(&n.Mappings) })
		}
		return d.skip()
	})
	if !listed && len(old) > 0 {
		d.addrs = append(d.addrs, old[len(old)-1])
	}
	n.Addrs = d.addrs
	return n, err
}

// address reads an address and appends it where it is one and is new.
func (d *decoder) address(to *[]netip.Addr) error {
	b, err := d.bytes()
	if err != nil || len(b) == 0 {
		return err
	}
	a, perr := state.ParseAddr(string(b))
	if perr != nil {
		d.doc.faults.note("a task's address: %v", perr)
		return nil
	}
	appendNew(to, a)
	return nil
}

// portMapping reads a PortMapping of either containerizer and appends it where
// both ports are there.
func (d *decoder) portMapping(to *[]state.PortMapping) error {
	var m state.PortMapping
	host, inside := false, false
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "host_port":
			m.HostPort, host, err = d.port()
			return err
		case "container_port":
			m.ContainerPort, inside, err = d.port()
			return err
		case "protocol":
			return d.common(&m.Protocol)
		}
		return d.skip()
	})
	if err == nil && host && inside {
		*to = append(*to, m)
	}
	return err
}

// port reads a port's number. Anything else leaves ok false.
func (d *decoder) port() (port uint16, ok bool, err error) {
	n, ok, err := d.number()
	if !ok || n < 0 || n > math.MaxUint16 || n != math.Trunc(n) {
		return 0, false, err
	}
	return uint16(n), true, nil
}

package leader

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Prefixes of the nodes of masters: protobuf before Mesos 0.24, JSON since.
// Both are numbered by one counter, that of their parent.
const (
	jsonPrefix     = "json.info_"
	protobufPrefix = "info_"
)

// maxNodeBytes bounds what a master says of itself. It is less than 1 KiB.
const maxNodeBytes = 64 << 10

// node is a master that stands for election.
type node struct {
	name     string
	sequence int32   // the lowest leads
	addr     Address // zero: it could not be read
	byName   Address // the master's --hostname; zero when it is no other
}

// parseNodeName reads the name of a child. Others, such as log_replicas, are
// none of masters.
func parseNodeName(name string) (node, bool) {
	digits, ok := strings.CutPrefix(name, jsonPrefix)
	if !ok {
		if digits, ok = strings.CutPrefix(name, protobufPrefix); !ok {
			return node{}, false
		}
	}
	// ZooKeeper numbers with ten digits, and with a sign after 2^31.
	if unsigned := strings.TrimPrefix(digits, "-"); len(unsigned) != 10 || unsigned[0] == '+' {
		return node{}, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return node{name: name, sequence: int32(n)}, err == nil
}

// masterInfo is what is read of Mesos' MasterInfo (mesos.proto).
type masterInfo struct {
	IP       uint32 `json:"ip"` // in the memory order of a little-endian machine
	Port     uint32 `json:"port"`
	PID      string `json:"pid"`
	Hostname string `json:"hostname"`
	Address  struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
		Port     int32  `json:"port"`
	} `json:"address"`
}

// decode reads what the node holds.
func (n *node) decode(data []byte) error {
	if len(data) > maxNodeBytes {
		return fmt.Errorf("%d octets are too many", len(data))
	}
	var info masterInfo
	if strings.HasPrefix(n.name, jsonPrefix) {
		if err := json.Unmarshal(data, &info); err != nil {
			return errors.New("it is no JSON of a master")
		}
	} else if err := info.protobuf(data); err != nil {
		return err
	}
	addr, err := info.address()
	if err != nil {
		return err
	}
	n.addr = addr
	for _, host := range []string{info.Address.Hostname, info.Hostname} {
		if a := (Address{Host: host, Port: addr.Port}); a != addr && IsHostName(host) {
			n.byName = a
			break
		}
	}
	return nil
}

// address is where the master listens: the address is used as long as there is
// one, since a host name may not resolve here.
func (m *masterInfo) address() (Address, error) {
	port := uint16(m.Address.Port)
	if m.Address.Port < 1 || m.Address.Port > 65535 {
		if port = uint16(m.Port); m.Port < 1 || m.Port > 65535 {
			return Address{}, errors.New("its port is none")
		}
	}
	hosts := []string{m.Address.IP}
	// Before 0.24 there is no address.
	if _, at, ok := strings.Cut(m.PID, "@"); ok {
		if a, err := ParseAddress(at); err == nil {
			hosts = append(hosts, a.Host)
		}
	}
	if m.IP != 0 {
		hosts = append(hosts, netip.AddrFrom4([4]byte{byte(m.IP), byte(m.IP >> 8), byte(m.IP >> 16), byte(m.IP >> 24)}).String())
	}
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); err == nil && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() {
			return Address{Host: a.Unmap().String(), Port: port}, nil
		}
	}
	for _, h := range []string{m.Address.Hostname, m.Hostname} {
		if IsHostName(h) {
			return Address{Host: h, Port: port}, nil
		}
	}
	return Address{}, errors.New("it names no address")
}

// HostName reports whether a text may be the name of a host, so that nothing else
// is asked of a resolver: neither pages in HTML nor addresses, which are of no use
// where a name is wanted.
func IsHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

var errProtobuf = errors.New("it is no protobuf of a master")

// protobuf reads a MasterInfo: ip 2, port 3, pid 4, hostname 5, address 7.
func (m *masterInfo) protobuf(b []byte) error {
	m.Port = 5050 // the default of mesos.proto
	return fields(b, func(number protowire.Number, v uint64, s []byte) error {
		switch number {
		case 2:
			m.IP = uint32(v)
		case 3:
			m.Port = uint32(v)
		case 4:
			m.PID = string(s)
		case 5:
			m.Hostname = string(s)
		case 7:
			return fields(s, func(number protowire.Number, v uint64, s []byte) error {
				switch number {
				case 1:
					m.Address.Hostname = string(s)
				case 2:
					m.Address.IP = string(s)
				case 3:
					m.Address.Port = int32(v)
				}
				return nil
			})
		}
		return nil
	})
}

// fields hands out the fields of a message: a number or a text each. Those of
// other types are skipped.
func fields(b []byte, field func(protowire.Number, uint64, []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errProtobuf
		}
		b = b[n:]
		var v uint64
		var s []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			s, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
			number = 0
		}
		if n < 0 {
			return errProtobuf
		}
		b = b[n:]
		if err := field(number, v, s); err != nil {
			return err
		}
	}
	return nil
}

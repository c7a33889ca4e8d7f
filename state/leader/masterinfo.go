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

// Prefixes of the names of masters' nodes: Mesos 0.24 and later write JSON,
// earlier versions protobuf. The counter of their parent numbers both.
const (
	jsonPrefix     = "json.info_"
	protobufPrefix = "info_"
)

// maxNodeBytes bounds the content of a node, which is less than 1 KiB.
const maxNodeBytes = 64 << 10

// node is a master that takes part in the election.
type node struct {
	name     string
	sequence int32   // the master with the lowest one leads
	addr     Address // zero: the content could not be read
	byName   Address // addr with the master's --hostname; zero where that is the same
}

// parseNodeName reads the name of a master's node. It rejects the other nodes
// beside them, such as log_replicas.
func parseNodeName(name string) (node, bool) {
	digits, ok := strings.CutPrefix(name, jsonPrefix)
	if !ok {
		if digits, ok = strings.CutPrefix(name, protobufPrefix); !ok {
			return node{}, false
		}
	}
	// ZooKeeper writes ten digits, behind a minus sign after 2^31 nodes.
	if unsigned := strings.TrimPrefix(digits, "-"); len(unsigned) != 10 || unsigned[0] == '+' {
		return node{}, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	return node{name: name, sequence: int32(n)}, err == nil
}

// masterInfo holds the fields of MasterInfo (mesos.proto) that are read.
type masterInfo struct {
	IP       uint32 `json:"ip"` // in the byte order of a little-endian machine
	Port     uint32 `json:"port"`
	PID      string `json:"pid"`
	Hostname string `json:"hostname"`
	Address  struct {
		Hostname string `json:"hostname"`
		IP       string `json:"ip"`
		Port     int32  `json:"port"`
	} `json:"address"`
}

// decode reads the content of the node.
func (n *node) decode(data []byte) error {
	if len(data) > maxNodeBytes {
		return fmt.Errorf("content has %d bytes, more than %d", len(data), maxNodeBytes)
	}
	var info masterInfo
	if strings.HasPrefix(n.name, jsonPrefix) {
		if err := json.Unmarshal(data, &info); err != nil {
			return errors.New("not a MasterInfo in JSON")
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

// address returns where the master listens. An IP address is preferred, since
// the host name may not resolve here.
func (m *masterInfo) address() (Address, error) {
	port := uint16(m.Address.Port)
	if m.Address.Port < 1 || m.Address.Port > 65535 {
		if port = uint16(m.Port); m.Port < 1 || m.Port > 65535 {
			return Address{}, fmt.Errorf("MasterInfo with an invalid port: %d", m.Port)
		}
	}
	hosts := []string{m.Address.IP}
	// Mesos before 0.24 does not write address.
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
	return Address{}, errors.New("MasterInfo without a usable address")
}

// IsHostName reports whether s may be looked up as a host name. IP addresses are
// not host names, nor is anything with characters that no host name has, such as
// the HTML pages that some agents have for a name.
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

var errProtobuf = errors.New("not a MasterInfo in protobuf")

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

// fields calls field for each field of a protobuf message, with the value of a
// varint or the bytes of a length-delimited field. Fields of other types are
// skipped.
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

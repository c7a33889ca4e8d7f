package leader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestNodeNames(t *testing.T) {
	for name, want := range map[string]int32{
		"json.info_0000000000":  0,
		"json.info_0000000012":  12,
		"info_0000000003":       3,
		"json.info_2147483647":  1<<31 - 1,
		"json.info_-2147483648": -1 << 31, // after 2^31 elections the lowest is negative
	} {
		if n, ok := parseNodeName(name); !ok || n.sequence != want || n.name != name {
			t.Errorf("%s: %+v, %v, want %d", name, n, ok, want)
		}
	}
	for _, name := range []string{
		"", "log_replicas", "json.info_", "info_", "json.info_12", "json.info_00000000012", "json.info_2147483648",
		"json.info_000000000x", "json.info_+000000001", "xjson.info_0000000000", "JSON.info_0000000000", "json.info_ 000000001",
	} {
		if n, ok := parseNodeName(name); ok {
			t.Errorf("%q is taken for %d", name, n.sequence)
		}
	}
}

// message makes a MasterInfo as Mesos before 0.24 wrote it, and as it would
// write it with an address.
func message(ip uint32, port uint64, pid, hostname string, address []byte) string {
	var b []byte
	number := func(n protowire.Number, v uint64) {
		b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
	}
	text := func(n protowire.Number, s string) {
		b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	text(1, "20150101-120000-16777343-5050-1")
	number(2, uint64(ip))
	if port != 0 {
		number(3, port)
	}
	if pid != "" {
		text(4, pid)
	}
	text(5, hostname)
	text(6, "0.23.0")
	if address != nil {
		text(7, string(address))
	}
	b = protowire.AppendFixed64(protowire.AppendTag(b, 99, protowire.Fixed64Type), 1) // unknown
	return string(b)
}

func TestNodeContents(t *testing.T) {
	const json, protobuf = "json.info_0000000001", "info_0000000001"
	littleEndian := binary.LittleEndian.Uint32([]byte{10, 0, 0, 9})
	address := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "fd00::9")
	address = protowire.AppendVarint(protowire.AppendTag(address, 3, protowire.VarintType), 5051)
	tests := []struct {
		name, data   string
		addr, byName string // empty: none; no addr: an error
	}{
		{json, masterJSON("m1.example", "10.0.0.1", 5050), "10.0.0.1:5050", "m1.example:5050"},
		{json, masterJSON("10.0.0.1", "10.0.0.1", 5050), "10.0.0.1:5050", ""},
		{json, masterJSON("10.0.0.2", "10.0.0.1", 5050), "10.0.0.1:5050", ""}, // an address is no name
		{json, masterJSON("m1", "fd00::1", 5051), "[fd00::1]:5051", "m1:5051"},
		{json, masterJSON("m1", "::ffff:10.0.0.1", 5050), "10.0.0.1:5050", "m1:5050"},
		// The address counts, not the integer in which its octets are turned round.
		{json, `{"ip": 16777343, "port": 5050, "address": {"ip": "10.0.0.1", "port": 5050}}`, "10.0.0.1:5050", ""},
		{json, `{"ip": 16777343, "port": 5050, "pid": "master@10.0.0.3:5050"}`, "10.0.0.3:5050", ""},
		{json, `{"ip": 16777343, "port": 5050}`, "127.0.0.1:5050", ""},
		{json, `{"port": 5050, "hostname": "m1.example"}`, "m1.example:5050", ""},
		{json, `{"port": 5050, "address": {"ip": "0.0.0.0", "hostname": "m1"}}`, "m1:5050", ""},
		{json, `{"port": 5050, "address": {"ip": "<html>", "hostname": "a b"}, "pid": "@"}`, "", ""},
		{json, `{"port": 5050, "address": {"ip": "fe80::1%eth0"}}`, "", ""},
		{json, `{"port": 5050, "address": {"ip": "224.0.0.1"}}`, "", ""},
		{json, `{"address": {"ip": "10.0.0.1"}}`, "", ""},
		{json, `{"address": {"ip": "10.0.0.1", "port": 65536}}`, "", ""},
		{json, `{"address": {"ip": "10.0.0.1", "port": -1}, "port": 70000}`, "", ""},
		{json, `{"address": {"ip": "10.0.0.1", "port": "5050"}}`, "", ""},
		{json, `[]`, "", ""},
		{json, `null`, "", ""},
		{json, ``, "", ""},
		{json, `{"port": 5050, "address": {"ip": "10.0.0.1"}`, "", ""},
		{json, `{"port": 5050, "hostname": "` + strings.Repeat("a", 300) + `"}`, "", ""},
		{json, masterJSON("m1", "10.0.0.1", 5050) + strings.Repeat(" ", maxNodeBytes), "", ""},

		{protobuf, message(littleEndian, 5050, "master@10.0.0.9:5050", "m9.example", nil), "10.0.0.9:5050", "m9.example:5050"},
		{protobuf, message(littleEndian, 0, "", "", nil), "10.0.0.9:5050", ""},
		{protobuf, message(littleEndian, 6060, "", "10.0.0.9", nil), "10.0.0.9:6060", ""},
		{protobuf, message(littleEndian, 5050, "", "m9", address), "[fd00::9]:5051", "m9:5051"},
		{protobuf, message(littleEndian, 70000, "", "m9", nil), "", ""},
		{protobuf, message(littleEndian, 5050, "", "m9", []byte{0xff}), "", ""},
		{protobuf, message(littleEndian, 5050, "", "m9", nil)[:20], "", ""},
		{protobuf, "", "", ""},
		{protobuf, masterJSON("m1", "10.0.0.1", 5050), "", ""},
	}
	for _, tt := range tests {
		n, ok := parseNodeName(tt.name)
		if !ok {
			t.Fatal(tt.name)
		}
		err := n.decode([]byte(tt.data))
		got, byName := n.addr.String(), n.byName.String()
		if tt.addr == "" {
			if err == nil || n.addr != (Address{}) || len(err.Error()) > 100 {
				t.Errorf("%s %.80q: %s, error %v", tt.name, tt.data, got, err)
			}
			continue
		}
		if err != nil || got != tt.addr {
			t.Errorf("%s %.80q: %s, %v, want %s", tt.name, tt.data, got, err, tt.addr)
		}
		if n.byName == (Address{}) {
			byName = ""
		}
		if byName != tt.byName {
			t.Errorf("%s %.80q: by name %q, want %q", tt.name, tt.data, byName, tt.byName)
		}
	}
}

// FuzzNode: whatever stands in a node gives an address that can be dialed, or
// an error.
func FuzzNode(f *testing.F) {
	f.Add(true, []byte(masterJSON("m1", "10.0.0.1", 5050)))
	f.Add(false, []byte(message(16777343, 5050, "master@10.0.0.1:5050", "m1", []byte{10, 2, 'm', '1'})))
	f.Add(false, []byte{0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, isJSON bool, data []byte) {
		n := node{name: "info_0000000000"}
		if isJSON {
			n.name = "json.info_0000000000"
		}
		if err := n.decode(data); err != nil {
			if n.addr != (Address{}) || n.byName != (Address{}) {
				t.Fatalf("%+v beside %v", n, err)
			}
			return
		}
		for _, a := range []Address{n.addr, n.byName} {
			if a == (Address{}) && a == n.byName {
				continue
			}
			if again, err := ParseAddress(a.String()); err != nil || again != a {
				t.Fatalf("%+v: %v", a, err)
			}
		}
	})
}

// scripted is a connection that reads what it is given.
type scripted struct {
	net.Conn
	*bytes.Reader
}

func (s scripted) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s scripted) Write(p []byte) (int, error) { return len(p), nil }

// FuzzGuard: whatever a server sends, what passes the guard can be read by one
// who trusts every length in it.
func FuzzGuard(f *testing.F) {
	greeting := framed(packer{}.int32(0).int32(6000).int64(1).text("0123456789abcdef"))
	ok := packer{}.int32(1).int64(1).int32(0)
	for _, p := range []packer{ok.int32(1).text("a").stat(), ok.text("data").stat(), ok.stat(), ok,
		packer{}.int32(-1).int64(0).int32(0).int32(4).int32(3).text("/mesos"), packer{}.int32(-2)} {
		for op := range byte(6) {
			f.Add(op, append(bytes.Clone(greeting), framed(p)...))
		}
	}
	operations := []int32{opExists, opGetData, opGetChildren2, opSetAuth, opClose, 1}
	f.Fuzz(func(t *testing.T, op byte, sent []byte) {
		var reason error
		g := newGuard(scripted{Reader: bytes.NewReader(sent)}, func(err error) { reason = err })
		asked := operations[int(op)%len(operations)]
		if _, err := g.Write(framed(packer{}.int32(1).int32(asked).text("/"))); err != nil {
			t.Fatal(err)
		}
		passed := 0
		for first := true; ; first = false {
			b, err := receive(g)
			if err != nil {
				if reason == nil {
					t.Fatalf("%v, and nobody was told", err)
				}
				return
			}
			if len(b) > maxFrame || passed > len(sent) {
				t.Fatalf("%d octets of %d", len(b), len(sent))
			}
			passed += 4 + len(b)
			trusting(b, first, asked)
		}
	})
}

// trusting reads a message as the client library does: what is wrong with it
// makes it panic.
func trusting(b []byte, greeting bool, op int32) {
	next := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	number := func() int { return int(binary.BigEndian.Uint32(next(4))) }
	buffer := func() {
		if n := int32(number()); n >= 0 {
			next(int(n))
		}
	}
	if greeting {
		number()
		if timeout := int32(number()); timeout <= 0 {
			panic(fmt.Sprintf("a timeout of %d", timeout))
		}
		next(8)
		buffer()
		return
	}
	xid := int32(number())
	next(8)
	switch failed := number() != 0; {
	case xid == xidEvent:
		next(8)
		next(number())
	case xid < 0 || failed:
	case op == opExists:
		next(statBytes)
	case op == opGetData:
		buffer()
		next(statBytes)
	case op == opGetChildren2:
		for range number() {
			next(number())
		}
		next(statBytes)
	}
}

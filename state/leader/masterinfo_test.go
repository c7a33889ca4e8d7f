package leader

import (
	"encoding/binary"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestOnlyNodesOfMastersAreRead(t *testing.T) {
	for name, want := range map[string]int32{
		"json.info_0000000000":  0,
		"json.info_0000000012":  12,
		"info_0000000003":       3,
		"json.info_2147483647":  1<<31 - 1,
		"json.info_-2147483648": -1 << 31, // after 2^31 elections the lowest is negative
	} {
		if n, ok := parseNodeName(name); !ok || n.sequence != want || n.name != name {
			t.Errorf("%s: got %+v, %v, want sequence %d", name, n, ok, want)
		}
	}
	for _, name := range []string{
		"", "log_replicas", "json.info_", "info_", "json.info_12", "json.info_00000000012", "json.info_2147483648",
		"json.info_000000000x", "json.info_+000000001", "xjson.info_0000000000", "JSON.info_0000000000", "json.info_ 000000001",
	} {
		if n, ok := parseNodeName(name); ok {
			t.Errorf("%q: got sequence %d, want it ignored", name, n.sequence)
		}
	}
}

// message returns a MasterInfo in protobuf, as Mesos before 0.24 writes it, and
// optionally with an address.
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

func TestTheAddressOfAMasterIsFoundInEveryVersion(t *testing.T) {
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
		{json, masterJSON("10.0.0.2", "10.0.0.1", 5050), "10.0.0.1:5050", ""}, // an address is not a name
		{json, masterJSON("m1", "fd00::1", 5051), "[fd00::1]:5051", "m1:5051"},
		{json, masterJSON("m1", "::ffff:10.0.0.1", 5050), "10.0.0.1:5050", "m1:5050"},
		// The address is used before the integer, whose bytes are reversed.
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
				t.Errorf("%s %.80q: got %s, error %v, want a short error", tt.name, tt.data, got, err)
			}
			continue
		}
		if err != nil || got != tt.addr {
			t.Errorf("%s %.80q: got %s, error %v, want %s", tt.name, tt.data, got, err, tt.addr)
		}
		if n.byName == (Address{}) {
			byName = ""
		}
		if byName != tt.byName {
			t.Errorf("%s %.80q: got name %q, want %q", tt.name, tt.data, byName, tt.byName)
		}
	}
}

// Any content of a node gives an address that can be dialed, or an error.
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
				t.Fatalf("got %+v beside error %v, want no address", n, err)
			}
			return
		}
		for _, a := range []Address{n.addr, n.byName} {
			if a == (Address{}) && a == n.byName {
				continue
			}
			if again, err := ParseAddress(a.String()); err != nil || again != a {
				t.Fatalf("got %+v, error %v when it is parsed, want an address", a, err)
			}
		}
	})
}

package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"toponym/state"
)

// filler gives every field of a value, at any depth, a value of its own, so that
// fields that are forgotten or confused are found. Lists get two items.
type filler struct{ n uint64 }

var someAddr = reflect.TypeFor[netip.Addr]()

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch {
	case v.Type() == someAddr:
		a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(f.n))))
		if f.n%2 == 0 {
			b := [16]byte{0xfd, 15: byte(f.n)}
			a = netip.AddrFrom16(b)
		}
		v.Set(reflect.ValueOf(a))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", f.n))
	case v.CanUint():
		v.SetUint(f.n & (1<<v.Type().Bits() - 1))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(f.n & (1<<(v.Type().Bits()-1) - 1)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	default:
		panic("this test does not know the type " + v.Type().String())
	}
}

// notKept are the fields of a FullState that a snapshot does not hold, because they
// are about the master that reported it.
var notKept = []string{"Leadership", "LeaderAge", "Recovered", "ListsRecovered", "AfterRecovery"}

// full returns contents with a value in every field that is kept.
func full() *Contents {
	s := &Contents{State: &state.FullState{}, Confirmed: time.Unix(1_700_000_000, 123_456_789), Zones: Zones{
		SerialLimit: 1_700_000_042,
		Versions:    []ZoneVersion{{"\x05mesos\x00", 1_700_000_041, 1 << 63}, {"\x02in\x00", 7, 8}},
	}}
	f := &filler{n: 1}
	for v, i := reflect.ValueOf(s.State).Elem(), 0; i < v.NumField(); i++ {
		if field := v.Type().Field(i); field.IsExported() && !slices.Contains(notKept, field.Name) {
			f.fill(v.Field(i))
		}
	}
	return s
}

func encode(t testing.TB, s *Contents) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// many returns contents with n tasks like those of Marathon.
func many(n int) *Contents {
	s := &state.FullState{Leader: state.Master{Host: "10.0.0.1", Port: 5050}}
	const framework = "7c4c0c0e-4e4f-4b1c-9a39-2c9b9a6b9a01-0000"
	s.Masters = []state.Master{s.Leader}
	s.Frameworks = []*state.Framework{{ID: framework, Name: "marathon", Hostname: "10.0.9.1"}}
	for i := range n/20 + 1 {
		s.Agents = append(s.Agents, &state.Agent{
			ID: fmt.Sprintf("7c4c0c0e-4e4f-4b1c-9a39-2c9b9a6b9a01-S%d", i), Hostname: fmt.Sprintf("10.0.%d.%d", i>>8, i&255),
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})},
		})
	}
	for i := range n {
		name, id := fmt.Sprintf("app-%d.group", i/10), uint64(i)*0x9E3779B97F4A7C15
		ip := netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)})
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{
				Framework: framework,
				ID:        fmt.Sprintf("group_app-%d.instance-%08x-%04x-11e7-8c3d-%012x._app.1", i/10, uint32(id), uint16(id>>32), id>>16),
			},
			Name: name, AgentID: s.Agents[i%len(s.Agents)].ID, State: state.Running,
			Ports:     []state.PortRange{{First: uint16(31000 + i%900), Last: uint16(31000 + i%900)}},
			Container: &state.Container{Networks: []state.Network{{Name: "dcos"}}},
			Discovery: &state.Discovery{Name: name, Visibility: "FRAMEWORK", Ports: []state.DiscoveryPort{{
				Number: 8080, Name: "http", Protocol: "tcp", Scope: "container", Network: "dcos",
			}}},
			Addresses: state.Addresses{
				NetInfo:  []netip.Addr{ip},
				Networks: []state.Network{{Name: "dcos", Addrs: []netip.Addr{ip}}},
			},
			Health: state.Healthy,
		})
	}
	return &Contents{State: s, Confirmed: time.Unix(1_700_000_000, 0), Zones: Zones{SerialLimit: 1}}
}

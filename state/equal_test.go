package state

import (
	"net/netip"
	"reflect"
	"testing"
)

// Equal decides whether a change is seen at all, so every field must count:
// also one that is added some day. These tests find the fields themselves.

func TestTaskEqual(t *testing.T)      { everyFieldCounts(t, (*Task).Equal) }
func TestDiscoveryEqual(t *testing.T) { everyFieldCounts(t, (*Discovery).Equal) }
func TestContainerEqual(t *testing.T) { everyFieldCounts(t, (*Container).Equal) }
func TestDetailsEqual(t *testing.T)   { everyFieldCounts(t, (*TaskDetails).Equal) }
func TestAgentEqual(t *testing.T)     { everyFieldCounts(t, (*Agent).Equal) }
func TestFrameworkEqual(t *testing.T) { everyFieldCounts(t, (*Framework).Equal) }

func TestAddressesEqual(t *testing.T) {
	everyFieldCounts(t, func(a, b *Addresses) bool { return a.Equal(*b) })
}

func TestMasterEqual(t *testing.T) {
	everyFieldCounts(t, func(a, b *Master) bool { return a.Equal(*b) })
}

// everyFieldCounts changes one field after the other, at any depth.
func everyFieldCounts[T any](t *testing.T, equal func(a, b *T) bool) {
	t.Helper()
	full := func() *T {
		v := new(T)
		fill(reflect.ValueOf(v).Elem())
		return v
	}
	if !equal(new(T), new(T)) {
		t.Errorf("two empty %T: got not equal, want equal", *new(T))
	}
	if !equal(full(), full()) {
		t.Errorf("two full %T of the same values: got not equal, want equal", *new(T))
	}
	if v := full(); !equal(v, v) {
		t.Errorf("a %T and itself: got not equal, want equal", *v)
	}
	for n := 0; ; n++ {
		v, left := full(), n
		path := change(reflect.ValueOf(v).Elem(), "", &left)
		if path == "" {
			if n == 0 {
				t.Fatalf("%T: got no fields, want some", *v)
			}
			return
		}
		if equal(v, full()) || equal(full(), v) {
			t.Errorf("%T with another %s: got equal, want not equal", *v, path)
		}
	}
}

var someAddr = reflect.TypeFor[netip.Addr]()

// fill gives every field a value, and every list two elements.
func fill(v reflect.Value) {
	switch {
	case v.Type() == someAddr:
		v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.1")))
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.CanUint():
		v.SetUint(1)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	default:
		panic("this test does not know the type " + v.Type().String())
	}
}

// change makes the n-th possible change of a full value and says where, or
// counts n down when there are not so many.
func change(v reflect.Value, path string, n *int) string {
	here := func() bool { *n--; return *n < 0 }
	switch {
	case v.Type() == someAddr:
		if here() {
			v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.2")))
			return path
		}
	case v.Kind() == reflect.String:
		if here() {
			v.SetString("X") // a difference of case is one
			return path
		}
	case v.CanUint():
		if here() {
			v.SetUint(2)
			return path
		}
	case v.Kind() == reflect.Pointer:
		if here() {
			v.SetZero()
			return path + " = nil"
		}
		return change(v.Elem(), path, n)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if p := change(v.Field(i), path+"."+v.Type().Field(i).Name, n); p != "" {
				return p
			}
		}
	case v.Kind() == reflect.Slice:
		if here() {
			v.SetLen(1)
			return path + " made shorter"
		}
		return change(v.Index(1), path+"[1]", n)
	}
	return ""
}

func TestAddressOrderCounts(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	if (Addresses{NetInfo: []netip.Addr{a, b}}).Equal(Addresses{NetInfo: []netip.Addr{b, a}}) {
		t.Error("addresses in another order: got equal, want not equal, since some clients take the first")
	}
}

func TestEmptyListsEqualNil(t *testing.T) {
	a := &Task{Ports: []PortRange{}, Addresses: Addresses{NetInfo: []netip.Addr{}}, Discovery: &Discovery{Ports: []DiscoveryPort{}}}
	if b := (&Task{Discovery: &Discovery{}}); !a.Equal(b) {
		t.Error("an empty list and nil: got not equal, want equal")
	}
}

func TestAddressesEmpty(t *testing.T) {
	one := []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	tests := []struct {
		a    Addresses
		want bool
	}{
		{Addresses{}, true},
		{Addresses{NetInfo: one}, false},
		{Addresses{Docker: one}, false},
		{Addresses{Mesos: one}, false},
	}
	for _, tt := range tests {
		if got := tt.a.Empty(); got != tt.want {
			t.Errorf("Empty of %+v: got %t, want %t", tt.a, got, !got)
		}
	}
}

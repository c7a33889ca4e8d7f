package snapshot

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"toponym/state"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// The fields of package state are found by reflection, so that a new one cannot
// be forgotten.
func TestEveryFieldComesBack(t *testing.T) {
	for name, s := range map[string]*Contents{
		"full":  full(),
		"empty": {State: &state.FullState{}, Confirmed: time.Unix(0, 0)},
		"many":  many(3000), // more than one block
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(bytes.NewReader(encode(t, s)))
			if err != nil {
				t.Fatal(err)
			}
			if !got.Confirmed.Equal(s.Confirmed) || !reflect.DeepEqual(got.Zones, s.Zones) {
				t.Errorf("got confirmation %v and zones %v, want %v and %v", got.Confirmed, got.Zones, s.Confirmed, s.Zones)
			}
			if !reflect.DeepEqual(got.State, s.State) {
				t.Errorf("got %+v, want %+v", got.State, s.State)
			}
			zones, err := DecodeZones(bytes.NewReader(encode(t, s)))
			if err != nil || !reflect.DeepEqual(*zones, s.Zones) {
				t.Errorf("zones alone: got %+v, error %v, want %+v", zones, err, s.Zones)
			}
		})
	}
}

// The values belong to the cluster as well.
func TestEncodingChangesNothing(t *testing.T) {
	s := full()
	encode(t, s)
	if !reflect.DeepEqual(s, full()) {
		t.Error("got another value after Encode, want the same")
	}
}

func TestEveryKindOfAddressComesBack(t *testing.T) {
	want := []netip.Addr{
		{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::"),
		netip.MustParseAddr("fd00::1"), netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("fe80::1%eth0"),
	}
	s := &Contents{State: &state.FullState{Leader: state.Master{Addrs: want}}}
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State.Leader.Addrs, want) {
		t.Errorf("got %v, error %v, want %v", got, err, want)
	}
}

func TestStringsLongerThanABlockComeBack(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3*blockSize/16)
	s := &Contents{State: &state.FullState{Leader: state.Master{Host: long}, Agents: []*state.Agent{{ID: long}, {ID: long}}}}
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State, s.State) {
		t.Errorf("got another state, error %v, want what was written", err)
	}
}

func TestMoreWordsThanGetNumbersComeBack(t *testing.T) {
	s := many(5)
	for i := range maxWords + 100 {
		s.State.Agents = append(s.State.Agents, &state.Agent{ID: string(rune(i%20000+256)) + string(rune(i/20000+256))})
	}
	s.State.Tasks[3].AgentID = s.State.Agents[maxWords+50].ID
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State, s.State) {
		t.Errorf("got another state, error %v, want what was written", err)
	}
}

// Programs of the same version must be able to read each other's files.
func TestTheFormatChangesOnlyWithItsVersion(t *testing.T) {
	path := filepath.Join("testdata", "full.snapshot")
	b := encode(t, full())
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Error("got another format than the golden file: increase version, keep reading the version before, then run with -update")
	}
}

// A new release must start from the snapshot that the release before has left
// behind: every field that version 1 has comes back, and the others are empty.
func TestTheVersionBeforeIsRead(t *testing.T) {
	file, err := os.Open(filepath.Join("testdata", "version-1.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	isNew := map[string]bool{
		"Agent.Attributes": true, "Agent.Region": true, "Agent.Zone": true, "Framework.Roles": true, "Task.Since": true, "Task.Details": true,
	}
	fields := 0
	var check func(v reflect.Value)
	check = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			check(v.Elem())
		case reflect.Slice:
			for i := range v.Len() {
				check(v.Index(i))
			}
		case reflect.Struct:
			if v.Type() == someAddr {
				return
			}
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				if v.Field(i).IsZero() != isNew[name] {
					t.Errorf("%s: got %v", name, v.Field(i))
				}
				fields++
				check(v.Field(i))
			}
		}
	}
	if len(s.State.Tasks) != 2 || len(s.State.Agents) != 2 || len(s.State.Frameworks) != 2 || len(s.State.Masters) != 2 || s.Zones.SerialLimit != full().Zones.SerialLimit || s.Zones.Versions != nil {
		t.Fatalf("got %+v and zones %+v, want two of everything and the serial as limit", s.State, s.Zones)
	}
	check(reflect.ValueOf(s.State.Leader))
	check(reflect.ValueOf(s.State.Agents))
	check(reflect.ValueOf(s.State.Frameworks))
	check(reflect.ValueOf(s.State.Tasks))
	if fields < 100 {
		t.Errorf("got %d fields, want at least 100", fields)
	}
}

// Otherwise a cluster that starts from a snapshot would take more memory for
// labels than one that was read from a master.
func TestLabelsOfInstancesAreReadOnce(t *testing.T) {
	s := many(2)
	for _, task := range s.State.Tasks {
		task.Details = &state.TaskDetails{Role: "prod", Labels: []state.Label{{Key: "HAPROXY_GROUP", Value: "external"}}}
	}
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.State.Tasks[0].Details, got.State.Tasks[1].Details
	if a == nil || a != b || !a.Equal(s.State.Tasks[0].Details) {
		t.Errorf("got details %p %+v and %p %+v, want the same ones twice", a, a, b, b)
	}
}

func TestEveryFlippedBitIsDetected(t *testing.T) {
	good := encode(t, full())
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			_, err := Decode(bytes.NewReader(b))
			if !errors.Is(err, ErrDamaged) && (i >= len(title)+1 || !errors.Is(err, ErrVersion)) {
				t.Fatalf("byte %d, bit %d: got error %v, want ErrDamaged", i, bit, err)
			}
		}
	}
}

func TestEveryTruncationIsDetected(t *testing.T) {
	good := encode(t, full())
	for n := range good {
		if _, err := Decode(bytes.NewReader(good[:n])); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: got error %v, want ErrDamaged", n, err)
		}
	}
	for _, more := range [][]byte{{0}, make([]byte, blockHead), good} {
		if _, err := Decode(bytes.NewReader(append(bytes.Clone(good), more...))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes more: got error %v, want ErrDamaged", len(more), err)
		}
	}
}

// Each block is sound by itself.
func TestBlocksOutOfOrderAreDetected(t *testing.T) {
	b := encode(t, many(3000))
	head, blocks := b[:len(title)+2], b[len(title)+2:]
	const whole = blockHead + blockSize
	if len(blocks) < 3*whole {
		t.Fatalf("got %d bytes, want at least %d", len(blocks), 3*whole)
	}
	first, second, rest := blocks[:whole], blocks[whole:2*whole], blocks[2*whole:]
	for name, order := range map[string][][]byte{
		"swapped": {head, second, first, rest}, "one left out": {head, first, rest}, "one twice": {head, first, first, second, rest},
	} {
		if _, err := Decode(bytes.NewReader(bytes.Join(order, nil))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: got error %v, want ErrDamaged", name, err)
		}
	}
}

func TestOtherVersionsAreToldFromDamage(t *testing.T) {
	for text, want := range map[string]error{
		"toponym snapshot 3\nwhatever": ErrVersion, "toponym snapshot 0\n": ErrVersion, "toponym snapshot 999999\n": ErrVersion,
		"toponym snapshot \n": ErrDamaged, "toponym snapshot x\n": ErrDamaged, "toponym snapshot 1": ErrDamaged,
		"toponym snapshot 12345678\n": ErrDamaged, "": ErrDamaged, "{}": ErrDamaged, "\n": ErrDamaged,
	} {
		if _, err := Decode(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%q: got error %v, want %v", text, err, want)
		}
	}
}

func TestErrorsOfTheDiskAreNotDamage(t *testing.T) {
	broken := errors.New("input/output error")
	good := encode(t, full())
	for n := range len(good) + 1 {
		r := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := Decode(r); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
			t.Fatalf("after %d bytes: got error %v, want that of the disk", n, err)
		}
	}
	for n := range 3 {
		w := &failing{left: n, err: broken}
		if err := Encode(w, full()); !errors.Is(err, broken) {
			t.Errorf("after %d writes: got error %v, want that of the disk", n, err)
		}
	}
}

// failing accepts a number of writes.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// 100,000 tasks take less than 50 MB on disk, and the file is never in memory as a
// whole.
func TestATaskTakesFewBytesAndWritingFewerStill(t *testing.T) {
	const tasks = 10_000
	s := many(tasks)
	size := 0
	counting := writerFunc(func(p []byte) (int, error) { size += len(p); return len(p), nil })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Encode(counting, s); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if perTask := size / tasks; perTask > 300 {
		t.Errorf("got %d bytes per task, want at most 300", perTask)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > uint64(size)/2 {
		t.Errorf("got %d bytes allocated to write %d, want at most half", allocated, size)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, full()))
	f.Add(encode(f, many(3)))
	f.Add([]byte(title + "1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := Decode(bytes.NewReader(encode(t, s)))
		if err != nil || !reflect.DeepEqual(again.State, s.State) {
			t.Errorf("got another state for what was read and written again, error %v", err)
		}
	})
}

// FuzzValues adds the checksums, which a fuzzer cannot guess.
func FuzzValues(f *testing.F) {
	for _, s := range []*Contents{full(), many(3)} {
		r := newBlockReader(bytes.NewReader(encode(f, s)[len(title)+2:]))
		r.next()
		f.Add(bytes.Clone(r.rest))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole bytes.Buffer
		whole.WriteString(title + "1\n")
		w := newBlockWriter(&whole)
		w.writeString(string(b))
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		s, err := Decode(&whole)
		if err != nil {
			return
		}
		again, err := Decode(bytes.NewReader(encode(t, s)))
		if err != nil || !reflect.DeepEqual(again.State, s.State) {
			t.Errorf("got another state for what was read and written again, error %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	s := many(100_000)
	size := 0
	for b.Loop() {
		size = 0
		if err := Encode(writerFunc(func(p []byte) (int, error) { size += len(p); return len(p), nil }), s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size), "file-bytes")
}

func BenchmarkDecode(b *testing.B) {
	whole := encode(b, many(100_000))
	for b.Loop() {
		if _, err := Decode(bytes.NewReader(whole)); err != nil {
			b.Fatal(err)
		}
	}
}

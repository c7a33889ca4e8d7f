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

// TestEveryFieldComesBack finds the fields of package state itself, so that one
// that is added some day cannot be forgotten here.
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
			if !got.Confirmed.Equal(s.Confirmed) || got.Serial != s.Serial {
				t.Errorf("confirmed %v with serial %d, want %v, %d", got.Confirmed, got.Serial, s.Confirmed, s.Serial)
			}
			if !reflect.DeepEqual(got.State, s.State) {
				t.Errorf("got %+v, want %+v", got.State, s.State)
			}
		})
	}
}

// TestEncodingOnlyLooks: values of a cluster belong to others too.
func TestEncodingOnlyLooks(t *testing.T) {
	s := full()
	encode(t, s)
	if !reflect.DeepEqual(s, full()) {
		t.Error("a value was changed")
	}
}

func TestAddresses(t *testing.T) {
	want := []netip.Addr{
		{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::"),
		netip.MustParseAddr("fd00::1"), netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("fe80::1%eth0"),
	}
	s := &Contents{State: &state.FullState{Leader: state.Master{Addrs: want}}}
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State.Leader.Addrs, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLongStrings(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 3*blockSize/16)
	s := &Contents{State: &state.FullState{Leader: state.Master{Host: long}, Agents: []*state.Agent{{ID: long}, {ID: long}}}}
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State, s.State) {
		t.Errorf("it did not come back: %v", err)
	}
}

// More words than are remembered are written whole.
func TestManyWords(t *testing.T) {
	s := many(5)
	for i := range maxWords + 100 {
		s.State.Agents = append(s.State.Agents, &state.Agent{ID: string(rune(i%20000+256)) + string(rune(i/20000+256))})
	}
	s.State.Tasks[3].AgentID = s.State.Agents[maxWords+50].ID
	got, err := Decode(bytes.NewReader(encode(t, s)))
	if err != nil || !reflect.DeepEqual(got.State, s.State) {
		t.Errorf("it did not come back: %v", err)
	}
}

// TestFormat fails when what is written is not what programs of this version
// read. Then version has to grow, and the golden file is written anew.
func TestFormat(t *testing.T) {
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
		t.Error("the format has changed: let version grow, then -update")
	}
}

func TestEveryBitCounts(t *testing.T) {
	good := encode(t, full())
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			_, err := Decode(bytes.NewReader(b))
			if !errors.Is(err, ErrDamaged) && (i >= len(title)+1 || !errors.Is(err, ErrVersion)) {
				t.Fatalf("octet %d, bit %d: error %v", i, bit, err)
			}
		}
	}
}

func TestEveryCutIsSeen(t *testing.T) {
	good := encode(t, full())
	for n := range good {
		if _, err := Decode(bytes.NewReader(good[:n])); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: error %v", n, err)
		}
	}
	for _, more := range [][]byte{{0}, make([]byte, blockHead), good} {
		if _, err := Decode(bytes.NewReader(append(bytes.Clone(good), more...))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d octets more: error %v", len(more), err)
		}
	}
}

// Blocks that are sound one by one, in an order that nobody wrote.
func TestBlocksHaveAnOrder(t *testing.T) {
	b := encode(t, many(3000))
	head, blocks := b[:len(title)+2], b[len(title)+2:]
	const whole = blockHead + blockSize
	if len(blocks) < 3*whole {
		t.Fatalf("only %d octets", len(blocks))
	}
	first, second, rest := blocks[:whole], blocks[whole:2*whole], blocks[2*whole:]
	for name, order := range map[string][][]byte{
		"swapped": {head, second, first, rest}, "one left out": {head, first, rest}, "one twice": {head, first, first, second, rest},
	} {
		if _, err := Decode(bytes.NewReader(bytes.Join(order, nil))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestOtherVersions(t *testing.T) {
	for text, want := range map[string]error{
		"toponym snapshot 2\nwhatever": ErrVersion, "toponym snapshot 0\n": ErrVersion, "toponym snapshot 999999\n": ErrVersion,
		"toponym snapshot \n": ErrDamaged, "toponym snapshot x\n": ErrDamaged, "toponym snapshot 1": ErrDamaged,
		"toponym snapshot 12345678\n": ErrDamaged, "": ErrDamaged, "{}": ErrDamaged, "\n": ErrDamaged,
	} {
		if _, err := Decode(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%q: error %v, want %v", text, err, want)
		}
	}
}

func TestErrorsOfTheDiskAreNoDamage(t *testing.T) {
	broken := errors.New("input/output error")
	good := encode(t, full())
	for n := range len(good) + 1 {
		r := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := Decode(r); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
			t.Fatalf("after %d octets: error %v", n, err)
		}
	}
	for n := range 3 {
		w := &failing{left: n, err: broken}
		if err := Encode(w, full()); !errors.Is(err, broken) {
			t.Errorf("after %d writes: error %v", n, err)
		}
	}
}

// failing takes a number of writes.
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

// TestSizeAndMemory: 100,000 tasks are less than 50 MB on disk, and never in
// memory as a whole.
func TestSizeAndMemory(t *testing.T) {
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
		t.Errorf("a task takes %d octets", perTask)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > uint64(size)/2 {
		t.Errorf("writing %d octets takes %d of memory", size, allocated)
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
			t.Errorf("what was read does not come back: %v", err)
		}
	})
}

// FuzzValues is the same behind the checksums, which a fuzzer cannot guess.
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
		w.text(string(b))
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		s, err := Decode(&whole)
		if err != nil {
			return
		}
		again, err := Decode(bytes.NewReader(encode(t, s)))
		if err != nil || !reflect.DeepEqual(again.State, s.State) {
			t.Errorf("what was read does not come back: %v", err)
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
	b.ReportMetric(float64(size), "octets")
}

func BenchmarkDecode(b *testing.B) {
	whole := encode(b, many(100_000))
	for b.Loop() {
		if _, err := Decode(bytes.NewReader(whole)); err != nil {
			b.Fatal(err)
		}
	}
}

package master

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"toponym/sim/scenario"
)

// decodeInParallel decodes with several goroutines from the second task on, in chunks of
// the given size. It reports how many tasks they decoded.
func decodeInParallel(body io.Reader, chunk int) (doc *document, taken int, err error) {
	d := newDecoder(body, []string{"HAPROXY_"})
	d.decoders, d.sizes = 3, parallelSizes{tasks: 1, chunk: chunk}
	doc, err = d.document(false)
	return doc, d.taken, err
}

// checkParallel compares what one goroutine and several make of a body.
func checkParallel(t *testing.T, body func() io.Reader, chunk int) (taken int) {
	t.Helper()
	want, wantErr := decode(body(), false, "HAPROXY_")
	got, taken, err := decodeInParallel(body(), chunk)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("chunks of %d: got error %v, want %v as from one goroutine", chunk, err, wantErr)
	}
	if g, w := wholeDocument(t, got), wholeDocument(t, want); g != w {
		t.Fatalf("chunks of %d: got another document than from one goroutine:\n%s\nwant\n%s", chunk, g, w)
	}
	return taken
}

// wholeDocument returns all that a document has, in order. Lists without elements may be
// nil or not, as for one goroutine.
func wholeDocument(t *testing.T, d *document) string {
	t.Helper()
	if d == nil {
		return "none"
	}
	b, err := json.Marshal(d.FullState)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s\npid %v, leader %v, issues %+v", bytes.ReplaceAll(b, []byte("null"), []byte("[]")), d.pid, d.leader, d.issues)
}

// stateWith returns the state of a simulated cluster.
func stateWith(t testing.TB, tasks int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := scenario.WriteState(&b, scenario.Spec{Tasks: tasks}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParallelEqualsSerial(t *testing.T) {
	for _, chunk := range []int{1, 100, 3000, 50_000, 1 << 20} {
		tasks := 400
		if chunk < 1000 {
			tasks = 20
		}
		body := stateWith(t, tasks)
		for name, pieces := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "data and end": iotest.DataErrReader,
		} {
			taken := checkParallel(t, func() io.Reader { return pieces(bytes.NewReader(body)) }, chunk)
			if tasks == 400 && chunk < len(body)/10 && taken < tasks*3/4 {
				t.Errorf("%s, chunks of %d: other goroutines decoded %d of %d tasks, want most", name, chunk, taken, tasks)
			}
		}
	}
	for _, file := range fixtures(t) {
		for _, chunk := range []int{1, 500} {
			checkParallel(t, func() io.Reader { return bytes.NewReader(fixture(t, file)) }, chunk)
		}
	}
}

// What looks like the place between two tasks may stand in other lists, in lists of
// another depth and where a task has a list of its own.
func TestWrongCutsChangeNothing(t *testing.T) {
	task := func(id string) string {
		return fmt.Sprintf(`{"id":"%s","name":"n","slave_id":"S","state":"TASK_RUNNING","x":[{"id":"a"},{"id":"b"},{"id":"c"}]}`, id)
	}
	list := func(name string, n int) string {
		var tasks []string
		for i := range n {
			tasks = append(tasks, task(fmt.Sprint(name, i)))
		}
		return "[" + strings.Join(tasks, ",") + "]"
	}
	body := `{"orphan_tasks":` + list("o", 9) + `,"frameworks":[` +
		`{"tasks":` + list("a", 40) + `,"completed_tasks":` + list("c", 40) + `,"id":"A"},` +
		`{"id":"none","tasks":[]},{"tasks":` + list("lost", 5) + `},{"id":"B","tasks":` + list("b", 3) + `},` +
		`{"id":"C","framework_info":{"tasks":` + list("d", 20) + `},"tasks":` + list("e", 20) + `}` +
		`],"completed_frameworks":[{"id":"D","tasks":` + list("f", 40) + `}],"orphan_tasks":` + list("g", 30) + `,"pid":"master@10.0.0.1:5050"}`
	for chunk := 1; chunk < 4000; chunk += 1 + chunk/3 {
		checkParallel(t, func() io.Reader { return strings.NewReader(body) }, chunk)
		spaced := strings.NewReplacer(",", " , ", "[", "[ ", "]", "\n]", "}", " }").Replace(body)
		checkParallel(t, func() io.Reader { return strings.NewReader(spaced) }, chunk)
	}
}

// A body that is cut off, breaks off or is damaged ends with the same error, in the same
// place.
func TestParallelErrorsAreTheSame(t *testing.T) {
	body := stateWith(t, 12)
	random := rand.New(rand.NewPCG(1, 2))
	broken := errors.New("the connection was reset")
	for i := range 600 {
		chunk := 1 + random.IntN(5000)
		at := random.IntN(len(body))
		switch i % 3 {
		case 0:
			checkParallel(t, func() io.Reader { return bytes.NewReader(body[:at]) }, chunk)
		case 1:
			checkParallel(t, func() io.Reader { return io.MultiReader(bytes.NewReader(body[:at]), iotest.ErrReader(broken)) }, chunk)
		case 2:
			damaged := bytes.Clone(body)
			damaged[at] = "{}[]\",:\\x\x00"[random.IntN(10)]
			checkParallel(t, func() io.Reader { return bytes.NewReader(damaged) }, chunk)
		}
	}
}

// The issues of all goroutines are counted, and the example is the same.
func TestParallelIssuesAreTheSame(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"frameworks":[{"id":"F","tasks":[`)
	for i := range 100 {
		fmt.Fprintf(&b, `{"id":"t%02d","resources":{"ports":"[x%02d]"}},{"name":"without id %02d"},`, i, (i*37)%100, i)
	}
	b.WriteString(`{"id":"last"}]}]}`)
	doc, _, err := decodeInParallel(strings.NewReader(b.String()), 200)
	if err != nil || doc.issues.count != 200 {
		t.Fatalf("got %+v and error %v, want 200 issues", doc, err)
	}
	checkParallel(t, func() io.Reader { return strings.NewReader(b.String()) }, 200)
}

// FuzzParallel: several goroutines make of any body what one does.
func FuzzParallel(f *testing.F) {
	for _, file := range fixtures(f) {
		if body := fixture(f, file); len(body) < 20_000 {
			f.Add(body, 100)
		}
	}
	f.Add([]byte(smallState), 1)
	f.Add(stateWith(f, 5), 2000)
	f.Add([]byte(`{"frameworks":[{"id":"F","tasks":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"},{"id":"e","x":[{"id":"y"},{"id":"z"}]},{"id":"f"}]}]}`), 5)
	f.Fuzz(func(t *testing.T, body []byte, chunk int) {
		checkParallel(t, func() io.Reader { return bytes.NewReader(body) }, 1+len(body)/1000+max(0, chunk%5000))
	})
}

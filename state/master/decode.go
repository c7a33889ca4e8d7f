package master

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"runtime"

	"toponym/internal/jsonscan"
	"toponym/state"
	"toponym/state/leader"
)

// document is a full state as an answer of `/master/state` or GET_STATE, or the
// first event of a stream has it. Its Leader and Masters are not filled in.
type document struct {
	state.FullState
	pid    state.UPID // of the master that answered
	leader state.UPID // of the master that leads; zero where none is named
	issues decodeIssues
}

// decodeIssues are the parts of a state that were skipped because they are not
// what a master sends.
type decodeIssues struct {
	count   int
	example string // describes one of them, for the log
}

// add counts an issue. Masters change the order of tasks from answer to answer,
// so the example is the first by its text: the same issues have the same one.
func (i *decodeIssues) add(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if i.count == 0 || text < i.example {
		i.example = text
	}
	i.count++
}

// join adds the issues of another part.
func (i *decodeIssues) join(more decodeIssues) {
	if i.count == 0 || more.count > 0 && more.example < i.example {
		i.example = more.example
	}
	i.count += more.count
}

// errNotState is the error for an answer that is JSON but no state.
var errNotState = errors.New("the answer is no state of a master: it is not an object")

// decodeWith reads the body of an answer of `/master/state`, of Mesos 0.20 and
// later. It keeps no more than the parts that names need, and labels whose keys
// begin with one of keepLabels. With withoutTasks the tasks are skipped. Several
// goroutines decode tasks, if there are many.
func decodeWith(decoders int, body io.Reader, withoutTasks bool, keepLabels ...string) (*document, error) {
	d := newDecoder(body, keepLabels)
	d.decoders = decoders
	return d.document(withoutTasks)
}

// document reads a state to its end.
func (d *decoder) document(withoutTasks bool) (*document, error) {
	d.doc, d.withoutTasks = &document{}, withoutTasks
	defer d.stopParallel()
	if d.Kind() != '{' {
		if err := d.Skip(); err != nil {
			return nil, syntax(err)
		}
		return nil, errNotState
	}
	if err := d.object(d.top); err != nil {
		return nil, syntax(err)
	}
	if err := d.End(); err != nil {
		return nil, syntax(err)
	}
	if d.doc.Leadership.PID = hostPort(d.doc.pid); d.doc.pid.IsZero() {
		d.doc.Leadership.PID = hostPort(d.doc.leader) // a master that answers without a pid counts as the leader
	}
	return d.doc, nil
}

// hostPort is where a master listens, as a Leadership has it.
func hostPort(p state.UPID) string {
	if p.IsZero() {
		return ""
	}
	return leader.Address{Host: p.Host, Port: p.Port}.String()
}

// syntax describes an error of reading or decoding a body.
func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the answer is cut off")
	}
	return fmt.Errorf("reading the answer: %w", cause(err))
}

// Decode reads the body of an answer of `/master/state`. Addresses are filled
// in where the state has them; host names are not resolved. Beside the labels that
// set parameters of records it keeps those whose keys begin with one of
// keepLabels. It returns an error where the body is not JSON, is cut off, or is no
// state.
func Decode(body io.Reader, keepLabels ...string) (*state.FullState, error) {
	return DecodeWith(runtime.GOMAXPROCS(0), body, keepLabels...)
}

// DecodeWith is Decode with a number of goroutines. A server decodes the first state with
// all cores, and later ones with one goroutine.
func DecodeWith(decoders int, body io.Reader, keepLabels ...string) (*state.FullState, error) {
	doc, err := decodeWith(decoders, body, false, keepLabels...)
	if err != nil {
		return nil, err
	}
	s := &doc.FullState
	s.Leader, s.Masters = mastersOf(leader.Address{Host: doc.leader.Host, Port: doc.leader.Port}, nil)
	fillLiterals(s)
	return s, nil
}

// decoder reads a state.
type decoder struct {
	*reader
	doc      *document
	statuses statuses     // of the task that is being read
	addrs    []netip.Addr // of the network that is being read

	discoveryInfo state.Discovery // of the task that is being read
	containerInfo state.Container // the same

	keepLabels []string // prefixes of the keys of labels that are kept beside those for records
	interner   *state.Interner
	taskLabels []state.Label // of the task that is being read
	portLabels []state.Label // of the port that is being read
	label      state.Label   // that is being read
	labelBytes int           // of the kept labels of the task that is being read

	taskID       string // of the task that is being read
	full         bool   // a list of it has reached its bound
	inUpdate     bool   // the status names its task and agent
	withoutTasks bool

	decoders int            // goroutines that may decode tasks; with less than 2 no other one does
	parallel *parallelTasks // nil without any
	taken    int            // tasks that they have decoded
	sizes    parallelSizes
}

// stopParallel ends what tasks has started.
func (d *decoder) stopParallel() {
	if d.parallel != nil {
		d.parallel.stop()
		d.parallel, d.decoders = nil, 0
	}
}

func newDecoder(r io.Reader, keepLabels []string) decoder {
	return decoder{reader: newReader(r), keepLabels: keepLabels, interner: state.NewInterner(), sizes: usualSizes}
}

func (d *decoder) top(key []byte) error {
	switch string(key) {
	case "id":
		return d.plainString(&d.doc.Leadership.ID)
	case "elected_time":
		n, _, err := d.number()
		d.doc.Leadership.Elected = n
		return err
	case "leader":
		return d.upid(&d.doc.leader, "leader", "")
	case "pid":
		return d.upid(&d.doc.pid, "master", "")
	case "slaves":
		return d.wholeList("slaves", d.agents)
	case "recovered_slaves":
		return d.recoveredAgents()
	case "frameworks":
		return d.wholeList("frameworks", d.frameworks)
	case "orphan_tasks": // of frameworks that have not come back, before Mesos 1.2
		if !d.withoutTasks {
			return d.array(d.tasks)
		}
	}
	return d.skip()
}

// wholeList reads a list that a state cannot do without. Anything else in its place
// would look as if the cluster were empty.
func (d *decoder) wholeList(name string, element func() error) error {
	if k := d.Kind(); k != '[' && k != 'n' {
		if err := d.Skip(); err != nil {
			return err
		}
		return fmt.Errorf("it is no state of a master: %s is not a list", name)
	}
	return d.array(element)
}

func (d *decoder) upid(p *state.UPID, of, id string) error {
	b, err := d.bytes()
	if err != nil || len(b) == 0 {
		return err
	}
	u, perr := state.ParseUPID(string(b))
	if perr != nil {
		d.doc.issues.add("pid of %s %.60q: %v", of, id, perr)
		return nil
	}
	*p = u
	return nil
}

// maxText bounds, in bytes, each string of a document that is read; a longer one
// counts as absent. The longest useful one lists the ports of a task: 64 KiB
// hold more than 4,000 ranges.
const maxText = 64 << 10

// maxKept bounds each string that is kept, such as an id, a name or a label. No
// name of DNS can be made of a longer one.
const maxKept = 4 << 10

// Bounds of the strings that are kept once however often they are repeated, for
// a stream that may go on for months.
const (
	maxInterned      = 1 << 18
	maxInternedBytes = 16 << 20
)

// reader walks through a JSON document. A value of another type than the one
// asked for is skipped and counts as absent: masters and frameworks of ten
// years have put all kinds of things into a state.
type reader struct {
	*jsonscan.Scanner
	interned      map[string]string
	internedBytes int
}

func newReader(r io.Reader) *reader {
	return &reader{Scanner: jsonscan.New(r, maxText), interned: map[string]string{}}
}

// object calls field for each member of the object that comes next. The key is
// good until the next read; field must read or skip the value.
func (r *reader) object(field func(key []byte) error) error {
	if r.Kind() != '{' {
		return r.Skip()
	}
	return r.Object(field)
}

// array calls element before each element of the array that comes next.
func (r *reader) array(element func() error) error {
	if r.Kind() != '[' {
		return r.Skip()
	}
	return r.Array(element)
}

func (r *reader) skip() error { return r.Skip() }

// bytes reads a string, good until the next read. It is nil for anything else.
func (r *reader) bytes() ([]byte, error) {
	if r.Kind() != '"' {
		return nil, r.Skip()
	}
	return r.String()
}

// plainString reads a string that is not repeated in a document, such as a
// task's id.
func (r *reader) plainString(s *string) error {
	b, err := r.kept()
	if err == nil && b != nil {
		*s = string(b)
	}
	return err
}

// internedString reads a string that is repeated in a document, and keeps it
// once.
func (r *reader) internedString(s *string) error {
	b, err := r.kept()
	if err == nil && b != nil {
		*s = r.intern(b)
	}
	return err
}

// intern returns a string, the same one for equal bytes.
func (r *reader) intern(b []byte) string {
	known, ok := r.interned[string(b)]
	if !ok {
		if len(r.interned) >= maxInterned || r.internedBytes+len(b) > maxInternedBytes {
			clear(r.interned)
			r.internedBytes = 0
		}
		known = string(b)
		r.interned[known] = known
		r.internedBytes += len(b)
	}
	return known
}

// kept reads a string of at most maxKept bytes. It is nil for anything else.
func (r *reader) kept() ([]byte, error) {
	b, err := r.bytes()
	if len(b) > maxKept {
		return nil, err
	}
	return b, err
}

// identifier reads an id, which is a string in a state and an object with a
// value in the operator API.
func (r *reader) identifier(read func(*string) error, id *string) error {
	if r.Kind() != '{' {
		return read(id)
	}
	return r.Object(func(key []byte) error {
		if string(key) == "value" {
			return read(id)
		}
		return r.Skip()
	})
}

// number reads a number. Anything else leaves ok false, and so does one that is
// out of range, such as 1e999.
func (r *reader) number() (n float64, ok bool, err error) {
	if r.Kind() != '0' {
		return 0, false, r.Skip()
	}
	if n, err = r.Number(); err != nil || math.IsInf(n, 0) {
		return 0, false, err
	}
	return n, true, nil
}

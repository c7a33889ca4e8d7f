package leader

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
)

// ensemble is a ZooKeeper of several servers without a network: the part of its
// protocol that a reader needs. Connections are pipes, which do not stop the
// clock of a synctest bubble.
type ensemble struct {
	mu       sync.Mutex
	servers  map[string]*fakeServer
	nodes    map[string][]byte
	secret   string // user:password that may read; empty: all may
	authFail bool   // refuse any authentication
	sessions int64
	dialed   []string
}

// fakeServer is one server of an ensemble.
type fakeServer struct {
	away     bool // refuses connections
	frozen   bool // accepts connections and sends nothing
	noQuorum bool // ends connections without giving a session
	raw      []byte
	conns    map[*fakeConn]bool
}

type fakeConn struct {
	net.Conn
	write    sync.Mutex
	watches  map[string]bool // children and existence of a path
	authedAs string
}

func newEnsemble(servers ...Address) *ensemble {
	e := &ensemble{servers: map[string]*fakeServer{}, nodes: map[string][]byte{"/": nil}}
	for _, s := range servers {
		e.servers[s.String()] = &fakeServer{conns: map[*fakeConn]bool{}}
	}
	return e
}

// set changes a server and closes its connections.
func (e *ensemble) set(a Address, change func(*fakeServer)) {
	e.mu.Lock()
	s := e.servers[a.String()]
	change(s)
	conns := slices.Collect(maps.Keys(s.conns))
	e.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// freeze makes a server silent and leaves its connections open.
func (e *ensemble) freeze(a Address) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.servers[a.String()].frozen = true
}

func (e *ensemble) dial(_ context.Context, _, address string) (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dialed = append(e.dialed, address)
	s := e.servers[address]
	if s == nil || s.away {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	ours, theirs := net.Pipe()
	c := &fakeConn{Conn: ours, watches: map[string]bool{}}
	s.conns[c] = true
	go func() {
		defer ours.Close()
		e.serve(s, c)
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(s.conns, c)
	}()
	return theirs, nil
}

// put creates a node and its missing parents.
func (e *ensemble) put(name, data string) {
	e.mu.Lock()
	var created []string
	for p := name; ; p = path.Dir(p) {
		if _, ok := e.nodes[p]; ok {
			break
		}
		e.nodes[p] = nil
		created = append(created, p)
	}
	e.nodes[name] = []byte(data)
	e.mu.Unlock()
	for _, p := range slices.Backward(created) {
		e.fire(1, p)           // NodeCreated
		e.fire(4, path.Dir(p)) // NodeChildrenChanged
	}
}

// remove deletes a node.
func (e *ensemble) remove(name string) {
	e.mu.Lock()
	delete(e.nodes, name)
	e.mu.Unlock()
	e.fire(2, name)
	e.fire(4, path.Dir(name))
}

func (e *ensemble) fire(event int32, p string) {
	e.mu.Lock()
	var conns []*fakeConn
	for _, s := range e.servers {
		for c := range s.conns {
			if c.watches[p] && !s.frozen {
				delete(c.watches, p)
				conns = append(conns, c)
			}
		}
	}
	e.mu.Unlock()
	for _, c := range conns {
		c.send(packer{}.int32(-1).int64(-1).int32(0).int32(event).int32(3).text(p))
	}
}

// serve answers the requests of one connection until it is closed.
func (e *ensemble) serve(s *fakeServer, c *fakeConn) {
	if _, err := receive(c); err != nil {
		return
	}
	e.mu.Lock()
	frozen, noQuorum, raw := s.frozen, s.noQuorum, s.raw
	e.sessions++
	session := e.sessions
	e.mu.Unlock()
	switch {
	case frozen:
		io.Copy(io.Discard, c)
		return
	case noQuorum:
		return
	case raw != nil:
		go c.Conn.Write(raw)
		io.Copy(io.Discard, c)
		return
	}
	c.send(packer{}.int32(0).int32(int32(sessionTimeout.Milliseconds())).int64(session).text(strings.Repeat("p", 16)))
	for {
		b, err := receive(c)
		if err != nil {
			return
		}
		e.mu.Lock()
		frozen := s.frozen
		e.mu.Unlock()
		if frozen {
			continue
		}
		if !e.answer(c, b) {
			return
		}
	}
}

func (e *ensemble) answer(c *fakeConn, b []byte) bool {
	xid, op := int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))
	head := packer{}.int32(xid).int64(1)
	failed := func(code int32) bool { c.send(head.int32(code)); return true }
	arg := func() string { n := binary.BigEndian.Uint32(b[8:]); return string(b[12 : 12+n]) }
	e.mu.Lock()
	defer e.mu.Unlock()
	switch op {
	case opPing:
		c.send(packer{}.int32(-2).int64(1).int32(0))
		return true
	case opClose:
		c.Conn.Write(framed(head.int32(0)))
		return false
	case opSetAuth:
		if e.authFail {
			c.Conn.Write(framed(head.int32(-115)))
			return false
		}
		rest := b[12:] // behind the type: scheme, secret
		n := binary.BigEndian.Uint32(rest)
		c.authedAs = string(rest[4+n+4:])
		c.send(head.int32(0))
		return true
	}
	p := arg()
	data, exists := e.nodes[p]
	if op == opExists {
		c.watches[p] = true
		if !exists {
			return failed(-101)
		}
		c.send(head.int32(0).stat())
		return true
	}
	if !exists {
		return failed(-101)
	}
	if e.secret != "" && c.authedAs != e.secret {
		return failed(-102)
	}
	switch op {
	case opGetData:
		c.send(head.int32(0).text(string(data)).stat())
	case opGetChildren2:
		c.watches[p] = true
		var children []string
		for n := range e.nodes {
			if n != "/" && path.Dir(n) == p {
				children = append(children, path.Base(n))
			}
		}
		rand.Shuffle(len(children), func(i, j int) { children[i], children[j] = children[j], children[i] })
		out := head.int32(0).int32(int32(len(children)))
		for _, n := range children {
			out = out.text(n)
		}
		c.send(out.stat())
	default:
		panic(fmt.Sprintf("operation %d", op))
	}
	return true
}

func receive(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

func (c *fakeConn) send(p packer) {
	// In the background, as a kernel would: a pipe waits for its reader.
	go func() {
		c.write.Lock()
		defer c.write.Unlock()
		c.Conn.Write(framed(p))
	}()
}

// packer encodes values as ZooKeeper does. It is independent of zkMessage.
type packer []byte

func (p packer) int32(v int32) packer {
	return binary.BigEndian.AppendUint32(slices.Clip(p), uint32(v))
}
func (p packer) int64(v int64) packer {
	return binary.BigEndian.AppendUint64(slices.Clip(p), uint64(v))
}
func (p packer) text(s string) packer { return append(p.int32(int32(len(s))), s...) }
func (p packer) stat() packer         { return append(slices.Clip(p), make([]byte, statBytes)...) }
func framed(p packer) []byte          { return append(packer{}.int32(int32(len(p))), p...) }
func addr(s string) Address           { return mustBe(ParseAddress(s)) }

func mustBe[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// masterJSON returns the node of a master as Mesos 1.12 writes it.
func masterJSON(hostname, ip string, port int) string {
	return fmt.Sprintf(`{"address":{"hostname":%q,"ip":%q,"port":%d},"capabilities":[{"type":"AGENT_UPDATE"}],"hostname":%[1]q,`+
		`"id":"6a7c1d52-0000-4000-8000-000000000001","ip":16777343,"pid":"master@%[2]s:%[3]d","port":%[3]d,"version":"1.12.0"}`, hostname, ip, port)
}

// count returns how often a server was dialed.
func (e *ensemble) count(address Address) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, d := range e.dialed {
		if d == address.String() {
			n++
		}
	}
	return n
}

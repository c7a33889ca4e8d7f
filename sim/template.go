package sim

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A generated task is one of a few kinds, each rendered once with the
// ordinary encoder. In that text stand marks for what differs from task to
// task; writing a task is then copying the text between them.

// slot is what stands in place of a mark.
type slot uint8

const (
	noSlot slot = iota
	slotFramework
	slotAgent
	slotName
	slotIDName
	slotUUID
	slotContainer
	slotParent
	slotAgentAddr
	slotAddr4
	slotAddr6
	slotBridge
	slotStarting
	slotRunning
	slotHealthy
	slotPort // and the next portsPerTask-1
)

const (
	firstHostPort = 31000
	portsPerTask  = 4
)

// Marks that have to be values of a certain type are taken from the ranges
// for documentation (RFC 5737, RFC 3849), or are otherwise out of the way.
var (
	markAgentAddr = netip.MustParseAddr("192.0.2.101")
	markAddr4     = Address("192.0.2.102")
	markAddr6     = Address("2001:db8::102/64")
	markBridge    = Address("192.0.2.103")
	markTime      = time.Unix(1000000002, 0)
)

const markPort = 64001

var marks = []struct {
	text string
	slot slot
}{
	{"@framework@", slotFramework},
	{"@agent@", slotAgent},
	{"@name@", slotName},
	{"@idname@", slotIDName},
	{"@uuid@", slotUUID},
	{"@container@", slotContainer},
	{"@parent@", slotParent},
	{"192.0.2.101", slotAgentAddr},
	{"192.0.2.102", slotAddr4},
	{"2001:db8::102", slotAddr6},
	{"192.0.2.103", slotBridge},
	{"1000000001.75", slotStarting}, // markTime less startup
	{"1000000002.0", slotRunning},
	{`"healthy":true`, slotHealthy},
	{"64001", slotPort},
	{"64002", slotPort + 1},
	{"64003", slotPort + 2},
	{"64004", slotPort + 3},
}

// piece is a text, and the slot that follows it.
type piece struct {
	text string
	slot slot
}

// cut renders t and cuts it at its marks.
func cut(t *Task) []piece {
	e := newEncoder(nil)
	e.task(t)
	pieces := []piece{{text: string(e.buf)}}
	for _, m := range marks {
		var next []piece
		for _, p := range pieces {
			parts := strings.Split(p.text, m.text)
			for _, text := range parts[:len(parts)-1] {
				next = append(next, piece{text, m.slot})
			}
			next = append(next, piece{parts[len(parts)-1], p.slot})
		}
		pieces = next
	}
	return pieces
}

// printer writes the tasks of one framework.
type printer struct {
	spec      Spec
	cluster   string
	framework *Framework
	pieces    [][2][]piece // by kind: running, completed
	name      string       // of the app that idName belongs to
	idName    string
}

func newPrinter(s Spec, cluster string, f *Framework) *printer {
	p := &printer{spec: s, cluster: cluster, framework: f}
	for _, k := range kinds {
		t := k.task
		t.Role = f.role()
		done := t
		done.State = TaskFinished
		last := t.Statuses[len(t.Statuses)-1]
		last.State, last.Healthy = TaskFinished, nil
		done.Statuses = append(t.Statuses[:len(t.Statuses):len(t.Statuses)], last)
		p.pieces = append(p.pieces, [2][]piece{cut(&t), cut(&done)})
	}
	return p
}

// task writes the task with the given number as an instance of a.
func (p *printer) task(e *encoder, a app, number int, completed bool) {
	if p.name != a.name {
		p.name = a.name
		p.idName = marathonIDName(a.name)
	}
	pieces := p.pieces[a.kind][0]
	if completed {
		pieces = p.pieces[a.kind][1]
	}
	e.separate()
	b := e.buf
	for _, piece := range pieces {
		b = append(b, piece.text...)
		if piece.slot != noSlot {
			b = p.fill(b, piece.slot, number)
		}
	}
	e.buf = b
	e.drain()
}

func (p *printer) fill(b []byte, s slot, number int) []byte {
	agent := number % p.spec.Agents
	n := p.spec.Seed<<32 + uint64(number)*4
	switch s {
	case slotFramework:
		return append(b, p.framework.ID...)
	case slotAgent:
		b = append(append(b, p.cluster...), "-S"...)
		return strconv.AppendInt(b, int64(agent), 10)
	case slotName:
		return append(b, p.name...)
	case slotIDName:
		return append(b, p.idName...)
	case slotUUID:
		return appendUUID(b, mix(n), mix(^n))
	case slotContainer:
		return appendUUID(b, mix(n+1), mix(^(n + 1)))
	case slotParent:
		return appendUUID(b, mix(n+2), mix(^(n + 2)))
	case slotAgentAddr:
		return agentAddr(agent).AppendTo(b)
	case slotAddr4:
		return offset(pool4, uint64(number)).AppendTo(b)
	case slotAddr6:
		return offset(pool6, uint64(number)).AppendTo(b)
	case slotBridge:
		return offset(poolBridge, uint64(number/p.spec.Agents)%65000).AppendTo(b)
	case slotStarting, slotRunning:
		t := generatedStart.Add(time.Duration(number) * 1700 * time.Microsecond)
		if s == slotRunning {
			t = t.Add(startup)
		}
		b = strconv.AppendInt(b, t.Unix(), 10)
		b = append(b, '.')
		return strconv.AppendInt(b, int64(t.Nanosecond()/10000+100000), 10) // six digits, whatever they are
	case slotHealthy:
		if mix(n+3)%100 == 0 {
			return append(b, `"healthy":false`...)
		}
		return append(b, `"healthy":true`...)
	default:
		port := hostPort(number/p.spec.Agents) + uint16(s-slotPort)
		return strconv.AppendUint(b, uint64(port), 10)
	}
}

func (p *printer) executor(e *encoder, a app, number int) {
	id := p.fill([]byte("instance-"+a.name+"."), slotUUID, number)
	agent := p.fill(nil, slotAgent, number)
	e.executor(p.framework, executor{id: string(id), agentID: string(agent), role: p.framework.role()})
}

var (
	pool4      = netip.MustParseAddr("9.0.0.2")
	pool6      = netip.MustParseAddr("fd01:b::2")
	poolBridge = netip.MustParseAddr("172.17.0.2")
	poolAgents = netip.MustParseAddr("10.64.0.1")
)

func agentAddr(agent int) netip.Addr { return offset(poolAgents, uint64(agent)) }

// hostPort gives the first host port of the slot-th task of an agent.
func hostPort(slot int) uint16 {
	return firstHostPort + uint16(slot%8000)*portsPerTask
}

package records

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// madeUp stands for the address of an agent that is not known (RFC 5737).
var madeUp = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 1})}

// explaining is the sink that notes who owns the records of one name.
type explaining struct {
	name Name
	who  ExplainedOwner
	from *origin // of the addresses that are handed on

	records map[[2]string]*ExplainedRecord // by type and data
	found   int
	ttls    []uint32
	omitted []Omission
	leftOut []ExplainedOmission

	reason string // what comes is left out because of this; empty otherwise
}

// absent makes records that are not there, for a reason.
func (e *explaining) absent(reason string, make func()) {
	e.reason = reason
	make()
	e.reason, e.omitted = "", nil
}

func (e *explaining) add(kind, data, source string) {
	who := e.who
	who.Source = source
	key := [2]string{kind, data}
	r := e.records[key]
	if e.reason != "" {
		if r != nil && slices.Contains(r.Owners, who) {
			return // it is there by another of the task's names
		}
		if source == SourceHost.String() && data == madeUp[0].String() {
			data = ""
		}
		if one := (ExplainedOmission{ExplainedOwner: who, Type: kind, Data: data, Reason: e.reason}); !slices.Contains(e.leftOut, one) {
			e.leftOut = append(e.leftOut, one)
		}
		return
	}
	if r == nil {
		r = &ExplainedRecord{Type: kind, Data: data}
		e.records[key] = r
	}
	if !slices.Contains(r.Owners, who) {
		r.Owners = append(r.Owners, who)
	}
	e.found++
}

func (e *explaining) addr(name []byte, a netip.Addr) {
	if Name(name) != e.name {
		return
	}
	kind := "A"
	if a.Is6() {
		kind = "AAAA"
	}
	e.add(kind, a.String(), e.from.String())
}

func (e *explaining) srv(name []byte, d SRV) {
	if Name(name) == e.name {
		e.add("SRV", fmt.Sprintf("%d %d %d %s", d.Priority, d.Weight, d.Port, d.Target), "")
	}
}

func (e *explaining) ptr(a netip.Addr, target Name) {
	if ReverseName(a) == e.name {
		e.add("PTR", target.String(), e.from.String())
	}
}

func (e *explaining) ttl(name []byte, seconds uint32) {
	if Name(name) == e.name && e.reason == "" {
		e.ttls = append(e.ttls, Seconds(seconds))
	}
}

func (e *explaining) target(name []byte) Name { return Name(name) }
func (e *explaining) omit(o Omission)         { e.omitted = append(e.omitted, o) }

// tell adds what a task's names could not have.
func (e *explaining) tell(omitted []Omission) {
	for _, o := range omitted {
		what := o.Value
		if o.Label != "" {
			what = o.Label + "=" + what
		}
		if one := (ExplainedOmission{ExplainedOwner: e.who, Value: what, Reason: o.Reason.Error()}); !slices.Contains(e.leftOut, one) {
			e.leftOut = append(e.leftOut, one)
		}
	}
}

func (e *explaining) explanation() Explanation {
	x := Explanation{Name: e.name.String(), Records: []ExplainedRecord{}, Omitted: e.leftOut}
	if x.Omitted == nil {
		x.Omitted = []ExplainedOmission{}
	}
	for _, r := range e.records {
		x.Records = append(x.Records, *r)
	}
	slices.SortFunc(x.Records, func(a, b ExplainedRecord) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Data, b.Data))
	})
	if len(e.ttls) > 0 {
		ttl := slices.Min(e.ttls)
		x.TTL = &ttl
	}
	// An address that several names own has no name (see Data.PTR).
	if len(x.Records) > 1 && x.Records[0].Type == "PTR" {
		for _, r := range x.Records {
			for _, o := range r.Owners {
				x.Omitted = append(x.Omitted, ExplainedOmission{ExplainedOwner: o, Type: r.Type, Data: r.Data, Reason: "several names own the address"})
			}
		}
		x.Records = []ExplainedRecord{}
	}
	return x
}

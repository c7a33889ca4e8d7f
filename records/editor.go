package records

import (
	"net/netip"

	"toponym/internal/names"
)

// editor is the writer of an update: it collects which records owners gain and lose.
type editor struct {
	set     *Set
	owners  int32 // what each record gets: 1 while those of new owners are made, -1 for old ones
	edits   edits
	omitted *omissions // those of the set for an editor that writes alone

	// While several editors write, the table of names does not change. Names that it lacks
	// have provisional ids then.
	finder      *names.Finder // nil for an editor that writes alone
	fresh       []string      // these names, by provisional id
	provisional map[string]names.ID
	parts       []editorPart // of what it has written, see spread.go
	full        []edits      // collected before those above
}

// firstProvisional is the lowest provisional id, far above those of a table.
const firstProvisional names.ID = 1 << 31

// noID is above the ids of all names. Targets that no record points to have it.
const noID = ^names.ID(0)

// id returns the id of a name. It is not ok for a name that has no records to lose.
func (w *editor) id(name []byte) (id names.ID, ok bool) {
	switch {
	case w.finder != nil:
		if id, ok = w.finder.Find(name); ok || w.owners < 0 {
			return id, ok
		}
		return w.provisionalID(name), true
	case w.owners < 0:
		return w.set.names.Find(name)
	}
	return w.set.names.Intern(name), true
}

func (w *editor) provisionalID(name []byte) names.ID {
	if id, ok := w.provisional[string(name)]; ok {
		return id
	}
	id := firstProvisional + names.ID(len(w.fresh))
	lasting := string(name)
	w.fresh = append(w.fresh, lasting)
	w.provisional[lasting] = id
	return id
}

func (w *editor) addr(name []byte, a netip.Addr, _ addrSource) {
	if id, ok := w.id(name); !ok {
		return
	} else if a.Is4() {
		w.edits.a = append(w.edits.a, edit[[4]byte]{id: id, owners: w.owners, value: a.As4()})
	} else {
		w.edits.aaaa = append(w.edits.aaaa, edit[[16]byte]{id: id, owners: w.owners, value: a.As16()})
	}
}

func (w *editor) srv(name []byte, _ Name, d SRV) {
	if id, ok := w.id(name); ok && d.Target != noID {
		w.edits.srv = append(w.edits.srv, edit[SRV]{id: id, owners: w.owners, value: d})
	}
}

func (w *editor) ptr(a netip.Addr, p PTR, _ addrSource) {
	if id, ok := w.id(names.Bytes(ReverseName(a))); ok {
		w.edits.ptr = append(w.edits.ptr, edit[PTR]{id: id, owners: w.owners, value: p})
	}
}

func (w *editor) ttl(name []byte, seconds uint32) {
	if id, ok := w.id(name); ok {
		w.edits.ttls = append(w.edits.ttls, edit[uint32]{id: id, owners: w.owners, value: seconds})
	}
}

func (w *editor) target(name []byte) numberedName {
	id, ok := w.id(name)
	switch {
	case !ok:
		return numberedName{Name(name), noID}
	case id >= firstProvisional:
		return numberedName{Name(w.fresh[id-firstProvisional]), id}
	}
	return numberedName{w.set.targetName(id), id}
}

func (w *editor) omit(o Omission) {
	if w.owners > 0 && !w.set.omitted.reported(o) {
		w.omitted.add(o)
	}
}

// omissions lists what could not be published, up to maxOmissions.
type omissions struct {
	list     []Omission
	networks map[Omission]struct{} // of agent networks: reported before
}

// add lists an omission. One that finds no room may be reported by a later update.
func (l *omissions) add(o Omission) {
	if len(l.list) >= maxOmissions {
		return
	}
	if _, ok := o.Reason.(AgentNetworkError); ok { // one for all tasks of the framework
		if l.reported(o) || len(l.networks) >= maxOmissions {
			return
		}
		if l.networks == nil {
			l.networks = map[Omission]struct{}{}
		}
		l.networks[o] = struct{}{}
	}
	l.list = append(l.list, o)
}

// reported reports whether an omission of an agent network has been added.
func (l *omissions) reported(o Omission) bool {
	if len(l.networks) == 0 {
		return false
	}
	_, ok := l.networks[o]
	return ok
}

// take returns the list and empties it.
func (l *omissions) take() []Omission {
	list := l.list
	l.list = nil
	return list
}

package records

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"math/bits"
	"slices"
	"strings"

	"toponym/internal/dnswire"
	"toponym/state"
)

// A task has these names, with D for the domain, F for the labels of its
// framework and O for each address domain:
//
//   - T.F.D, where T is the label of what the task is called, with T.F.slave.D,
//     T.F.<network>.network.D and T.F.<tree>.O;
//   - the same for each DNS_ALIAS in the place of T;
//   - the same, but for the address trees, for the parts of its name in reverse, if
//     it is a path: "role/env/job" has the name job.env.role.F.D;
//   - the same, but for the address trees, for the raw name of its DiscoveryInfo,
//     which may consist of several labels;
//   - T-H-S.F.D and its like, which belong to this task alone and are the targets
//     of SRV records: H is a hash of the task id, S the end of the agent id;
//   - SRV names made of T, ports and protocols (see srv.go);
//   - all but the last in the subsets of F (see subsets.go).
//
// All but the names with T-H-S are shared with other tasks. taskNames is the only
// list of them: records, groups and explanations follow from it.

// taskName is a name that a task shares with others, in the place of T.
type taskName struct {
	kind taskNameKind
	host []byte // T in wire form without a zero byte at the end
	// domain and trees are the bits of T.F.D and of T.F in the address trees;
	// trees is 0 for raw and split names, which are not there.
	domain, trees nameBits
}

// String returns T.
func (n taskName) String() string { return strings.TrimSuffix(Name(n.host).String(), ".") }

type taskNameKind uint8

const (
	labelName taskNameKind = iota
	aliasName
	splitName
	rawName
)

// nameBits is a set of the shared names of a task.
type nameBits uint32

const (
	bitLabel nameBits = 1 << iota // T.F.D
	bitSplit                      // the same for the split name
	bitRaw                        // the same for the raw name
	bitTrees                      // T.F in the address trees
	bitFirstAlias
)

func bitAlias(i int) nameBits      { return bitFirstAlias << (2 * i) }
func bitAliasTrees(i int) nameBits { return bitFirstAlias << (2*i + 1) }

// ownDomain reports whether a bit is that of a name under the domain which is not an
// alias.
func (b nameBits) ownDomain() bool { return b&(bitLabel|bitSplit|bitRaw) != 0 }

func (b nameBits) has(bit nameBits) bool { return b&bit != 0 }

// all iterates over the bits that are set.
func (b nameBits) all(yield func(nameBits) bool) {
	for ; b != 0; b &= b - 1 {
		if !yield(1 << bits.TrailingZeros32(uint32(b))) {
			return
		}
	}
}

// taskNames returns the shared names of a task, that of its label first. They
// depend on the task alone. Values that cannot be names are omitted. The result
// is valid until the next call.
func (g *generator) taskNames(t *state.Task) []taskName {
	if g.namesOf == t {
		return g.names // which are asked for several times in a row
	}
	g.hasOmitted = false
	names, b := g.names[:0], g.nameBytes[:0]
	label := g.label(t)
	if label == "" {
		g.omit(Omission{Task: t.Key, Value: appName(t), Reason: ErrLabelLength})
	} else {
		b, _ = appendLabels(b, label)
		names = append(names, taskName{labelName, b, bitLabel, bitTrees})
		for i, alias := range g.aliases(t, label) {
			start := len(b)
			b, _ = appendLabels(b, alias)
			names = append(names, taskName{aliasName, b[start:], bitAlias(i), bitAliasTrees(i)})
		}
	}
	start := len(b)
	if split, ok := g.appendSplitName(b, t); ok && label != "" {
		b = split
		names = append(names, taskName{splitName, b[start:], bitSplit, 0})
	}
	splitEnd := len(b)
	if raw, ok := appendRawName(b, t, label); ok {
		if b = raw; bytes.Equal(b[start:splitEnd], b[splitEnd:]) {
			names = names[:len(names)-1] // as with Aurora, which writes both
		}
		names = append(names, taskName{rawName, b[splitEnd:], bitRaw, 0})
	}
	g.names, g.nameBytes, g.namesOf = names, b, t
	if g.hasOmitted {
		g.namesOf = nil // the next caller may want to omit as well
	}
	return names
}

// eachGroup calls f with the name of each group that a task belongs to, and with
// its bit. The name is in a buffer that is reused.
func (g *generator) eachGroup(o owner, f func(name []byte, bit nameBits, alias bool)) {
	s := g.suffixesOf(o.framework.Name)
	if s.err != nil {
		return
	}
	for _, n := range g.taskNames(o.task) {
		if name, ok := g.join(n.host, s.tasks); ok {
			f(name, n.domain, n.kind == aliasName)
		}
		if n.trees != 0 && len(s.trees) > 0 {
			b, _ := appendLabels(append(g.buf[:0], n.host...), s.label)
			f(append(b, 0), n.trees, n.kind == aliasName)
		}
	}
}

// eachCanonical calls f with each canonical name of a task, in the form of the
// names of groups. The name is in a buffer that is reused.
func (g *generator) eachCanonical(o owner, f func(name []byte)) {
	s := g.suffixesOf(o.framework.Name)
	if s.err != nil {
		return
	}
	tail := g.canonicalTail(o.task.Key.ID, o.agent.ID)
	if !allTypeable(tail) || len(tail) >= maxLabel {
		return
	}
	for _, n := range g.taskNames(o.task) {
		if n.kind == aliasName || n.kind == splitName {
			continue
		}
		g.canonical = appendCanonical(g.canonical[:0], n.host, tail)
		if name, ok := g.join(g.canonical, s.tasks); ok {
			f(name)
		}
		if n.trees != 0 && slices.Contains(g.o.AddressDomains, g.o.Domain) { // T-H-S.F.containerip.D
			b, _ := appendLabels(append(g.buf[:0], g.canonical...), s.label)
			f(append(b, 0))
		}
	}
}

// hasDiscovery reports whether the names of a task come from its DiscoveryInfo.
// One without a name counts as none.
func hasDiscovery(t *state.Task) bool { return t.Discovery != nil && t.Discovery.Name != "" }

// appName returns what a task is called, which is the same for all instances of
// an app.
func appName(t *state.Task) string {
	if hasDiscovery(t) {
		return t.Discovery.Name
	}
	return t.Name
}

// label returns T, or "" if nothing is left of the name. It remembers the last
// one, since the names of a task are listed several times in a row.
func (g *generator) label(t *state.Task) string {
	if name := appName(t); name != g.lastName {
		g.lastName, g.lastLabel = name, g.o.Rule.Label(name)
	}
	return g.lastLabel
}

// appendSplitName appends the parts of a task's name in reverse, if it is a path:
// Aurora's "role/env/job" and the "prefix:project:service" of mesos-compose.
func (g *generator) appendSplitName(b []byte, t *state.Task) ([]byte, bool) {
	const separators = "/:"
	name := appName(t)
	if !strings.ContainsAny(name, separators) {
		name = t.Name
	}
	if !g.o.SplitNames || !strings.ContainsAny(name, separators) || len(name) > maxName {
		return b, false
	}
	start, labels := len(b), 0
	for end := len(name); end >= 0; {
		i := strings.LastIndexAny(name[:end], separators)
		if label := g.o.Rule.Label(name[i+1 : end]); label != "" {
			b, _ = appendLabels(b, label)
			labels++
		}
		end = i
	}
	if labels < 2 {
		return b[:start], false
	}
	return b, true
}

// appendRawName appends the name of the DiscoveryInfo in wire form, split at its
// dots: Mesos-DNS answers that name beside the label. It returns false if a part
// is not a label that users can type, or if the name equals the label.
func appendRawName(b []byte, t *state.Task, label string) ([]byte, bool) {
	if !hasDiscovery(t) || t.Discovery.Name == label {
		return b, false
	}
	name := t.Discovery.Name
	for i := range len(name) {
		if name[i] != '.' && !typeable(name[i]) {
			return b, false
		}
	}
	if strings.EqualFold(name, label) {
		return b, false
	}
	for part := range strings.SplitSeq(name, ".") {
		if len(part) == 0 || len(part) > maxLabel || part == "*" {
			return b, false
		}
		b = append(b, byte(len(part)))
		for i := range len(part) {
			b = append(b, dnswire.LowerByte(part[i]))
		}
	}
	return b, true
}

// typeable reports whether users can type c in a name. The HTTP API puts a colon
// between a name and a port.
func typeable(c byte) bool { return needsNoEscape(c) && c != ':' }

func allTypeable(s []byte) bool {
	for _, c := range s {
		if !typeable(c) {
			return false
		}
	}
	return true
}

// appendCanonical appends the canonical form of a shared name: that with "-H-S" at
// the end of its last label, which is shortened to fit.
func appendCanonical(b, host, tail []byte) []byte {
	last := 0
	for next := 0; next < len(host); next += 1 + int(host[next]) {
		last = next
	}
	b = append(b, host[:last]...)
	kept := min(int(host[last]), maxLabel-len(tail))
	b = append(b, byte(kept+len(tail)))
	b = append(b, host[last+1:last+1+kept]...)
	return append(b, tail...)
}

// canonicalTail returns "-H-S" for a task. It remembers the last one. The result
// is valid until the next call.
func (g *generator) canonicalTail(taskID, agentID string) []byte {
	if len(g.tail) == 0 || taskID != g.tailTask || agentID != g.tailAgent {
		g.tailTask, g.tailAgent = taskID, agentID
		hash := taskHash(taskID)
		g.tail = append(append(append(g.tail[:0], '-'), hash[:]...), '-')
		for _, c := range []byte(agentTail(agentID)) {
			g.tail = append(g.tail, dnswire.LowerByte(c))
		}
	}
	return g.tail
}

// zbase32 is an alphabet that is easy to read for humans
// (philzimmermann.com/docs/human-oriented-base-32-encoding.txt).
var zbase32 = base32.NewEncoding(zbase32Alphabet).WithPadding(base32.NoPadding)

const zbase32Alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"

// hashLen is the length of H.
const hashLen = 5

// taskHash returns H: the beginning of a hash of the task id, as in Mesos-DNS.
func taskHash(id string) (hash [hashLen]byte) {
	var space [128]byte // ids are rarely longer, so the copy is on the stack
	sum := sha1.Sum(append(space[:0], id...))
	var b [8]byte
	zbase32.Encode(b[:], sum[:len(hash)])
	copy(hash[:], b[:])
	return hash
}

// agentTail returns what follows the last '-' of an agent id, such as "S0". In
// lower case it is S.
func agentTail(id string) string { return id[strings.LastIndexByte(id, '-')+1:] }

// withoutTail returns what a label has before "-H-S", if it may end so: T, or only its
// beginning if the label is as long as labels can be.
func withoutTail(label string) (t, hash, agent string, ok bool) {
	end := strings.LastIndexByte(label, '-')
	if end < hashLen+1 || label[end-hashLen-1] != '-' {
		return "", "", "", false
	}
	return label[:end-hashLen-1], label[end-hashLen : end], label[end+1:], true
}

// isCanonical reports whether a label has the form of T-H-S.
func isCanonical(label string) bool {
	_, hash, agent, ok := withoutTail(label)
	digits := strings.TrimPrefix(agent, "s")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == "" && strings.Trim(hash, zbase32Alphabet) == ""
}

package fakemesosdns

import (
	"crypto/sha1"
	"strings"
)

// labelRule makes a label of a name, as far as that is possible.
type labelRule struct {
	longest  int
	notFirst string // characters that a label must not begin with
}

var (
	rfc1123 = labelRule{63, "-"}
	rfc952  = labelRule{24, "-0123456789"}
)

// label makes one label. What is cut off at the end refills the room that trimming
// the cut label leaves.
func (r labelRule) label(name string) string {
	var b strings.Builder
	for _, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			b.WriteRune(c + 'a' - 'A')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteRune(c)
		case strings.ContainsRune("-._", c):
			b.WriteByte('-')
		}
	}
	all := strings.TrimLeft(b.String(), r.notFirst)
	if len(all) <= r.longest {
		return strings.TrimRight(all, "-")
	}
	kept := strings.TrimRight(all[:r.longest], "-")
	room := r.longest - len(kept)
	if room == 0 {
		return kept
	}
	rest := strings.TrimLeft(all[r.longest:], "-")
	return kept + rest[:min(room, len(rest))]
}

// fragment makes labels of a name with dots. Empty ones are dropped.
func (r labelRule) fragment(name string) string {
	var labels []string
	for part := range strings.SplitSeq(name, ".") {
		if l := r.label(part); l != "" {
			labels = append(labels, l)
		}
	}
	return strings.Join(labels, ".")
}

// hash is the part H of the canonical name T-H-S: the first 25 bits of the id's SHA-1
// in zbase32.
func hash(taskID string) string {
	const alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"
	sum := sha1.Sum([]byte(taskID))
	bits := uint64(sum[0])<<24 | uint64(sum[1])<<16 | uint64(sum[2])<<8 | uint64(sum[3])
	var h [5]byte
	for i := range h {
		h[i] = alphabet[bits>>(27-5*i)&31]
	}
	return string(h[:])
}

// agentSuffix is the part S of the canonical name: the end of the agent's id.
func agentSuffix(agentID string) string {
	return strings.ToLower(agentID[strings.LastIndex(agentID, "-")+1:])
}

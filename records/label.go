package records

import "strings"

// LabelRule says how labels are made of the names that frameworks choose.
type LabelRule struct {
	max  int
	left string // what may not stand at the left end
}

// Rules for labels: RFC 1123 lets a label begin with a digit and be 63 octets
// long; RFC 952, which some old software needs, neither.
var (
	RFC1123 = LabelRule{max: maxLabel, left: "-"}
	RFC952  = LabelRule{max: 24, left: "-0123456789"}
)

// Label makes a label: letters in lower case, '.', '_' and '-' as '-', nothing
// else; no '-' at the ends. It is empty when nothing is left.
//
// A label that is too long is cut. Where that leaves a '-' at the end, those
// are trimmed and the room is filled from what followed. The end of that is
// not looked at again: users have names that were made so.
func (r LabelRule) Label(s string) string {
	if r.fits(s) {
		return s
	}
	mapped := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			mapped = append(mapped, c)
		case 'A' <= c && c <= 'Z':
			mapped = append(mapped, c+'a'-'A')
		case c == '-' || c == '.' || c == '_':
			mapped = append(mapped, '-')
		}
	}
	all := strings.TrimLeft(string(mapped), r.left)
	size := min(len(all), r.max)
	head := strings.TrimRight(all[:size], "-")
	if len(head) == size {
		return head
	}
	rest := strings.TrimLeft(all[size:], "-")
	return head + rest[:min(len(rest), size-len(head))]
}

// fits reports whether s is a label already, which most names are.
func (r LabelRule) fits(s string) bool {
	if len(s) == 0 || len(s) > r.max || s[len(s)-1] == '-' || strings.IndexByte(r.left, s[0]) >= 0 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Labels makes labels of a name in which dots separate them. Parts of which
// nothing is left are dropped.
func (r LabelRule) Labels(s string) []string {
	var labels []string
	for part := range strings.SplitSeq(s, ".") {
		if l := r.Label(part); l != "" {
			labels = append(labels, l)
		}
	}
	return labels
}

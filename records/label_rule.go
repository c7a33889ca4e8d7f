package records

import "strings"

// LabelRule turns the names that frameworks choose into DNS labels.
type LabelRule struct {
	max         int    // bytes
	notLeftmost string // bytes that a label must not start with
}

// RFC1123 allows labels of up to 63 bytes that may start with a digit (RFC 1123,
// section 2.1). RFC952 is for old software: at most 24 bytes, starting with a
// letter.
var (
	RFC1123 = LabelRule{max: maxLabel, notLeftmost: "-"}
	RFC952  = LabelRule{max: 24, notLeftmost: "-0123456789"}
)

// Label returns s as a label: letters in lower case; '.', '_' and '-' as '-';
// all other characters dropped; no '-' at either end. It returns "" if nothing
// is left.
//
// A label that is too long is cut. If the cut leaves '-' at the end, Label trims
// them and refills the room from what followed the cut, as Mesos-DNS does. The
// refilled end is not trimmed again, because users rely on names made that way.
func (r LabelRule) Label(s string) string {
	if r.isLabel(s) {
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
	all := strings.TrimLeft(string(mapped), r.notLeftmost)
	size := min(len(all), r.max)
	head := strings.TrimRight(all[:size], "-")
	if len(head) == size {
		return head
	}
	rest := strings.TrimLeft(all[size:], "-")
	return head + rest[:min(len(rest), size-len(head))]
}

// Subset returns the label of a role, zone, region or framework id. Roles may be
// paths: their slashes become hyphens.
func (r LabelRule) Subset(value string) string { return r.Label(strings.ReplaceAll(value, "/", "-")) }

// isLabel reports whether Label would return s unchanged, which holds for most
// names and saves their copy.
func (r LabelRule) isLabel(s string) bool {
	if len(s) == 0 || len(s) > r.max || s[len(s)-1] == '-' || strings.IndexByte(r.notLeftmost, s[0]) >= 0 {
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

// Labels splits s at its dots and returns each part as a label. Parts of which
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

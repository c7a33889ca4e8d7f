package api

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/internal/nearest"
	"toponym/records"
	"toponym/zone"
)

// Lookup is the body of /v1/lookup: all that there is about a name, which may be
// short, such as "web" for web.marathon.mesos. Lists without elements are empty,
// never null.
type Lookup struct {
	Name string `json:"name"` // that was asked for
	// Found is false if the name does not exist and cannot be completed.
	Found bool `json:"found"`
	// Answers are about the name, or else about the names that complete it.
	Answers []Explanation `json:"answers"`
	// Completions are all names that complete it, as many as are listed.
	Completions []string `json:"completions"`
	// Related are the other names of the same task and framework: of other types,
	// in other trees. MoreRelated is how many are not listed.
	Related     []RelatedName `json:"related"`
	MoreRelated int           `json:"moreRelated"`
	// Near are names that are spelt nearly like one that was not found.
	Near []string `json:"near"`
	// AddressOf are names with the address that was asked for, if no name is known for
	// it by a PTR record, with the fewest labels first. MoreAddressOf is how many are not
	// listed.
	AddressOf     []string `json:"addressOf"`
	MoreAddressOf int      `json:"moreAddressOf"`
	// ReverseOff is true for an address if the server has no PTR records
	// (ReverseDnsOn).
	ReverseOff bool `json:"reverseOff"`
}

// RelatedName is a name with its records. More is how many are not listed.
type RelatedName struct {
	Name    string         `json:"name"`
	Records []LookupRecord `json:"records"`
	More    int            `json:"more"`
}

// LookupRecord is a record.
type LookupRecord struct {
	Type string `json:"type"`
	TTL  uint32 `json:"ttl"` // in seconds
	Data string `json:"data"`
}

// Limits of a look-up.
const (
	maxCompletions    = 20  // names that are listed
	maxExplainedNames = 3   // of them
	maxRelated        = 100 // names
	maxRelatedRecords = 20  // of each
	maxNear           = 5
	maxAddressOf      = 20
	maxCompared       = 20_000 // spellings that are compared with what was typed
)

// lookup answers /v1/lookup. It looks at all names, so it takes the turn of an
// explanation.
func (s *Server) lookup(w *response, r *http.Request, z *zone.Zone) {
	q, err := parameters(r.URL, "name")
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	typed := q.get("name")
	if typed == "" {
		s.writeError(w, http.StatusBadRequest, "want a name: /v1/lookup?name=NAME")
		return
	}
	addr, isAddr := typedAddr(typed)
	absolute := isAddr || strings.HasSuffix(typed, ".")
	s.answerAbout(w, r, typed, func(name records.Name) any {
		l := s.lookupOf(z, name, absolute)
		if isAddr && !slices.ContainsFunc(l.Answers, func(x Explanation) bool { return len(x.Records) > 0 }) {
			l.ReverseOff = s.o.ReverseOff
			l.addAddressOf(z, addr.Unmap())
		}
		s.addMeant(z, &l, meantBy(typed))
		return l
	})
}

// lookupOf looks a name up. An absolute one is not completed.
func (s *Server) lookupOf(z *zone.Zone, name records.Name, absolute bool) Lookup {
	l := Lookup{Name: name.String(), Answers: []Explanation{}, Completions: []string{}, Related: []RelatedName{}, Near: []string{}, AddressOf: []string{}}
	x := s.explanationOf(z, name)
	owners := []records.Name{name}
	switch x.Answer {
	case AnswerRecords, AnswerEmpty:
		l.Found = true
	case AnswerLocal:
		l.Found = x.Rcode != dns.RcodeToString[dns.RcodeNameError]
	default:
		search := searchNames(z, name, absolute)
		switch {
		case len(search.completions) > 0:
			slices.SortFunc(search.completions, compareText)
			l.Found, owners = true, search.completions
			for _, full := range owners {
				l.Completions = append(l.Completions, full.String())
			}
			owners = owners[:min(len(owners), maxExplainedNames)]
		default:
			// With one label it is a short name that is not known.
			l.Found = x.Answer == AnswerForwarded && labelCount(name) > 1
			l.Near = search.nearest()
		}
	}
	for _, owner := range owners {
		if owner != name {
			x = s.explanationOf(z, owner)
		}
		l.Answers = append(l.Answers, x)
	}
	if l.Found {
		l.addRelated(z, owners)
	}
	return l
}

// meantBy returns the name that is meant by what cannot be one: the host of a URL or of
// host:port, and what Marathon calls the tasks of an app with an id such as /shop/cart.
// It is empty for a name.
func meantBy(typed string) string {
	if strings.Contains(typed, "://") {
		if u, err := url.Parse(typed); err == nil {
			return u.Hostname()
		}
		return ""
	}
	if host, _, err := net.SplitHostPort(typed); err == nil {
		return host
	}
	if !strings.Contains(typed, "/") {
		return ""
	}
	parts := strings.Split(strings.ToLower(strings.Trim(typed, "/")), "/")
	slices.Reverse(parts)
	return strings.Join(parts, "-")
}

// addMeant puts the names that are meant before the similar ones. What was typed is not
// found then.
func (s *Server) addMeant(z *zone.Zone, l *Lookup, meant string) {
	if meant == "" {
		return
	}
	name, err := typedName(meant)
	if err != nil || l.Found && l.Answers[0].Answer != AnswerForwarded {
		return
	}
	m := s.lookupOf(z, name, false)
	switch {
	case !m.Found || len(m.Answers) == 0 || m.Answers[0].Answer == AnswerForwarded:
		return
	case len(m.Completions) > 0:
		l.Near = m.Completions
	default:
		l.Near = []string{m.Name}
	}
	l.Found = false
}

// addAddressOf adds the names that have an address.
func (l *Lookup) addAddressOf(z *zone.Zone, addr netip.Addr) {
	var list []records.Name
	for n := range z.All() {
		if addr.Is4() && slices.Contains(n.A, addr.As4()) || addr.Is6() && slices.Contains(n.AAAA, addr.As16()) {
			list = append(list, n.Name)
		}
	}
	slices.SortFunc(list, byLabels)
	l.MoreAddressOf = max(len(list)-maxAddressOf, 0)
	for _, n := range list[:len(list)-l.MoreAddressOf] {
		l.AddressOf = append(l.AddressOf, n.String())
	}
}

// byLabels compares names by the number of their labels first.
func byLabels(a, b records.Name) int {
	return cmp.Or(cmp.Compare(labelCount(a), labelCount(b)), compareText(a, b))
}

// addRelated adds the names of the tasks that names belong to.
func (l *Lookup) addRelated(z *zone.Zone, owners []records.Name) {
	var tasks []taskPart
	own := map[records.Name]bool{}
	for _, owner := range owners {
		a, _ := z.Lookup([]byte(owner), typeANY)
		if a.Node == nil {
			continue
		}
		if a.ViaAlias() {
			owner = ownerOf(z, a, owner)
			a, _ = z.Lookup([]byte(owner), typeANY) // which has the origin of the owner
		}
		own[owner] = true
		if t, ok := taskPartOf(owner, z.Origin(a)); ok {
			tasks = append(tasks, t)
		}
	}
	if len(tasks) == 0 {
		return
	}
	var nodes []*zone.Node
	for n := range z.All() {
		if !n.Empty() && !own[n.Name] && slices.ContainsFunc(tasks, func(t taskPart) bool { return t.has(n.Name) }) {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *zone.Node) int { return byLabels(a.Name, b.Name) })
	l.MoreRelated = max(len(nodes)-maxRelated, 0)
	for _, n := range nodes[:len(nodes)-l.MoreRelated] {
		r := RelatedName{Name: n.Name.String(), Records: []LookupRecord{}}
		for _, rr := range z.RRs(n, r.Name, typeANY) {
			if len(r.Records) == maxRelatedRecords {
				r.More++
				continue
			}
			r.Records = append(r.Records, NewLookupRecord(rr))
		}
		l.Related = append(l.Related, r)
	}
}

// NewLookupRecord returns a record as text.
func NewLookupRecord(rr dns.RR) LookupRecord {
	return LookupRecord{dns.Type(rr.Header().Rrtype).String(), rr.Header().Ttl, dataText(rr)}
}

// taskPart is the beginning of the names of a task, T.F, in wire form.
type taskPart struct{ both, framework, service string }

// taskPartOf returns the task that a name in the zone of an origin belongs to: T.F of
// T.F.D, of T.F.<tree>.D, and of the SRV names _port._tcp.T.F.D and _T._tcp.F.D.
func taskPartOf(name, origin records.Name) (t taskPart, ok bool) {
	underscored, rest := splitUnderscored(string(name))
	below := labelCount(records.Name(rest)) - labelCount(origin)
	switch labels := leading(underscored, -1); {
	case below >= 2:
		two := leading(rest, 2)
		t.both, t.framework = two[0]+two[1], two[1]
		t.service = string([]byte{byte(len(two[0]))}) + "_" + two[0][1:]
		return t, true
	case below == 1 && len(labels) >= 2:
		service := labels[len(labels)-2]
		t.framework, t.service = leading(rest, 1)[0], service
		t.both = string([]byte{byte(len(service) - 2)}) + service[2:] + t.framework
		return t, true
	}
	return t, false
}

// has reports whether a name belongs to the task.
func (t taskPart) has(name records.Name) bool {
	underscored, rest := splitUnderscored(string(name))
	if strings.HasPrefix(rest, t.both) {
		return true
	}
	if underscored == "" || !strings.HasPrefix(rest, t.framework) {
		return false
	}
	labels := leading(underscored, -1)
	return len(labels) >= 2 && labels[len(labels)-2] == t.service
}

// splitUnderscored splits a name in wire form after the labels that begin with an
// underscore.
func splitUnderscored(name string) (underscored, rest string) {
	i := 0
	for name[i] > 0 && name[i+1] == '_' {
		i += 1 + int(name[i])
	}
	return name[:i], name[i:]
}

// leading returns the first labels of a name in wire form, each with its length byte;
// all of them for -1.
func leading(name string, n int) (labels []string) {
	for i := 0; i < len(name) && name[i] > 0 && len(labels) != n; {
		end := i + 1 + int(name[i])
		labels = append(labels, name[i:end])
		i = end
	}
	return labels
}

// labelCount is the number of labels of a name.
func labelCount(name records.Name) (n int) {
	for i := 0; name[i] > 0; i += 1 + int(name[i]) {
		n++
	}
	return n
}

// nameSearch finds the names that complete a name that does not exist, and those that
// are spelt nearly like it.
type nameSearch struct {
	begin       string // of the names that complete it, in wire form; "" for none
	completions []records.Name
	labels      int // of the completions: the shortest are those in the domain itself

	text     string // what was typed
	count    int    // its labels
	limit    int    // of the distance
	compared map[string]int
	near     map[string]nearName // by spelling
	buf      []byte
}

type nearName struct {
	name             records.Name
	distance, labels int
}

func newNameSearch(name records.Name, absolute bool) *nameSearch {
	s := &nameSearch{text: strings.TrimSuffix(name.String(), "."), count: labelCount(name), compared: map[string]int{}, near: map[string]nearName{}}
	if !absolute {
		s.begin = string(name[:len(name)-1])
	}
	s.limit = min(2, len(s.text)/3)
	return s
}

// nearestNames returns the names that are spelt nearly like one that does not exist.
func nearestNames(z *zone.Zone, name records.Name) []string {
	return searchNames(z, name, true).nearest()
}

// searchNames looks at all names of the zone.
func searchNames(z *zone.Zone, name records.Name, absolute bool) *nameSearch {
	search := newNameSearch(name, absolute)
	for n := range z.All() {
		search.look(n)
	}
	return search
}

// look looks at a name of the zone.
func (s *nameSearch) look(n *zone.Node) {
	if n.Empty() {
		return
	}
	labels := labelCount(n.Name)
	if s.begin != "" && strings.HasPrefix(string(n.Name), s.begin) {
		if len(s.completions) == 0 || labels < s.labels {
			s.completions, s.labels = s.completions[:0], labels
		}
		if labels == s.labels && len(s.completions) < maxCompletions {
			s.completions = append(s.completions, n.Name)
		}
	}
	if labels < s.count || s.limit == 0 {
		return
	}
	s.buf = n.Name.AppendTo(s.buf[:0])
	end := 0
	for dots := 0; end < len(s.buf); end++ {
		if s.buf[end] == '.' {
			if dots++; dots == s.count {
				break
			}
		}
	}
	if end < len(s.text)-s.limit || end > len(s.text)+s.limit {
		return
	}
	distance, known := s.compared[string(s.buf[:end])]
	if !known {
		if len(s.compared) == maxCompared {
			return
		}
		distance = nearest.Distance(s.text, string(s.buf[:end]))
		s.compared[string(s.buf[:end])] = distance
	}
	if distance > s.limit {
		return
	}
	if old, ok := s.near[string(s.buf[:end])]; !ok || labels < old.labels || labels == old.labels && compareText(n.Name, old.name) < 0 {
		s.near[string(s.buf[:end])] = nearName{n.Name, distance, labels}
	}
}

// nearest returns the nearest names.
func (s *nameSearch) nearest() []string {
	list := make([]nearName, 0, len(s.near))
	for _, n := range s.near {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b nearName) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.labels, b.labels), compareText(a.name, b.name))
	})
	texts := []string{}
	for _, n := range list[:min(len(list), maxNear)] {
		texts = append(texts, n.name.String())
	}
	return texts
}

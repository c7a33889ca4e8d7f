package api

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"toponym/records"
)

// Hits of a search on a page: of each kind, and of one kind that is paged.
const (
	searchHits     = 10
	searchPageHits = 100
)

// searchKinds are the kinds of hits by their names in addresses.
var searchKinds = map[string]records.SearchKind{
	"app": records.SearchApps, "task": records.SearchTasks, "framework": records.SearchFrameworks, "agent": records.SearchAgents,
}

// searchData is what the page of a search shows.
type searchData struct {
	Query string
	Kind  string // the only kind that is listed; "" for all
	Name  string // a name of the zones that is equal to the query; "" if there is none
	Found records.SearchResult
	Next  map[string]string // the cursor after the hits of a kind, if there are more
	Lists bool              // the client may search
	Empty bool              // nothing is found
	Near  []string          // names that are spelt nearly like the query, if nothing is found
}

// search answers "/?q=".
func (v *pageView) search() (string, int, any) {
	d := &searchData{Query: v.parameter("q"), Kind: v.parameter("kind"), Lists: v.lists(), Next: map[string]string{}}
	v.frame.Title, v.frame.Query, v.frame.Path = "Search", d.Query, ""
	if !v.z.Ready() {
		return v.problem(http.StatusServiceUnavailable, "No state of the cluster has arrived yet.")
	}
	if shown, n, ok := clean(strings.TrimSpace(d.Query)); ok && d.Query != "" && v.s.mayRead(v.r, "/v1/hosts") {
		if nodeOf(v.z, n) != nil {
			d.Name = shown
		}
	}
	q := records.Search{Text: d.Query, Kinds: records.SearchAll, Limit: searchHits}
	if kind, ok := searchKinds[d.Kind]; ok {
		q.Kinds, q.Limit, q.After = kind, searchPageHits, parseSearchKey(v.parameter("after"))
	} else {
		d.Kind = ""
	}
	if d.Lists && strings.TrimSpace(d.Query) != "" && !v.entered(func() { d.Found = v.s.o.Search(q) }) {
		return v.problem(http.StatusServiceUnavailable, tooBusy)
	}
	f := &d.Found
	next := func(kind string, n int, last func() records.SearchKey) {
		if f.More&searchKinds[kind] != 0 && n > 0 {
			d.Next[kind] = ""
			if d.Kind != "" {
				d.Next[kind] = searchKeyText(last())
			}
		}
	}
	next("app", len(f.Apps), func() records.SearchKey { return f.Apps[len(f.Apps)-1].Key })
	next("task", len(f.Tasks), func() records.SearchKey { return f.Tasks[len(f.Tasks)-1].Key })
	next("framework", len(f.Frameworks), func() records.SearchKey { return f.Frameworks[len(f.Frameworks)-1].Key })
	next("agent", len(f.Agents), func() records.SearchKey { return f.Agents[len(f.Agents)-1].Key })
	d.Empty = d.Name == "" && len(f.Apps)+len(f.Tasks)+len(f.Frameworks)+len(f.Agents) == 0
	if _, n, ok := clean(strings.TrimSpace(d.Query)); ok && d.Empty && d.Lists && d.Query != "" && d.Kind == "" && v.s.mayRead(v.r, "/v1/lookup") {
		v.entered(func() { d.Near = nearestNames(v.z, n) }) // without a turn there are no suggestions
	}
	return "search", http.StatusOK, d
}

// searchKeyText is a key of a search as a parameter. Links have it, and nobody reads
// it.
func searchKeyText(k records.SearchKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(int(k.Rank)) + "\x00" + k.Name + "\x00" + k.Framework))
}

// parseSearchKey returns the zero key for a text that is not one: the first page.
func parseSearchKey(text string) (k records.SearchKey) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(b), "\x00")
	if err != nil || len(parts) != 3 {
		return k
	}
	rank, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil {
		return k
	}
	return records.SearchKey{Rank: uint8(rank), Name: parts[1], Framework: parts[2]}
}

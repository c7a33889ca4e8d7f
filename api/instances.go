package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// Limits of /v1/instances.
const (
	maxInstancesPage = 10_000 // of the parameter limit
	maxLabelFilters  = 16
	maxParameter     = 8 << 10 // bytes of a value
)

// filterParameters select instances.
var filterParameters = []string{"name", "app", "framework", "agent", "network", "label*", "healthy"}

// instances answers /v1/instances: tasks with where they and their ports can be
// reached, one in each line. Each is written as it is made.
func (s *Server) instances(w *response, r *http.Request, z *zone.Zone) {
	q, err := parameters(r.URL, append([]string{"limit", "after"}, filterParameters...)...)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	f, err := instanceFilter(q, z)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	limit, err := q.integer("limit", 1, maxInstancesPage)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	leave, ok := s.enter(w, r, s.bulk)
	if !ok {
		return
	}
	defer leave()
	s.longStream(w, r, contentJSON, func(t *stream) {
		t.buf = append(t.buf, `{"instances":[`...)
		separator, listed := "\n", 0
		var last state.TaskKey
		next := "null"
		for i := range s.o.Instances(f) {
			if limit > 0 && listed == limit {
				next = strconv.Quote(cursor(last))
				break
			}
			t.buf = appendInstance(append(t.buf, separator...), i)
			separator, last = ",\n", i.Key()
			listed++
			if !t.next() {
				break
			}
		}
		t.buf = append(append(append(t.buf, "\n],\"next\":"...), next...), "}\n"...)
	})
}

// instanceFilter returns the filter that parameters ask for.
func instanceFilter(q query, z *zone.Zone) (f records.InstanceFilter, err error) {
	f = records.InstanceFilter{App: q.get("app"), Framework: q.get("framework"), Agent: q.get("agent"), Network: q.get("network")}
	if typed := q.get("name"); typed != "" {
		if f.Name, err = typedName(typed); err != nil {
			return f, fmt.Errorf("name: %w", err)
		}
		a, _ := z.Lookup([]byte(f.Name), typeANY)
		f.Name = ownerOf(z, a, f.Name)
	}
	if len(q["label"]) > maxLabelFilters {
		return f, fmt.Errorf("label: there are more than %d", maxLabelFilters)
	}
	for _, label := range q["label"] {
		key, value, hasValue := strings.Cut(label, "=")
		if key == "" {
			return f, errors.New("label: want key=value, or a key alone")
		}
		f.Labels = append(f.Labels, records.LabelFilter{Key: key, Value: value, AnyValue: !hasValue})
	}
	switch q.get("healthy") {
	case "":
	case "true":
		f.Health = records.NotUnhealthyOnly
	case "false":
		f.Health = records.UnhealthyOnly
	default:
		return f, errors.New("healthy: want true or false")
	}
	if after := q.get("after"); after != "" {
		f.After, err = parseCursor(after)
	}
	return f, err
}

// A cursor names the last instance of a page. It is opaque to clients.
func cursor(k state.TaskKey) string {
	return base64.RawURLEncoding.EncodeToString([]byte(k.Framework + "\x00" + k.ID))
}

func parseCursor(text string) (k state.TaskKey, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	framework, id, ok := strings.Cut(string(b), "\x00")
	if err != nil || !ok {
		return k, errors.New("after: want the value of next of an earlier answer")
	}
	return state.TaskKey{Framework: framework, ID: id}, nil
}

// query is the parameters of a request.
type query url.Values

// parameters returns the parameters of a request. An unknown one is an error: a
// filter with a spelling mistake would select everything. Parameters whose name
// ends in "*" may be repeated.
func parameters(u *url.URL, known ...string) (query, error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the parameters cannot be read")
	}
	for name, list := range values {
		switch repeatable := slices.Contains(known, name+"*"); {
		case !repeatable && !slices.Contains(known, name):
			return nil, fmt.Errorf("%.60q is not one of the parameters %s", name, strings.ReplaceAll(strings.Join(known, ", "), "*", ""))
		case !repeatable && len(list) > 1:
			return nil, fmt.Errorf("%s: is given more than once", name)
		case slices.ContainsFunc(list, func(v string) bool { return len(v) > maxParameter }):
			return nil, fmt.Errorf("%s: is longer than %d bytes", name, maxParameter)
		}
	}
	return query(values), nil
}

func (q query) get(name string) string { return url.Values(q).Get(name) }

// integer returns a whole number, or 0 if it is not given.
func (q query) integer(name string, least, most int) (int, error) {
	text := q.get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: want a whole number from %d to %d", name, least, most)
	}
	return n, nil
}

// boolean returns true or false; false if it is not given.
func (q query) boolean(name string) (bool, error) {
	switch q.get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("%s: want true or false", name)
}

// escapeControls escapes DEL and the C1 control characters in the JSON that begins
// at an index of b.
func escapeControls(b []byte, begin int) []byte {
	isControl := func(i int) bool { return b[i] == 0x7f || b[i] == 0xc2 && i+1 < len(b) && b[i+1] < 0xa0 }
	first := begin
	for first < len(b) && !isControl(first) {
		first++
	}
	if first == len(b) {
		return b
	}
	rest := slices.Clone(b[first:])
	b = b[:first]
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == 0x7f:
			b = append(b, `\u007f`...)
		case c == 0xc2 && i+1 < len(rest) && rest[i+1] < 0xa0:
			i++
			b = fmt.Appendf(b, `\u%04x`, rest[i])
		default:
			b = append(b, c)
		}
	}
	return b
}

package api

import (
	"net/http"

	"toponym/records"
	"toponym/zone"
)

// enumerate answers /v1/enumerate: the frameworks with their tasks, and the records
// of these in the zone of the domain, in the form of encodeJSON. Each task is
// written as it is made.
func (s *Server) enumerate(w *response, r *http.Request, z *zone.Zone) {
	domain := z.Domain()
	keep := func(name []byte) bool { return z.IsIn(name, domain) }
	s.stream(w, r, contentJSON, func(t *stream) {
		t.buf = append(t.buf, "{\n \"frameworks\": ["...)
		separator, end := "\n", "]\n}"
		for framework, tasks := range s.o.Enumerate(keep) {
			t.buf = append(append(t.buf, separator...), "  {\n   \"tasks\": ["...)
			taskSeparator, tasksEnd := "\n", "]"
			for task := range tasks {
				t.buf = append(t.buf, taskSeparator...)
				t.buf = appendTask(t.buf, task)
				taskSeparator, tasksEnd = ",\n", "\n   ]"
				if !t.next() {
					break
				}
			}
			t.buf = append(append(t.buf, tasksEnd...), ",\n   \"name\": "...)
			t.buf = append(appendText(t.buf, framework), "\n  }"...)
			separator, end = ",\n", "\n ]\n}"
			if !t.next() {
				break
			}
		}
		t.buf = append(t.buf, end...)
	})
}

// appendTask appends a task with its records.
func appendTask(b []byte, t records.EnumeratedTask) []byte {
	b = appendText(append(b, "    {\n     \"name\": "...), t.Name)
	b = appendText(append(b, ",\n     \"id\": "...), t.ID)
	b = append(b, ",\n     \"records\": "...)
	if len(t.Records) == 0 {
		return append(b, "null\n    }"...)
	}
	var host [1024 + 6]byte // the longest name with every byte escaped, and a port
	separator := "[\n"
	for _, r := range t.Records {
		b = append(append(b, separator...), "      {\n       \"name\": "...)
		b = appendName(b, r.Name)
		b = appendQuoted(append(b, ",\n       \"host\": "...), r.AppendHost(host[:0]))
		b = appendQuoted(append(b, ",\n       \"rtype\": "...), r.Type())
		b = append(b, "\n      }"...)
		separator = ",\n"
	}
	return append(b, "\n     ]\n    }"...)
}

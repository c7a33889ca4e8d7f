package api

import (
	"net/http"

	"toponym/records"
	"toponym/zone"
)

// explain answers /v1/explain/{name}: who owns the records of a name, and who is
// left out and why. It looks at all tasks, so it is bounded as the answers are
// that list the whole cluster.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, _ *zone.Zone) {
	name, err := explainable(r.PathValue("name"))
	if err != nil {
		s.writeJSON(w, http.StatusBadRequest, struct {
			Error string `json:"error"`
		}{"the name cannot be looked up: " + err.Error()})
		return
	}
	s.writeJSON(w, http.StatusOK, s.o.Explain(name))
}

func explainable(typed string) (records.Name, error) {
	if len(typed) > maxTyped {
		return "", records.ErrNameLength
	}
	return records.ParseName(typed)
}

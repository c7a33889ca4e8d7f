package marathon

import (
	"fmt"
	"slices"
	"strings"
)

// Invalid is why a definition is refused. Its JSON is the body that Marathon
// answers with status 422.
type Invalid struct {
	Message string   `json:"message"`
	Details []Detail `json:"details,omitempty"`
}

// Detail is what is wrong at one place.
type Detail struct {
	Path   string   `json:"path"` // such as "/container/portMappings(0)/protocol"
	Errors []string `json:"errors"`
}

// Messages of Invalid.
const (
	notValid    = "Object is not valid"
	invalidJSON = "Invalid JSON"
)

func (e *Invalid) Error() string {
	if len(e.Details) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for i, d := range e.Details {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, d.Path, strings.Join(d.Errors, ", "))
	}
	return b.String()
}

// Malformed is a body that is no JSON. Marathon answers it with status 400.
type Malformed struct {
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

func (e *Malformed) Error() string { return e.Message + ": " + e.Details }

// maxFaults are reported at once: whoever made more has other worries.
const maxFaults = 100

// faults collects what is wrong.
type faults []Detail

func (f *faults) add(path, reason string) {
	if len(*f) >= maxFaults {
		return
	}
	i := slices.IndexFunc(*f, func(d Detail) bool { return d.Path == path })
	if i < 0 {
		*f = append(*f, Detail{Path: path})
		i = len(*f) - 1
	}
	if !slices.Contains((*f)[i].Errors, reason) {
		(*f)[i].Errors = append((*f)[i].Errors, reason)
	}
}

// unless adds a fault where a rule does not hold.
func (f *faults) unless(holds bool, path, reason string) {
	if !holds {
		f.add(path, reason)
	}
}

// err is nil where nothing is wrong.
func (f faults) err(message string) error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Detail) int { return strings.Compare(a.Path, b.Path) })
	return &Invalid{Message: message, Details: f}
}

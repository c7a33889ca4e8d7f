package api

import (
	"net/http"
	"strings"
	"testing"
)

// What cannot be a name, and paths that are not there yet, are told apart.
func TestExplainOfInvalidNames(t *testing.T) {
	s := testServer()
	for _, typed := range []string{"a..b", "a%20b", strings.Repeat("x", 64) + ".mesos", strings.Repeat("x.", 200)} {
		w := get(s, "/v1/explain/"+typed)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%.20s: got status %d: %s; want 400 with an error", typed, w.Code, w.Body)
		}
	}
	if w := get(pendingServer(), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first state: got status %d, want 503", w.Code)
	}
	o := testOptions(testSnapshot())
	o.Explain = nil
	if w := get(New(o), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusNotFound {
		t.Errorf("without an explanation: got status %d, want 404", w.Code)
	}
}

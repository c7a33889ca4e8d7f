package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestExplainOfWhatIsNoName(t *testing.T) {
	s := testServer()
	for _, typed := range []string{"a..b", "a%20b", strings.Repeat("x", 64) + ".mesos", strings.Repeat("x.", 200)} {
		w := get(s, "/v1/explain/"+typed)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%.20s: status %d: %s", typed, w.Code, w.Body)
		}
	}
	if w := get(pendingServer(), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the first state: status %d", w.Code)
	}
	o := testOptions(testSnapshot())
	o.Explain = nil
	if w := get(New(o), "/v1/explain/web.marathon.mesos"); w.Code != http.StatusNotFound {
		t.Errorf("without an explanation: status %d", w.Code)
	}
}

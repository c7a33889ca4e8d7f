package marathon

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzAPI: whatever is asked of a Marathon that has an app and a group, it
// answers, in JSON, and never with an error of its own.
func FuzzAPI(f *testing.F) {
	for _, seed := range [][3]string{
		{"PUT", "/v2/apps/a", `{"ipAddress":{"networkName":"n"},"container":{"type":"MESOS"}}`},
		{"PUT", "/v2/apps/a?force=true", `{"networks":[{"mode":"container/bridge"}],"instances":2}`},
		{"PUT", "/v2/apps", `[{"id":"/a","ports":[1]},{"id":"b","cmd":"x"}]`},
		{"POST", "/v2/groups/g", `{"id":"h","apps":[{"id":"x","cmd":"y"}],"groups":[{"id":"z"}]}`},
		{"PUT", "/v2/groups/g", `{"apps":[],"scaleBy":2}`},
		{"DELETE", "/v2/apps/g/b/tasks?scale=true", ""},
		{"GET", "/v2/apps/*?label=a", ""},
		{"POST", "/v2/pods", `{"id":"/g/q","networks":[{"mode":"container/bridge"}],"containers":[{"name":"c","resources":{"cpus":0.1,"mem":1},"endpoints":[{"name":"e","containerPort":0}]}]}`},
		{"PUT", "/v2/pods/p", `{"id":"p","scaling":{"instances":2},"containers":[{"name":"c","resources":{"cpus":0.1,"mem":1}}]}`},
		{"GET", "/v2/pods/p::status", ""},
		{"PUT", "/v2/groups/\xab", `{"scaleBy":0}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		s := newServer(t)
		s.o.MaxInstances = 50
		s.do("POST", "/v2/apps", `{"id":"a","cmd":"x"}`, http.StatusCreated)
		s.do("POST", "/v2/groups", `{"id":"/g","apps":[{"id":"b","cmd":"x"}]}`, http.StatusCreated)
		s.do("POST", "/v2/pods", `{"id":"p","containers":[{"name":"c","resources":{"cpus":0.1,"mem":1}}]}`, http.StatusCreated)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, &http.Request{Method: method, URL: u, Host: "marathon", Body: http.NoBody})
		w = httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		s.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %s", method, path, w.Body)
		}
		if w.Header().Get("Content-Type") == "application/json" && !jsonValid(w.Body.Bytes()) {
			t.Errorf("%s %s: no JSON: %s", method, path, w.Body)
		}
		for _, path := range []string{"/v2/apps?embed=apps.tasks", "/v2/groups", "/v2/deployments", "/v2/pods/::status"} {
			s.do("GET", path, "", http.StatusOK)
		}
	})
}

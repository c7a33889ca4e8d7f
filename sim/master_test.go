package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestPathsAreAnsweredAsByLeaderAndStandby(t *testing.T) {
	const (
		self    = "10.0.1.10:5050"
		standby = "master3.mesos.test:5050"
	)
	for _, tt := range []struct {
		leader, method, target string
		status                 int
		location, contains     string
	}{
		{self, "GET", "/master/state", 200, "", `"leader":"master@10.0.1.10:5050"`},
		{self, "GET", "/state", 200, "", `"pid":"master@10.0.1.10:5050"`},
		{self, "GET", "/version", 200, "", `"version":"1.12.0"`},
		{self, "GET", "/health", 200, "", ""},
		{self, "GET", "/master/health", 200, "", ""},
		{self, "GET", "/redirect", 307, "//" + self, ""},
		{self, "GET", "/master/redirect", 307, "//" + self, ""},
		{self, "GET", "/master/state.json", 404, "", ""},
		{self, "GET", "//master/state", 404, "", ""},
		{self, "GET", "/master/state/", 404, "", ""},
		{self, "GET", "/master/../state", 404, "", ""},
		{self, "GET", "/", 404, "", ""},
		{self, "POST", "/master/state", 405, "", ""},
		{self, "HEAD", "/master/state", 200, "", ""},

		{standby, "GET", "/master/state", 307, "//" + standby + "/master/state", ""},
		{standby, "GET", "/state", 307, "//" + standby + "/master/state", ""},
		{standby, "GET", "/state?b=2&a=1", 307, "//" + standby + "/master/state?a=1&b=2", ""},
		{standby, "HEAD", "/master/state", 307, "//" + standby + "/master/state", ""},
		{standby, "GET", "/redirect", 307, "//" + standby, ""},
		{standby, "GET", "/health", 200, "", ""},
		{standby, "GET", "/version", 200, "", `"git_sha"`},
		{standby, "GET", "/master/state.json", 404, "", ""},

		{"", "GET", "/master/state", 503, "", "No leader elected"},
		{"", "GET", "/redirect", 503, "", "No leader elected"},
		{"", "GET", "/health", 200, "", ""},
	} {
		t.Run(fmt.Sprintf("leader=%s %s %s", tt.leader, tt.method, tt.target), func(t *testing.T) {
			m := NewMaster(exampleCluster(t, 0), MasterOptions{Addr: testAddr, Now: clock()})
			m.SetLeader(tt.leader)
			srv := httptest.NewServer(m)
			defer srv.Close()
			resp, body := request(t, srv.Listener.Addr().String(), tt.method, tt.target, "")
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if got := resp.Header.Get("Location"); got != tt.location {
				t.Errorf("Location %q, want %q", got, tt.location)
			}
			if !strings.Contains(string(body), tt.contains) {
				t.Errorf("body has no %q", tt.contains)
			}
			if tt.contains == "" && len(body) > 0 {
				t.Errorf("body of %d bytes, want none", len(body))
			}
			if tt.status == 200 && tt.contains != "" {
				if got := resp.Header.Get("Content-Type"); got != "application/json" {
					t.Errorf("Content-Type %q", got)
				}
				if resp.ContentLength != int64(len(body)) {
					t.Errorf("Content-Length %d, body %d", resp.ContentLength, len(body))
				}
			}
		})
	}
}

// request speaks over a bare connection, because http.Client cleans paths,
// follows redirects and asks for gzip by itself.
func request(t *testing.T, addr, method, target, acceptEncoding string) (*http.Response, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	noError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAccept-Encoding: %s\r\n\r\n", method, target, addr, acceptEncoding)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	noError(t, err)
	body, err := io.ReadAll(resp.Body)
	noError(t, err)
	return resp, body
}

func TestLargeAnswersAreCompressedOnRequest(t *testing.T) {
	c := exampleCluster(t, 0)
	m := NewMaster(c, MasterOptions{Addr: testAddr, Now: clock()})
	srv := httptest.NewServer(m)
	defer srv.Close()
	for _, tt := range []struct {
		target, accept string
		zipped         bool
	}{
		{"/master/state", "gzip", true},
		{"/master/state", "deflate, GZIP;q=0.5", true},
		{"/master/state", "*", true},
		{"/master/state", "", false},
		{"/master/state", "identity", false},
		{"/master/state", "gzip;q=0, *", false},
		{"/master/state", "*; q=0", false},
		{"/version", "gzip", false}, // too small to be worth it
	} {
		t.Run(tt.target+" "+tt.accept, func(t *testing.T) {
			resp, body := request(t, srv.Listener.Addr().String(), "GET", tt.target, tt.accept)
			if got := resp.Header.Get("Content-Encoding") == "gzip"; got != tt.zipped {
				t.Fatalf("zipped %v, want %v", got, tt.zipped)
			}
			if tt.zipped {
				z, err := gzip.NewReader(bytes.NewReader(body))
				noError(t, err)
				plain, err := io.ReadAll(z)
				noError(t, err)
				if len(body)*4 > len(plain) {
					t.Errorf("%d bytes became only %d", len(plain), len(body))
				}
				body = plain
			}
			decode(t, body)
		})
	}
}

// TestMasterFollowsTheElection goes through the life of a master that was told of others.
func TestMasterFollowsTheElection(t *testing.T) {
	m := NewMaster(NewCluster(Options{Now: clock()}), MasterOptions{Addr: testAddr, Hostname: "master1.test", Now: clock()})
	status := func() int {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", "/master/state", nil))
		return w.Code
	}
	var elected []float64
	for _, step := range []struct {
		leader string
		want   int
	}{
		{"master1.test:5050", 200},
		{"10.0.1.10:5050", 200},
		{"master2.test:5050", 307},
		{"", 503},
		{"10.0.1.10:5050", 200},
	} {
		m.SetLeader(step.leader)
		if got := status(); got != step.want {
			t.Errorf("leader %q: status %d, want %d", step.leader, got, step.want)
		}
		id, _, _ := m.view()
		elected = append(elected, float64(id.elected.Unix()))
	}
	if elected[0] != elected[1] || elected[4] <= elected[3] {
		t.Errorf("elected_time %v: it should change when the master is elected, only then", elected)
	}
}

// TestStateShowsOneMomentWhileTasksMove changes a cluster while it is read: each answer must be whole
// and show one moment, in which every instance of the moving app exists.
func TestStateShowsOneMomentWhileTasksMove(t *testing.T) {
	c := exampleCluster(t, 0)
	m := NewMaster(c, MasterOptions{Addr: testAddr, Now: clock()})
	var wg sync.WaitGroup
	var moving sync.Mutex // two must not move the same task
	for range 2 {
		wg.Go(func() {
			for range 100 {
				moving.Lock()
				err := move(c)
				moving.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 100 {
			m.SetLeader([]string{"10.0.1.10:5050", "other:5050"}[i%2])
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 40 {
				w := httptest.NewRecorder()
				m.ServeHTTP(w, httptest.NewRequest("GET", "/master/state", nil))
				if w.Code == 307 {
					continue
				}
				var state struct {
					Frameworks []struct{ Tasks []struct{ Name string } }
				}
				if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil {
					t.Error(err)
					return
				}
				n := 0
				for _, f := range state.Frameworks {
					for _, task := range f.Tasks {
						if task.Name == "moving" {
							n++
						}
					}
				}
				if n != 3 && n != 4 { // 4 while one moves
					t.Errorf("%d instances of the moving app, want 3 or 4", n)
				}
			}
		})
	}
	wg.Wait()
}

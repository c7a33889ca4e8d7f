package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// Answers that take long are made where they delay DNS least. Those that are cheap
// are not worth a thread.
func TestLongAnswersAreMadeInTheBackground(t *testing.T) {
	made := 0
	o := testOptions(bigService(300))
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("toponym_up 1\n")) })
	o.Background = func(f func()) {
		made++
		done := make(chan struct{})
		go func() { defer close(done); f() }()
		<-done
	}
	s := New(o)
	for path, want := range map[string]int{
		"/v1/axfr":                              1,
		"/v1/enumerate":                         1,
		"/v1/explain/big.marathon.mesos":        1,
		"/v1/hosts/big.marathon.mesos":          1,
		"/v1/services/_big._tcp.marathon.mesos": 1,
		"/v1/instances":                         1,
		"/v1/sd/prometheus":                     1,
		"/v1/sd/haproxy?group=*&dns=10.0.0.53":  1,
		"/metrics":                              1,
		"/v1/hosts/leader.mesos":                0,
		"/":                                     0,
		"/healthz":                              0,
	} {
		made = 0
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || w.Body.Len() == 0 || made != want {
			t.Errorf("%s: got status %d, %d bytes, %d calls in the background; want 200 and %d", path, w.Code, w.Body.Len(), made, want)
		}
	}
	// A client that has gone breaks its own connection only.
	if !aborted(s, &brokenWriter{header: http.Header{}}, httptest.NewRequest("GET", "/v1/axfr", nil)) {
		t.Error("/v1/axfr: the answer went on for a client that has gone")
	}
}

// However many clients wait, answers take half of the time of a processor.
func TestAnswersPauseForAsLongAsTheOneBeforeTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &processors{tokens: make(semaphore, 1)}
		began := time.Now()
		const work = 5 * time.Millisecond
		var ends []time.Duration
		done := make(chan struct{})
		for range 3 {
			go func() {
				w := &response{ctx: t.Context(), processors: p}
				if err := w.resume(); err != nil {
					t.Error(err)
				}
				time.Sleep(work)
				ends = append(ends, time.Since(began))
				w.pause()
				done <- struct{}{}
			}()
		}
		for range 3 {
			<-done
		}
		// The last one has nobody behind it.
		if got, want := ends[1]-ends[0], 2*work; got != want {
			t.Errorf("the second answer: got %v after the first, want %v", got, want)
		}
		if got, want := ends[2]-ends[1], work; got != want {
			t.Errorf("the last answer: got %v after the second, want %v", got, want)
		}
	})
}

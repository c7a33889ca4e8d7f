//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What is asked most is seen with its client and its code, while somebody looks, and
// another address of this machine than loopback learns nothing.
func TestTopShowsWhatIsAskedMost(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	s := serve(t, m, settings{"httpon": true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := "web.marathon.mesos."
			if i%4 == 3 {
				name = fmt.Sprintf("x%d.mesos.", i)
			}
			c := dns.Client{Timeout: patience}
			_, _, _ = c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), s.addr())
			time.Sleep(time.Millisecond)
		}
	}()
	type row struct {
		Name, Client, Code string
		Rate               float64 `json:"per_second"`
	}
	var top struct{ Names, Clients, Codes []row }
	eventually(t, "web.marathon.mesos, its client and its code are on top", func() (bool, string) {
		r := run(t, toponym, "top", "-server", s.url, "-n", "1", "-every", "2s", "-o", "json")
		if err := json.Unmarshal([]byte(r.stdout), &top); err != nil {
			return false, r.String()
		}
		return len(top.Names) > 1 && top.Names[0].Name == "web.marathon.mesos." && top.Names[0].Rate > top.Names[1].Rate &&
			len(top.Clients) == 1 && top.Clients[0].Client == "127.0.0.1" &&
			len(top.Codes) == 2 && top.Codes[0].Code == "NOERROR" && top.Codes[1].Code == "NXDOMAIN", r.stdout
	})
	if r := run(t, toponym, "top", "-server", s.url, "-n", "1", "-every", "1s"); r.status != 0 || !strings.Contains(r.stdout, "web.marathon.mesos.") {
		t.Errorf("got %s, want web.marathon.mesos", r)
	}
	for _, path := range []string{"/v1/top?wait=100ms", "/v1/status"} {
		code, body, err := s.get(path)
		if err != nil || code != http.StatusOK {
			t.Errorf("%s from loopback: got status %d, error %v; want 200: %s", path, code, err, body)
		}
	}
}

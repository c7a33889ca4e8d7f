//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// dashboardQueries are the queries of the dashboard in deploy, with its variables
// filled in, by panel.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, p := range board.Panels {
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("got the panel %+v, want a title, a description and queries", p)
		}
		for _, target := range p.Targets {
			queries[p.Title+" "+target.RefID] = strings.NewReplacer("$instance", ".*", "$__rate_interval", "10s").Replace(target.Expr)
		}
	}
	return queries
}

// Each query of the dashboard has an answer from a Prometheus that scrapes a server
// with a secondary and an upstream server; and promtool finds nothing wrong with the
// metrics.
func TestDashboardShowsEachPanel(t *testing.T) {
	t.Parallel()
	require(t, "prometheus", "promtool", "dig")
	m := newMaster(t, example(t).Cluster)
	upstream := fakedns.Start(t, fakedns.Rcode(dns.RcodeNameError))
	s := serve(t, m, settings{"externalon": true, "resolvers": []string{upstream.Addr.String()}, "transferAllow": []string{"127.0.0.1/32"}})
	askAll(t, s.port, "dig mesos AXFR") // and the secondary follows the zone:
	ask(t, s.port, "dig mesos SOA")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			for _, name := range []string{"web.marathon.mesos.", "example.com.", fmt.Sprintf("x%d.example.com.", i)} {
				c := dns.Client{Timeout: patience}
				_, _, _ = c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), s.addr())
			}
			time.Sleep(time.Millisecond)
		}
	}()
	web := freePort(t)
	start(t, "prometheus", "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+local(web), "--config.file="+writeFile(t, "prometheus.yml", fmt.Sprintf(`
global:
  scrape_interval: 1s
scrape_configs:
- job_name: toponym
  static_configs:
  - targets: [%q]
`, strings.TrimPrefix(s.url, "http://"))))
	for panel, query := range dashboardQueries(t) {
		eventually(t, "an answer for the panel "+panel+": "+query, func() (bool, string) {
			n, err := prometheusAnswers(web, query)
			return n > 0 && err == nil, fmt.Sprintf("%d series, error %v", n, err)
		})
	}

	_, body, err := s.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if r := runWith(t, strings.NewReader(body), "promtool", "check", "metrics"); r.status != 0 || r.String() != "" {
		t.Errorf("promtool check metrics: got exit status %d and\n%s\nwant nothing", r.status, r)
	}
}

// prometheusAnswers returns how many series a query has.
func prometheusAnswers(web int, query string) (int, error) {
	r, err := http.Get("http://" + local(web) + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	var answer struct {
		Error string
		Data  struct{ Result []any }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Error != "" {
		return 0, fmt.Errorf("%s", answer.Error)
	}
	return len(answer.Data.Result), nil
}

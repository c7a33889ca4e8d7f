package cache

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	c := New(Options{Entries: 10, Bytes: 1 << 20})
	k := key("a.test", dns.TypeA)
	c.Get(k)
	c.Put(k, entry(time.Minute))
	c.Get(k)
	want := `
# HELP toponym_cache_entries Entries in the cache of forwarded names.
# TYPE toponym_cache_entries gauge
toponym_cache_entries 1
# HELP toponym_cache_hits_total Questions about forwarded names that a fresh cache entry answered.
# TYPE toponym_cache_hits_total counter
toponym_cache_hits_total 1
# HELP toponym_cache_misses_total Questions about forwarded names that no usable cache entry answered.
# TYPE toponym_cache_misses_total counter
toponym_cache_misses_total 1
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "toponym_cache_entries", "toponym_cache_hits_total", "toponym_cache_misses_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

//go:build e2e

package e2e_test

import (
	"path/filepath"
	"testing"
)

// Prometheus accepts the alert rules, and they are raised when they should be, and
// only then.
func TestAlertRulesAreRaised(t *testing.T) {
	t.Parallel()
	require(t, "promtool")
	rules := filepath.Join("..", "..", "..", "deploy")
	for _, args := range [][]string{
		{"check", "rules", filepath.Join(rules, "alerts.yaml")},
		{"test", "rules", filepath.Join(rules, "alerts_test.yaml")},
	} {
		if r := run(t, "promtool", args...); r.status != 0 {
			t.Errorf("promtool %v: got exit status %d\n%s", args, r.status, r)
		}
	}
}

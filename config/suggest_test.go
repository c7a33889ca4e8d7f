package config

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"zk", "ttl", "masters", "refreshSeconds", "stateTimeoutSeconds"}
	for word, want := range map[string]string{
		"master":              "masters",
		"TTTL":                "ttl",
		"refreshsecs":         "refreshSeconds",
		"refresh":             "",
		"refreshSecond":       "refreshSeconds",
		"refresh_seconds":     "refreshSeconds",
		"statetimeoutsecodns": "stateTimeoutSeconds",
		"something":           "",
		"":                    "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2},
	} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

package nearest

import (
	"strings"
	"testing"
)

func TestWordIsTheNearestWithinTheLimit(t *testing.T) {
	known := []string{"zk", "ttl", "masters", "refreshSeconds", "stateTimeoutSeconds", "zl"}
	for _, tt := range []struct {
		word  string
		limit int
		want  string
	}{
		{"master", 2, "masters"},
		{"TTTL", 2, "ttl"},
		{"refreshsecs", 3, "refreshSeconds"},
		{"refreshsecs", 2, ""},
		{"refresh_seconds", 3, "refreshSeconds"},
		{"statetimeoutsecodns", 1, "stateTimeoutSeconds"},
		{"something", 3, ""},
		{"", 1, ""},
		{"z", 1, "zk"}, // and zl, which comes later
		{"zl", 1, "zl"},
	} {
		if got := Word(tt.word, known, tt.limit); got != tt.want {
			t.Errorf("Word(%q, limit %d) = %q, want %q", tt.word, tt.limit, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 1},
		{strings.Repeat("a", maxWord+1), "a", maxWord},
	} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%.8q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

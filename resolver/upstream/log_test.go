package upstream

import (
	"slices"
	"testing"
	"time"
)

// A message is not lost because another one comes right after it, such as that a server
// responds again and needs queries without EDNS. Of many the last ones are logged.
func TestMessagesOfAServerAreLoggedOneByOne(t *testing.T) {
	var l serverLog
	now := time.Unix(1_700_000_000, 0)
	expect := func(want ...logLine) {
		t.Helper()
		if got := l.take(now); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	expect()
	l.add("responds again", nil)
	l.add("needs no EDNS", nil)
	expect(logLine{"responds again", "", 1}, logLine{"needs no EDNS", "", 1})

	l.add("fails", nil)
	l.add("fails", nil)
	expect(logLine{"fails", "", 2})

	for _, m := range []string{"a", "b", "c", "d", "e", "f"} {
		l.add(m, nil)
	}
	expect(logLine{"f", "", 6})
	l.add("g", nil)
	expect()
	now = now.Add(logInterval)
	expect(logLine{"g", "", 1})
}

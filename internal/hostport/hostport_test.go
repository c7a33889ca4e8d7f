package hostport

import "testing"

func TestParse(t *testing.T) {
	for s, want := range map[string]Addr{
		"10.0.0.1:5050":        {"10.0.0.1", 5050},
		"[fd00::1]:5050":       {"fd00::1", 5050},
		"master.example:65535": {"master.example", 65535},
		"":                     {},
		"10.0.0.1":             {},
		":5050":                {},
		"fd00::1:5050":         {},
		"10.0.0.1:0":           {},
		"10.0.0.1:65536":       {},
		"10.0.0.1:http":        {},
	} {
		got, err := Parse(s)
		if got != want || (err == nil) != (want != Addr{}) {
			t.Errorf("%q: got %v, error %v, want %v", s, got, err, want)
		}
		if err == nil && got.String() != s {
			t.Errorf("%q: got %q as text, want the same", s, got)
		}
	}
}

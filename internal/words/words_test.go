package words

import "testing"

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 names are", 1: "1 name is", 2: "2 names are", -1: "-1 names are"} {
		if got := Count(n, "name is", "names are"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"web-1 größer 名前": "web-1 größer 名前", "a\nb\x1b[2Jc\x00": "a\uFFFDb\uFFFD[2Jc\uFFFD",
		"\u202Eabc\u200B": "\uFFFDabc\uFFFD", "a\xffb": "a\uFFFDb", "": "",
	} {
		if got := Printable(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

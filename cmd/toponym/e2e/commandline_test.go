//go:build e2e

package e2e_test

import (
	"regexp"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string // regular expressions; empty: no output
	}{
		{"-version", 0, `^\S+\n$`, ``},
		{"--version", 0, `^\S+\n$`, ``},
		{"version", 0, `^\S+\n$`, ``},
		{"-v=1 -version", 0, `^\S+\n$`, ``},
		{"-help", 0, `(?s)Usage:.*Commands:.*-config.*-version`, ``},
		{"--help", 0, `(?s)Usage:.*Commands:`, ``},
		{"-h", 0, `(?s)Usage:.*Commands:`, ``},
		{"help", 0, `(?s)Usage:.*Commands:`, ``},
		{"serv", 2, ``, `unknown command "serv"; did you mean "serve"\?`},
		{"-verbose", 2, ``, `flag provided but not defined: -verbose`},
		{"-v=much", 2, ``, `invalid value "much" for flag -v`},
		{"-config x.json y.json", 2, ``, `unexpected argument "y.json"`},
		{"-config /no/such/file.json", 1, ``, `/no/such/file.json: no such file or directory`},
		{"check -config /no/such/file.json", 1, ``, `/no/such/file.json: no such file or directory`},
		{"demo -dns nonsense", 1, ``, `-dns: `},
	} {
		t.Run(c.line, func(t *testing.T) {
			r := run(t, toponym, strings.Fields(c.line)...)
			if r.status != c.status {
				t.Errorf("exit status: got %d, want %d", r.status, c.status)
			}
			for _, o := range []struct{ name, got, want string }{{"stdout", r.stdout, c.stdout}, {"stderr", r.stderr, c.stderr}} {
				if o.want == "" && o.got != "" || !regexp.MustCompile(o.want).MatchString(o.got) {
					t.Errorf("%s: want a match of %q, got\n%s", o.name, o.want, o.got)
				}
			}
		})
	}
}

// -v works with one dash and with two, as in unit files of Mesos-DNS.
func TestVerbosity(t *testing.T) {
	t.Parallel()
	for flags, debug := range map[string]bool{"-v=0": false, "-v=1": true, "--v=2": true} {
		s := serve(t, newMaster(t, example(t).Cluster), nil, flags)
		if got := strings.Contains(s.stderr.String(), "level=debug"); got != debug {
			t.Errorf("%s: level=debug in the log: got %v, want %v", flags, got, debug)
		}
	}
}

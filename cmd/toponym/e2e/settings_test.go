//go:build e2e

package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secret must never be shown.
const secret = "correct-horse-battery"

// goodSettings is a file as users of Mesos-DNS have it.
const goodSettings = `{
  "masters": ["10.0.0.1:5050", "10.0.0.2:5050"],
  "refreshSeconds": 30,
  "ttl": 30,
  "domain": "mesos",
  "port": 8053,
  "timeout": 5,
  "listener": "127.0.0.1",
  "SOAMname": "ns1.mesos",
  "SOARname": "root.ns1.mesos",
  "httpport": 8123,
  "IPSources": ["netinfo", "mesos", "host"],
  "mesosAuthentication": "basic",
  "mesosCredentials": {"principal": "toponym", "secret": "` + secret + `"}
}`

func TestCheckGoodSettings(t *testing.T) {
	t.Parallel()
	r := run(t, toponym, "check", "-config", writeFile(t, "config.json", goodSettings))
	if want := "the configuration can be used\n"; r.status != 0 || r.stderr != want {
		t.Errorf("got exit status %d and %q on standard error, want 0 and %q", r.status, r.stderr, want)
	}
	for _, want := range []string{
		`masters += \["10.0.0.1:5050","10.0.0.2:5050"\] +# file`,
		`refreshSeconds += 30 +# file`,
		`mesosCredentials.principal += "toponym" +# file`,
		`maxUDPSize += 1232\n`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(r.stdout) {
			t.Errorf("output: want a line %q, got\n%s", want, r.stdout)
		}
	}
	wantSecretKept(t, r.String())
}

// badSettings has an error in each line but the first.
const badSettings = `{
  "ttl": 30,
  "masters": ["127.0.0.1:5050", "10.0.0.1:0"],
  "refreshSeconds": "often",
  "domain": "me..sos",
  "listener": "localhost",
  "port": 70000,
  "httpport": -1,
  "SOARname": "root ns1",
  "dnson": "maybe",
  "IPSources": ["netinfo", "nonsense"],
  "mesosAuthentication": "kerberos",
  "mesosCredentials": {"principal": 5, "secret": "` + secret + `"}
}`

func TestCheckBadSettings(t *testing.T) {
	t.Parallel()
	want := []string{
		"masters[1]", "refreshSeconds", "domain", "listener", "port", "httpport", "SOARname", "dnson",
		"IPSources[1]", "mesosAuthentication", "mesosCredentials.principal",
	}
	file := writeFile(t, "config.json", badSettings)
	for _, args := range [][]string{{"check", "-config", file}, {"-config", file}} {
		r := run(t, toponym, args...)
		if r.status != 1 || r.stdout != "" {
			t.Errorf("%v: got exit status %d, want 1 and no standard output:\n%s", args, r.status, r.stdout)
		}
		var got []string
		for line := range strings.Lines(r.stderr) {
			if key, _, ok := strings.Cut(line, ": "); ok && key != "toponym" {
				got = append(got, key)
			}
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%v: got errors in %v, want %v\n%s", args, got, want, r.stderr)
		}
		wantSecretKept(t, r.String())
	}
}

// An invalid entry of masters is one error. It does not also count as missing.
func TestCheckReportsAnErrorOnce(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "config.json", `{"zk": "zk://10.0.0.1:2181/mesos", "masters": ["10.0.0.1:x"]}`)
	r := run(t, toponym, "check", "-config", file)
	if r.status != 1 || !strings.Contains(r.stderr, "masters[0]: ") || strings.Contains(r.stderr, "masters is missing") {
		t.Errorf("got exit status %d, want 1 and an error in masters[0] only:\n%s", r.status, r.stderr)
	}
}

// A running server shows no secret, at any log level.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	s := serve(t, newMaster(t, example(t).Cluster), settings{
		"mesosAuthentication": "basic",
		"mesosCredentials":    map[string]string{"principal": "toponym", "secret": secret},
	}, "-v=2")
	for _, path := range []string{"/v1/config", "/"} {
		status, body, err := s.get(path)
		if err != nil || status != 200 {
			t.Errorf("%s: got status %d, error %v; want 200", path, status, err)
		}
		wantSecretKept(t, body)
	}
	wantSecretKept(t, s.stderr.String())
}

func wantSecretKept(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, secret) {
		t.Errorf("want no secret in\n%s", text)
	}
}

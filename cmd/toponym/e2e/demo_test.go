//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The commands that the demo prints give what the demo promises.
func TestDemo(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	masterAt, dnsAt, httpAt, marathonAt := local(freePort(t)), local(freePort(t)), local(freePort(t)), local(freePort(t))
	p := start(t, toponym, "demo", "-master", masterAt, "-dns", dnsAt, "-http", httpAt, "-marathon", marathonAt, "-every", "1s")
	s := &server{process: p, url: "http://" + httpAt}
	s.waitReady(t)

	text := p.stdout.String()
	for _, want := range []string{"http://" + masterAt + "/master/state", dnsAt, "http://" + httpAt + "/", "http://" + marathonAt + "/v2/apps"} {
		if !strings.Contains(text, want) {
			t.Errorf("output of the demo: want %s in it, got\n%s", want, text)
		}
	}
	for _, url := range []string{"http://" + masterAt + "/master/state", "http://" + httpAt + "/", "http://" + marathonAt + "/v2/apps"} {
		c := http.Client{Timeout: patience}
		resp, err := c.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got status %s, want 200", url, resp.Status)
		}
	}

	commands := regexp.MustCompile(`(?m)^ *(dig .*)$`).FindAllStringSubmatch(text, -1)
	if len(commands) != 4 {
		t.Fatalf("dig commands of the demo: got %d, want 4:\n%s", len(commands), text)
	}
	dig := func(n int) answer {
		t.Helper()
		line := commands[n][1]
		r := run(t, "dig", strings.Fields(line)[1:]...)
		all := parseAnswers(t, r.String())
		if r.status != 0 || len(all) != 1 {
			t.Fatalf("%s: got exit status %d, want 0 and one response:\n%s", line, r.status, r)
		}
		if a := all[0]; a.status != "NOERROR" || len(a.answer) == 0 || !a.flag("aa") {
			t.Errorf("%s: got %s with flags %v and %d records, want an authoritative answer", line, a.status, a.flags, len(a.answer))
		}
		return all[0]
	}

	same(t, "answer", dig(0).answer, []string{
		"nginx.marathon.mesos. A 192.168.50.65",
		"nginx.marathon.mesos. A 192.168.50.66",
		"nginx.marathon.mesos. A 192.168.84.192",
	})

	service := dig(1)
	owners := map[string]bool{}
	for _, r := range service.additional {
		owner, _, _ := strings.Cut(r, " ")
		owners[owner] = true
	}
	for _, d := range data(service.answer) {
		if f := strings.Fields(d); len(f) != 4 || !owners[f[3]] {
			t.Errorf("additional records: got %v, want an address for each target of %v", service.additional, service.answer)
		}
	}

	before := data(dig(2).answer)
	var after []string
	eventually(t, "an instance of the app moves", func() (bool, string) {
		after = data(dig(2).answer)
		return !slices.Equal(after, before), fmt.Sprint(after)
	})
	stayed := 0
	for _, a := range after {
		if slices.Contains(before, a) {
			stayed++
		}
	}
	if len(before) != 3 || len(after) != 3 || stayed == 0 {
		t.Errorf("addresses: got %v and later %v, want three each, some of them in both", before, after)
	}

	// An app that is posted to Marathon gets names.
	post := regexp.MustCompile(`(?m)^ *curl -d '(.*)' (\S+)$`).FindStringSubmatch(text)
	if post == nil {
		t.Fatalf("curl command of the demo: got none, want one in\n%s", text)
	}
	resp, err := http.Post(post[2], "application/json", strings.NewReader(post[1]))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s: got status %s, want 201", post[0], resp.Status)
	}
	line := strings.Fields(commands[3][1])
	eventually(t, "the new app has two addresses", func() (bool, string) {
		r := run(t, line[0], line[1:]...)
		all := parseAnswers(t, r.String())
		return len(all) == 1 && len(data(all[0].answer)) == 2, r.String()
	})

	p.terminate(t)
	if status := p.wait(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// Many programs use Marathon's port, so the demo picks another one by itself, but
// an address that the user chose must be free.
func TestDemoMarathonPortTaken(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	r := run(t, toponym, "demo", "-master", local(freePort(t)), "-dns", local(freePort(t)), "-http", local(freePort(t)), "-marathon", m.addr.String())
	if r.status != 1 || !strings.Contains(r.stderr, "-marathon") || !strings.Contains(r.stderr, m.addr.String()) {
		t.Errorf("exit status %d, want 1 and the address that is taken:\n%s", r.status, r)
	}
}

// A port that is in use ends the demo with a message.
func TestDemoPortTaken(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	r := run(t, toponym, "demo", "-master", m.addr.String(), "-dns", local(freePort(t)), "-http", local(freePort(t)))
	if r.status != 1 || !strings.Contains(r.stderr, "address already in use") || !strings.Contains(r.stderr, m.addr.String()) {
		t.Errorf("exit status %d, want 1 and the address that is taken:\n%s", r.status, r)
	}
	if r.stdout != "" {
		t.Errorf("standard output: want none, got\n%s", r.stdout)
	}
}

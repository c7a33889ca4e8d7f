//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toponym/api"
)

// What an operator types first: is it followed, what is this name, did I mistype it. The
// exit status says the same to a script.
func TestCommandsThatAskAServer(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	s := serve(t, m, nil)
	ask := func(status int, command ...string) result {
		t.Helper()
		r := run(t, toponym, append(command, "-server", s.web())...)
		if r.status != status {
			t.Errorf("toponym %v: got exit status %d, want %d:\n%s", command, r.status, status, r)
		}
		return r
	}
	for _, c := range []struct {
		status  int
		command string
		want    []string
	}{
		{0, "status", []string{"ready        yes", "master       " + m.addr.String() + ", followed by ", "cluster      6 tasks"}},
		{0, "lookup web", []string{"web.marathon.mesos.\n  A 10.1.0.1\n      task web ", "other names:\n", "_web._tcp.marathon.mesos.", "web.marathon.slave.mesos."}},
		{0, "lookup DUAL.marathon.mesos.", []string{"A 10.1.1.1", "AAAA fd00:1::1"}},
		{0, "lookup leader", []string{"leader.mesos.\n  A 127.0.0.1\n"}},
		{1, "lookup dula", []string{"did you mean: dual.marathon.mesos."}},
		{1, "lookup wbe.marathon.mesos", []string{"does not exist (NXDOMAIN)", "did you mean: web.marathon.mesos."}},
		{1, "lookup example.com", []string{"is in none of the server's zones and is not forwarded"}},
		{1, "explain wbe.marathon.mesos", []string{"does not exist (NXDOMAIN)"}},
	} {
		r := ask(c.status, strings.Fields(c.command)...)
		for _, want := range c.want {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("toponym %s: want %q, got\n%s", c.command, want, r)
			}
		}
	}
	var status api.Status
	if err := json.Unmarshal([]byte(ask(0, "status", "-o", "json").stdout), &status); err != nil || !status.Ready {
		t.Errorf("status -o json: got %+v, %v; want a server that is ready", status, err)
	}
	var lookup api.Lookup
	if err := json.Unmarshal([]byte(ask(0, "lookup", "web", "-o=json").stdout), &lookup); err != nil || !lookup.Found || len(lookup.Related) == 0 {
		t.Errorf("lookup web -o json: got %+v, %v; want names that belong to it", lookup, err)
	}
	var x api.Explanation
	if err := json.Unmarshal([]byte(ask(0, "explain", "--o", "json", "web.marathon.mesos").stdout), &x); err != nil || len(x.Records) != 3 {
		t.Errorf("explain -o json: got %+v, %v; want three records", x, err)
	}

	m.stop()
	eventually(t, "the exit status of toponym status says that the master is gone", func() (bool, string) {
		r := run(t, toponym, "status", "-server", s.url)
		return r.status == 1 && strings.Contains(r.stdout, "NO CONTACT; heard last at ") && strings.Contains(r.stdout, "ready        yes"), r.String()
	})
}

// The scripts complete commands, flags and values in real shells.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	for shell, script := range map[string]string{
		"bash": `
			. /usr/share/bash-completion/bash_completion
			. <(toponym completion bash)
			compopt() { :; } # is for interactive shells
			complete_line() {
				COMP_LINE="toponym $*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(toponym "$@"); COMP_CWORD=$#; COMP_TYPE=9
				COMPREPLY=(); __start_toponym; echo "${COMPREPLY[@]}"
			}
			complete_line expl; complete_line watch -suf; complete_line check --con; complete_line secondary kn; complete_line lookup x -o js`,
		"fish": `
			toponym completion fish | source
			for line in expl "watch -suf" "check --con" "secondary kn" "lookup x -o js"
				complete -C "toponym $line" | string replace -r '\t.*' ''
			end
			true`,
	} {
		t.Run(shell, func(t *testing.T) {
			requireTool(t, shell, shell)
			c := exec.Command(shell, "-c", script)
			c.Env = append(c.Environ(), "PATH="+filepath.Dir(toponym)+":/usr/bin:/bin", "HOME="+t.TempDir())
			out, err := c.CombinedOutput()
			if got, want := strings.Fields(string(out)), "explain -suffix --config knot json"; err != nil || strings.Join(got, " ") != want {
				t.Errorf("got %q, %v; want %s", out, err, want)
			}
		})
	}
}

// The pages can be read by man without a warning.
func TestManPages(t *testing.T) {
	t.Parallel()
	requireTool(t, "man", "man-db")
	requireTool(t, "groff", "groff-base")
	dir := t.TempDir()
	if r := run(t, toponym, "man", dir); r.status != 0 {
		t.Fatalf("toponym man: got %s", r)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("got the pages %v, %v; want at least 10", pages, err)
	}
	for _, page := range pages {
		r := run(t, "man", "--warnings", "-l", page)
		if r.status != 0 || r.stderr != "" || !strings.Contains(r.stdout, "SYNOPSIS") {
			t.Errorf("man %s: got %s", page, r)
		}
	}
}

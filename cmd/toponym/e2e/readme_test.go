//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shown is a command of a page and the output that the page shows for it.
type shown struct {
	command string
	output  []string
}

// shownIn returns the commands of the indented blocks of a page that begin with
// "$ ", with the lines that follow each.
func shownIn(page string) (all []shown) {
	inside := false
	for line := range strings.Lines(page) {
		text, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		command, isCommand := strings.CutPrefix(text, "$ ")
		switch {
		case !indented:
			inside = false
		case isCommand:
			inside = true
			all = append(all, shown{command: command})
		case inside:
			last := &all[len(all)-1]
			last.output = append(last.output, text)
		}
	}
	return all
}

// The commands of README.md print what README.md shows, in front of the demo. The
// order of records does not count.
func TestCommandsOfTheReadme(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	requireTool(t, "curl", "curl")
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := shownIn(string(page))
	if len(commands) < 5 {
		t.Fatalf("commands with output: got %d, want at least 5", len(commands))
	}

	// The demo runs on other ports than those of the page.
	dnsPort, httpAt, marathonAt := freePort(t), local(freePort(t)), local(freePort(t))
	p := start(t, toponym, "demo", "-master", local(freePort(t)), "-dns", local(dnsPort), "-http", httpAt, "-marathon", marathonAt)
	s := &server{process: p, port: dnsPort, url: "http://" + httpAt}
	s.waitReady(t)
	ports := strings.NewReplacer("-p 8053", "-p "+strings.TrimPrefix(local(dnsPort), "127.0.0.1:"), "127.0.0.1:8123", httpAt, "127.0.0.1:8080", marathonAt)

	for _, c := range commands {
		want := slices.Sorted(slices.Values(c.output))
		if len(want) == 0 { // a command that changes something runs once
			if r := run(t, "sh", "-c", ports.Replace(c.command)); r.status != 0 || r.stdout != "" {
				t.Errorf("$ %s\ngot exit status %d and\n%s\nwant 0 and no output", c.command, r.status, r)
			}
			continue
		}
		eventually(t, "$ "+c.command+" prints\n"+strings.Join(c.output, "\n"), func() (bool, string) {
			r := run(t, "sh", "-c", ports.Replace(c.command))
			got := slices.Sorted(slices.Values(strings.FieldsFunc(r.stdout, func(r rune) bool { return r == '\n' })))
			return r.status == 0 && slices.Equal(got, want), r.String()
		})
	}
}

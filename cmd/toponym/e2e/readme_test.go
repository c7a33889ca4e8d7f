//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A newcomer who pastes the commands of README.md, in their order, gets what stands
// below them. They have the ports of the demo in them, so they run in a namespace.
func TestCommandsOfREADME(t *testing.T) {
	require(t, "dig", "curl")
	n := newNamespace(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // stands for the directory of the source
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(toponym, filepath.Join(dir, "bin", "toponym")); err != nil {
		t.Fatal(err)
	}
	// A move would change where an app of one's own finds room.
	n.start(t, toponym, "demo", "-every", "1h")
	eventually(t, "the demo is ready", func() (bool, string) {
		r := n.run(t, "curl", "-sf", "http://127.0.0.1:8123/readyz")
		return r.status == 0, r.String()
	})

	commands := transcript(section(t, string(page), "Try it"))
	// Those of later sections that ask the demo's server, without what they print.
	for _, line := range regexp.MustCompile(`(?m)^    (bin/toponym (?:lookup|explain|status) .*)$`).FindAllString(string(page), -1) {
		commands = append(commands, shown{command: strings.TrimSpace(line)})
	}
	if len(commands) < 8 {
		t.Fatalf("commands of README.md: got %d, want at least 8: %q", len(commands), commands)
	}
	for _, c := range commands {
		slices.Sort(c.output) // addresses are shuffled
		// The instances of an app need not start at once.
		eventually(t, c.command+" prints\n"+strings.Join(c.output, "\n"), func() (bool, string) {
			r := n.run(t, "sh", "-c", "cd "+dir+"; "+c.command)
			got := strings.Split(strings.TrimRight(r.stdout, "\n"), "\n")
			slices.Sort(got)
			return r.status == 0 && (c.output == nil || slices.Equal(got, c.output)), r.String()
		})
	}
}

// shown is a command of a page and the lines that the page shows below it.
type shown struct {
	command string
	output  []string
}

// transcript returns the commands after a prompt in the indented parts of a page.
func transcript(page string) (all []shown) {
	for line := range strings.Lines(page) {
		text, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		command, isCommand := strings.CutPrefix(text, "$ ")
		switch {
		case !indented:
		case isCommand:
			all = append(all, shown{command: command})
		case len(all) > 0:
			last := &all[len(all)-1]
			last.output = append(last.output, text)
		}
	}
	return all
}

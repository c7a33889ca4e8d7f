//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toponym/internal/testutil"
)

// source is the directory of the repository.
var source = filepath.Join("..", "..", "..")

// programsOfPages begin the first line of a block of commands without a prompt.
var programsOfPages = regexp.MustCompile(`^([A-Z_]+=\S+ )*((bin/)?(toponym|mesos-sim)|make|curl|dig|kdig|apt|dnf|systemctl|install|docker|skopeo|go|openssl|editor)( |$)`)

// commandsOf returns the commands in the indented and the console blocks of a page: the
// lines after a prompt or, in blocks that begin with a program, all lines. Comments are
// cut off.
func commandsOf(page string) (commands []string) {
	inBlock, bare, fenced := false, false, false
	for line := range strings.SplitSeq(strings.ReplaceAll(page, "\\\n", " "), "\n") {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced, inBlock = !fenced && consoleFence.MatchString(line), false
			continue
		case fenced:
			text = line
		case !indented:
			inBlock = false
			continue
		}
		if !inBlock {
			inBlock, bare = true, programsOfPages.MatchString(text)
		}
		if command, prompted := strings.CutPrefix(text, "$ "); prompted || bare && text != "" {
			command, _, _ = strings.Cut(command, "  #")
			commands = append(commands, strings.Join(strings.Fields(command), " "))
		}
	}
	return commands
}

// consoleFence begins a block of commands.
var consoleFence = regexp.MustCompile("^```(console|sh|bash|shell)\\b")

// elsewhere has the commands that TestCommandsOfThePages does not run, by page and
// beginning: the name of the test that does or, with blanks in it, the reason why none does.
var elsewhere = map[string]map[string]string{
	"README.md": {
		"bin/toponym -config config.json": "TestCommandsOfThePages starts its servers with it",
		"make run":                        "TestMakeRun", "make build": "TestMakeRun", "make": "TestMakeRun",
		"make test": runByCI, "make e2e": runByCI, "make lint": runByCI,
		"make bench": measures, "make fuzz": measures,
		"dig @127.0.0.1 -p 8053": "TestCommandsOfREADME", "until dig": "TestCommandsOfREADME",
		"curl -s http://127.0.0.1:8123/v1/hosts": "TestCommandsOfREADME", "curl -s -o /dev/null": "TestCommandsOfREADME",
	},
	"CONTRIBUTING.md": {"make test": runByCI, "make e2e": runByCI, "make lint": runByCI},
	"deploy/README.md": {
		"make build": "TestMakeRun", "apt install": "TestDebianPackageInABareDebian", "editor": "it is interactive",
		"systemctl": noSystemd, "docker": "there is no daemon; TestImageRuns runs the image, TestComposeFileIsValid reads the file",
		"skopeo copy": "TestImageIsReadBySkopeo",
	},
	"docs/dcos.md":            {"dig @198.51.100.1": "TestProfileDCOS", "curl": "TestProfileDCOS"},
	"docs/frameworks.md":      {"toponym preview": "TestExamplesOfTheDocumentationAreTrue"},
	"docs/marathon.md":        {"toponym preview": "TestExamplesOfTheDocumentationAreTrue"},
	"docs/getting-started.md": {"apt install": "TestDebianPackageInABareDebian", "systemctl": noSystemd},
	"docs/logs.md":            {"": "TestDnstapConsumersGetMessages"},
	"docs/migration.md":       {"": "TestCommandsOfTheMigrationPage"},
	"docs/watch.md":           {"": "TestCommandsOfTheWatchPage"},
	"docs/simulation.md":      {"make build": "TestMakeRun", "bin/mesos-sim -masters 3 -zk": "TestSimulateZooKeeper"},
}

const (
	runByCI   = "CI runs it (.ci/run)"
	measures  = "it takes as long as it is told to, and has no result that is right or wrong"
	noSystemd = "there is no systemd; TestUnits reads the units, TestDebianPackageInABareDebian starts what they start"
)

// documented returns the pages for users and developers, by their path in the repository,
// with their commands.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	pages := map[string][]string{}
	for name, text := range testutil.Files(t, source, "*.md", "docs/*.md", "deploy/*.md") {
		// The figures of BENCHMARKS.md have the commands that measured them.
		if commands := commandsOf(text); len(commands) > 0 && name != "BENCHMARKS.md" {
			pages[name] = commands
		}
	}
	if len(pages) < 12 {
		t.Fatalf("got %d pages with commands, want those of docs and more", len(pages))
	}
	return pages
}

// whereRun returns what elsewhere says of a command, and the longest beginning that says it.
// A beginning ends where a word does, or within the path of a URL.
func whereRun(page, command string) (where, beginning string, found bool) {
	for b, w := range elsewhere[page] {
		rest, matches := strings.CutPrefix(command, b)
		matches = matches && (b == "" || rest == "" || b != "make" && strings.ContainsAny(rest[:1], " /-"))
		if matches && (!found || len(b) > len(beginning)) {
			where, beginning, found = w, b, true
		}
	}
	return where, beginning, found
}

// Each command of a page is run by a test, or there is a reason why not.
func TestEveryCommandOfThePagesIsRun(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	for _, text := range testutil.Files(t, "..", "*_test.go", "e2e/*_test.go") {
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(text, -1) {
			tests[m[1]] = true
		}
	}
	pages := documented(t)
	for page, places := range elsewhere {
		for beginning, where := range places {
			for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(where, -1) {
				if !tests[name] {
					t.Errorf("%s, %q: got no test %s, want one", page, beginning, name)
				}
			}
			used := slices.ContainsFunc(pages[page], func(c string) bool { _, b, found := whereRun(page, c); return found && b == beginning })
			if !used {
				t.Errorf("%s: got no command that begins with %q, want one or no line for it", page, beginning)
			}
		}
	}
	ci, err := os.ReadFile(filepath.Join(source, ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(source, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for page, commands := range pages {
		for _, c := range commands {
			target, isMake := strings.CutPrefix(c, "make ")
			target, _, _ = strings.Cut(target, " ")
			if isMake && !strings.Contains(string(makefile), "\n"+target+":") {
				t.Errorf("%s: %s: got no such target of the Makefile, want one", page, c)
			}
			if where, _, _ := whereRun(page, c); where == runByCI && !strings.Contains(string(ci), "\n"+c+"\n") {
				t.Errorf("%s: %s: got no such line in .ci/run, want one", page, c)
			}
		}
	}
}

// A reader who enters the commands of the pages gets what they promise: on a host with
// the addresses that they have in them, beside a cluster.
func TestCommandsOfThePages(t *testing.T) {
	require(t, "dig", "curl", "kdig")
	requireTool(t, "haproxy", "haproxy")
	pages := documented(t)
	for page, commands := range pages {
		commands = slices.DeleteFunc(commands, func(c string) bool { _, _, found := whereRun(page, c); return found })
		if len(commands) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			h := newHost(t, page)
			for _, c := range commands {
				h.enter(t, c)
			}
		})
	}
}

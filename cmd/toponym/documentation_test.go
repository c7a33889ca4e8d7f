package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toponym/config"
	"toponym/internal/testutil"
)

// documentation returns the pages for users by their paths.
func documentation(t *testing.T) map[string]string {
	t.Helper()
	found := testutil.Files(t, "../..", "*.md", "docs/*.md", "deploy/*.md")
	if len(found) < 15 {
		t.Fatalf("got %d pages, want those of docs and more", len(found))
	}
	return found
}

// commandLine finds commands in code blocks.
var commandLine = regexp.MustCompile(`(?m)^    (?:\$ )?(?:[A-Z_]+=\S+ )*(?:bin/|\./)?toponym((?: .*)?)$`)

// Commands and flags that the pages show are those of the program.
func TestCommandsInTheDocumentationExist(t *testing.T) {
	n := 0
	for path, page := range documentation(t) {
		for _, m := range commandLine.FindAllStringSubmatch(page, -1) {
			line := m[1]
			for _, end := range []string{" > ", " | ", " &", " # ", "; ", "    "} {
				line, _, _ = strings.Cut(line, end)
			}
			args := withCommand(strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(line)))
			if slices.ContainsFunc(args, func(a string) bool { return isHelp(a) || a == "KIND" || a == "COMMAND" }) {
				continue
			}
			c := commandOf(newRoot(environment{}), args[0])
			if c == nil {
				t.Errorf("%s: toponym%s: got no command %s, want one that there is", path, m[1], args[0])
				continue
			}
			if err := c.ParseFlags(twoDashes(args[1:], c.Flags())); err != nil {
				t.Errorf("%s: toponym%s: got %v, want flags that there are", path, m[1], err)
			}
			n++
		}
	}
	if n < 30 {
		t.Errorf("got %d commands, want those of all pages", n)
	}
}

// settingsBlock finds JSON objects in code blocks.
var settingsBlock = regexp.MustCompile(`(?ms)^    \{\n.*?^    \}$`)

// Settings that the pages show are known.
func TestSettingsInTheDocumentationAreKnown(t *testing.T) {
	n := 0
	for path, page := range documentation(t) {
		for _, block := range settingsBlock.FindAllString(page, -1) {
			var object map[string]any
			if json.Unmarshal([]byte(block), &object) != nil || object["masters"] == nil && object["zk"] == nil {
				continue
			}
			n++
			_, warnings, err := config.Load(writeConfig(t, block), nil)
			// Files and directories that a page names do not exist here.
			absent := err != nil && (strings.Contains(err.Error(), "no such file") || strings.Contains(err.Error(), "no directory that exists"))
			if err != nil && !absent {
				t.Errorf("%s: got %v, want valid settings\n%s", path, err, block)
			}
			for _, w := range warnings {
				if strings.Contains(w.Text, "unknown") {
					t.Errorf("%s: got the warning %v, want settings that there are\n%s", path, w, block)
				}
			}
		}
	}
	if n < 8 {
		t.Errorf("got %d objects with settings, want those of all pages", n)
	}
}

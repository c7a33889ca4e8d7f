package sim

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordedStatesAreDescribed keeps testdata/states in order: whatever is wrong in them, they
// are JSON from the leader's mouth, and the page beside them knows each.
func TestRecordedStatesAreDescribed(t *testing.T) {
	const dir = "../testdata/states"
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	noError(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	noError(t, err)
	if len(files) < 7 {
		t.Errorf("only %d files", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		noError(t, err)
		var state struct {
			Pid, Leader, Version string
			Frameworks           []any
		}
		if err := json.Unmarshal(data, &state); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if !strings.HasPrefix(state.Pid, "master@10.") || !strings.HasSuffix(state.Pid, ":5050") || state.Leader != state.Pid {
			t.Errorf("%s: pid %q, leader %q", file, state.Pid, state.Leader)
		}
		if state.Version == "" || len(state.Frameworks) == 0 {
			t.Errorf("%s: version %q, %d frameworks", file, state.Version, len(state.Frameworks))
		}
		if !strings.Contains(string(readme), "`"+filepath.Base(file)+"`") {
			t.Errorf("README.md does not know %s", file)
		}
	}
}

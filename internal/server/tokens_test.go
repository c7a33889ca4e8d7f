package server

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/api"
	"toponym/config"
)

const firstToken, secondToken, thirdToken = "first-token-0123", "second-token-012", "third-token-0123"

// A token can be replaced without a restart, and a broken file locks nobody out.
func TestTokenFilesAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	replace(t, file, []byte("# of the backup\n"+firstToken+"\n\n  "+secondToken+"  \n"))
	log, hook := logtest.NewNullLogger()
	from := config.HTTPAccess{Tokens: []config.Secret{thirdToken}, TokenFiles: []string{file}}
	tokens, err := newTokens("/v1/axfr", from, log)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, level logrus.Level, wanted ...string) {
		t.Helper()
		var hashes []api.TokenHash
		for _, w := range wanted {
			hashes = append(hashes, api.HashToken(w))
		}
		for range 2 { // and logged once
			if got := tokens.hashes(); !slices.Equal(got, hashes) {
				t.Errorf("%s: got %d tokens %x, want %d %x", what, len(got), got, len(hashes), hashes)
			}
		}
		if entries := hook.AllEntries(); len(entries) > 1 || len(entries) == 1 && entries[0].Level != level || len(entries) == 0 && level != 0 {
			t.Errorf("%s: got %d lines, want at most one of level %v", what, len(entries), level)
		}
		hook.Reset()
	}
	want("at the start", 0, thirdToken, firstToken, secondToken)
	replace(t, file, []byte(secondToken))
	want("after a change", logrus.InfoLevel, thirdToken, secondToken)
	replace(t, file, []byte("short"))
	want("with a broken file", logrus.WarnLevel, thirdToken, secondToken)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	want("without the file", logrus.WarnLevel, thirdToken, secondToken)
	replace(t, file, nil)
	want("with an empty file", logrus.InfoLevel, thirdToken)
}

func TestUnreadableTokenFilesAreAnErrorAtTheStart(t *testing.T) {
	c := config.Defaults()
	c.HTTPAuth = map[string]config.HTTPAccess{"/": {TokenFiles: []string{filepath.Join(t.TempDir(), "gone")}}}
	log, _ := logtest.NewNullLogger()
	if _, err := accessRules(c, log); err == nil {
		t.Error("got no error, want one")
	}
}

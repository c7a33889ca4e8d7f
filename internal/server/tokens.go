package server

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"toponym/api"
	"toponym/config"
	"toponym/internal/filewatch"
)

// tokens hold the bearer tokens for a path of the HTTP API, as the settings and the
// token files have them at the moment: a token can be replaced without a restart.
type tokens struct {
	path string
	from config.HTTPAccess
	log  logrus.FieldLogger

	mu      sync.Mutex
	files   *filewatch.Files
	current []api.TokenHash // those of the last files that could be used
	failed  string          // why those read last cannot be used, which was logged
}

// newTokens reads the token files. The error says what is wrong with them.
func newTokens(path string, from config.HTTPAccess, log logrus.FieldLogger) (*tokens, error) {
	t := &tokens{path: path, from: from, log: log, files: filewatch.NewFiles(from.TokenFiles...)}
	t.files.MarkRead()
	return t, t.read()
}

func (t *tokens) read() error {
	list, err := t.from.ReadTokens()
	if err != nil {
		return err
	}
	t.current = make([]api.TokenHash, len(list))
	for i, token := range list {
		t.current[i] = api.HashToken(token.Reveal())
	}
	return nil
}

// hashes returns the tokens of now. While a file cannot be used, those from before
// are; an empty file has none.
func (t *tokens) hashes() []api.TokenHash {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.files.Changed() {
		return t.current
	}
	t.files.MarkRead()
	log := t.log.WithField("path", t.path)
	if err := t.read(); err != nil {
		if text := err.Error(); text != t.failed {
			t.failed = text
			log.WithField("error", strings.ReplaceAll(text, "\n", "; ")).
				Warn("the token files of httpAuth have changed and cannot be used; the tokens from before are")
		}
		return t.current
	}
	t.failed = ""
	log.WithField("count", len(t.current)).Info("the token files of httpAuth were read again")
	return t.current
}

// accessRules returns the rules of httpAuth.
func accessRules(c *config.Config, log logrus.FieldLogger) ([]api.Access, error) {
	var rules []api.Access
	for _, path := range slices.Sorted(maps.Keys(c.HTTPAuth)) {
		from := c.HTTPAuth[path]
		rule := api.Access{Path: path, Clients: from.Clients, Networks: from.Networks}
		if len(from.Tokens)+len(from.TokenFiles) > 0 {
			t, err := newTokens(path, from, log)
			if err != nil {
				return nil, err
			}
			rule.Tokens = t.hashes
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

package main

import (
	"context"
	"net/http"
	"strings"
)

// tokenFileUsage describes the flag -token-file of commands that ask a server.
const tokenFileUsage = "`FILE` with a bearer token for the server in its first line"

// maxToken bounds a file with a token, in bytes.
const maxToken = 64 << 10

// authorize gives a request the bearer token in the first line of a file, for
// servers whose setting httpAuth wants one. Without a file it does nothing.
func authorize(ctx context.Context, r *http.Request, file string) error {
	if file == "" {
		return nil
	}
	b, err := readLimited(ctx, file, maxToken)
	if err != nil {
		return err
	}
	token, _, _ := strings.Cut(string(b), "\n")
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	return nil
}

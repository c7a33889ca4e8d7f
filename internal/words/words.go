// Package words has what all messages for people need.
package words

import (
	"strconv"
	"strings"
	"unicode"
)

// Count returns a number with its noun, such as "1 task" and "2 tasks".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// Printable replaces by U+FFFD what is no text: what could forge lines of a log, steer a
// terminal or hide the order of letters, and bytes that are not UTF-8. What others have
// written must not do so.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

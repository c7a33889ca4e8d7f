// Package nearest finds the word that a mistyped one was meant to be.
package nearest

import (
	"slices"
	"strings"
)

// maxWord bounds the work: the longest word, in bytes, that is compared.
const maxWord = 64

// Word returns the known word that is nearest to word, "" where the distance to
// each is more than limit. Of equally near ones it is the first in the alphabet.
// Case does not count.
func Word(word string, known []string, limit int) string {
	best := ""
	word = strings.ToLower(word)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := Distance(word, strings.ToLower(k)); d < limit || d == limit && best == "" {
			best, limit = k, d
		}
	}
	return best
}

// Distance counts the bytes to insert, delete or replace, and the neighbours to
// swap, that lead from a to b (optimal string alignment). Words of more than 64 bytes
// are not compared: their distance is 64.
func Distance(a, b string) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	var before, last, row [maxWord + 1]int // distances from a[:i-1], a[:i] and a[:i+1] to every b[:j]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

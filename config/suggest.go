package config

import "strings"

// nearest returns the known word that a mistyped one was most likely meant to
// be, or "" where none is near. Case does not count.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, bestDistance := "", min(3, 1+len(word)/4) // longer words have room for more slips
	for _, k := range known {
		if abs(len(k)-len(word)) > bestDistance {
			continue
		}
		if d := editDistance(word, strings.ToLower(k)); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = k, d
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// editDistance counts the insertions, deletions and replacements of bytes that
// lead from one word to the other (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1) // distances from a[:i] to every beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

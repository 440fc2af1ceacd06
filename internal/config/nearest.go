package config

import (
	"strconv"
	"strings"
)

// longestWord is the length in bytes up to which a wrong word is compared with the right ones.
const longestWord = 64

// suggest gives a hint for a wrong word: the nearest of the known ones, else all of them if they are few.
func suggest(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return "did you mean " + strconv.Quote(best) + "?"
	}
	if len(known) == 0 || len(known) > 10 {
		return ""
	}
	return "known here: " + strings.Join(known, ", ")
}

// nearest gives the known word that word is probably meant to be, or "": one in which about one letter in three differs,
// else one that begins as the word does, up to the end of either.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	if len(word) < 2 || len(word) > longestWord {
		return ""
	}
	best, least := "", (len(word)+1)/3+1
	for _, candidate := range known {
		if distance := edits(word, strings.ToLower(candidate)); distance < least {
			best, least = candidate, distance
		}
	}
	for _, candidate := range known {
		lower := strings.ToLower(candidate)
		if best == "" && min(len(word), len(lower)) > 2 && (strings.HasPrefix(lower, word) || strings.HasPrefix(word, lower)) {
			best = candidate
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func edits(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

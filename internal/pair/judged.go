//go:build !unjudged

package pair

// judged says that of two directions each is judged by what the other site's
// reader knows. Nothing but a build for the bench, which measures what that
// costs, is without it.
const judged = true

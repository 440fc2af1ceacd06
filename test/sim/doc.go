// Package sim runs two sites in memory through random schedules and checks that
// they end equal with nothing lost. Who decides is the product's own code,
// internal/conflict; the package itself is only servers, logs and a dice.
//
// A schedule is a list of steps, each of which means something in any state, so
// that a failing one can be cut down to the steps that matter and printed as a
// story.
package sim

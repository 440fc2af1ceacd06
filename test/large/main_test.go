// Package large_test passes transactions through the program that are far
// larger than the memory it may take, as whole as they were.
package large_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

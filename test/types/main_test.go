// Package types_test carries values of every column type through the whole
// product, both ways at once, on real tenants: copied, inserted, updated to
// every other edge, to NULL and back, deleted, compared. What comes out is held
// against what the servers themselves say of their values, in SQL of its own
// and not in the product's codec.
package types_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Package kernel_test holds the rooms that write into a tenant, and read one
// that has no change stream, against the OceanBase kernel: schema, copy, apply,
// checkpoint, mark, verification, and a one-way project end to end.
package kernel_test

import (
	"testing"

	"go.uber.org/goleak"

	"duplex/test/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, fault.Leftovers()...) }

package queue_test

import (
	"os"
	"testing"

	"github.com/steg-bridge/steg/core/store/storetest"
)

// TestMain runs the tests, or, where the kill tests start this binary again, one
// gateway process.
func TestMain(m *testing.M) {
	if remote := os.Getenv(childEnv); remote != "" {
		os.Exit(child(remote))
	}
	os.Exit(storetest.Main(m))
}

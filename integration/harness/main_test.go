package harness_test

import (
	"os"
	"testing"

	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

// servers are shared by the tests that do not break them.
var servers = harnesstest.Servers{PostgresNoSync: true}

func TestMain(m *testing.M) {
	if command := os.Getenv(orphanMaker); command != "" {
		makeOrphan(command)
		return
	}
	os.Exit(servers.Run(m))
}

package store_test

import (
	"os"
	"testing"

	"github.com/steg-bridge/steg/core/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

package core_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/steg-bridge/steg"

// mayImport says which of our packages each package may import in production.
// Arrows point down only: a package that is missing here fails the test, so
// that its place in the house is decided and not found out.
var mayImport = map[string][]string{
	"core/bridge":   {},
	"core/intent":   {"core/bridge"},
	"migrations":    {},
	"core/store":    {"core/bridge", "migrations"},
	"core/queue":    {"core/bridge", "core/store"},
	"core/matrix":   {"core/bridge", "core/intent", "core/store"},
	"core/policy":   {"core/bridge", "core/intent", "core/store"},
	"core/command":  {"core/bridge", "core/policy", "core/store"},
	"core/admin":    {"core/bridge", "core/store"},
	"core/engine":   {"core/bridge", "core/intent", "core/policy", "core/queue", "core/store"},
	"core":          {"core/admin", "core/bridge", "core/command", "core/engine", "core/intent", "core/matrix", "core/policy", "core/queue", "core/store"},
	"config":        {"core/bridge"},
	"bridges/all":   {"core/bridge", "bridges/"},
	"bridges/<x>":   {"core/bridge"},
	"bridges/<x>/…": {"core/bridge", "core/bridge/bridgetest", "bridges/<x>"},
	"core/…test":    {"core/"},
	"core/bridge/…": {"core/bridge", "core/bridge/bridgetest"},
	"cmd/steg":      {"bridges/all", "config", "core", "core/"},
	"integration/…": {"bridges/", "config", "core", "core/", "integration/"},
}

// topLevel is everything that may lie in the root of the repository.
var topLevel = []string{
	"bridges", "cmd", "config", "core", "integration", "migrations",
	"CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md", "compose.yaml", "go.mod", "go.sum",
}

// ignored is made by building and testing, and never committed.
var ignored = []string{"bin", "dist", "bench-out", "coverage.out"}

// goPackage is what the test reads of "go list -json".
type goPackage struct {
	ImportPath, Name, Doc string
	Imports               []string
	TestImports           []string
	XTestImports          []string
}

// rel is the package's path inside the module.
func (p goPackage) rel() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// rule finds the entry of mayImport for a package.
func rule(rel string) (string, bool) {
	if _, ok := mayImport[rel]; ok {
		return rel, true
	}
	parts := strings.Split(rel, "/")
	switch {
	case parts[0] == "bridges" && len(parts) == 2:
		return "bridges/<x>", true
	case parts[0] == "bridges":
		return "bridges/<x>/…", true
	case parts[0] == "integration":
		return "integration/…", true
	case parts[0] == "core" && parts[len(parts)-1] == "integration":
		return "core/…/integration", true
	case strings.HasPrefix(rel, "core/bridge/"):
		return "core/bridge/…", true
	case parts[0] == "core" && strings.HasSuffix(rel, "test"):
		return "core/…test", true
	}
	return "", false
}

// allowed tells whether a package under a rule may import another of ours. An
// entry that ends in a slash stands for everything below it.
func allowed(ruleName, rel, imported string) bool {
	for _, entry := range mayImport[ruleName] {
		if own := strings.Split(rel, "/"); len(own) > 1 {
			entry = strings.Replace(entry, "<x>", own[1], 1)
		}
		if imported == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(imported, entry) {
			return true
		}
	}
	return false
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		name, ok := rule(p.rel())
		if !ok {
			t.Errorf("%s has no place in the house: say in mayImport what it may import", p.rel())
			continue
		}
		for _, imported := range ours(p.Imports) {
			if !allowed(name, p.rel(), imported) {
				t.Errorf("%s imports %s, which the rule %q does not allow", p.rel(), imported, name)
			}
		}
	}
}

func TestTestsOfBridgesSeeTheContractOnly(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./bridges/...") {
		if p.rel() == "bridges/all" {
			continue
		}
		folder := strings.Join(strings.Split(p.rel(), "/")[:2], "/")
		for _, imported := range ours(append(p.TestImports, p.XTestImports...)) {
			fine := strings.HasPrefix(imported, "core/bridge") || strings.HasPrefix(imported, folder) ||
				strings.HasPrefix(imported, "integration/harness")
			if !fine {
				t.Errorf("the tests of %s import %s; they may see the contract, its suite and the server harness", p.rel(), imported)
			}
		}
	}
}

// TestOneOwner guards imports that only one package of the core may have.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	owners := map[string][]string{
		"database/sql":                      {"core/store", "core/store/storetest", "migrations"},
		"github.com/jmoiron/sqlx":           {"core/store", "core/store/storetest"},
		"modernc.org/sqlite":                {"core/store"},
		"maunium.net/go/mautrix":            {"core/matrix", "core/matrix/matrixtest"},
		"maunium.net/go/mautrix/appservice": {"core/matrix", "core/matrix/matrixtest"},
	}
	for _, p := range list(t, "./...") {
		if strings.HasPrefix(p.rel(), "integration/") {
			continue
		}
		for _, imported := range p.Imports {
			if who, guarded := owners[imported]; guarded && !slices.Contains(who, p.rel()) {
				t.Errorf("%s imports %s; only %s may", p.rel(), imported, strings.Join(who, ", "))
			}
		}
	}
}

func TestContractIsALeaf(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./core/bridge") {
		for _, imported := range p.Imports {
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			if !standard && imported != "maunium.net/go/mautrix/event" && imported != "maunium.net/go/mautrix/id" {
				t.Errorf("core/bridge imports %s; it may import the standard library and Matrix data types", imported)
			}
		}
	}
}

// TestProgramHoldsNoTestCode keeps our fakes out of the binary, and the testing
// package out of our production code. (Some of our dependencies import it.)
func TestProgramHoldsNoTestCode(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "-deps", "./cmd/steg") {
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		if strings.HasSuffix(p.ImportPath, "test") || strings.HasSuffix(p.ImportPath, "fake") || slices.Contains(p.Imports, "testing") {
			t.Errorf("the program holds test code: %s", p.rel())
		}
	}
}

func TestEveryPackageExplainsItself(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		// A folder that holds only tests has no comment that go list could see.
		if p.Doc == "" && len(p.Imports) > 0 {
			t.Errorf("%s has no package comment", p.rel())
		}
	}
}

// TestBridgesAreWhole checks that adding a bridge is one folder and one line.
func TestBridgesAreWhole(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../bridges")
	if err != nil {
		t.Fatalf("read the folder of bridges: %v", err)
	}
	var listed []string
	for _, p := range list(t, "./bridges/all") {
		listed = ours(p.Imports)
	}
	for _, entry := range entries {
		if entry.Name() == "all" {
			continue
		}
		if !slices.Contains(listed, "bridges/"+entry.Name()) {
			t.Errorf("bridges/%s is not listed in bridges/all", entry.Name())
		}
		for _, file := range []string{"doc.go", "example.yaml", "conformance_test.go"} {
			if _, err := os.Stat(filepath.Join("../bridges", entry.Name(), file)); err != nil {
				t.Errorf("bridges/%s lacks %s", entry.Name(), file)
			}
		}
	}
}

func TestTopLevelIsFixed(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatalf("read the root: %v", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) && !slices.Contains(ignored, name) {
			t.Errorf("%s lies in the root, which holds only: %s", name, strings.Join(topLevel, ", "))
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	t.Parallel()
	const most = 500
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (slices.Contains(ignored, entry.Name()) || entry.Name() == ".git" || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if lines := bytes.Count(text, []byte("\n")); lines > most {
			t.Errorf("%s has %d lines; cut it where the second idea begins (at most %d)", file, lines, most)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the tree: %v", err)
	}
}

// list runs "go list" in the module's root.
func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json=ImportPath,Name,Doc,Imports,TestImports,XTestImports"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatalf("go list %s found nothing", strings.Join(args, " "))
	}
	return packages
}

// ours keeps our own packages of a list of imports, without doubles, as paths
// inside the module.
func ours(imports []string) []string {
	set := map[string]bool{}
	for _, imported := range imports {
		if rel, ok := strings.CutPrefix(imported, module+"/"); ok {
			set[rel] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/steg-bridge/steg/core/matrix"
)

func TestPuppetRegistration(t *testing.T) {
	t.Parallel()
	p := place{t.TempDir()}
	const text = "homeserver: {url: http://127.0.0.1:1, name: school.example%s}\n"
	p.write(t, "steg.yaml", strings.ReplaceAll(text, "%s", ""))
	r := p.expect(t, exitOK, "-double-puppets -write", "registration", "-double-puppets")
	if !strings.Contains(r.out, "url: null") {
		t.Errorf("registration:\n%s", r.out)
	}
	p.expect(t, exitOK, "double_puppets: doublepuppets.yaml", "registration", "-double-puppets", "-write")
	if info, err := os.Stat(p.file("doublepuppets.yaml")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	p.write(t, "steg.yaml", strings.ReplaceAll(text, "%s", ", double_puppets: doublepuppets.yaml"))
	p.expect(t, exitOK, "✔ registration: double puppets", "registration", "-double-puppets")
	first, err := matrix.LoadPuppetRegistration(p.file("doublepuppets.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitOK, "same list", "registration", "-double-puppets", "-write")
	second, err := matrix.LoadPuppetRegistration(p.file("doublepuppets.yaml"))
	if err != nil || second.ASToken != first.ASToken || second.SenderLocalpart != first.SenderLocalpart {
		t.Errorf("written anew: %v, or with another token", err)
	}
	// Without the file nothing runs that would need it.
	p.expect(t, exitOK, "Wrote", "registration", "-write")
	if err := os.Remove(p.file("doublepuppets.yaml")); err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitFailed, "registration -double-puppets -write", "status")
	p.expect(t, exitFailed, "registration -double-puppets -write", "check")
}

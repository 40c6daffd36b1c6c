package main

import (
	"testing"

	"github.com/steg-bridge/steg/core/store"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	p := place{t.TempDir()}
	p.write(t, "steg.yaml", "homeserver: {url: http://127.0.0.1:1, name: school.example}\nschools: [{id: gym, name: Gym}]\n")
	p.expect(t, exitOK, "Wrote", "registration", "-write")
	st, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + p.file("steg.db")})
	if err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitOK, "No accounts are linked", "identity")
	i := store.Identity{School: "gym", Bridge: "mm", User: "u1", MXID: "@anna:school.example", Ref: "anna.a", State: store.IdentityProven}
	if err := st.AddIdentity(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	p.expect(t, exitOK, "anna.a", "identity", "list")
	p.expect(t, exitOK, `"mxid":"@anna:school.example"`, "identity", "-json")
	p.expect(t, exitFailed, "registration -double-puppets -write", "identity", "approve", "1")
	p.expect(t, exitFailed, "no link with number 9", "identity", "remove", "9")
	p.expect(t, exitUsage, "number that steg identity shows", "identity", "remove", "x")
	p.expect(t, exitUsage, "write: steg identity", "identity", "praise", "1")
	p.expect(t, exitUsage, "write: steg identity", "identity", "remove")
	p.expect(t, exitOK, "Number 1 is rejected", "identity", "reject", "1")
	p.expect(t, exitOK, "No accounts are linked", "identity", "list")
}

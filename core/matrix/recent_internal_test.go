package matrix

import "testing"

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	r := newRecent[int, string](100)
	r.put(-1, "used")
	for n := range 10_000 {
		r.put(n, "x")
		if v, ok := r.get(-1); !ok || v != "used" {
			t.Fatalf("forgot what is used, after %d", n)
		}
	}
	if size := len(r.young) + len(r.old); size > 200 {
		t.Errorf("%d entries", size)
	}
	if !r.has(9_999) || r.has(1) {
		t.Error("the wrong ones were forgotten")
	}
	r.remove(-1)
	if r.has(-1) {
		t.Error("not removed")
	}
}

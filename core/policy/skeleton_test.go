package policy_test

import (
	"testing"

	"github.com/steg-bridge/steg/core/policy"
)

func TestSkeleton(t *testing.T) {
	t.Parallel()
	same := []string{
		"Anna Bélier", "anna belier", "ANNA BELIER", "Anna  Belier", "AnnaBelier", "Anna.Belier!", "Anna Be\u200blier", "\u202eAnna Belier", "Anna Belier 🎓",
		"Аnna Bеlier", "Anna Be1ier", "Anna BeIier", "Αnna Belіer", "Ａｎｎａ Belier", "𝐀𝐧𝐧𝐚 Belier", "Anna Be\u0301lier", "\"Anna\" Belier",
	}
	for _, name := range same {
		if got := policy.Skeleton(name); got != policy.Skeleton(same[0]) {
			t.Errorf("%q is told from %q: %q", name, same[0], got)
		}
	}
	for _, pair := range [][2]string{
		{"Anna Belier", "Anna Beller"}, {"Anna Belier", "Anne Belier"}, {"Anna", "Hanna"}, {"王芳", "王方"}, {"Иван", "Петр"}, {"Anna 2", "Anna"},
	} {
		// The first pair looks alike in many fonts, and is.
		if a, b := policy.Skeleton(pair[0]), policy.Skeleton(pair[1]); (a == b) != (pair[1] == "Anna Beller") {
			t.Errorf("%q: %q, %q: %q", pair[0], a, pair[1], b)
		}
	}
	for _, name := range []string{"", " ", "🎓", "...", "\u200b\u202e", "\xff"} {
		if got := policy.Skeleton(name); got != "" {
			t.Errorf("%q has the skeleton %q", name, got)
		}
	}
}

package mattermost

import "testing"

const benchPost = "### Prüfung :books:\nHallo @alice, bitte **bis _Freitag_** erledigen:\n1. Seite `12`\n2. https://schule.example/auf_gabe\n\n> Viel Erfolg!"

func BenchmarkToMatrix(b *testing.B) {
	r := convertResolver()
	for name, md := range map[string]string{"plain": "Guten Tag, alle zusammen!", "markup": benchPost} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				toMatrix(md, r)
			}
		})
	}
}

func BenchmarkFromMatrix(b *testing.B) {
	formatted := toMatrix(benchPost, convertResolver()).Content.FormattedBody
	for name, s := range map[string][2]string{"plain": {"", "Guten Tag, alle zusammen!"}, "markup": {formatted, "x"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fromHTML(s[0], s[1])
			}
		})
	}
}

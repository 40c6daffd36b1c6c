package policy_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"github.com/steg-bridge/steg/core/policy"
)

func preview(t *testing.T, w, h int, at func(x, y int) color.Color) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, at(x, y))
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBlurhash(t *testing.T) {
	t.Parallel()
	plain := func(c color.Color) func(x, y int) color.Color { return func(int, int) color.Color { return c } }
	// The form, the largest wave, the mean colour in four digits, and two for each wave.
	white := policy.Blurhash(preview(t, 16, 16, plain(color.White)))
	black := policy.Blurhash(preview(t, 16, 16, plain(color.Black)))
	if len(white) != 28 || white[0] != 'L' || white[2:6] != "TSUA" || black[:6] != "L00000" || black[6:8] != "fQ" {
		t.Errorf("white is %q, black is %q", white, black)
	}
	half := policy.Blurhash(preview(t, 16, 16, func(x, _ int) color.Color {
		if x < 8 {
			return color.White
		}
		return color.Black
	}))
	if len(half) != 28 || half[1] == '0' || half == white {
		t.Errorf("half and half is %q", half)
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "no picture": []byte("<svg>"), "too many pixels": preview(t, 100, 16, plain(color.White)),
		"cut": preview(t, 16, 16, plain(color.White))[:100], "too long": make([]byte, 10_000),
	} {
		if got := policy.Blurhash(data); got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
}

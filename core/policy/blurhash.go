package policy

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
)

// A blurhash is a picture of a few colours in a short text, which apps show until
// the real one is there (https://blurha.sh, algorithm in its repository).

const (
	// maxPreview and previewPixels bound what is decoded: a network's preview is a
	// few hundred bytes and 16 pixels wide. Pictures themselves are never decoded.
	maxPreview    = 8 << 10
	previewPixels = 64
	// blurX and blurY are how many waves describe a picture.
	blurX, blurY = 4, 3
)

// Blurhash makes a blurhash of a tiny JPEG preview, "" when it is none.
func Blurhash(preview []byte) string {
	if len(preview) == 0 || len(preview) > maxPreview {
		return ""
	}
	shape, err := jpeg.DecodeConfig(bytes.NewReader(preview))
	if err != nil || shape.Width < 1 || shape.Height < 1 || shape.Width > previewPixels || shape.Height > previewPixels {
		return ""
	}
	picture, err := jpeg.Decode(bytes.NewReader(preview))
	if err != nil {
		return ""
	}
	var waves [][3]float64
	for y := range blurY {
		for x := range blurX {
			waves = append(waves, wave(picture, x, y))
		}
	}
	return encodeWaves(waves)
}

// wave is how much of a two-dimensional cosine is in a picture, for each colour.
// It is taken in the middle of each pixel, which matters with so few of them.
func wave(picture image.Image, x, y int) (sum [3]float64) {
	b := picture.Bounds()
	w, h := float64(b.Dx()), float64(b.Dy())
	scale := 2 / (w * h)
	if x == 0 && y == 0 {
		scale = 1 / (w * h)
	}
	for py := range b.Dy() {
		for px := range b.Dx() {
			basis := math.Cos(math.Pi*float64(x)*(float64(px)+0.5)/w) * math.Cos(math.Pi*float64(y)*(float64(py)+0.5)/h)
			red, green, blue, _ := picture.At(b.Min.X+px, b.Min.Y+py).RGBA()
			for i, c := range []uint32{red, green, blue} {
				sum[i] += scale * basis * linear(float64(c)/0xffff)
			}
		}
	}
	return sum
}

// encodeWaves writes the first wave, the mean colour, exactly and the others
// relative to the largest of them.
func encodeWaves(waves [][3]float64) string {
	most := 0.0
	for _, v := range waves[1:] {
		for _, c := range v {
			most = max(most, math.Abs(c))
		}
	}
	step := min(max(int(most*166-0.5), 0), 82)
	most = float64(step+1) / 166
	out := base83(blurX-1+(blurY-1)*9, 1) + base83(step, 1)
	mean := 0
	for _, c := range waves[0] {
		mean = mean<<8 | min(max(int(display(c)*255+0.5), 0), 255)
	}
	out += base83(mean, 4)
	for _, v := range waves[1:] {
		n := 0
		for _, c := range v {
			c /= most
			n = n*19 + min(max(int(math.Floor(math.Copysign(math.Sqrt(math.Abs(c)), c)*9+9.5)), 0), 18)
		}
		out += base83(n, 2)
	}
	return out
}

// linear and display convert a colour between sRGB and light.
func linear(c float64) float64 {
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}

func display(c float64) float64 {
	if c = min(max(c, 0), 1); c <= 0.0031308 {
		return c * 12.92
	}
	return 1.055*math.Pow(c, 1/2.4) - 0.055
}

const base83Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"

func base83(n, digits int) string {
	out := make([]byte, digits)
	for i := digits - 1; i >= 0; i-- {
		out[i] = base83Digits[n%83]
		n /= 83
	}
	return string(out)
}

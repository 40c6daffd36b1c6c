package policy

import (
	"bytes"
	"image/jpeg"

	// Makes blurhashes: a small algorithm, but nobody's own.
	"github.com/buckket/go-blurhash"
)

const (
	// maxPreview and previewPixels bound what is decoded: a network's preview is a
	// few hundred bytes and 16 pixels wide. Pictures themselves are never decoded.
	maxPreview    = 8 << 10
	previewPixels = 64
	// blurX and blurY are how many waves describe a picture.
	blurX, blurY = 4, 3
)

// Blurhash makes a blurhash of a tiny JPEG preview, "" when it is none: a picture of
// a few colours in a short text, which apps show until the real one is there
// (https://blurha.sh).
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
	hash, err := blurhash.Encode(blurX, blurY, picture)
	if err != nil {
		return ""
	}
	return hash
}

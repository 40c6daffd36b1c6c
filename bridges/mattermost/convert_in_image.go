package mattermost

import (
	"regexp"

	"github.com/yuin/goldmark/ast"
)

// sizedImage is an image with a size, which only Mattermost's dialect has:
// ![text](address =500x300 "title").
var sizedImage = regexp.MustCompile(`^!\[([^\[\]\\]*)\]\(([^\s()<>\\]+) =(?:\d{1,5}x?\d{0,5}|x\d{1,5})(?: "[^"]*")?\)`)

// scanImage reads an image with a size. Its text holds no markup.
func scanImage(line []byte) (ast.Node, int) {
	m := sizedImage.FindSubmatch(line)
	if m == nil {
		return nil, 0
	}
	image := ast.NewImage(ast.NewLink())
	image.Destination = m[2]
	if len(m[1]) > 0 {
		image.AppendChild(image, ast.NewString(m[1]))
	}
	return image, len(m[0])
}

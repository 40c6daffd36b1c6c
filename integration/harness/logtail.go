package harness

import (
	"bytes"
	"io"
	"os"
)

// tailBytes is enough for a stack trace or a few structured log lines.
const tailBytes = 4096

// tail returns the last lines of a file, or a note when it cannot be read.
func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	start := max(0, info.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(file, start, info.Size()-start))
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	if start > 0 {
		if _, rest, found := bytes.Cut(text, []byte("\n")); found {
			text = rest
		}
	}
	if len(text) == 0 {
		return "(empty)"
	}
	return string(text)
}

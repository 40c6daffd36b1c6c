package policy_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/steg-bridge/steg/core/policy"
)

func TestFileName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Elternbrief.pdf":               "Elternbrief.pdf",
		"../../etc/passwd":              "passwd.txt",
		`C:\Windows\system32\evil.exe`:  "evil.exe",
		"photo\u202egpj.exe":            "photogpj.exe",
		"a\u200bb\u2066c\x00\x07d.png":  "abcd.png",
		"two\nlines\tand  blanks .txt":  "two lines and blanks .txt",
		"..":                            "file.txt",
		"":                              "file.txt",
		".htaccess":                     "htaccess.txt",
		"a:b*c?.txt":                    "a_b_c_.txt",
		"no extension":                  "no extension.txt",
		"Präsentation – Grüße 日本.pptx":  "Präsentation – Grüße 日本.pptx",
		"x.averylongextensionthatisnot": "x.averylongextensionthatisnot.txt",
		"bad\xffutf8.txt":               "badutf8.txt",
	} {
		if got := policy.FileName(name, "text/plain"); got != want {
			t.Errorf("FileName(%q) = %q, want %q", name, got, want)
		}
	}
	long := policy.FileName(strings.Repeat("ü", 500)+".png", "image/png")
	if utf8.RuneCountInString(long) > policy.MaxFileName || !strings.HasSuffix(long, "….png") {
		t.Errorf("a long name became %q", long)
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("../a.b", "image/png")
	f.Fuzz(func(t *testing.T, name, typ string) {
		got := policy.FileName(name, typ)
		if got == "" || strings.ContainsAny(got, "/\\\x00\n\r\u202e\u2066\u200b") || strings.HasPrefix(got, ".") ||
			utf8.RuneCountInString(got) > policy.MaxFileName || !utf8.ValidString(got) {
			t.Errorf("FileName(%q, %q) = %q", name, typ, got)
		}
		if again := policy.FileName(got, typ); again != got {
			t.Errorf("cleaning %q again gives %q", got, again)
		}
	})
}

func TestFileSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "", 5: "5 B", 2048: "2 KB", 3 << 20: "3.0 MB", 5 << 30: "5.0 GB"} {
		if got := policy.FileSize(n); got != want {
			t.Errorf("FileSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestFileType(t *testing.T) {
	t.Parallel()
	const plain, octets = policy.FilePlain, "application/octet-stream"
	tests := map[string]struct {
		claimed, head string
		kind          policy.FileKind
		typ           string
	}{
		"png":                   {"image/png", "\x89PNG\r\n\x1a\n....", policy.FileImage, "image/png"},
		"png by a lie":          {"image/svg+xml", "\x89PNG\r\n\x1a\n....", policy.FileImage, "image/png"},
		"jpeg":                  {"", "\xff\xd8\xff\xe0", policy.FileImage, "image/jpeg"},
		"webp":                  {"", "RIFF....WEBPVP8 ", policy.FileImage, "image/webp"},
		"avif":                  {"", "\x00\x00\x00\x1cftypavif....", policy.FileImage, "image/avif"},
		"bmp":                   {"image/bmp", "BM....", plain, octets},
		"svg":                   {"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>`, plain, octets},
		"svg with prolog":       {"image/svg+xml", `<?xml version="1.0"?><svg>`, plain, octets},
		"html":                  {"text/html", "<html><script>alert(1)</script>", plain, octets},
		"html as text":          {"text/plain", "<!DOCTYPE HTML><p>", plain, octets},
		"html as png":           {"image/png", "<html>", plain, octets},
		"text as html":          {"text/html", "hello", plain, octets},
		"script":                {"text/javascript", "alert(1)", plain, octets},
		"xul":                   {"application/vnd.mozilla.xul+xml", "x", plain, octets},
		"text":                  {"text/plain; charset=utf-8", "hello", plain, "text/plain"},
		"csv":                   {"text/csv", "a,b", plain, "text/csv"},
		"pdf":                   {"application/octet-stream", "%PDF-1.7", plain, "application/pdf"},
		"no pdf":                {"application/pdf", "\x00\x01\x02", plain, octets},
		"zip":                   {"application/zip", "PK\x03\x04", plain, "application/zip"},
		"docx":                  {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "PK\x03\x04", plain, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		"mp4":                   {"", "\x00\x00\x00\x18ftypisom....", policy.FileVideo, "video/mp4"},
		"mp4 sound":             {"audio/mp4", "\x00\x00\x00\x18ftypmp42....", policy.FileAudio, "audio/mp4"},
		"m4a":                   {"", "\x00\x00\x00\x18ftypM4A ....", policy.FileAudio, "audio/mp4"},
		"quicktime":             {"", "\x00\x00\x00\x18ftypqt  ....", policy.FileVideo, "video/quicktime"},
		"heic":                  {"image/heic", "\x00\x00\x00\x18ftypheic....", plain, octets},
		"webm":                  {"video/webm", "\x1aE\xdf\xa3", policy.FileVideo, "video/webm"},
		"webm sound":            {"audio/webm;codecs=opus", "\x1aE\xdf\xa3", policy.FileAudio, "audio/webm"},
		"ogg voice":             {"audio/ogg; codecs=opus", "OggS\x00.....OpusHead", policy.FileAudio, "audio/ogg"},
		"ogg video":             {"", "OggS\x00\x80theora", policy.FileVideo, "video/ogg"},
		"mp3 with tag":          {"", "ID3\x03", policy.FileAudio, "audio/mpeg"},
		"mp3 without":           {"audio/mpeg", "\xff\xfb\x90\x00", policy.FileAudio, "audio/mpeg"},
		"flac":                  {"", "fLaC\x00", policy.FileAudio, "audio/flac"},
		"nothing":               {"image/png", "", plain, octets},
		"program":               {"application/x-msdownload", "MZ\x90\x00", plain, octets},
		"claim that is no type": {"\x00/;;", "\x00\x01", plain, octets},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, typ := policy.FileType(tt.claimed, []byte(tt.head))
			if kind != tt.kind || typ != tt.typ {
				t.Errorf("%s %s, want %s %s", kind, typ, tt.kind, tt.typ)
			}
		})
	}
}

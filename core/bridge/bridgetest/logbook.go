package bridgetest

import (
	"bytes"
	"log/slog"
	"math"
	"sync"
)

// logbook keeps all log lines of all levels.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func newLogbook() *logbook { return &logbook{} }

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.Level(math.MinInt32)}))
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

package matrix

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/steg-bridge/steg/core/intent"
)

// maxTransaction bounds a transaction in bytes. Synapse's largest is about 13
// MB; one that is refused would be sent again for ever.
const maxTransaction = 64 << 20

// transaction stores what the homeserver pushes, then answers 200. Transactions
// go to the inbox one after the other, as they came.
func (h *handler) transaction(w http.ResponseWriter, req *http.Request) {
	ctx := req.Context()
	if !acquire(ctx, h.bodies) {
		return
	}
	defer release(h.bodies)

	body, err := readBody(w, req)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		h.s.log.LogAttrs(ctx, slog.LevelError, "transaction over the size limit refused: the homeserver's events do not get through",
			slog.Int64("limit_bytes", tooLarge.Limit))
		answerError(w, http.StatusRequestEntityTooLarge, "M_TOO_LARGE", "transaction too large")
		return
	}
	if err != nil {
		return // the connection broke; the homeserver sends again
	}
	txn, err := parseTransaction(body)
	if err != nil {
		h.s.log.LogAttrs(ctx, slog.LevelError, "transaction that is no transaction refused", slog.Any("error", err))
		code := "M_BAD_JSON"
		if errors.Is(err, errNotJSON) {
			code = "M_NOT_JSON"
		}
		answerError(w, http.StatusBadRequest, code, err.Error())
		return
	}
	if txn.malformed > 0 {
		h.s.log.LogAttrs(ctx, slog.LevelWarn, "malformed events in a transaction skipped", slog.Int("events", txn.malformed))
	}
	h.s.reach.pushed.Store(true)
	if txn.hasEphemeral {
		h.s.pushesTyping.Store(true)
	}
	if len(txn.events) > 0 && !h.accept(w, req, txn.events) {
		return
	}
	for _, e := range txn.ephemeral {
		h.inbox.Ephemeral(ctx, e.room, e.typ, e.content)
	}
	answer(w, struct{}{})
}

// accept stores events; when that fails it answers, and tells so.
func (h *handler) accept(w http.ResponseWriter, req *http.Request, evs []intent.Event) bool {
	ctx := req.Context()
	h.s.doubt.wait(ctx)
	if !acquire(ctx, h.order) {
		return false
	}
	defer release(h.order)
	if err := h.inbox.Accept(ctx, evs, nil); err != nil {
		h.s.log.LogAttrs(ctx, slog.LevelError, "transaction not stored, the homeserver will send it again",
			slog.Int("events", len(evs)), slog.Any("error", err))
		answerError(w, http.StatusInternalServerError, "M_UNKNOWN", "not stored")
		return false
	}
	return true
}

func readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if n := req.ContentLength; n > 0 && n <= maxTransaction {
		buf.Grow(int(min(n, 1<<20)) + bytes.MinRead) // grow to more only when it really comes
	}
	_, err := buf.ReadFrom(io.Reader(http.MaxBytesReader(w, req.Body, maxTransaction)))
	return buf.Bytes(), err
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/steg-bridge/steg/core/store"
)

// remember stores a small thing about a portal under a name.
func (e *Engine) remember(ctx context.Context, p *store.Portal, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return e.st.SetValue(ctx, p.School, p.Bridge, name, string(text))
}

// recall reads what was remembered: the zero value when that is nothing, or cannot
// be read any more.
func recall[T any](ctx context.Context, e *Engine, p *store.Portal, name string) (T, error) {
	var v, nothing T
	text, err := e.st.Value(ctx, p.School, p.Bridge, name)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return nothing, nil
	case err != nil:
		return nothing, err
	case json.Unmarshal([]byte(text), &v) != nil:
		return nothing, nil
	}
	return v, nil
}

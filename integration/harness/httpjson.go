package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// requestTimeout bounds every request of the harness except long polls. A busy
// test machine answers late; a lost server answers never.
const requestTimeout = 30 * time.Second

// StatusError is an answer with a status other than 2xx.
type StatusError struct {
	Status int
	Body   string // at most 1 KiB
}

// Error shows status and body; the harness talks to servers with made-up
// people only, so the body may be shown.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// httpClient returns a client for one server. Its owner closes the idle
// connections in the end.
func httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}}
}

// reachable is a Ready function that wants status 200 from url.
func reachable(client *http.Client, url string) func(ctx context.Context) error {
	return func(ctx context.Context) error { return callJSON(ctx, client, http.MethodGet, url, "", nil, nil) }
}

// callJSON sends in as JSON and decodes the answer into out; both may be nil.
// A token is sent as bearer.
func callJSON(ctx context.Context, client *http.Client, method, url, token string, in, out any) error {
	_, err := callHeader(ctx, client, method, url, token, in, out)
	return err
}

// callHeader is callJSON for the rare answers whose header matters.
func callHeader(ctx context.Context, client *http.Client, method, url, token string, in, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	raw, header, err := send(client, request, token)
	if err != nil || out == nil {
		return header, err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, fmt.Errorf("%s %s: decode answer: %w", method, request.URL.Path, err)
	}
	return header, nil
}

// send performs a request and returns the body of a good answer.
func send(client *http.Client, request *http.Request, token string) ([]byte, http.Header, error) {
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, err)
	}
	if response.StatusCode/100 != 2 {
		failure := &StatusError{Status: response.StatusCode, Body: string(raw[:min(len(raw), 1024)])}
		return nil, nil, fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, failure)
	}
	return raw, response.Header, nil
}

package matrixtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
)

// Transport carries requests to handler without a network, so that a test can
// run in a synctest bubble. A handler that breaks the connection
// ([http.ErrAbortHandler]) becomes an error.
func Transport(handler http.Handler) http.RoundTripper { return transport{handler} }

type transport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
	}
	served := req.Clone(req.Context())
	served.Body = io.NopCloser(bytes.NewReader(body))
	served.RequestURI = req.URL.RequestURI()
	recorder := httptest.NewRecorder()
	done := make(chan bool, 1)
	go func() {
		answered := false
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares so too
				panic(p)
			}
			done <- answered
		}()
		t.handler.ServeHTTP(recorder, served)
		answered = true
	}()
	select {
	case answered := <-done:
		if !answered {
			return nil, io.ErrUnexpectedEOF
		}
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp := recorder.Result()
	resp.Request = req
	return resp, nil
}

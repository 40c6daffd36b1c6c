package matrix_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"github.com/steg-bridge/steg/core/intent"
	"github.com/steg-bridge/steg/core/matrix"
	"github.com/steg-bridge/steg/core/matrix/matrixtest"
)

var sample = &event.MessageEventContent{
	MsgType: event.MsgText, Body: "Morgen ist der Schulausflug, bitte Regenjacke und Znüni mitnehmen.",
	Format: event.FormatHTML, FormattedBody: "Morgen ist der <b>Schulausflug</b>, bitte Regenjacke und Znüni mitnehmen.",
}

// BenchmarkSend measures a send over loopback HTTP, the instant homeserver
// included, one after the other and with many lanes at once.
func BenchmarkSend(b *testing.B) {
	hs := httptest.NewServer(new(matrixtest.Instant))
	b.Cleanup(hs.Close)
	s := benchService(b, hs.URL, nil)
	b.Run("sequential", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			send(b, s, n)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		var n atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				send(b, s, int(n.Add(1)))
			}
		})
	})
}

// BenchmarkSendAlone leaves out the network and the homeserver.
func BenchmarkSendAlone(b *testing.B) {
	s := benchService(b, "http://127.0.0.1:1", answering{})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		send(b, s, n)
	}
}

// BenchmarkTransaction measures the endpoint: a transaction of 50 events over
// loopback HTTP into an inbox that costs nothing.
func BenchmarkTransaction(b *testing.B) {
	s := benchService(b, "http://127.0.0.1:1", answering{})
	as := httptest.NewServer(s.Handler(freeInbox{newInbox()}))
	b.Cleanup(as.Close)
	body := bytes.NewBufferString(`{"events":[`)
	for n := range 50 {
		if n > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(body, `{"event_id":"$143273582443PhrSn%d","room_id":"!jEsUZKDJdhlrceRyVU:hs.test","type":"m.room.message","sender":"@anna:hs.test","origin_server_ts":1432735824653,"unsigned":{"age":1234},"content":{"msgtype":"m.text","body":%q,"format":"org.matrix.custom.html","formatted_body":%q}}`,
			n, sample.Body, sample.FormattedBody)
	}
	body.WriteString(`]}`)
	b.ReportAllocs()
	for b.Loop() {
		if status, answer := do(b, http.MethodPut, as.URL+txnPath+"1", "hs-token", body.String()); status != http.StatusOK {
			b.Fatalf("%d %s", status, answer)
		}
	}
	b.ReportMetric(float64(b.N)*50/b.Elapsed().Seconds(), "events/s")
}

func benchService(b *testing.B, url string, transport http.RoundTripper) *matrix.Service {
	b.Helper()
	s, err := matrix.New(matrix.Options{URL: url, ServerName: "hs.test", ASToken: "as-token", HSToken: "hs-token", Transport: transport})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func send(b *testing.B, s *matrix.Service, n int) {
	txn := "g" + strconv.Itoa(n) + ".0"
	_, err := s.Send(b.Context(), intent.Send{
		Room: "!jEsUZKDJdhlrceRyVU:hs.test", As: "@_steg_mm_k3h7x9w1:hs.test", Type: "m.room.message", Content: sample,
		TxnID: txn, Marker: intent.Marker{ID: txn, Portal: 1}, Time: time.UnixMilli(1_700_000_000_000),
	})
	if err != nil {
		b.Fatal(err)
	}
}

// answering is a transport that answers by itself.
type answering struct{}

func (answering) RoundTrip(req *http.Request) (*http.Response, error) {
	const body = `{"event_id":"$1"}`
	return &http.Response{
		StatusCode: http.StatusOK, Request: req, ContentLength: int64(len(body)), Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// freeInbox keeps nothing.
type freeInbox struct{ *inbox }

func (freeInbox) Accept(context.Context, []intent.Event, *string) error { return nil }

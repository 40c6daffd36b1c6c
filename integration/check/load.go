package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Load is people who write numbered messages into chats at random moments.
type Load struct {
	People []Person
	Chats  []Chat
	Rate   float64 // messages per second of all people together, while nothing is broken
	Seed   uint64
	// Patience bounds a request, and how long a person waits for a server that is
	// away.
	Patience time.Duration
	// Writes says who writes where; nil means everybody everywhere. Everybody needs
	// a chat.
	Writes func(Person, Chat) bool

	mu      sync.Mutex
	numbers map[string]int // the last one of a person in a chat
}

// Run lets the people write until ctx ends, and returns what they wrote when all
// of them know what became of their last message. The error says that somebody
// could not find out in time; what was written comes with it. A second Run goes on
// with the numbers.
func (l *Load) Run(ctx context.Context) ([]Sent, error) {
	var wait sync.WaitGroup
	written := make([][]Sent, len(l.People))
	failed := make([]error, len(l.People))
	for i, person := range l.People {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(l.Seed, uint64(i)))
			written[i], failed[i] = l.talk(ctx, person, random)
		})
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return slices.Concat(written...), err
		}
	}
	return slices.Concat(written...), nil
}

// talk is what one person does.
func (l *Load) talk(ctx context.Context, person Person, random *rand.Rand) ([]Sent, error) {
	var written []Sent
	chats := l.Chats
	if l.Writes != nil {
		chats = slices.DeleteFunc(slices.Clone(chats), func(chat Chat) bool { return !l.Writes(person, chat) })
	}
	mean := float64(len(l.People)) / l.Rate * float64(time.Second)
	for {
		// Exponential pauses make moments that are independent of each other.
		if !pause(ctx, time.Duration(random.ExpFloat64()*mean)) {
			return written, nil
		}
		chat := chats[random.IntN(len(chats))]
		m := Sent{
			Text: l.text(person, chat),
			Chat: chat.Name, Author: person.Name, From: person.Side, Began: time.Now(),
		}
		// A message that was begun is finished, also when the load shall end.
		var err error
		m.Acknowledged, err = l.send(context.WithoutCancel(ctx), person, chat, m.Text)
		m.Ended = time.Now()
		written = append(written, m)
		if err != nil {
			return written, err
		}
	}
}

// text returns the next text of a person in a chat.
func (l *Load) text(person Person, chat Chat) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.numbers == nil {
		l.numbers = make(map[string]int)
	}
	words := chat.Name + " " + person.Word
	l.numbers[words]++
	return fmt.Sprintf("%s %d", words, l.numbers[words])
}

// send sends a text once and finds out whether the server has it.
func (l *Load) send(ctx context.Context, person Person, chat Chat, text string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.Patience)
	defer cancel()
	if err := person.account.write(ctx, chat, text); err == nil {
		return true, nil
	}
	const between = 100 * time.Millisecond
	for {
		there, err := person.account.wrote(ctx, chat, text)
		if err == nil {
			return there, nil
		}
		if !pause(ctx, between) {
			return false, fmt.Errorf("%s does not learn what became of %q within %s: %w", person.Word, text, l.Patience, err)
		}
	}
}

// pause waits for d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

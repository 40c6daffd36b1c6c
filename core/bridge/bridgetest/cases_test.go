package bridgetest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/bridge/bridgetest"
)

// proof is a mutant that a case must catch, and words that it must say then.
type proof struct {
	mutate func(*mutant)
	says   string
}

var errTemporary = &bridge.TemporaryError{Err: errors.New("mutant")}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isTemporary(err error) bool { return bridge.Classify(err) == bridge.ClassTemporary }

func proofs() map[string]proof {
	return map[string]proof{
		"lifecycle/open_does_no_io": {func(m *mutant) {
			m.open = func(c bridge.Client) {
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				_, _ = c.Chat(ctx, "any")
			}
		}, "did not return within"},
		"lifecycle/stops_on_cancel":            {errorAtStop, "at the end of its context, want nil"},
		"lifecycle/stops_while_deliver_blocks": {deafDeliver, "did not return within"},
		"lifecycle/stops_at_every_call":        {errorAtStop, "when cancelled in call 1"},
		"lifecycle/runs_again":                 {runOnce, "not in"},
		"lifecycle/reports_states": {func(m *mutant) {
			m.state = func(s bridge.ConnState) bool { return s != bridge.StateCatchingUp }
		}, `State "connected" after "connecting"`},
		"lifecycle/leaves_nothing_running": {leakGoroutine, "goroutines are left running"},
		"lifecycle/start_stop_stress":      {errorAtStop, "want nil"},

		"inbound/plain_corpus": {message(func(m *bridge.Message) {
			m.Content.Body = strings.ToUpper(m.Content.Body)
		}), "delivered"},
		"inbound/html_is_text": {message(func(m *bridge.Message) {
			m.Content.Format, m.Content.FormattedBody = "org.matrix.custom.html", m.Content.Body
		}), "a live"},
		"inbound/bold":    {message(func(m *bridge.Message) { m.Content.FormattedBody = "" }), "formatted body"},
		"inbound/longest": {message(func(m *bridge.Message) { m.Content.Body = m.Content.Body[:min(len(m.Content.Body), 1000)] }), "delivered 1000"},
		"inbound/empty":   {stuckAtEmpty, "the message is delivered"},
		"inbound/mention": {message(func(m *bridge.Message) { m.Mentions = nil }), "the one person mentioned"},
		"inbound/everyone": {message(func(m *bridge.Message) {
			m.Mentions = append(m.Mentions, "all")
		}), "everybody is no person"},
		"inbound/thread_reply":            {message(func(m *bridge.Message) { m.Thread = "" }), "Thread of the reply"},
		"inbound/sender_and_time":         {message(func(m *bridge.Message) { m.Time = m.Time.Add(time.Hour) }), "away from the network's"},
		"inbound/one_event_each":          {double, "11 messages became"},
		"inbound/unlinked_chats_stay_out": {mixChats, "differ"},
		"inbound/nothing_before_follow": {func(m *mutant) {
			m.follow = func(bridge.Cursor, error) (bridge.Cursor, error) { return "0", nil }
		}, "from before Follow"},

		"outbound/plain_corpus": {outgoing(func(m *bridge.Outgoing) { m.Content.Body = strings.ToUpper(m.Content.Body) }), "the network shows"},
		"outbound/bold":         {outgoing(func(m *bridge.Outgoing) { m.Content.FormattedBody = "" }), "sent bold"},
		"outbound/html_like": {outgoing(func(m *bridge.Outgoing) {
			m.Content.Body, _, _ = strings.Cut(m.Content.Body, "<")
		}), "lacks"},
		"outbound/longest": {func(m *mutant) {
			m.caps = func(c bridge.Capabilities) bridge.Capabilities { c.MaxText *= 2; return c }
		}, "too large"},
		"outbound/too_large": {outgoing(func(m *bridge.Outgoing) {
			if r := []rune(m.Content.Body); len(r) > 4000 {
				m.Content.Body = string(r[:4000])
			}
		}), "longer than MaxText"},
		"outbound/nul_and_control":      {refuse("\x00", errors.New("mutant")), "control characters"},
		"outbound/empty":                {refuseEmpty, "an empty text"},
		"outbound/author_shown":         {outgoing(func(m *bridge.Outgoing) { m.Author.Name = "bridge" }), "is shown as"},
		"outbound/mention":              {outgoing(func(m *bridge.Outgoing) { m.People = nil }), "want the mention"},
		"outbound/everyone_is_harmless": {sendRaw, "alarms everybody"},
		"outbound/thread_reply":         {outgoing(func(m *bridge.Outgoing) { m.Thread = "" }), "has the root"},
		"outbound/receipt": {func(m *mutant) {
			m.send = func(ctx context.Context, o *bridge.Outgoing, next sendFunc) (bridge.Receipt, error) {
				r, err := next(ctx, o)
				r.ID += "0"
				return r, err
			}
		}, "the receipt says"},

		"mentions/person":          {message(func(m *bridge.Message) { m.Content.FormattedBody = "" }), "mentions the people"},
		"mentions/chat":            {message(func(m *bridge.Message) { m.Content.FormattedBody = "" }), "mentions the chats"},
		"mentions/chat_sent":       {outgoing(func(m *bridge.Outgoing) { m.Chats = nil }), "want a mention"},
		"mentions/closed_chat":     {message(func(m *bridge.Message) { m.Content.Body += " Elsewhere" }), "a closed chat is told of"},
		"mentions/all_by_entitled": {message(func(m *bridge.Message) { m.MentionsAll = false }), "want @room in it"},
		"mentions/all_by_others":   {message(func(m *bridge.Message) { m.MentionsAll = true }), "not entitled"},
		"mentions/all_while_away":  {message(func(m *bridge.Message) { m.MentionsAll = true }), "of two authors"},
		"mentions/all_sent":        {outgoing(func(m *bridge.Outgoing) { m.MentionsAll = true }), "of two messages"},
		"mentions/all_in_edit": {func(m *mutant) {
			m.edit = func(_ context.Context, o *bridge.OutgoingEdit, next func() error) error {
				o.MentionsAll = true
				return next()
			}
		}, "an edit alarms everybody"},

		"idempotence/same_key_twice":             {ignoreKey, "a repeat answers"},
		"idempotence/same_key_after_restart":     {ignoreKey, "a repeat answers"},
		"idempotence/same_text_other_key":        {dedupeByText, "two keys with one text"},
		"idempotence/uncertain_and_not_there":    {trustUncertain, "want 3"},
		"idempotence/answer_lost":                {ignoreKey, "the network shows 3 messages"},
		"idempotence/answer_lost_then_restart":   {ignoreKey, "the message 2 times"},
		"idempotence/answers_lost_in_many_lanes": {ignoreKey, "a lane sent"},
		"idempotence/edit_answer_lost": {func(m *mutant) {
			m.edit = func(_ context.Context, _ *bridge.OutgoingEdit, next func() error) error {
				_ = next()
				return nil
			}
		}, "an answer that is lost"},

		"echo/message_has_its_key":   {forgetEcho[bridge.Event], "Echo key"},
		"echo/overtakes_the_answer":  {echoAfterAnswer, "Echo key"},
		"echo/answer_lost":           {echoAfterAnswer, "Echo key"},
		"echo/edit_has_its_key":      {forgetEcho[*bridge.Edit], "Echo key"},
		"echo/removal_is_no_news":    {removalAsEdit, "came back as an edit"},
		"echo/in_catch_up":           {forgetEchoCatchingUp, "without Echo"},
		"echo/of_the_process_before": {forgetEchoCatchingUp, "Echo key"},

		"order/inbound":            {swapMessages, "differ"},
		"order/inbound_duplicated": {double, "differ"},
		"order/inbound_reordered":  {swapMessages, "differ"},
		"order/outbound":           {swapSends, "in another order"},
		"order/both_ways":          {swapSends, "in another order"},
		"order/edits":              {oldEdits, "differ"},

		"resume/cut_at_every_step":               {noCatchUp, "differ"},
		"resume/restart_at_every_step":           {noCatchUp, "differ"},
		"resume/store_fails_at_every_deliver":    {swallowStoreErrors, "differ"},
		"resume/crash_after_every_commit":        {noCatchUp, "differ"},
		"resume/cut_while_deliver_blocks":        {noCatchUp, "differ"},
		"resume/changes_while_away":              {noCatchUp, "differ"},
		"resume/many_missed":                     {onePage, "differ"},
		"resume/many_missed_store_fails":         {cursorEarly, "differ"},
		"resume/cursor_is_honoured":              {fromTheBeginning, "events again"},
		"resume/server_errors_while_catching_up": {noCatchUp, "differ"},

		"relations/inbound_edit":            {drop[*bridge.Edit], "the edit is delivered"},
		"relations/inbound_removal":         {drop[*bridge.Removal], "differ"},
		"relations/inbound_removal_of_root": {noCascade, "differ"},
		"relations/outbound_edit": {func(m *mutant) {
			m.edit = func(context.Context, *bridge.OutgoingEdit, func() error) error { return nil }
		}, "after the edit"},
		"relations/outbound_removal": {func(m *mutant) {
			m.remove = func(func() error) error { return nil }
		}, "shows 2 messages"},
		"relations/edit_of_nothing":  {failing(is(bridge.ErrNotFound), bridge.ErrRejected), "an edit of what is gone"},
		"relations/reply_to_nothing": {failing(is(bridge.ErrNotFound), errTemporary), "a reply to what is gone"},

		"pins/inbound":            {func(m *mutant) { m.pins = true }, "a change of pins is told"},
		"pins/inbound_while_away": {func(m *mutant) { m.pins = true }, "a change of pins is told"},
		"pins/outbound": {func(m *mutant) {
			m.pin = func(func() error) error { return nil }
		}, "the network shows the pins"},
		"pins/of_nothing": {failing(is(bridge.ErrNotFound), errTemporary), "a pin of what"},

		"reactions/inbound":                         {drop[*bridge.Reactions], "reactions are"},
		"reactions/inbound_to_ours":                 {drop[*bridge.Reactions], "reactions are"},
		"reactions/inbound_while_away":              {noCatchUp, "reactions are"},
		"reactions/inbound_while_connection_is_cut": {drop[*bridge.Reactions], "reactions are"},
		"reactions/outbound": {func(m *mutant) {
			m.react = func(func() error) error { return nil }
		}, "the network shows"},
		"reactions/own_are_left_out": {ownReactions, "reactions are"},
		"reactions/answer_lost":      {failing(isTemporary, bridge.ErrRejected), "an answer that is lost"},
		"reactions/unknown_emoji":    {failing(is(bridge.ErrUnsupported), errTemporary), "an unknown emoji"},
		"reactions/to_nothing":       {failing(is(bridge.ErrNotFound), errTemporary), "React to"},
		"reactions/server_errors":    {failing(isTemporary, bridge.ErrRejected), "a server error"},

		"puppets/speak_for_themselves": {message(func(m *bridge.Message) { m.Echo = "x" }), "the message is delivered"},
		"puppets/one_for_each": {func(m *mutant) {
			m.puppet = func(_, p *bridge.Puppet) *bridge.Puppet { p.User += bridge.UserID(p.Login.Secret); return p }
		}, "a second account"},
		"puppets/name_and_picture": {func(m *mutant) {
			m.puppet = func(old, p *bridge.Puppet) *bridge.Puppet {
				if old != nil {
					p.Login.Secret = "another"
				}
				return p
			}
		}, "another account or secret"},
		"puppets/secret_renewed": {func(m *mutant) {
			m.puppet = func(old, p *bridge.Puppet) *bridge.Puppet {
				if old != nil {
					p.Login.Secret = ""
				}
				return p
			}
		}, "without a secret"},
		"puppets/disabled":           {failing(is(bridge.ErrLoggedOut), errTemporary), "of a disabled account"},
		"puppets/come_and_go":        {func(m *mutant) { m.stay = true }, "Send as a puppet"},
		"puppets/found_by_the_login": {func(m *mutant) { m.blind = true }, "Find by"},
		"puppets/react_each":         {func(m *mutant) { m.react = func(func() error) error { return nil } }, "want ["},
		"puppets/edit_and_remove_own": {func(m *mutant) {
			m.edit = func(context.Context, *bridge.OutgoingEdit, func() error) error { return nil }
		}, "after the edit"},

		"directs/told_live":             {func(m *mutant) { m.direct = func(*bridge.Direct) bool { return false } }, "the message is delivered"},
		"directs/told_after_being_away": {noCatchUp, "the message is delivered"},
		"directs/group":                 {func(m *mutant) { m.direct = func(d *bridge.Direct) bool { d.People = d.People[:1]; return true } }, "in it are"},
		"directs/unwanted_stays_out":    {func(m *mutant) { m.direct = func(d *bridge.Direct) bool { d.People = nil; return true } }, "in it are"},
		"directs/opened":                {func(m *mutant) { m.direct = func(d *bridge.Direct) bool { d.Chat += "x"; return true } }, "opened"},

		"capabilities/declared_is_implemented": {func(m *mutant) {
			m.plain = true
			m.caps = func(c bridge.Capabilities) bridge.Capabilities { c.Edits = true; return c }
		}, "declares Edits"},
		"capabilities/are_facts": {changingCaps, "capabilities changed"},
		"capabilities/check_finds": {func(m *mutant) {
			m.check = func([]bridge.Finding) []bridge.Finding { return nil }
		}, "Check found nothing"},
		"capabilities/check_finds_a_dead_login": {func(m *mutant) {
			m.check = func([]bridge.Finding) []bridge.Finding {
				return []bridge.Finding{{Level: bridge.LevelOK, What: "all"}}
			}
		}, "a dead login healthy"},

		"errors/unauthorized":  {failing(is(bridge.ErrLoggedOut), errTemporary), "a token that is not valid"},
		"errors/revoked":       {failing(is(bridge.ErrLoggedOut), errTemporary), "Run ends for good"},
		"errors/rate_limited":  {failing(isTemporary, errTemporary), "After is 0s"},
		"errors/server_error":  {failing(isTemporary, bridge.ErrRejected), "a broken server"},
		"errors/timeout":       {failing(isTemporary, bridge.ErrRejected), "without an answer"},
		"errors/forbidden":     {failing(is(bridge.ErrForbidden), errTemporary), "without the right"},
		"errors/unknown_chat":  {failing(is(bridge.ErrNotFound), errTemporary), "Send to a private chat"},
		"errors/archived_chat": {failing(is(bridge.ErrForbidden), errTemporary), "an archived chat"},
		"errors/cancelled":     {failing(is(context.Canceled), bridge.ErrRejected), "an ended context"},

		"metadata/chat": {func(m *mutant) {
			m.chat = func(i *bridge.ChatInfo, err error) (*bridge.ChatInfo, error) { i.Topic = ""; return i, err }
		}, "Chat is"},
		"metadata/private_chat": {func(m *mutant) {
			m.follow = func(c bridge.Cursor, _ error) (bridge.Cursor, error) { return c, nil }
		}, "Follow of a private chat"},
		"metadata/unknown_chat":             {failing(is(bridge.ErrNotFound), bridge.ErrForbidden), "not for us"},
		"metadata/chat_change":              {drop[*bridge.ChatChange], "a ChatChange tells"},
		"metadata/chat_archived":            {drop[*bridge.ChatGone], "a ChatGone tells"},
		"metadata/chat_archived_while_away": {drop[*bridge.ChatGone], "a ChatGone tells"},
		"metadata/user": {func(m *mutant) {
			m.user = func(i *bridge.UserInfo, err error) (*bridge.UserInfo, error) {
				i.Name = strings.ToLower(i.Name)
				return i, err
			}
		}, "User is"},
		"metadata/unknown_user": {failing(is(bridge.ErrNotFound), errTemporary), "User of nobody"},
		"metadata/user_change":  {drop[*bridge.UserChange], "a UserChange tells"},
		"metadata/avatar":       {func(m *mutant) { m.mime = "text/html" }, "the picture's type"},
		"metadata/resolve": {func(m *mutant) {
			m.resolve = func(string, []bridge.ChatInfo, error) ([]bridge.ChatInfo, error) { return nil, nil }
		}, "Resolve of a plain ref"},

		"members/list": {members(func(l *bridge.MemberList) { l.People = l.People[:1] }), "on the list is"},
		"members/long_list": {members(func(l *bridge.MemberList) {
			l.People = l.People[:min(200, len(l.People))]
		}), "are missing"},
		"members/sign":                 {members(func(l *bridge.MemberList) { l.Same = false }), "read again"},
		"members/hints":                {drop[*bridge.Members], "a hint tells who has joined"},
		"members/hints_while_away":     {drop[*bridge.Members], "joined meanwhile"},
		"members/closed_account":       {drop[*bridge.UserChange], "tells of the closed account"},
		"members/of_a_chat_not_for_us": {failing(is(bridge.ErrNotFound), errTemporary), "not for us"},

		"spaces/of_a_chat": {func(m *mutant) { m.space = func(i *bridge.SpaceInfo) { i.Open = false } }, "Space is"},
		"spaces/change":    {func(m *mutant) { m.spaces = true }, "a change of the space is told"},
		"spaces/unknown":   {failing(is(bridge.ErrNotFound), errTemporary), "Space of nothing"},
		"spaces/archived":  {drop[*bridge.ChatGone], "a ChatGone tells"},
		"spaces/archived_while_away": {func(m *mutant) {
			m.deliver = each(func(ev bridge.Event) []bridge.Event {
				if c, ok := ev.(*bridge.ChatChange); ok && !c.Info.Gone {
					return nil
				}
				return []bridge.Event{ev}
			})
		}, "the chat is back"},

		"typing/inbound": {func(m *mutant) {
			m.types = func(s bridge.Sink, t bridge.Typing) { t.Sender = "somebody"; s.Typing(t) }
		}, "typing of"},
		"typing/outbound":      {func(m *mutant) { m.noType = true }, "sees that somebody types"},
		"typing/is_not_stored": {typingAsMessage, "typing became 1 events"},

		"confide/finds_people_by_name": {func(m *mutant) {
			m.find = func(_ *bridge.UserInfo, err error) (*bridge.UserInfo, error) {
				return &bridge.UserInfo{ID: "somebody"}, err
			}
		}, "found \"somebody\""},
		"confide/reaches_one_person": {func(m *mutant) {
			m.confide = func(mutantClient, bridge.UserID, string, func() error) error { return nil }
		}, "the person reads it"},
		"confide/is_no_event": {confideInPublic, "the chat shows 3 messages"},
		"confide/refusals":    {failing(is(bridge.ErrNotFound), errTemporary), "to nobody"},

		"keys/same_live_and_in_catch_up": {unstableKeys, "keys changed"},
		"keys/same_in_every_catch_up":    {unstableKeys, "keys changed"},

		"files/inbound":            {message(func(m *bridge.Message) { m.Files = nil }), "the files of the message differ"},
		"files/inbound_while_away": {message(func(m *bridge.Message) { slices.Reverse(m.Files) }), "the files of the message differ"},
		"files/inbound_edit": {func(m *mutant) {
			m.deliver = each(func(ev bridge.Event) []bridge.Event {
				if e, ok := ev.(*bridge.Edit); ok {
					e.Files = nil
				}
				return []bridge.Event{ev}
			})
		}, "the edit tells the files"},
		"files/inbound_gone":          {failing(is(bridge.ErrNotFound), errTemporary), "a file that is gone"},
		"files/outbound":              {outgoing(func(m *bridge.Outgoing) { m.Files = nil }), "other files"},
		"files/outbound_without_text": {outgoing(func(m *bridge.Outgoing) { m.Files, m.Content.Body = nil, "file" }), "other files"},
		"files/outbound_source_fails": {outgoing(func(m *bridge.Outgoing) { m.Files = nil }), "a source that fails"},
		"files/outbound_too_large":    {failing(is(bridge.ErrTooLarge), errTemporary), "larger than the limit"},
		"files/outbound_answer_lost":  {ignoreKey, "the network shows 3 messages"},
		"files/outbound_edit_keeps_the_file": {func(m *mutant) {
			m.edit = func(_ context.Context, e *bridge.OutgoingEdit, next func() error) error {
				err := next()
				m.net.EditFiles("anybody", e.Chat, e.Target, e.Content.Body)
				return err
			}
		}, "lost its file"},

		"presence/of_people": {func(m *mutant) {
			m.there = func(_ []bridge.UserID, all map[bridge.UserID]bridge.Presence) {
				for u, p := range all {
					if p == bridge.PresenceBusy {
						all[u] = bridge.PresenceAway
					}
				}
			}
		}, "the network tells that a person is busy"},
		"presence/of_many": {func(m *mutant) {
			m.there = func(users []bridge.UserID, all map[bridge.UserID]bridge.Presence) {
				for _, u := range users[min(200, len(users)):] {
					delete(all, u)
				}
			}
		}, "of 451 people 200 are told"},
		"presence/of_unknown_people": {func(m *mutant) {
			m.there = func(users []bridge.UserID, all map[bridge.UserID]bridge.Presence) {
				for _, u := range users {
					if _, known := all[u]; !known {
						clear(all)
					}
				}
			}
		}, "told are 0 people"},
		"presence/in_trouble": {failing(func(error) bool { return true }, bridge.ErrForbidden), "want an error that passes"},

		"secrets/at_work": {func(m *mutant) {
			m.deliver = each(func(ev bridge.Event) []bridge.Event {
				m.log.LogAttrs(context.Background(), slog.LevelDebug-4, "event", slog.String("event", fmt.Sprintf("%+v", ev)))
				if e, ok := ev.(*bridge.Message); ok {
					m.log.LogAttrs(context.Background(), slog.LevelDebug, "message", slog.String("body", e.Content.Body))
				}
				return []bridge.Event{ev}
			})
		}, "the log holds"},
		"secrets/in_trouble": {func(m *mutant) {
			m.fails = func(err error) error { return fmt.Errorf("with token-of-the-relay: %w", err) }
		}, "an error of type"},
	}
}

// Each case of the suite fails when it must, and says why.
func TestEveryCaseCanFail(t *testing.T) {
	t.Parallel()
	all := proofs()
	for _, c := range bridgetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			p, ok := all[c.Name]
			if !ok {
				t.Fatalf("no mutant proves that the case can fail")
			}
			r := record(t, c, bridgetest.Opts{New: newMutantEnv(p.mutate), Settle: 500 * time.Millisecond})
			switch {
			case r.Skipped():
				t.Errorf("the case was skipped: %s", r.said())
			case !r.Failed():
				t.Errorf("the case does not catch its mutant")
			case !strings.Contains(r.said(), p.says):
				t.Errorf("the case fails, but does not say %q:\n%s", p.says, r.said())
			}
		})
	}
	for name := range all {
		known := false
		for _, c := range bridgetest.Cases() {
			known = known || c.Name == name
		}
		if !known {
			t.Errorf("a proof for %q, which is no case", name)
		}
	}
}

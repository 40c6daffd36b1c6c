package mattermost

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/steg-bridge/steg/core/bridge"
)

func (r *rig) members(chat bridge.ChatID, known string) *bridge.MemberList {
	r.t.Helper()
	list, err := r.client.Members(r.t.Context(), chat, known)
	if err != nil {
		r.t.Fatalf("Members: %v", err)
	}
	return list
}

func has(list *bridge.MemberList, user string) bool {
	return slices.ContainsFunc(list.People, func(u bridge.UserInfo) bool { return string(u.ID) == user })
}

// Five thousand people are read in 26 pages, and not read again as long as there
// are as many.
func TestMembersOfLargeChannel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	crowd := r.server.Fill(string(chat), 5000)
	list := r.members(chat, "")
	for _, user := range crowd {
		if !has(list, user) {
			t.Fatal("somebody is missing")
		}
	}
	if len(list.People) != 5002 { // with Kim and the bot
		t.Errorf("%d people", len(list.People))
	}
	if got := r.server.Calls("GET", "/users?", "in_channel="); got != 26 {
		t.Errorf("%d pages were read, want 26", got)
	}
	if again := r.members(chat, list.Sign); !again.Same {
		t.Error("the list is read again")
	}
	if got := r.server.Calls("GET", "/users?", "in_channel="); got != 26 {
		t.Errorf("%d pages were read for an unchanged list", got-26)
	}

	// Of who leaves the team no channel tells.
	r.server.LeaveTeam(r.team, crowd[7])
	if list = r.members(chat, list.Sign); list.Same || has(list, crowd[7]) {
		t.Error("who has left the team is still listed")
	}
}

// People who come and go while the pages are read move the others from page to
// page; nobody is missed.
func TestMembersThatMoveWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	crowd := r.server.Fill(string(chat), 900)
	stays := crowd[400:]
	var left atomic.Int64
	r.server.BetweenPages(func() {
		if n := left.Load(); n < 7 { // during the first two readings, of five pages each
			r.server.LeaveTeam(r.team, crowd[n])
			left.Add(1)
		}
	})
	list := r.members(chat, "")
	for _, user := range stays {
		if !has(list, user) {
			t.Fatal("somebody is missing")
		}
	}
	if left.Load() != 7 || len(list.People) != 900-7+2 {
		t.Errorf("%d people after %d have left", len(list.People), left.Load())
	}

	// A list that never stands still is an error, not a part.
	r.server.BetweenPages(func() {
		r.server.LeaveTeam(r.team, crowd[left.Add(1)])
	})
	_, err := r.client.Members(t.Context(), chat, "")
	if temporary, ok := errors.AsType[*bridge.TemporaryError](err); !ok || temporary.Shared {
		t.Errorf("error %v, want a temporary one of this channel", err)
	}
}

// Notices of the server become hints, once: live, in a sweep and again.
func TestNoticesBecomeHints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	lou, ming := r.server.NewUser("lou", "Lou"), r.server.NewUser("ming", "Ming")
	hints := func() (joined []bridge.UserID, count int) {
		for _, ev := range r.sink.Events(chat) {
			if m, ok := ev.(*bridge.Members); ok {
				joined = append(joined, m.Joined...)
				count++
			}
		}
		return joined, count
	}
	stop := r.connected()
	r.server.Join(string(chat), lou, "")
	r.server.Join(string(chat), ming, r.kim)
	r.server.Leave(string(chat), lou, r.kim)
	r.fence(chat)
	stop()
	r.restart()
	r.server.Leave(string(chat), ming, r.kim)
	r.connected()
	r.fence(chat)
	joined, count := hints()
	if want := []bridge.UserID{bridge.UserID(lou), bridge.UserID(ming)}; !slices.Equal(joined, want) || count != 4 {
		t.Errorf("%d hints, joined %v; want 4, joined %v", count, joined, want)
	}
	for _, ev := range r.sink.Messages(chat) {
		if ev.Content.Body != "fence" {
			t.Errorf("a notice crossed as text: %q", ev.Content.Body)
		}
	}
}

func TestClosedAndProgramAccounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chat := r.linked()
	lou := r.server.NewUser("lou", "Lou")
	r.server.Join(string(chat), lou, "")
	robot, _ := r.server.NewBot("robot", r.team)
	r.server.Join(string(chat), robot, r.kim)
	r.server.UpdateUser(lou, func(u *model.User) { u.DeleteAt = u.UpdateAt })
	list := r.members(chat, "")
	if has(list, lou) || !has(list, r.kim) {
		t.Errorf("listed: %+v", list.People)
	}
	for _, u := range list.People {
		if want := string(u.ID) == robot || string(u.ID) == r.bot; u.Bot != want {
			t.Errorf("%q is a program: %t", u.Name, u.Bot)
		}
	}
	if u, err := r.client.User(t.Context(), bridge.UserID(lou)); err != nil || !u.Gone {
		t.Errorf("a closed account: %+v %v", u, err)
	}
}

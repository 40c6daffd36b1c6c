package harness_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steg-bridge/steg/integration/harness"
	"github.com/steg-bridge/steg/integration/harness/harnesstest"
)

func TestPeopleTalkOnMattermost(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := servers.Mattermost(t)
	teamName := servers.Unique("gym")
	team, err := server.EnsureTeam(ctx, teamName)
	check(t, err)
	again, err := server.EnsureTeam(ctx, teamName)
	check(t, err)
	if team != again {
		t.Errorf("second EnsureTeam made %s beside %s", again, team)
	}
	channel, err := server.EnsureChannel(ctx, team, "lehrer", true)
	check(t, err)
	again, err = server.EnsureChannel(ctx, team, "lehrer", true)
	check(t, err)
	if channel != again {
		t.Errorf("second EnsureChannel made %s beside %s", again, channel)
	}
	anna, err := server.CreateUser(ctx, servers.Unique("anna"), team, channel)
	check(t, err)
	bruno, err := server.CreateUser(ctx, servers.Unique("bruno"), team)
	check(t, err)
	if _, err := bruno.ReadAll(ctx, channel); err == nil {
		t.Error("a stranger reads a private channel")
	}
	check(t, server.AddToChannel(ctx, channel, bruno.ID))

	root, err := anna.Post(ctx, channel, "Guten Tag")
	check(t, err)
	reply, err := bruno.Reply(ctx, root, "Grüezi")
	check(t, err)
	_, err = anna.Reply(ctx, reply, "und nochmals")
	check(t, err)
	check(t, anna.Edit(ctx, root, "Guten Abend"))
	gone, err := anna.Post(ctx, channel, "Versehen")
	check(t, err)
	check(t, anna.Delete(ctx, gone))
	check(t, bruno.React(ctx, root, "smile"))
	check(t, anna.React(ctx, root, "+1"))
	check(t, anna.Unreact(ctx, root, "+1"))
	file, err := bruno.SendFile(ctx, channel, "Plan", "plan.txt", []byte("Montag"))
	check(t, err)

	posts, err := anna.WaitForAll(ctx, channel, func(posts []harness.MattermostPost) bool {
		return len(posts) > 0 && posts[len(posts)-1].ID == file
	})
	check(t, err)
	type view struct {
		User, Root, Message string
		Edited              bool
	}
	var got []view
	for _, post := range posts {
		got = append(got, view{post.UserID, post.RootID, post.Message, post.EditAt > 0})
	}
	want := []view{
		{anna.ID, "", "Guten Abend", true},
		{bruno.ID, root, "Grüezi", false},
		{anna.ID, root, "und nochmals", false},
		{bruno.ID, "", "Plan", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("channel (-want +got):\n%s", diff)
	}
	reactions, err := anna.Reactions(ctx, root)
	check(t, err)
	if diff := cmp.Diff(map[string][]string{"smile": {bruno.ID}}, reactions); diff != "" {
		t.Errorf("reactions (-want +got):\n%s", diff)
	}
	data, err := anna.File(ctx, posts[len(posts)-1].FileIDs[0])
	check(t, err)
	if string(data) != "Montag" {
		t.Errorf("file holds %q", data)
	}
	everything, err := server.Admin.ReadEverything(ctx, channel, true)
	check(t, err)
	if !slices.ContainsFunc(everything, func(post harness.MattermostPost) bool { return post.ID == gone && post.DeleteAt > 0 }) {
		t.Error("the administrator does not see the deleted post")
	}
}

func TestMattermostReadsManyPosts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := servers.Mattermost(t)
	team, err := server.EnsureTeam(ctx, servers.Unique("viel"))
	check(t, err)
	channel, err := server.EnsureChannel(ctx, team, "viel", false)
	check(t, err)
	bot, err := server.CreateBot(ctx, servers.Unique("vielbot"), team, channel)
	check(t, err)
	const count = 205
	var want []string
	for i := range count {
		text := fmt.Sprintf("Nummer %d", i)
		_, err := bot.Post(ctx, channel, text)
		check(t, err)
		want = append(want, text)
	}
	if diff := cmp.Diff(want, postTexts(t, bot, channel)); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
}

func TestMattermostKeepsItsDataWhenKilled(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := harnesstest.Mattermost(t, harness.MattermostOptions{
		Postgres: servers.Postgres(t), NoUsernameOverride: true,
	})
	team, err := server.EnsureTeam(ctx, "gym")
	check(t, err)
	channel, err := server.EnsureChannel(ctx, team, "aushang", false)
	check(t, err)
	bot, err := server.CreateBot(ctx, "bot", team, channel)
	check(t, err)
	var config map[string]string
	check(t, bot.Call(ctx, http.MethodGet, "/config/client?format=old", nil, &config))
	if config["EnablePostUsernameOverride"] != "false" || config["EnablePostIconOverride"] != "true" {
		t.Errorf("overrides are %s and %s, want false and true",
			config["EnablePostUsernameOverride"], config["EnablePostIconOverride"])
	}

	_, err = bot.Post(ctx, channel, "vorher")
	check(t, err)
	check(t, server.Kill())
	if _, err := bot.Post(ctx, channel, "nie"); err == nil {
		t.Fatal("a killed server answered")
	}
	check(t, server.Start(ctx))
	_, err = bot.Post(ctx, channel, "nachher")
	check(t, err)
	check(t, server.Restart(ctx))
	if diff := cmp.Diff([]string{"vorher", "nachher"}, postTexts(t, bot, channel)); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
}

func postTexts(t *testing.T, p *harness.MattermostPerson, channel string) []string {
	t.Helper()
	posts, err := p.ReadAll(t.Context(), channel)
	check(t, err)
	var all []string
	for _, post := range posts {
		all = append(all, post.Message)
	}
	return all
}

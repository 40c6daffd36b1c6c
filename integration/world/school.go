package world

import (
	"context"
	"fmt"
	"net/http"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/integration/harness"
)

// School is who and what there is.
type School struct {
	Team    string // its name, as in the address of a channel
	TeamID  string
	Bot     *harness.MattermostPerson // Steg's account on Mattermost
	Anna    *Teacher
	Beat    *Teacher
	Carla   *Pupil
	Dario   *Pupil
	Admin   *Pupil  // the school's admin, who may give commands to Steg's bot
	Market  Channel // public
	Staff   Channel // private
	Further []Channel

	ports ports
}

// Teacher is somebody with a Mattermost account.
type Teacher struct {
	*harness.MattermostPerson

	Name string // as people on both sides see it
}

// Pupil is somebody with a Matrix account.
type Pupil struct {
	*harness.MatrixPerson

	Name string // as people on both sides see it
}

// Password is that of everybody on Matrix.
const Password = "correct-horse"

// Channel is a channel of the school's team.
type Channel struct {
	ID      string
	Ref     string // as Steg's configuration names it: team/channel
	Private bool
}

// Pupils lists the pupils.
func (s *School) Pupils() []*Pupil { return []*Pupil{s.Carla, s.Dario} }

// Channels lists all channels.
func (s *School) Channels() []Channel {
	return append([]Channel{s.Market, s.Staff}, s.Further...)
}

// makeSchool makes the Mattermost side.
func (w *World) makeSchool(ctx context.Context) error {
	w.say("making a school on Mattermost: a team, channels and two teachers")
	w.Team = w.options.Team
	var err error
	if w.TeamID, err = w.Mattermost.EnsureTeam(ctx, w.Team); err != nil {
		return err
	}
	if w.Bot, err = w.Mattermost.CreateBot(ctx, "steg-"+w.Team, w.TeamID); err != nil {
		return err
	}
	if w.Anna, err = w.Hire(ctx, "anna", "Anna", "Arnold"); err != nil {
		return err
	}
	if w.Beat, err = w.Hire(ctx, "beat", "Beat", "Bernet"); err != nil {
		return err
	}
	if w.Market, err = w.NewChannel(ctx, "market", false); err != nil {
		return err
	}
	if w.Staff, err = w.NewChannel(ctx, "class-3a", true); err != nil {
		return err
	}
	for i := range w.options.Channels {
		channel, err := w.NewChannel(ctx, fmt.Sprintf("channel-%03d", i+1), false)
		if err != nil {
			return err
		}
		w.Further = append(w.Further, channel)
	}
	return nil
}

// Hire makes a teacher. Account names are unique on a server, hence hold the
// team's name.
func (w *World) Hire(ctx context.Context, account, first, last string) (*Teacher, error) {
	person, err := w.Mattermost.CreateUser(ctx, account+"-"+w.Team, w.TeamID)
	if err != nil {
		return nil, err
	}
	name := map[string]string{"first_name": first, "last_name": last}
	if err := w.Mattermost.Admin.Call(ctx, http.MethodPut, "/users/"+person.ID+"/patch", name, nil); err != nil {
		return nil, fmt.Errorf("name teacher: %w", err)
	}
	return &Teacher{MattermostPerson: person, Name: first + " " + last}, nil
}

// NewChannel makes a channel of the team with both teachers and Steg's bot in it.
func (w *World) NewChannel(ctx context.Context, name string, private bool) (Channel, error) {
	channelID, err := w.Mattermost.EnsureChannel(ctx, w.TeamID, name, private)
	if err != nil {
		return Channel{}, err
	}
	for _, member := range []string{w.Bot.ID, w.Anna.ID, w.Beat.ID} {
		if err := w.Mattermost.AddToChannel(ctx, channelID, member); err != nil {
			return Channel{}, fmt.Errorf("fill channel: %w", err)
		}
	}
	return Channel{ID: channelID, Ref: w.Team + "/" + name, Private: private}, nil
}

// welcomePupils makes the Matrix side.
func (w *World) welcomePupils(ctx context.Context) error {
	w.say("making two pupils and the school's admin on Matrix")
	var err error
	if w.Carla, err = w.NewPupil(ctx, "carla", "Carla Conrad"); err != nil {
		return err
	}
	if w.Dario, err = w.NewPupil(ctx, "dario", "Dario Danioth"); err != nil {
		return err
	}
	w.Admin, err = w.NewPupil(ctx, "admin", "School Admin")
	return err
}

// NewPupil makes somebody on Matrix.
func (w *World) NewPupil(ctx context.Context, localpart, name string) (*Pupil, error) {
	if err := w.Homeserver.RegisterUser(ctx, localpart, Password, false); err != nil {
		return nil, err
	}
	person, err := w.Homeserver.Login(ctx, localpart, Password)
	if err != nil {
		return nil, err
	}
	if err := person.SetDisplayName(ctx, name); err != nil {
		return nil, fmt.Errorf("name pupil: %w", err)
	}
	return &Pupil{MatrixPerson: person, Name: name}, nil
}

// AdminID is who may give commands to the bot.
func (w *World) AdminID() id.UserID { return id.NewUserID("admin", w.options.ServerName) }

// Ghost is the Matrix user that stands for a teacher.
func (w *World) Ghost(t *Teacher) id.UserID {
	return id.NewUserID("_steg_mm_"+t.ID, w.options.ServerName)
}

// BotID is Steg's bot on Matrix.
func (w *World) BotID() id.UserID { return id.NewUserID("steg", w.options.ServerName) }

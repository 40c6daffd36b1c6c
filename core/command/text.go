package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/steg-bridge/steg/core/store"
)

// Meaning says what a mode lets through, in words.
func Meaning(m store.Mode) string {
	switch m {
	case store.ModeOff:
		return "nothing crosses"
	case store.ModeAnnounce:
		return "from the network to Matrix only"
	case store.ModeBoth:
		return "both ways"
	case store.ModeInbox:
		return "from Matrix to the network only"
	}
	return "unknown"
}

// Direction says where a lane leads, in words.
func Direction(d store.Dir) string {
	switch d {
	case store.DirIn:
		return "to Matrix"
	case store.DirOut:
		return "to the network"
	case store.DirControl:
		return "to the bot"
	}
	return string(d)
}

// Linked tells what happens after a chat was linked.
func Linked(p store.Portal) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s is linked: %s.", p.Bridge, p.Ref, Meaning(p.Mode))
	if p.Room == "" {
		out.WriteString(" Its room is being made, and you are invited if the chat is private.")
	}
	if p.Private && p.Members == "" {
		out.WriteString(" The chat is private: only the school's administrators may be in its room, until members are named with --member.")
	}
	if p.Mode == store.ModeAnnounce {
		fmt.Fprintf(&out, " To let people write back: mode %s %s both", p.Bridge, p.Ref)
	}
	return out.String()
}

// String shows the account as the equation that always holds.
func (a Account) String() string {
	return fmt.Sprintf("received %d = delivered %d + dropped %d + dead %d + pending %d", a.Received, a.Delivered, a.Dropped, a.Dead, a.Pending)
}

// text shows a status in the management room. Portals with trouble come first
// when there are too many.
func (s Status) text(now time.Time) string {
	const most = 60
	var out strings.Builder
	for _, b := range s.Bridges {
		state := string(b.State)
		if state == "" {
			state = "never started"
		}
		fmt.Fprintf(&out, "%s: %s", b.ID, state)
		if b.Cause != "" {
			fmt.Fprintf(&out, " (%s)", b.Cause)
		}
		out.WriteString("\n")
	}
	if len(s.Portals) == 0 {
		out.WriteString("No chat is linked yet. Write help to learn how.\n")
	}
	shown := 0
	for _, troubled := range []bool{true, false} {
		for _, p := range s.Portals {
			if p.troubled() == troubled && shown < most {
				out.WriteString(p.text(now) + "\n")
				shown++
			}
		}
	}
	if rest := len(s.Portals) - shown; rest > 0 {
		fmt.Fprintf(&out, "… and %d more without trouble or not shown\n", rest)
	}
	return out.String() + s.Account.String()
}

// troubled tells whether something waits or is stuck.
func (p PortalStatus) troubled() bool {
	return p.Paused != "" || p.In.Pending+p.Out.Pending+p.In.Dead+p.Out.Dead > 0
}

func (p PortalStatus) text(now time.Time) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s: %s", p.Bridge, p.Ref, p.Mode)
	if p.Room == "" && p.Mode != store.ModeOff {
		out.WriteString(", no room yet")
	}
	if !p.Follows && p.Mode != store.ModeOff && p.Paused == "" {
		out.WriteString(", not followed yet")
	}
	if p.Paused != "" {
		out.WriteString(", paused: " + p.Paused)
	}
	for _, lane := range []struct {
		where string
		LaneStatus
	}{{"to Matrix", p.In}, {"to the network", p.Out}} {
		if lane.Pending > 0 {
			fmt.Fprintf(&out, ", %d wait %s since %s", lane.Pending, lane.where, Age(now.Sub(lane.Oldest)))
			if lane.LastError != "" {
				out.WriteString(" (" + lane.LastError + ")")
			}
		}
		if lane.Dead > 0 {
			fmt.Fprintf(&out, ", %d dead %s", lane.Dead, lane.where)
		}
	}
	return out.String()
}

// Age shows a duration in its largest fitting unit.
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

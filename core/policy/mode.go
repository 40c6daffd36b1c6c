package policy

import "github.com/steg-bridge/steg/core/store"

// Crosses reports whether mode lets messages go in direction dir.
func Crosses(mode store.Mode, dir store.Dir) bool {
	switch mode {
	case store.ModeBoth:
		return true
	case store.ModeAnnounce:
		return dir == store.DirIn
	case store.ModeInbox:
		return dir == store.DirOut
	case store.ModeOff:
		return false
	}
	return false
}

// WriteLocked reports whether people in the room must not be able to write in
// this mode. It is made visible through the room's power levels.
func WriteLocked(mode store.Mode) bool { return !Crosses(mode, store.DirOut) }

// Package policy decides what may cross: modes, the membership guard of private
// chats, the loop breaker and clean names. Pure functions and small values; it
// knows neither homeserver nor network nor database.
//
// The rules, closed by default:
//
//   - nothing crosses a portal that nobody linked;
//   - a new portal is [store.ModeAnnounce]: network to Matrix only;
//   - the room of a private chat holds only people who are entitled to it,
//     otherwise the portal pauses;
//   - what Steg drops, it drops under a name (the constants below), so that the
//     account can tell why.
package policy

// The names of the policies under which items are dropped.
const (
	DropMode          = "mode"             // the portal's mode forbids the direction
	DropOff           = "off"              // the portal was switched off or unlinked meanwhile
	DropType          = "type"             // a kind of event that no bridge carries yet
	DropForeign       = "foreign-message"  // an edit or removal of somebody else's message
	DropTarget        = "unknown-target"   // an edit or removal of a message that never crossed
	DropRemoved       = "removed-earlier"  // removed before it crossed
	DropOrigin        = "origin"           // it came from there
	DropHops          = "hops"             // crossed too many gateways
	DropUnsupported   = "unsupported"      // the network has no such power
	DropEmpty         = "empty"            // nothing to show
	DropNotForUs      = "not-for-us"       // a control event that asks nothing of the bot
	DropMoved         = "moved-room"       // a change of a message in a room that was upgraded since, and takes none
	DropNoticeTrouble = "notice-not-shown" // a notice that nobody can be shown
)

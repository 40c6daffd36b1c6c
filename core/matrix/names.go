package matrix

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
)

const (
	// maxUserID is the length limit of a user ID in bytes (Matrix appendices,
	// "User identifiers").
	maxUserID = 255
	// hashedMark starts the encoded part of IDs that were too long. The encoding
	// of an ID never contains it: there "_" is followed by a letter or "_".
	hashedMark = "_."
)

// names knows who and what is ours by name alone.
type names struct {
	server string
	prefix string
	bot    id.UserID
	sender id.UserID // "" when unknown
}

// Bot is the user that manages rooms and talks to people.
func (n *names) Bot() id.UserID { return n.bot }

// ServerName is the homeserver's name.
func (n *names) ServerName() string { return n.server }

// GhostID names the ghost of a remote person: prefix, bridge and encoded ID, in
// lower case. IDs too long for Matrix are hashed; [names.ParseGhost] cannot turn
// those back.
func (n *names) GhostID(b bridge.ID, u bridge.UserID) id.UserID {
	local := n.prefix + string(b) + "_"
	encoded := id.EncodeUserLocalpart(string(u))
	if len("@:")+len(local)+len(encoded)+len(n.server) > maxUserID {
		sum := sha256.Sum256([]byte(u))
		encoded = hashedMark + hex.EncodeToString(sum[:20])
	}
	return id.NewUserID(local+encoded, n.server)
}

// ParseGhost is the reverse of GhostID. The UserID is "" when it was hashed. ok
// is false for what GhostID never makes.
func (n *names) ParseGhost(mxid id.UserID) (b bridge.ID, u bridge.UserID, ok bool) {
	local, ok := n.local(string(mxid), '@')
	if !ok {
		return "", "", false
	}
	first, encoded, ok := strings.Cut(local, "_")
	if !ok || first == "" || encoded == "" {
		return "", "", false
	}
	if hash, hashed := strings.CutPrefix(encoded, hashedMark); hashed {
		return bridge.ID(first), "", len(hash) == 40 && isHex(hash)
	}
	decoded, err := id.DecodeUserLocalpart(encoded)
	if err != nil || n.GhostID(bridge.ID(first), bridge.UserID(decoded)) != mxid {
		return "", "", false
	}
	return bridge.ID(first), bridge.UserID(decoded), true
}

// Ours tells whether a user is the bot, the registration's own user, or in the
// ghosts' namespace.
func (n *names) Ours(mxid id.UserID) bool {
	if mxid == n.bot || (n.sender != "" && mxid == n.sender) {
		return true
	}
	_, ok := n.local(string(mxid), '@')
	return ok
}

// AliasFor names a room: local is the part after the prefix.
func (n *names) AliasFor(local string) id.RoomAlias {
	return id.NewRoomAlias(n.prefix+local, n.server)
}

// ParseAlias is the reverse of AliasFor.
func (n *names) ParseAlias(alias id.RoomAlias) (local string, ok bool) {
	return n.local(string(alias), '#')
}

// local cuts sigil, prefix and server off an identifier.
func (n *names) local(s string, sigil byte) (string, bool) {
	if s == "" || s[0] != sigil {
		return "", false
	}
	rest, ok := strings.CutPrefix(s[1:], n.prefix)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, ":"+n.server)
	return rest, ok && rest != ""
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

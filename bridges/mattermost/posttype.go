package mattermost

import (
	"strings"

	"github.com/mattermost/mattermost/server/public/model"
)

// postKind is what the post of a type is for the core.
type postKind int

const (
	postNothing postKind = iota // for the server's own people only, or nothing that may be copied
	postMessage                 // what a person or an integration wrote
	postNotice                  // what the server says, to be read
	postMembers                 // somebody has come or gone: the list of members is the truth
	postState                   // the channel is another now: its data is the truth
)

// postKinds are the types of posts (model/post.go of the server). The rest are those
// of plugins, which begin with custom_ and are messages, and what newer servers make.
var postKinds = map[string]postKind{ //nolint:gochecknoglobals // a constant table
	model.PostTypeDefault:           postMessage,
	model.PostTypeMe:                postMessage, // as an emote
	model.PostTypeMessageAttachment: postMessage,

	model.PostTypeSystemGeneric: postNotice,
	model.PostTypeAutoResponder: postNotice, // somebody's automatic answer
	model.PostTypeWrangler:      postNotice, // a thread was moved

	model.PostTypeJoinChannel:       postMembers,
	model.PostTypeGuestJoinChannel:  postMembers,
	model.PostTypeLeaveChannel:      postMembers,
	model.PostTypeJoinLeave:         postMembers,
	model.PostTypeAddToChannel:      postMembers,
	model.PostTypeAddGuestToChannel: postMembers,
	model.PostTypeRemoveFromChannel: postMembers,
	model.PostTypeAddRemove:         postMembers,
	model.PostTypeJoinTeam:          postMembers, // in the channels that everybody of a team is in
	model.PostTypeLeaveTeam:         postMembers,
	model.PostTypeAddToTeam:         postMembers,
	model.PostTypeRemoveFromTeam:    postMembers,

	model.PostTypeHeaderChange:         postState,
	model.PostTypePurposeChange:        postState,
	model.PostTypeDisplaynameChange:    postState,
	model.PostTypeConvertChannel:       postState,
	model.PostTypeChangeChannelPrivacy: postState,
	model.PostTypeChannelDeleted:       postState,
	model.PostTypeChannelRestored:      postState,
	model.PostTypeMoveChannel:          postState,
	model.PostTypeGMConvertedToChannel: postState,

	model.PostTypeEphemeral:             postNothing, // one person sees it
	model.PostTypeReminder:              postNothing, // likewise
	model.PostTypeBurnOnRead:            postNothing, // nobody may keep it
	model.PostTypeCard:                  postNothing, // no text
	model.PostTypeAddBotTeamsChannels:   postNothing, // advice for administrators
	model.PostTypeAutotranslationChange: postNothing,
	model.PostTypeSharedChannelState:    postNothing,
}

// kindOf tells what a post is.
func kindOf(p *model.Post) postKind {
	if strings.HasPrefix(p.Type, model.PostCustomTypePrefix) {
		return postMessage
	}
	return postKinds[p.Type]
}

// bridged tells whether a post crosses as a message.
func bridged(p *model.Post) bool {
	kind := kindOf(p)
	return kind == postMessage || kind == postNotice
}

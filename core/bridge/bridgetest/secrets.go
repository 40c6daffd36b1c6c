package bridgetest

import (
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
)

// That nothing leaks is looked at after every case; these make the occasions
// on which it is most tempting.
func secretCases() []Case {
	return []Case{
		{Name: "at_work", run: secretsAtWork},
		{Name: "in_trouble", Needs: []Fault{FaultCut}, run: secretsInTrouble},
	}
}

func secretsAtWork(k *kit) {
	kim, lou, chat := k.user("Kim"), k.user("Lou"), k.chat()
	k.startConnected()
	for _, step := range k.script(kim, lou, chat) {
		step()
	}
	k.remote.RenameUser(k.tb, kim, "Kim-Lou "+canary)
	k.remote.RenameChat(k.tb, chat, "Neu "+canary)
	k.wantSame(kim, chat)
}

func secretsInTrouble(k *kit) {
	kim, chat := k.user("Kim"), k.chat()
	k.startConnected()
	for _, f := range []Fault{
		FaultForbidden, FaultNotFound, FaultRateLimited, FaultServer, FaultAnswerLost, FaultUnauthorized,
	} {
		if !k.remote.Can(f) {
			continue
		}
		k.remote.FailNext(k.tb, 3, f)
		_, _ = k.trySend(k.out(chat, k.say("refused")))
		k.remote.FailNext(k.tb, 0, f)
		k.remote.Cut(k.tb)
		k.post(kim, chat, k.say("meanwhile"))
	}
	for _, text := range []string{"", "\x00" + canary, strings.Repeat(canary+" ", max(k.caps().MaxText, 1))} {
		_, _ = k.trySend(k.out(chat, text))
	}
	if e, ok := k.client.(bridge.Editor); ok {
		ctx, cancel := k.settle()
		defer cancel()
		_ = k.noted(e.Edit(ctx, &bridge.OutgoingEdit{Outgoing: *k.out(chat, k.say("x")), Target: "nothing"}))
	}
}

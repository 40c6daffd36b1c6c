package command

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/store"
)

// personHelp is for those who are no administrators.
const personHelp = `I join chats of other networks to Matrix rooms. You can let what you write there appear as your own Matrix account:
identity BRIDGE NAME [--school SCHOOL] – I send a code to the account NAME on that network
identity BRIDGE CODE – prove with it that the account is yours; then an administrator must approve it
identity – what is linked
identity remove BRIDGE – end it`

const identityHelp = `identities – whose accounts on networks are linked to their own Matrix accounts, and who waits for approval
identity approve NUMBER, identity reject NUMBER, identity remove NUMBER – decide about it
identity BRIDGE NAME, identity BRIDGE CODE, identity remove BRIDGE – link your own accounts, or end it`

// executeIdentity carries out what a person, and an administrator, may write about
// their accounts.
func (o *Operator) executeIdentity(ctx context.Context, c Caller, args []string) (string, error) {
	var school string
	flags := flag.NewFlagSet("identity", flag.ContinueOnError)
	flags.StringVar(&school, "school", "", "")
	args, err := parse(flags, args)
	const usage = "Write: identity BRIDGE NAME, identity BRIDGE CODE, or identity remove BRIDGE"
	switch {
	case err != nil:
		return "", refuse(usage)
	case len(args) == 0:
		return o.ownIdentities(ctx, c)
	case len(args) == 1:
		return "", refuse(usage)
	}
	switch verb := strings.ToLower(args[0]); verb {
	case "approve":
		return executeNumber(args[1:], "identity approve", "Number %d holds now.", func(n int64) error { return o.ApproveIdentity(ctx, c, n) })
	case "reject":
		return executeNumber(args[1:], "identity reject", "Number %d is rejected.", func(n int64) error { return o.RejectIdentity(ctx, c, n) })
	case "remove":
		if _, err := strconv.ParseInt(args[1], 10, 64); err == nil {
			return executeNumber(args[1:], "identity remove", "Number %d is removed.", func(n int64) error { return o.RemoveIdentity(ctx, c, n) })
		}
		return o.RemoveOwnIdentity(ctx, c, bridge.ID(args[1]))
	}
	b, rest := bridge.ID(args[0]), strings.Join(args[1:], " ")
	if looksLikeCode(rest) {
		_, open, err := o.openRequest(ctx, c, b)
		if err != nil {
			return "", err
		}
		if open {
			return o.ProveIdentity(ctx, c, b, rest)
		}
	}
	return o.AskIdentity(ctx, c, b, rest, bridge.SchoolID(school))
}

// ownIdentities shows a person what they have.
func (o *Operator) ownIdentities(ctx context.Context, c Caller) (string, error) {
	mine, err := o.opts.Store.IdentitiesOf(ctx, c.User)
	if err != nil {
		return "", err
	}
	meaning := map[store.IdentityState]string{
		store.IdentityAsked:    "waits for the code",
		store.IdentityProven:   "waits for your school's administrators",
		store.IdentityApproved: "holds",
	}
	var out strings.Builder
	for _, i := range mine {
		if i.State != store.IdentityEnded {
			fmt.Fprintf(&out, "%s on %s: %s\n", i.Ref, i.Bridge, meaning[i.State])
		}
	}
	if out.Len() == 0 {
		return "None of your accounts is linked. Write: identity BRIDGE NAME", nil
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// executeIdentities lists links for administrators.
func (o *Operator) executeIdentities(ctx context.Context, c Caller) (string, error) {
	const most = 50
	all, err := o.Identities(ctx, c)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "No accounts are linked, and none wait for approval.", nil
	}
	var out strings.Builder
	for n, i := range all {
		if n == most {
			out.WriteString("… and more; these come first.\n")
			break
		}
		out.WriteString(i.String() + ", since " + Age(o.opts.Now().Sub(i.Changed)) + "\n")
	}
	return out.String() + "Write identity approve NUMBER, identity reject NUMBER or identity remove NUMBER. " +
		"Approve it only when you know that both accounts are the same person's, and none of an administrator of the homeserver.", nil
}

// String shows a link for administrators.
func (i IdentityStatus) String() string {
	what := "holds"
	if i.State == store.IdentityProven {
		what = "WAITS FOR YOU"
	}
	name := ""
	if shown := Shown(i.Name); shown != "" {
		name = fmt.Sprintf(" (shown as %s)", shown)
	}
	return fmt.Sprintf("%d: %s is %s%s on %s: %s", i.Number, i.MXID, i.Ref, name, i.Bridge, what)
}

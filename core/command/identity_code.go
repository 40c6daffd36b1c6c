package command

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"github.com/steg-bridge/steg/core/bridge"
	"github.com/steg-bridge/steg/core/policy"
)

// newCode makes a secret of 8 digits, which people can type.
func newCode() string {
	n, _ := rand.Int(rand.Reader, big.NewInt(100_000_000)) // never fails
	return fmt.Sprintf("%08d", n)
}

// hashCode is what is stored of a code: with a salt of its own, so that equal codes
// do not look equal.
func hashCode(code string) string {
	salt := make([]byte, 8)
	_, _ = rand.Read(salt) // never fails
	return hex.EncodeToString(salt) + " " + hashWith(salt, code)
}

func hashWith(salt []byte, code string) string {
	sum := sha256.Sum256(append(slices.Clip(salt), code...))
	return hex.EncodeToString(sum[:])
}

// isCode compares in constant time what somebody typed with a stored hash.
func isCode(stored, typed string) bool {
	salt, hash, ok := strings.Cut(stored, " ")
	raw, err := hex.DecodeString(salt)
	if !ok || err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(hashWith(raw, plainCode(typed))), []byte(hash)) == 1
}

// plainCode takes out what people put between digits.
func plainCode(typed string) string {
	return strings.NewReplacer(" ", "", "-", "", ".", "").Replace(typed)
}

// looksLikeCode tells a code from a name.
func looksLikeCode(typed string) bool {
	code := plainCode(typed)
	return len(code) == 8 && strings.Trim(code, "0123456789") == ""
}

// shortRef is a name as it is stored and shown.
func shortRef(name string) string { return policy.CleanName(name, "that") }

// Shown is a name from a network as it is harmless to show; "" when there is none.
func Shown(name string) string { return policy.CleanName(name, "") }

// confidence is what a network account is told, in the school's language.
func (o *Operator) confidence(school bridge.SchoolID, who id.UserID, b bridge.ID, code string) string {
	code = code[:4] + " " + code[4:]
	for _, s := range o.opts.Schools {
		if s.ID == school && s.Language == "de" {
			return fmt.Sprintf("Das Matrix-Konto %s möchte mit diesem Konto verbunden werden: Was Sie hier schreiben, erscheint in Matrix dann als jenes Konto. "+
				"Wenn das Ihres ist, schreiben Sie von dort an Steg: identity %s %s (15 Minuten gültig). "+
				"Wenn nicht, tun Sie nichts und geben Sie diesen Code niemandem.", who, b, code)
		}
	}
	return fmt.Sprintf("The Matrix account %s wants to be linked to this account: what you write here would appear on Matrix as that account. "+
		"If it is yours, write to Steg from there: identity %s %s (valid for 15 minutes). "+
		"If it is not, do nothing, and give this code to nobody.", who, b, code)
}

package matrix

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"maunium.net/go/mautrix/id"
)

// avatarPath is where pictures of Matrix people are served to the networks.
const avatarPath = "/_steg/avatar/"

// sealer turns mxc URLs into tokens that tell nothing and cannot be guessed, and
// back. The same URL gives the same token, so that networks may cache.
type sealer struct {
	aead  cipher.AEAD
	nonce []byte // key of the derived nonces
}

func newSealer(secret [32]byte) (*sealer, error) {
	keys, err := hkdf.Key(sha256.New, secret[:], nil, "steg avatar v1", 64)
	if err != nil {
		return nil, fmt.Errorf("derive avatar keys: %w", err)
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, fmt.Errorf("derive avatar keys: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("derive avatar keys: %w", err)
	}
	return &sealer{aead: aead, nonce: keys[32:]}, nil
}

func (s *sealer) seal(mxc string) string {
	mac := hmac.New(sha256.New, s.nonce)
	mac.Write([]byte(mxc))
	nonce := mac.Sum(nil)[:s.aead.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(mxc), nil))
}

func (s *sealer) open(token string) (mxc id.ContentURI, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return id.ContentURI{}, false
	}
	plain, err := s.aead.Open(nil, raw[:s.aead.NonceSize()], raw[s.aead.NonceSize():], nil)
	if err != nil {
		return id.ContentURI{}, false
	}
	mxc, err = id.ParseContentURI(string(plain))
	return mxc, err == nil && !mxc.IsEmpty()
}

// AvatarURL is the public address of a Matrix person's picture, "" without a
// public URL or for something that is no mxc URL. It stays the same, cannot be
// guessed, and tells neither the person nor the server's media ID.
func (s *Service) AvatarURL(mxc string) string {
	if s.opts.PublicURL == "" || len(mxc) > maxUserID {
		return ""
	}
	if uri, err := id.ParseContentURI(mxc); err != nil || uri.IsEmpty() {
		return ""
	}
	return s.opts.PublicURL + avatarPath + s.sealer.seal(mxc)
}

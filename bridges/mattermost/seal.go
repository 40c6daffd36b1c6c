package mattermost

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// The tokens of puppets are kept in the core's database, sealed under the
// administrator's token: who has only the database has none of them.

var errSeal = errors.New("the token of a Matrix person's account was sealed under another administrator's token")

func (n *network) aead() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(n.admin), nil, "steg mattermost puppet", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (n *network) seal(token string) (string, error) {
	c, err := n.aead()
	if err != nil {
		return "", err
	}
	sealed := c.Seal(nil, nil, []byte(token), nil) //nolint:gosec // it makes a random nonce itself
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

func (n *network) unseal(sealed string) (string, error) {
	c, err := n.aead()
	if err != nil {
		return "", err
	}
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return "", errSeal
	}
	token, err := c.Open(nil, nil, raw, nil)
	if err != nil {
		return "", errSeal
	}
	return string(token), nil
}

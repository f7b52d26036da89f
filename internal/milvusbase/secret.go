// SPDX-License-Identifier: Apache-2.0

package milvusbase

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/penstock-go/penstock/internal/fault"
)

// Secret is a text that nothing prints: not a verb of fmt, not a logger, an encoder or
// a dump by reflection, wherever a value holds the Secret. The zero Secret is no
// secret. Two Secrets of the same text are equal.
type Secret struct {
	// sealed is the encrypted text. A method could not hide the text itself: fmt calls
	// no methods of a value in an unexported field, and some dumps call none at all.
	sealed string
}

// NewSecret returns text as a Secret. An empty text gives the zero Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	// The length is part of the encrypted text, which has a length of its own.
	size := sealBlock * (1 + (8+len(text))/sealBlock)
	plain := make([]byte, size)
	binary.BigEndian.PutUint64(plain, uint64(len(text)))
	copy(plain[8:], text)
	// The start of the key stream depends on the text. So equal texts are equal when
	// sealed, and two sealed texts together say nothing about either.
	hash := hmac.New(sha256.New, ProcessKey())
	hash.Write(plain)
	start := hash.Sum(nil)[:aes.BlockSize]
	cipher.NewCTR(sealer(), start).XORKeyStream(plain, plain)
	return Secret{string(start) + string(plain)}
}

// sealBlock is the unit of the size of sealed texts.
const sealBlock = 64

// Reveal returns the text of a secret. It is no method, or a template or a user of the
// adapter could call it.
func Reveal(s Secret) string {
	if s.sealed == "" {
		return ""
	}
	plain := []byte(s.sealed[aes.BlockSize:])
	cipher.NewCTR(sealer(), []byte(s.sealed[:aes.BlockSize])).XORKeyStream(plain, plain)
	return string(plain[8 : 8+binary.BigEndian.Uint64(plain)])
}

// ProcessKey returns a random value of this process.
var ProcessKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // it returns no error
	return key
})

var sealer = sync.OnceValue(func() cipher.Block {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // of the size of the key alone
	}
	return block
})

// Redacted is printed in place of a secret.
const Redacted = "[redacted]"

// String returns "[redacted]", or "" if there is no secret.
func (s Secret) String() string {
	if s.sealed == "" {
		return ""
	}
	return Redacted
}

// GoString returns the same as String.
func (s Secret) GoString() string { return s.String() }

// Format writes the same as String, for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue returns the same as String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the same as String. JSON and YAML have it so.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets s to a secret text. It refuses "[redacted]", which is what
// MarshalText wrote in place of a text.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == Redacted {
		return errors.New(`milvus: a secret reads "[redacted]": it was printed, and the text is lost`)
	}
	*s = NewSecret(string(text))
	return nil
}

// Credentials say who a connection belongs to: a user with a password, or an API key.
// The zero Credentials are for a server that does not authenticate.
type Credentials struct {
	Username string
	Password Secret
	// APIKey excludes Username and Password.
	APIKey Secret
}

// FaultsOf returns what is wrong with c. It is no method, or users of the adapter would have it.
func FaultsOf(c Credentials) fault.List {
	var faults fault.List
	if c.Password != (Secret{}) && c.Username == "" {
		faults.Add("Password is set without Username: set both, or APIKey")
	}
	if strings.Contains(c.Username, ":") {
		faults.Add("Username has a colon, which Milvus takes for the end of it: use a user without a colon")
	}
	if c.APIKey != (Secret{}) && c.Username != "" {
		faults.Add("both APIKey and Username are set: leave one of the two out")
	}
	return faults
}

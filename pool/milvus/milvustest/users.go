// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"context"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

const rootUser = "root"

// users are the users of a server and their passwords. The account of the Config is
// one of them. store.mu guards the map.
type users map[string]string

var userPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func checkUsername(name string) error {
	switch {
	case name == "":
		return invalidf("username must be not empty: invalid parameter")
	case len(name) > 32:
		return invalidf("username's length must be less than 32: invalid parameter")
	case !userPattern.MatchString(name):
		return invalidf("invalid user name %s, only can contain numbers, letters and underscores, and start with a letter: invalid parameter", name)
	}
	return nil
}

// decodePassword reads a password, which clients send in base64.
func decodePassword(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", failf(CodeUnexpected, "decode password failed: %v", err)
	}
	return string(raw), nil
}

// newPassword reads and checks the password of a user to come.
func (r release) newPassword(text string) (string, error) {
	password, err := decodePassword(text)
	if err != nil {
		return "", err
	}
	const hashed = 72 // bcrypt takes no more
	most := hashed
	if r.before(since24) {
		most = 256
	}
	switch {
	case len(password) < 6 || len(password) > most:
		return "", invalidf("out of range 6 <= value <= %d: invalid parameter[value=%d]: invalid password length", most, len(password))
	case len(password) > hashed:
		return "", failf(CodeUnexpected, "encrypt password failed: bcrypt: password length exceeds 72 bytes")
	}
	return password, nil
}

// password returns the password of a user: that of the Config, or that of a user that a
// client has created.
func (h *service) password(name string) (string, bool) {
	if account := h.server.accepted.Load(); account.username == name && name != "" {
		return account.password, true
	}
	password, ok := h.store.users[name]
	return password, ok
}

// setPassword changes the password of a user.
func (h *service) setPassword(name, password string) {
	if account := *h.server.accepted.Load(); account.username == name {
		account.password = password
		h.server.accepted.Store(&account)
		return
	}
	h.store.users[name] = password
}

// usernames returns the names of all users, sorted. There is always a root.
func (h *service) usernames() []string {
	names := slices.Collect(maps.Keys(h.store.users))
	if account := h.server.accepted.Load(); account.username != "" {
		names = append(names, account.username)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (h *service) CreateCredential(_ context.Context, req *milvuspb.CreateCredentialRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetUsername()
		if err := checkUsername(name); err != nil {
			return err
		}
		password, err := h.server.as.newPassword(req.GetPassword())
		if err != nil {
			return err
		}
		if _, ok := h.password(name); ok {
			return failf(CodeUnexpected, "user already exists: %s", name)
		}
		h.store.users[name] = password
		return nil
	}), nil
}

func (h *service) UpdateCredential(_ context.Context, req *milvuspb.UpdateCredentialRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetUsername()
		old, err := decodePassword(req.GetOldPassword())
		if err != nil {
			return err
		}
		next, err := h.server.as.newPassword(req.GetNewPassword())
		if err != nil {
			return err
		}
		if current, ok := h.password(name); !ok || current != old {
			return failf(CodeNotAuthenticated, "old password not correct for %s: not authenticated", name)
		}
		h.setPassword(name, next)
		return nil
	}), nil
}

func (h *service) DeleteCredential(_ context.Context, req *milvuspb.DeleteCredentialRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetUsername()
		if account := h.server.accepted.Load(); name == rootUser || name != "" && name == account.username {
			return failf(CodeNotPermitted, "%s user cannot be deleted: privilege not permitted", name)
		}
		if name == "" {
			return failf(CodeUnexpected, "fail to execute task when deleting the user")
		}
		delete(h.store.users, name)
		delete(h.store.rolesOf, name)
		return nil
	}), nil
}

func (h *service) ListCredUsers(context.Context, *milvuspb.ListCredUsersRequest) (*milvuspb.ListCredUsersResponse, error) {
	reply := &milvuspb.ListCredUsersResponse{}
	reply.Status = h.reading(func() error {
		reply.Usernames = h.usernames()
		return nil
	})
	return reply, nil
}

// isUser reports whether a pair "username:password" is that of a user whom a client has
// created. A root that is not in the Config is none: its password is known to all.
func (s *store) isUser(pair string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	username, given, _ := strings.Cut(pair, ":")
	password, ok := s.users[username]
	return ok && password == given && username != rootUser
}

// callerOf returns the name of the user of a call, "" if it has none.
func callerOf(ctx context.Context) string {
	token, err := base64.StdEncoding.DecodeString(fromMetadata(ctx, "authorization"))
	username, _, isPair := strings.Cut(string(token), ":")
	if err != nil || !isPair {
		return ""
	}
	return username
}

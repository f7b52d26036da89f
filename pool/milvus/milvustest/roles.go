// SPDX-License-Identifier: Apache-2.0

package milvustest

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
)

// defaultRoles cannot be dropped.
var defaultRoles = []string{"admin", "public"}

// grant is a privilege of a role. The server keeps and lists privileges and does not
// enforce them.
type grant struct{ object, name, database, privilege, grantor string }

// roles are the grants of each role. store.mu guards the map.
type roles map[string][]grant

func newRoles() roles {
	r := roles{}
	for _, name := range defaultRoles {
		r[name] = nil
	}
	return r
}

func checkRoleName(name string) error {
	switch {
	case name == "":
		return invalidf("role name should not be empty: invalid parameter")
	case !userPattern.MatchString(name) && name[0] != '_':
		return invalidf("invalid role name: %s: invalid parameter", name)
	}
	return nil
}

func (s *store) role(name string) error {
	if err := checkRoleName(name); err != nil {
		return err
	}
	if _, ok := s.roles[name]; !ok {
		return failf(CodeUnexpected, "not found the role, maybe the role isn't existed or internal system error")
	}
	return nil
}

func (h *service) CreateRole(_ context.Context, req *milvuspb.CreateRoleRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetEntity().GetName()
		if err := checkRoleName(name); err != nil {
			return err
		}
		if _, ok := h.store.roles[name]; ok {
			return failf(CodeUnexpected, "role [name:%q] already exists", name)
		}
		h.store.roles[name] = nil
		return nil
	}), nil
}

func (h *service) DropRole(_ context.Context, req *milvuspb.DropRoleRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		name := req.GetRoleName()
		if slices.Contains(defaultRoles, name) {
			return failf(CodeNotPermitted, "the role[%s] is a default role, which can't be dropped: privilege not permitted", name)
		}
		if err := h.store.role(name); err != nil {
			return err
		}
		if len(h.store.roles[name]) > 0 {
			return failf(CodeUnexpected, "fail to drop the role that it has privileges. Use REVOKE API to revoke privileges")
		}
		delete(h.store.roles, name)
		for user, names := range h.store.rolesOf {
			h.store.rolesOf[user] = slices.DeleteFunc(names, func(role string) bool { return role == name })
		}
		return nil
	}), nil
}

func (h *service) OperateUserRole(_ context.Context, req *milvuspb.OperateUserRoleRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		user, role := req.GetUsername(), req.GetRoleName()
		if err := checkUsername(user); err != nil {
			return err
		}
		if err := h.store.role(role); err != nil {
			return err
		}
		add := req.GetType() == milvuspb.OperateUserRoleType_AddUserToRole
		if _, ok := h.password(user); !ok && add {
			return failf(CodeUnexpected, "not found the user, maybe the user isn't existed or internal system error")
		}
		has := slices.Contains(h.store.rolesOf[user], role)
		switch {
		case add && !has:
			h.store.rolesOf[user] = append(h.store.rolesOf[user], role)
		case !add && has:
			h.store.rolesOf[user] = slices.DeleteFunc(h.store.rolesOf[user], func(r string) bool { return r == role })
		case !add:
			return failf(CodeUnexpected, "the user-role mapping isn't existed: user %s, role %s", user, role)
		}
		return nil
	}), nil
}

// usersOf returns the users that have a role, sorted.
func (s *store) usersOf(role string) []string {
	var names []string
	for user, roles := range s.rolesOf {
		if slices.Contains(roles, role) {
			names = append(names, user)
		}
	}
	slices.Sort(names)
	return names
}

func (h *service) SelectRole(_ context.Context, req *milvuspb.SelectRoleRequest) (*milvuspb.SelectRoleResponse, error) {
	reply := &milvuspb.SelectRoleResponse{}
	reply.Status = h.reading(func() error {
		names := slices.Sorted(maps.Keys(h.store.roles))
		if name := req.GetRole().GetName(); req.GetRole() != nil {
			if err := checkRoleName(name); err != nil {
				return err
			}
			names = slices.DeleteFunc(names, func(other string) bool { return other != name })
		}
		for _, name := range names {
			result := &milvuspb.RoleResult{Role: &milvuspb.RoleEntity{Name: name}}
			if req.GetIncludeUserInfo() {
				for _, user := range h.store.usersOf(name) {
					result.Users = append(result.Users, &milvuspb.UserEntity{Name: user})
				}
			}
			reply.Results = append(reply.Results, result)
		}
		return nil
	})
	return reply, nil
}

func (h *service) SelectUser(_ context.Context, req *milvuspb.SelectUserRequest) (*milvuspb.SelectUserResponse, error) {
	reply := &milvuspb.SelectUserResponse{}
	reply.Status = h.reading(func() error {
		names := h.usernames()
		if name := req.GetUser().GetName(); req.GetUser() != nil {
			if err := checkUsername(name); err != nil {
				return err
			}
			names = slices.DeleteFunc(names, func(other string) bool { return other != name })
		}
		for _, name := range names {
			result := &milvuspb.UserResult{User: &milvuspb.UserEntity{Name: name}}
			if req.GetIncludeRoleInfo() {
				for _, role := range slices.Sorted(slices.Values(h.store.rolesOf[name])) {
					result.Roles = append(result.Roles, &milvuspb.RoleEntity{Name: role})
				}
			}
			reply.Results = append(reply.Results, result)
		}
		return nil
	})
	return reply, nil
}

// grantOf reads a grant of a request. An empty database is that of the call.
func grantOf(ctx context.Context, entity *milvuspb.GrantEntity) grant {
	return grant{
		object: entity.GetObject().GetName(), name: entity.GetObjectName(),
		database:  cmp.Or(entity.GetDbName(), fromMetadata(ctx, "dbname"), defaultDatabase),
		privilege: entity.GetGrantor().GetPrivilege().GetName(),
	}
}

func (h *service) OperatePrivilege(ctx context.Context, req *milvuspb.OperatePrivilegeRequest) (*commonpb.Status, error) {
	return h.writing(func() error {
		entity := req.GetEntity()
		g := grantOf(ctx, entity)
		if err := checkGrant(g); err != nil {
			return err
		}
		role := entity.GetRole().GetName()
		if err := h.store.role(role); err != nil {
			return err
		}
		same := func(other grant) bool { other.grantor = ""; return other == g }
		caller := callerOf(ctx)
		if caller == "" {
			return failf(CodeUnexpected, "fail to get authorization from the md, authorize:[authorization]")
		}
		has := slices.ContainsFunc(h.store.roles[role], same)
		switch add := req.GetType() == milvuspb.OperatePrivilegeType_Grant; {
		case add && !has:
			stored := g
			stored.grantor = caller
			h.store.roles[role] = append(h.store.roles[role], stored)
		case !add && has:
			h.store.roles[role] = slices.DeleteFunc(h.store.roles[role], same)
		}
		return nil
	}), nil
}

func (h *service) SelectGrant(ctx context.Context, req *milvuspb.SelectGrantRequest) (*milvuspb.SelectGrantResponse, error) {
	reply := &milvuspb.SelectGrantResponse{}
	reply.Status = h.reading(func() error {
		entity := req.GetEntity()
		role := entity.GetRole().GetName()
		if err := h.store.role(role); err != nil {
			return err
		}
		wanted := grantOf(ctx, entity)
		for _, g := range h.store.roles[role] {
			if g.database != wanted.database || wanted.object != "" && (g.object != wanted.object || g.name != wanted.name) {
				continue
			}
			reply.Entities = append(reply.Entities, &milvuspb.GrantEntity{
				Role: &milvuspb.RoleEntity{Name: role}, Object: &milvuspb.ObjectEntity{Name: g.object},
				ObjectName: g.name, DbName: g.database,
				Grantor: &milvuspb.GrantorEntity{
					User:      &milvuspb.UserEntity{Name: g.grantor},
					Privilege: &milvuspb.PrivilegeEntity{Name: g.privilege},
				},
			})
		}
		return nil
	})
	return reply, nil
}

// checkGrant checks what a privilege is for.
func checkGrant(g grant) error {
	switch {
	case g.object == "" || !slices.Contains([]string{"Global", "Collection", "User"}, g.object):
		return failf(CodeUnexpected, "not found the object type[name: %s], supported the object types: [Collection Global User]", g.object)
	case g.name == "":
		return invalidf("object name should not be empty: invalid parameter")
	case g.privilege == "":
		return invalidf("Privilege should be not empty: invalid parameter[expected=not empty][actual=]")
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package milvuserr

import (
	"regexp"

	"github.com/milvus-io/milvus-proto/go-api/v2/commonpb"
)

// meaning groups the error codes of Milvus by what a client should do about them.
type meaning uint8

const (
	unknown   meaning = iota // a code that says nothing, and a reason that no pattern matches
	statement                // the request is wrong, or it names something that does not exist
	notReady                 // the server or the collection will be ready later
	limited                  // refused by a limit on rate or concurrency
	overQuota                // refused until memory or disk is freed, or a ban is lifted
	refused                  // the server does not work now
	failed                   // the server tried and failed
)

// Codes that an adapter looks for by itself.
const (
	CodeCollectionNotFound = 100
	// CodeSchemaMismatch is for a write that does not fit the schema.
	CodeSchemaMismatch   = 109
	CodeParameterInvalid = 1100
	CodeFieldNotFound    = 1700
	// CodeUnexpected says nothing: the reason tells a mistake from a failure.
	CodeUnexpected = 65535
)

// Codes that the package uses outside of the table of meanings.
const (
	codeUnavailable = 2
	codeRateLimit   = 8

	codeNotAuthenticated = 1400
	codeNeedAuthenticate = 1800
)

// meanings has the codes of Milvus up to 2.6. Left out are 2000 (segcore) and 65535
// (unexpected): only the reason says whether the request is wrong or the server
// failed (see meaningOf).
var meanings = map[int32]meaning{
	1:               notReady,
	codeUnavailable: refused,
	3:               overQuota, // memory limit
	4:               limited,   // requests at once
	5:               failed,    // internal
	6:               failed,    // cross cluster routing
	7:               overQuota, // disk limit
	codeRateLimit:   limited,
	9:               overQuota, // force deny
	10:              statement, // unimplemented
	11:              overQuota, // time tick delayed
	12:              overQuota, // resources insufficient

	CodeCollectionNotFound: statement,

	101: notReady,  // collection: not loaded
	102: statement, // too many
	103: notReady,  // not fully loaded
	104: statement, // loaded already
	105: statement, // illegal schema
	106: notReady,  // recovering
	107: statement, // clustering key not allowed
	200: statement, // partition: not found
	201: notReady,  // not loaded
	202: notReady,  // not fully loaded
	250: statement, // capacity of the cluster exceeded

	CodeSchemaMismatch:   statement,
	CodeParameterInvalid: statement,

	300: statement, // resource group: not found
	301: statement, // exists with another configuration
	302: statement, // too many
	303: statement, // illegal configuration
	400: failed,    // replica: not found
	401: failed,    // not available
	500: failed,    // channel: not found
	501: failed,    // lacks
	502: failed,    // reduplicates
	503: failed,    // not available
	504: failed,    // checkpoint lags too much
	600: failed,    // segment: not found
	601: notReady,  // not loaded
	602: failed,    // lacks
	603: failed,    // reduplicates
	604: failed,    // load failed

	700: statement, // index: not found
	701: statement, // not supported
	702: statement, // duplicates
	800: statement, // database: not found
	801: statement, // too many
	802: statement, // bad name

	901: failed, // node: not found
	902: failed, // offline
	903: failed, // lacks
	904: failed, // another node than expected
	905: failed, // not available
	906: failed, // in an unexpected state

	1000: failed,    // IO: key not found
	1001: failed,    // IO failed
	1002: failed,    // unexpected EOF
	1101: statement, // parameter missing
	1102: statement, // too large
	1200: statement, // metric not found
	1300: failed,    // message queue: topic not found
	1301: failed,    // topic not empty
	1302: failed,    // internal
	1303: overQuota, // writing denied

	codeNotAuthenticated: statement,
	1401:                 statement, // no permission
	1600:                 statement, // alias: not found
	1601:                 statement, // is a collection's name
	1602:                 statement, // exists
	1603:                 statement, // is of no collection
	CodeFieldNotFound:    statement,
	1701:                 statement, // bad name of a field

	codeNeedAuthenticate: statement,
	1801:                 statement, // bad requests to the REST proxy, up to 1805
	1802:                 statement,
	1803:                 statement,
	1804:                 statement,
	1805:                 statement,
	1806:                 statement,
	1807:                 limited,
	1900:                 statement, // replication messages: not supported
	1901:                 statement, // bad messages, up to 1903
	1902:                 statement,
	1903:                 statement,
	2001:                 statement, // not supported by segcore
	2100:                 statement, // import failed
	2200:                 failed,    // segcore: other exception
	2201:                 failed,    // canceled
	3000:                 statement, // operation not supported
	10000:                failed,    // the server canceled its own work
	10001:                failed,    // the server's own deadline
}

// mixed has the codes of failures that Milvus 2.3 gives to some mistakes too, and what the
// reason of a mistake says: 2 for an RPC that is not there any more, 1001 for a JSON value
// that cannot be read, 5 for a filter that is a constant, and 1000 for an import that the
// server does not know.
var mixed = map[int32]*regexp.Regexp{
	codeUnavailable: mistake,
	5:               regexp.MustCompile(`unsupported expr proto node`),
	1000:            regexp.MustCompile(`^key not found\[key=\S*/importtask/`),
	1001:            mistake,
}

// codeOf returns the present code that means the same as a legacy code.
func codeOf(legacy commonpb.ErrorCode) int32 {
	switch legacy {
	case commonpb.ErrorCode_NotReadyServe, commonpb.ErrorCode_NotReadyCoordActivating:
		return 1
	case commonpb.ErrorCode_ConnectFailed, commonpb.ErrorCode_DataCoordNA:
		return codeUnavailable
	case commonpb.ErrorCode_OutOfMemory, commonpb.ErrorCode_InsufficientMemoryToLoad, commonpb.ErrorCode_MemoryQuotaExhausted:
		return 3
	case commonpb.ErrorCode_DiskQuotaExhausted:
		return 7
	case commonpb.ErrorCode_RateLimit:
		return codeRateLimit
	case commonpb.ErrorCode_ForceDeny, commonpb.ErrorCode_TimeTickLongDelay:
		return 9
	case commonpb.ErrorCode_CollectionNotExists, commonpb.ErrorCode_CollectionNameNotFound:
		return 100
	case commonpb.ErrorCode_NoReplicaAvailable:
		return 401
	case commonpb.ErrorCode_NotShardLeader:
		return 503
	case commonpb.ErrorCode_SegmentNotFound:
		return 600
	case commonpb.ErrorCode_IndexNotExist:
		return 700
	case commonpb.ErrorCode_IllegalIndexType:
		return 701
	case commonpb.ErrorCode_NodeIDNotMatch:
		return 904
	case commonpb.ErrorCode_IllegalArgument, commonpb.ErrorCode_IllegalDimension, commonpb.ErrorCode_IllegalCollectionName,
		commonpb.ErrorCode_IllegalTOPK, commonpb.ErrorCode_IllegalRowRecord, commonpb.ErrorCode_IllegalVectorID,
		commonpb.ErrorCode_IllegalNLIST, commonpb.ErrorCode_IllegalMetricType, commonpb.ErrorCode_UpsertAutoIDTrue:
		return 1100
	case commonpb.ErrorCode_PermissionDenied:
		return 1401
	default:
		return CodeUnexpected
	}
}

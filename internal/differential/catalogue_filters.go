// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"slices"
	"strings"
)

const scalarSchema = "id int64 pk; k int64; i8 int8; i16 int16; i32 int32; f32 float; d double; b bool; s varchar 64; j json; v vector 4"

// scalarRows have small numbers, borders of types, texts with escapes, and JSON of all
// shapes under the same keys.
const scalarRows = `
{"id":1,"k":0,"i8":0,"i16":0,"i32":0,"f32":0,"d":0,"b":false,"s":"","j":{},"v":[0,0,0,0]}
{"id":2,"k":1,"i8":1,"i16":1,"i32":1,"f32":0.1,"d":0.1,"b":true,"s":"a","j":{"n":1,"s":"a","b":true},"v":[1,0,0,0]}
{"id":3,"k":2,"i8":-128,"i16":-32768,"i32":-2147483648,"f32":0.5,"d":0.5,"b":true,"s":"ab","j":{"n":1.5,"s":"b","b":false},"v":[0,1,0,0]}
{"id":4,"k":3,"i8":127,"i16":32767,"i32":2147483647,"f32":1.5,"d":1.5,"b":false,"s":"abc","j":{"n":null},"v":[0,0,1,0]}
{"id":5,"k":-1,"i8":-1,"i16":-1,"i32":-1,"f32":-1.5,"d":-1.5,"b":true,"s":"b","j":{"n":"1"},"v":[0,0,0,1]}
{"id":6,"k":100,"i8":100,"i16":100,"i32":100,"f32":100,"d":100,"b":true,"s":"100%","j":{"n":true},"v":[1,1,0,0]}
{"id":7,"k":9007199254740993,"i8":7,"i16":7,"i32":7,"f32":16777216,"d":9007199254740992,"b":false,"s":"a_b","j":{"n":9007199254740993},"v":[1,0,1,0]}
{"id":8,"k":-9223372036854775808,"i8":8,"i16":8,"i32":8,"f32":1e30,"d":1e300,"b":false,"s":"a\"b","j":{"n":[1,2,3]},"v":[1,0,0,1]}
{"id":9,"k":9223372036854775807,"i8":9,"i16":9,"i32":9,"f32":-1e30,"d":-1e300,"b":true,"s":"a\\b","j":{"n":{"m":5},"o":{"p":-4}},"v":[0,1,1,0]}
{"id":10,"k":5,"i8":5,"i16":5,"i32":5,"f32":5,"d":5,"b":true,"s":"日本","j":{"n":5,"a":[1,2.5,"x",true,null],"o":{"p":"x","q":[7,8]}},"v":[0,1,0,1]}
{"id":11,"k":5,"i8":5,"i16":5,"i32":5,"f32":5.5,"d":5.5,"b":false,"s":"Z","j":{"n":-5,"a":[],"o":{}},"v":[0,0,1,1]}
{"id":12,"k":7,"i8":6,"i16":6,"i32":6,"f32":0.25,"d":0.25,"b":false,"s":"it's","j":{"n":0,"a":"no list","s":""},"v":[2,0,0,0]}
{"id":13,"k":8,"i8":2,"i16":2,"i32":2,"f32":2,"d":2,"b":true,"s":"a b","j":{"a":[[1,2],[3]],"n":2.0},"v":[0,2,0,0]}
{"id":14,"k":9,"i8":3,"i16":3,"i32":3,"f32":3,"d":3,"b":true,"s":"line\nbreak","j":{"a":[1,2],"s":"日本","key with space":1,"ключ":2},"v":[0,0,2,0]}
`

var comparisons = []string{
	`k == 1`, `k != 1`, `k < 1`, `k <= 1`, `k > 1`, `k >= 1`, `1 == k`, `1 < k`, `1 >= k`, `k==1`, ` k == 1 `, `(k == 1)`, `((k == 1))`,
	`k == -1`, `k == - 1`, `k == +1`, `k == --1`, `k == -(1)`, `k == 01`, `k == 0x10`, `k == 0X10`, `k == 0b1`, `k == 1e2`, `k == 1.0`, `k == 1.5`, `k > 1.5`, `k < 0.5`,
	`k == 9007199254740993`, `k == 9007199254740992`, `k == 9223372036854775807`, `k == 9223372036854775808`, `k == -9223372036854775808`, `k == -9223372036854775809`,
	`i8 == 127`, `i8 == 128`, `i8 > 127`, `i8 < -128`, `i8 == -128`, `i8 > 1000`, `i8 < 1000`, `i8 != 1000`, `i16 == 32767`, `i16 > 40000`, `i16 < 40000`, `i32 == 2147483647`, `i32 > 3000000000`, `i32 < 3000000000`, `i32 == -2147483648`,
	`f32 == 0.1`, `f32 == 0.5`, `f32 > 0.1`, `f32 >= 0.1`, `f32 < 1`, `f32 == 16777217`, `f32 > 1e29`, `f32 == 5`, `f32 != 5`, `d == 0.1`, `d == 5`, `d > 1e299`, `d < -1e299`, `d == 1e400`, `d > .5`, `d > 5.`, `d == 9007199254740993`, `d == 0x1p-1`,
	`b == true`, `b == false`, `b != true`, `b == True`, `b == TRUE`, `b == FALSE`, `b == 1`, `b == "true"`, `b > false`, `b >= true`, `true == b`, `true`, `false`, `b`, `not b`, `!b`, `b and k > 3`, `b == b`, `b != not b`,
	`s == "a"`, `s == 'a'`, `s != "a"`, `s > "a"`, `s >= "ab"`, `s < "b"`, `"a" == s`, `"a" < s`, `s == a`, `s == 1`, `s > 1`, `s == true`, `s == ""`, `s != ""`, `s == "日本"`, `s > "日"`, `s == "a\"b"`, `s == 'a"b'`, `s == "a\\b"`, `s == "a\b"`, `s == "it's"`, `s == 'it\'s'`, `s == "\u65e5\u672c"`, `s == "\x61"`, `s == "\141"`, `s == "a` + "\n" + `"`, `s == "line\nbreak"`, `s == "a\qb"`, `s == "unclosed`, `s == 'a"`, `s == r"a"`, `s == "a" "b"`, `s == u8"a"`,
	`k == i32`, `i8 == i16`, `i8 < i32`, `k == d`, `d == k`, `f32 == d`, `f32 < d`, `k == s`, `s == s`, `s != s`, `k == k`, `b == k`, `k == j`, `v == 1`, `v == v`, `v > [1]`, `id == k`, `id < k`, `id in [1, 3]`,
}

var logic = []string{
	`k == 1 and b == true`, `k == 1 && b == true`, `k == 1 or k == 2`, `k == 1 || k == 2`, `k == 1 AND b == true`, `k == 1 OR k == 2`, `NOT k == 1`, `not (k == 1)`, `!(k == 1)`, `not k == 1`, `not k > 3`, `! k > 3`, `not not (k == 1)`, `!!(k == 1)`, `!(!(k == 1))`,
	`k == 1 or k == 2 and b == false`, `(k == 1 or k == 2) and b == false`, `k > 0 and k < 5 and b == true`, `k == 1 and`, `and k == 1`, `k == 1 k == 2`, `k == 1, k == 2`, `()`, `(k == 1`, `k == 1)`, `(k == 1))`, `((((((((((k == 1))))))))))`, `k == 1;`, `k = 1`, `k === 1`, `k <> 1`, `k =! 1`, `k ! = 1`, `k => 1`, `k == `, `== 1`, `k`, `1`, `"a"`, `-1`, `1.5`, `null`, `k == null`, `s == null`, `k is null`, `k is not null`, `k IS NULL`, `j is null`, `k == nil`, `k == None`,
	`1 < k < 5`, `1 <= k <= 5`, `1 < k <= 5`, `5 > k > 1`, `5 >= k >= 1`, `1 < k > 5`, `1 < k < 5 < 7`, `1 == k == 1`, `k == 1 == 1`, `i32 < k < i16`, `1 < d < 2`, `1.5 < k < 5`, `0.5 < k < 5`, `"a" < s < "b"`, `"a" <= s <= "b"`, `5 < k < 1`, `1 < s < 5`, `1 < b < 5`, `1 < j["n"] < 5`, `0 <= j["n"] <= 1.5`, `"a" <= j["s"] <= "b"`, `1 < k and k < 5`, `(1 < k) < 5`,
	`true and k == 1`, `true or k == 1`, `false or k == 1`, `(k > 3) and true`, `1 == 1`, `1 == 2`, `1 < 2`, `'a' == 'a'`, `1 == 1 and k > 3`, `1 == 1.0`, `true == true`, `not true`, `"a" < "b"`, `1 == "1"`, `true and true`, `true or false`,
	``, ` `, `k == 1 -- comment`, `k == 1 /* c */`, `k == 1 # c`, `k == 1 // c`, `k ==` + "\t" + `1`, `k ==` + "\n" + `1`, `nosuch == 1`, `nosuch`, `K == 1`, `k.x == 1`, `"k" == 1`, "`k` == 1", `$k == 1`, `$meta == 1`, `$meta["x"] == 1`, `k["x"] == 1`, `s["x"] == 1`, `k[0] == 1`, `s[0] == "a"`, `1k == 1`, `k == {1}`, `k == [1]`, `k == (1)`, `{"k": 1}`, `k == $1`, `k == ?`, `k == {x}`, `random_sample(0.5)`, `count(*) > 1`, `max(k) > 1`, `id == 1 limit 3`,
	`k & 1 == 1`, `k | 1 == 1`, `k ^ 1 == 1`, `k << 1 == 2`, `k >> 1 == 1`, `~k == 1`, `k && 1`, `k and 1`, `k || b`,
}

var membership = []string{
	`k in [1]`, `k in [1, 2]`, `k in [1, 2, 1]`, `k in [1,]`, `k in [,1]`, `k in [,]`, `k in []`, `k not in []`, `k in [ ]`, `k in (1, 2)`, `k in {1, 2}`, `k in 1`, `k in`, `k not in [1]`, `k not in [1, 2]`, `not k in [1]`, `not (k in [1])`, `k IN [1]`, `k NOT IN [1]`, `k Not In [1]`, `k in [1] or k in [2]`,
	`k in [1.0]`, `k in [1.5]`, `k in ["1"]`, `k in [true]`, `k in [1, "a"]`, `k in [1, 2.5]`, `k in [k]`, `k in [i32]`, `k in [1 + 1]`, `k in [-1]`, `k in [- 1]`, `k in [--1]`, `k in [0x1]`, `k in [[1]]`, `k in [null]`, `k in [9223372036854775808]`, `1 in [1, 2]`, `1 in [k]`, `i8 in [127, 128]`, `i8 in [1000]`, `i8 not in [1000]`, `i32 in [3000000000]`,
	`d in [0.5, 1]`, `d in [1]`, `d not in [0.5]`, `d in ["0.5"]`, `f32 in [0.1, 0.5]`, `f32 in [0.1]`, `f32 in [1, 0.25]`, `b in [true]`, `b in [true, false]`, `b not in [true]`, `b in [1]`, `s in ["a"]`, `s in ['a', "b"]`, `s not in ["a", "b"]`, `s in [a]`, `s in [1]`, `s in [""]`, `s in "a"`, `"a" in s`, `s in ["日本"]`, `s in ["a\"b"]`,
	`id in [1, 2, 99]`, `id not in [1]`, `j in [1]`, `v in [1]`, `nosuch in [1]`,
	`s like "a%"`, `s like 'a%'`, `s like "a"`, `s like "%"`, `s like "%%"`, `s like ""`, `s like "%b"`, `s like "%b%"`, `s like "a%c"`, `s like "_"`, `s like "a_"`, `s like "a_b"`, `s like "a\_b"`, `s like "a\\_b"`, `s like "100\%"`, `s like "100\\%"`, `s like "100%%"`, `s like "日%"`, `s like "A%"`, `s LIKE "a%"`, `s not like "a%"`, `not s like "a%"`, `not (s like "a%")`, `s like a`, `s like 1`, `k like "a%"`, `j like "a%"`, `j["s"] like "a%"`, `j["n"] like "1%"`, `j["s"] like "%a"`, `"a" like "a"`, `s like`, `like "a"`, `s like "a%" and k == 1`, `s like "a"%`, `s ilike "a%"`, `s match "a"`, `s like "ab%" or s like "b%"`, `s like "it's%"`, `s like "a b%"`, `s like "a"b%"`,
}

var arithmetic = []string{
	`k + 1 == 3`, `k - 1 == 1`, `k * 2 == 4`, `k / 2 == 2`, `k % 2 == 1`, `k % 2 == 0`, `k ** 2 == 4`, `1 + k == 3`, `3 - k == 1`, `2 * k == 4`, `10 / id == 2`, `10 % id == 0`, `3 == k + 1`, `k + 1 != 3`, `k + 1 > 3`, `k + 1 >= 3`, `k + 1 < 3`, `k + 1 <= 3`, `k + 1 in [3]`, `k + 1 + 1 == 4`, `(k + 1) * 2 == 6`, `k * 2 + 1 == 5`, `k + k == 4`, `k + i32 == 4`, `k + 1 == i32`, `k + 1 == k`, `-k == -1`, `-k == 1`, `- (k) == 1`, `+k == 1`, `k + 1`, `k + 1 == 3 and b == true`, `not (k + 1 == 3)`, `(k + 1) == 3`, `k+1==3`, `k -1 == 1`, `k-1 == 1`, `k + -1 == 0`, `k - -1 == 2`, `k + 1.5 == 3.5`, `k + 1 == 3.0`, `k / 2 == 2.5`, `k % 2 == 1.0`, `k % 2.5 == 0`, `k * 1.5 == 3`, `k / 1.5 == 2`,
	`k == 1 + 2`, `k == 3 - 2`, `k == 2 * 4`, `k == 10 / 2`, `k == 11 / 2`, `k == 11 % 6`, `k == 2 ** 3`, `k == 2 ** -1`, `k == 1 + 1.5`, `k == (1 + 2)`, `k == 1 + 2 * 3`, `k == (1 + 2) * 3`, `k == 10 - 2 - 1`, `k == 2 ** 3 ** 1`, `k > 1 + 1`, `1 + 1 < k`, `d == 1 / 2`, `d == 1 / 2.0`, `d == 0.5 + 0`, `d == 2 ** -1`, `d == 3 / 2`, `1 + 1 < k < 2 * 4`, `1 + 1 == 2`, `k == -(1 + 2)`, `k == - 1 + 2`, `k == 1 - -1`, `k == 9223372036854775807 + 1`, `k == 5 % 2.5`, `k in [2 * 4]`,
	`i8 + 1 == 128`, `i8 + 127 == 254`, `i8 - 1 == -129`, `i32 + 1 == 2147483648`, `i32 * 2 > 4000000000`, `i16 + 1 == 32768`, `f32 + 1 == 1.5`, `f32 * 2 == 1`, `f32 % 2 == 1`, `f32 / 2 == 0.25`, `d + 1 == 1.5`, `d * 2 == 1`, `d % 2 == 1`, `d - 0.5 == 0`, `d / 2 > 1`, `d + 1 == 6`, `b + 1 == 2`, `s + "a" == "aa"`, `s + 1 == 2`, `v + 1 == 2`, `k + "1" == 2`, `k + true == 2`, `k + nosuch == 2`, `k + 1 == "a"`, `k + 1 like "a"`, `k + 1 < 5 < 7`, `0 < k + 1 < 5`, `id + 1 == 3`, `id % 5 == 0`, `id * 10 >= 100`, `id - 20 < -15`,
	`j["n"] + 1 == 2`, `j["n"] + 1 > 2`, `j["n"] * 2 == 3`, `j["n"] - 1 == 0`, `j["n"] / 2 == 0.75`, `j["n"] % 2 == 1`, `j["n"] + 1.5 == 3`, `j["o"]["p"] + 4 == 0`, `1 + j["n"] == 2`, `j["n"] + 1 != 2`, `j + 1 == 2`, `j["n"] + j["n"] == 2`, `j["s"] + 1 == 2`, `j["nosuch"] + 1 == 2`, `j["nosuch"] + 1 != 2`,
}

// killers divide by zero, or calculate with constants that are no numbers.
var killers = []string{
	`k == "a" + "b"`, `s == "a" + "b"`, `k == 1 + "a"`, `k == true + 1`,
	`k / 0 == 1`, `k % 0 == 1`, `i8 / 0 == 1`, `i32 % 0 == 0`, `k == 1 / 0`, `k == 1 % 0`, `id / 0 == 1`, `k / (1 - 1) == 1`, `k / 0 != 1`, `j["n"] / 0 == 1`, `j["n"] % 0 == 1`, `not (k / 0 == 1)`, `b == true and k % 0 > 1`,
}

var jsonFilters = []string{
	`j["n"] == 1`, `j["n"] != 1`, `j["n"] > 1`, `j["n"] >= 1`, `j["n"] < 1`, `j["n"] <= 1`, `j['n'] == 1`, `1 == j["n"]`, `1 < j["n"]`, `j["n"] == 1.0`, `j["n"] == 1.5`, `j["n"] != 1.5`, `j["n"] == 2`, `j["n"] == "1"`, `j["n"] != "1"`, `j["n"] > "0"`, `j["n"] == true`, `j["n"] != true`, `j["n"] == false`, `j["n"] == null`, `j["n"] == 9007199254740993`, `j["n"] == 9007199254740992`, `j["n"] > 9007199254740992`, `j["n"] == [1,2,3]`, `j["n"] != [1,2,3]`, `j["n"] == [1]`, `j["n"] == {}`, `j["s"] == "a"`, `j["s"] != "a"`, `j["s"] > "a"`, `j["s"] == ""`, `j["s"] == "日本"`, `j["b"] == true`, `j["b"] != true`, `j["b"]`, `not j["b"]`, `j["b"] == false`, `j["b"] and k == 1`,
	`j["nosuch"] == 1`, `j["nosuch"] != 1`, `j["nosuch"] > 1`, `not (j["nosuch"] == 1)`, `not (j["n"] == 1)`, `not (j["n"] != 1)`, `not (j["n"] > 1)`, `!(j["o"]["p"] != -4)`, `j["o"]["p"] == -4`, `j["o"]["p"] == "x"`, `j["o"]["p"] != -4`, `j["o"]["q"][0] == 7`, `j["o"]["q"][1] == 8`, `j["o"] == 1`, `j["o"] != 1`, `j["n"]["m"] == 5`, `j["n"]["m"]["x"] == 5`, `j["n"]["m"] != 5`,
	`j["a"][0] == 1`, `j["a"][1] == 2.5`, `j["a"][1] == 2`, `j["a"][2] == "x"`, `j["a"][3] == true`, `j["a"][4] == 1`, `j["a"][9] == 1`, `j["a"][-1] == 1`, `j["a"][0] != 1`, `j["a"]["0"] == 1`, `j["a"][0][1] == 2`, `j["a"] == [1, 2]`, `j["a"] == [[1, 2], [3]]`, `j["a"] == []`, `j["a"] == "no list"`, `j["a"] in [1]`, `j[0] == 1`, `j[a] == 1`, `j[] == 1`, `j[""] == 1`, `j.n == 1`, `j["n"`, `j["n"]] == 1`, `j["key with space"] == 1`, `j["ключ"] == 2`, `j["n"] == j["n"]`, `j["n"] == k`, `k == j["n"]`, `s == j["s"]`, `j["s"] == s`, `j == 1`, `j`, `j == "x"`, `j == {}`, `j != 1`, `j > 1`, `j["n"] == i8`, `"n" in j`, `j["n"] is null`, `j["/n"] == 1`, `j["o/p"] == -4`, `j["o.p"] == -4`, `j["\u006e"] == 1`,
	`j["n"] in [1]`, `j["n"] in [1, 2.5]`, `j["n"] in [1, 5]`, `j["n"] in ["1"]`, `j["n"] in ["five", 1]`, `j["n"] in [true]`, `j["n"] not in [1]`, `j["n"] not in [1, 5]`, `not (j["n"] in [1])`, `j["s"] in ["a", "b"]`, `j["s"] not in ["a"]`, `j["nosuch"] in [1]`, `j["nosuch"] not in [1]`, `j["n"] in []`, `j["n"] in [1.5, 1.0]`, `j["n"] in [[1,2,3]]`,
	`exists j["n"]`, `EXISTS j["n"]`, `exists j["nosuch"]`, `not exists j["n"]`, `not (exists j["n"])`, `exists j["o"]["p"]`, `exists j["a"][0]`, `exists j`, `exists k`, `exists nosuch`, `exists (j["n"])`, `exists j["n"] or k == 1`, `(exists j["n"]) and k > 1`, `exists`, `exists 1`, `exists j["n"] == true`,
	`json_contains(j["a"], 1)`, `JSON_CONTAINS(j["a"], 1)`, `Json_Contains(j["a"], 1)`, `json_contains(j["a"], 2.5)`, `json_contains(j["a"], "x")`, `json_contains(j["a"], true)`, `json_contains(j["a"], null)`, `json_contains(j["a"], [1, 2])`, `json_contains(j["a"], 1.0)`, `json_contains(j["n"], 2)`, `json_contains(j, 1)`, `json_contains(k, 1)`, `json_contains(j["a"])`, `json_contains(j["a"], 1, 2)`, `json_contains(j["a"], k)`, `json_contains(1, j["a"])`, `json_contains(j["nosuch"], 1)`, `not json_contains(j["a"], 1)`, `not (json_contains(j["a"], 1))`, `json_contains(j["a"], 1) == true`, `json_contains(j["a"], 1) and k > 1`, `json_contains_all(j["a"], [1, 2])`, `JSON_CONTAINS_ALL(j["a"], [1, 2])`, `json_contains_all(j["a"], [1, "x"])`, `json_contains_all(j["a"], [])`, `json_contains_all(j["a"], 1)`, `json_contains_any(j["a"], [1, 9])`, `JSON_CONTAINS_ANY(j["a"], [9, "x"])`, `json_contains_any(j["a"], [])`, `json_contains_any(j["a"], [[3]])`, `json_contains_any(j["a"], 1)`, `not (json_contains_any(j["a"], [1]))`, `json_contains_all(j["n"], [1, 2, 3])`, `json_contains_any(j["o"]["q"], [7])`,
	`array_contains(j["a"], 1)`, `array_length(j["a"]) == 2`, `array_contains(k, 1)`, `array_length(k) == 1`, `array_length(s) == 1`,
}

// large are filters that a parser may not like for their size.
func large() []string {
	return []string{
		strings.Repeat("(", 50) + "k == 1" + strings.Repeat(")", 50),
		strings.Repeat("not (", 20) + "k == 1" + strings.Repeat(")", 20),
		"k in [" + strings.Repeat("1,", 3000) + "2]",
		"k == 1" + strings.Repeat(" or k == 2", 100),
		`s == "` + strings.Repeat("a", 70000) + `"`,
	}
}

const dynamicRows = `
{"id":1,"k":1,"v":[0,0,0,0],"n":1,"s":"a"}
{"id":2,"k":2,"v":[1,0,0,0],"n":2.5,"s":"b","b":true}
{"id":3,"k":3,"v":[0,1,0,0],"n":null}
{"id":4,"k":4,"v":[0,0,1,0],"n":"1","a":[1,2,"x"]}
{"id":5,"k":5,"v":[0,0,0,1],"o":{"p":1,"q":[1]},"id2":7}
{"id":6,"k":6,"v":[1,1,0,0]}
`

var dynamicFilters = []string{
	`n == 1`, `n != 1`, `n > 1`, `n == "1"`, `n == 2.5`, `n in [1]`, `n not in [1]`, `n == null`, `nosuch == 1`, `nosuch != 1`, `not (nosuch == 1)`, `$meta["n"] == 1`, `$meta["n"] != 1`, `$meta["k"] == 1`, `$meta`, `$meta == 1`, `$meta["o"]["p"] == 1`, `o["p"] == 1`, `o["p"] != 1`, `o["q"][0] == 1`, `a[0] == 1`, `a[2] == "x"`, `exists n`, `exists nosuch`, `exists $meta["n"]`, `not exists n`, `exists k`, `json_contains(a, 1)`, `json_contains_any(a, ["x"])`, `array_contains(a, 1)`, `b`, `not b`, `b == true`, `b != true`, `s like "a%"`, `s == "a"`, `s != "a"`, `n + 1 == 2`, `k == n`, `n == k`, `n < 2 and k < 9`, `1 < n < 5`, `k == 1 or n == 2.5`, `"n" == 1`, `n is null`, `$meta["nosuch"]["x"] != 1`, `id2 == 7`,
}

const arraySchema = "id int64 pk; ai array int64 8; a8 array int8 4; ab array bool 4; af array float 4; ad array double 4; as array varchar 8 16; v vector 4"

const arrayRows = `
{"id":1,"ai":[1,2,3],"a8":[1],"ab":[true],"af":[0.5],"ad":[0.5],"as":["a","b"],"v":[0,0,0,0]}
{"id":2,"ai":[],"a8":[],"ab":[],"af":[],"ad":[],"as":[],"v":[1,0,0,0]}
{"id":3,"ai":[2],"a8":[-128,127],"ab":[false,true],"af":[0.1,1],"ad":[0.1,1],"as":["","a"],"v":[0,1,0,0]}
{"id":4,"ai":[3,2,1,3],"a8":[2,2],"ab":[true,true],"af":[2],"ad":[2],"as":["日本"],"v":[0,0,1,0]}
{"id":5,"ai":[9007199254740993],"a8":[3],"ab":[false],"af":[3],"ad":[3],"as":["a"],"v":[0,0,0,1]}
`

var arrayFilters = []string{
	`array_contains(ai, 1)`, `ARRAY_CONTAINS(ai, 1)`, `Array_Contains(ai, 1)`, `array_contains(ai, 9007199254740993)`, `array_contains(ai, 1.5)`, `array_contains(ai, 1.0)`, `array_contains(ai, "a")`, `array_contains(a8, 127)`, `array_contains(a8, 1000)`, `array_contains(ab, true)`, `array_contains(ab, 1)`, `array_contains(af, 0.1)`, `array_contains(af, 1)`, `array_contains(ad, 0.1)`, `array_contains(as, "a")`, `array_contains(as, "")`, `array_contains(as, 1)`, `array_contains(ai, [1])`, `array_contains(ai)`, `array_contains(id, 1)`, `array_contains(nosuch, 1)`, `array_contains(v, 1)`, `not array_contains(ai, 1)`, `not (array_contains(ai, 1))`,
	`array_contains_all(ai, [1, 2])`, `ARRAY_CONTAINS_ALL(ai, [2])`, `array_contains_all(ai, [])`, `array_contains_all(ai, 1)`, `array_contains_all(ai, [1, "a"])`, `array_contains_all(as, ["a", "b"])`, `array_contains_any(ai, [1, 9])`, `ARRAY_CONTAINS_ANY(ai, [3])`, `array_contains_any(ai, [])`, `array_contains_any(as, ["b", "日本"])`, `array_contains_any(ab, [false])`, `array_contains_any(ai, ["a"])`, `array_contains_any(ad, [1, 2])`,
	`array_length(ai) == 3`, `ARRAY_LENGTH(ai) == 0`, `array_length(ai) > 1`, `array_length(as) >= 1`, `array_length(ai) != 0`, `1 < array_length(ai) < 4`, `array_length(ai)`, `array_length(id) == 1`, `array_length(ai) in [1, 3]`, `array_length(ai) == 1.0`, `array_length(ai) + 1 == 2`, `array_length(ai) == "a"`, `3 == array_length(ai)`, `not (array_length(ai) == 3)`,
	`ai[0] == 1`, `ai[0] != 1`, `ai[1] == 2`, `ai[0] > 1`, `ai[9] == 1`, `ai[9] != 1`, `ai[-1] == 1`, `ai["0"] == 1`, `ai[0] in [1, 3]`, `ai[0] not in [1]`, `ai[0] == 1.5`, `ai[0] > 1.5`, `ai[0] == "a"`, `ai[0] + 1 == 2`, `ai[0] % 2 == 1`, `1 < ai[0] < 4`, `as[0] == "a"`, `as[0] like "a%"`, `as[0] != "a"`, `as[0] > "a"`, `ab[0] == true`, `ab[0]`, `af[0] == 0.5`, `af[0] == 0.1`, `ad[0] < 1`, `a8[0] == -128`, `ai[0] == ai[1]`, `ai[0] == id`, `ai[k] == 1`, `ai[0][0] == 1`,
	`ai == [1, 2, 3]`, `ai != [1, 2, 3]`, `ai == []`, `ai == [2]`, `as == ["a"]`, `as != ["a"]`, `ab == [true]`, `ad == [0.5]`, `ai == ["a"]`, `ai == 1`, `ai > [1]`, `ai`, `ai in [1]`, `ai in [[2]]`, `[2] == ai`, `exists ai`, `exists ai[0]`, `json_contains(ai, 1)`, `json_contains_any(ai, [1])`, `ai like "a"`, `ai + 1 == 2`, `ai is null`,
}

func filterGroups() []Group {
	scalar := ready("c", scalarSchema, scalarRows)
	dynamic := ready("c", "id int64 pk; k int64; v vector 4; dynamic", dynamicRows)
	return []Group{
		{"filters: comparisons", scalar, queries("filter", "c", comparisons...)},
		{"filters: logic", scalar, queries("filter", "c", logic...)},
		{"filters: membership", scalar, queries("filter", "c", membership...)},
		{"filters: arithmetic", scalar, slices.Concat(queries("filter", "c", arithmetic...), marked(queries("filter that kills", "c", killers...)))},
		{"filters: JSON", scalar, queries("filter", "c", jsonFilters...)},
		{"filters: large", scalar, queries("filter", "c", large()...)},
		{"filters: dynamic", dynamic, queries("filter on dynamic", "c", dynamicFilters...)},
		{"filters: arrays", ready("c", arraySchema, arrayRows), slices.Concat(
			queries("filter on arrays", "c", arrayFilters...),
			[]Request{{Kind: "output fields", Do: "query", On: "c", Filter: "id > 0", Out: []string{"ai", "a8", "ab", "af", "ad", "as"}}},
		)},
	}
}

import LogsWire
import Testing

@testable import LogsText

/// What RFC 8259 accepts and refuses, based on the public JSON test suite.
///
/// Each text is the value of a member, since a line is an object.
@Suite struct JSONSuiteTests {
  private func value(_ text: [UInt8]) -> AttributeValue? {
    let line = ByteString(Array(#"{"v":"#.utf8) + text + Array("}".utf8))
    guard let object = JSONReader.object(line.span) else { return nil }
    return object.members.last?.value ?? .empty
  }

  private func members(_ line: ByteString) -> [LogAttribute]? { JSONReader.object(line.span)?.members }

  private static let nesting = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)

  @Test(arguments: [
    // Arrays.
    "[[]   ]", #"[""]"#, "[]", #"["a"]"#, "[false]", #"[null, 1, "1", {}]"#, "[null]", "[1\n]", " [1]",
    "[1,null,null,null,2]",
    "[2] ", nesting,
    // Numbers.
    "[123e65]", "[0e+1]", "[0e1]", "[ 4]",
    "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    "[20e1]", "[-0]", "[-123]", "[-1]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]", "[123.456e78]", "[1e-2]", "[1e+2]",
    "[123]",
    "[123.456789]", "[1e9999]", "[-1e9999]",
    "[0.4e00669999999999999999999999999999999999999999999999999999999999999999]",
    "[123123123123123123123123123123]", "[-123123123123123123123123123123]", "[1.5e-999]",
    // Objects.
    #"{"asd":"sdf", "dfg":"fgh"}"#, #"{"asd":"sdf"}"#, #"{"a":"b","a":"c"}"#, #"{"a":"b","a":"b"}"#, "{}", #"{"":0}"#,
    #"{"foo\u0000bar": 42}"#, #"{ "min": -1.0e+28, "max": 1.0e+28 }"#, "{\n\"a\": \"b\"\n}",
    #"{"title":"\u041f\u043e"}"#,
    // Strings.
    #"["\u0060\u012a\u12AB"]"#, #"["\uD801\udc37"]"#, #"["\ud83d\ude39\ud83d\udc8d"]"#, #"["\"\\\/\b\f\n\r\t"]"#,
    #"["\\u0000"]"#,
    #"["\""]"#, #"["a/*b*/c/*d//e"]"#, #"["\\a"]"#, #"["\\n"]"#, #"["\u0012"]"#, #"["\uFFFF"]"#, #"["asd"]"#,
    #"[ "asd"]"#,
    #"["\uDBFF\uDFFF"]"#, #"["new\u00A0line"]"#, "[\"\u{10FFFF}\"]", "[\"\u{FFFF}\"]", #"["\u0000"]"#, #"["\u002c"]"#,
    "[\"π\"]", "[\"asd \"]", "\" \"", #"["\uD834\uDd1e"]"#, #"["\u0821"]"#, #"["\u0123"]"#, "[\"\u{2028}\"]",
    "[\"\u{2029}\"]",
    #"["\u0061\u30af\u30EA\u30b9"]"#, "[\"new\\u000Aline\"]", "[\"\u{7f}\"]", #"["\uA66D"]"#, #"["\u005C"]"#,
    "[\"⍂㈴⍂\"]",
    #"["\u200B"]"#, #"["\u2064"]"#, #"["\uFDD0"]"#, #"["\uFFFE"]"#, #"["\u0022"]"#, "[\"€𝄞\"]", "[\"a\u{7f}a\"]",
    // Halves of surrogate pairs, which the suite leaves open.
    #"["\uDADA"]"#, #"["\uD888\u1234"]"#, #"["\uD800\n"]"#, #"["\uDd1ea"]"#, #"["\uD800\uD800\n"]"#, #"["\ud800"]"#,
    #"["\ud800abc"]"#, #"["\uDd1e\uD834"]"#, #"["\uDFAA"]"#,
    // Structures.
    "false", "42", "-0.1", "null", #""asd""#, "true", "\"\"", "[\"a\"]\n", "[true]", " [] ",
  ])
  func `JSON is accepted`(text: String) { #expect(value(Array(text.utf8)) != nil) }

  @Test(arguments: [
    // Arrays.
    "[1 true]", #"["": 1]"#, #"[""],"#, "[,1]", "[1,,2]", #"["x",,]"#, #"["x"]]"#, #"["",]"#, #"["x""#, "[x", "[3[4]]",
    "[,]", "[-]",
    "[   , \"\"]", "[\"a\",\n4\n,1,", "[1,]", "[1,,]", "[\"\u{b}a\"\\f]", "[*]", #"[""#, "[1,", "[1,\n1\n,1", "[{}",
    // Words.
    "[fals]", "[nul]", "[tru]", "[True]", "TRUE", "nan",
    // Numbers.
    "[-01]", "[-1.0.]", "[-2.]", "[-NaN]", "[.-1]", "[.2e-3]", "[+1]", "[++1234]", "[+Inf]", "[-foo]", "[-Infinity]",
    "[- 1]",
    "[-012]", "[-.123]", "[-1x]", "[0.1.2]", "[0.3e+]", "[0.3e]", "[0.e1]", "[0E+]", "[0E]", "[0e+]", "[0e]", "[1.0e+]",
    "[1.0e-]",
    "[1.0e]", "[1 000.0]", "[1eE2]", "[2.e+3]", "[2.e-3]", "[2.e3]", "[9.e+]", "[Inf]", "[NaN]", "[１]", "[1+2]",
    "[0x1]", "[0x42]",
    "[Infinity]", "[0e+-1]", "[-123.123foo]", "[123", "[012]", "[1.8011670033376514H-308]", "[1.2a-3]", "01", "+1",
    "1.", ".5", "1e",
    "[1ea]", "[-1", "[1.]", "[00]", "[-00]", "[1_000]",
    // Objects.
    #"["x", truth]"#, #"{[: "x"}"#, #"{"x", null}"#, #"{"x"::"b"}"#, "{🇨🇭}", #"{"a":"a" 123}"#, "{key: 'value'}",
    #"{"a" b}"#, #"{:"b"}"#,
    #"{"a" "b"}"#, #"{"a":"#, #"{"a""#, "{1:1}", "{9999E9999:1}", "{null:null,null:null}", #"{"id":0,,,,,}"#, "{'a':0}",
    #"{"id":0,}"#,
    #"{"a":"b"}/**/"#, #"{"a":"b"}/**//"#, #"{"a":"b"}//"#, #"{"a":"b"}/"#, #"{"a":"b",,"c":"d"}"#, #"{a: "b"}"#,
    #"{"a":"a"#,
    #"{ "foo" : "bar", "a" }"#, #"{"a":"b"}#"#, #"{"a": true} "x""#, "{,}", #"{"a"}"#, #"{"a":1:2}"#,
    // Strings.
    #"["\uD800\"]"#, #"["\uD800\u"]"#, #"["\uD800\u1"]"#, #"["\uD800\u1x"]"#, "[é]", #"["\x00"]"#, #"["\\\"]"#,
    "[\"\\\t\"]", "[\"\\🌀\"]",
    #"["\"]"#, #"["\u00A"]"#, #"["\uD834\uDd"]"#, #"["\uD800\uD800\x"]"#, #"["\a"]"#, #"["\uqqqq"]"#,
    "[\\u0020\"asd\"]", "[\\n]", "\"",
    "['single quote']", "abc", #"["\"#, "[\"a\u{0}a\"]", "[\"new\nline\"]", "[\"\t\"]", #""\UA66D""#, "\"\"x",
    #"["\u+123"]"#,
    #"["\u 123"]"#,
    // Structures.
    "<.>", "[<null>]", "[1]x", "[1]]", #"["asd]"#, "aå", "{\"x\": true,", "[][]", "]", "{]", "[", "", "[}", "{",
    "[\"a\"\"b\"]", "{\"a",
    #"{"a": /*comment*/"b"}"#, #"{"a":"b"}#{}"#, "[\u{2060}]", "[\u{c}]", "[\u{b}]", "[\u{a0}]", "\u{FEFF}", "1]",
    "{}}", "*", "[\u{0}]", " ",
    "[1],[2]", "[1] // x", "{\"a\":1", "[\"a\"", "{\"a\":[1}", "[{\"a\":1]",
  ])
  func `invalid JSON is refused`(text: String) { #expect(value(Array(text.utf8)) == nil) }

  @Test func `a hundred thousand brackets are refused, whatever they hold`() {
    #expect(value([UInt8](repeating: UInt8(ascii: "["), count: 100_000)) == nil)
    #expect(value(Array(String(repeating: #"[{"":"#, count: 50_000).utf8)) == nil)
  }

  @Test(
    arguments: [
      [0xff], [0xc0, 0xaf], [0xe6, 0x97, 0xa5, 0xff], [0xed, 0xa0, 0x80], [0xf4, 0xbf, 0xbf, 0xbf], [0x81],
    ] as [[UInt8]])
  func `a string that is not UTF-8 keeps its bytes`(bytes: [UInt8]) {
    #expect(value([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]) == .bytes(ByteString(bytes)))
    // Outside strings, and in a name, it is not JSON.
    #expect(value(bytes) == nil)
    #expect(value(Array("{\"".utf8) + bytes + Array("\":1}".utf8)) == nil)
  }

  @Test(arguments: [
    (#""\ud800x""#, "\u{FFFD}x"), (#""\ud800\u0041""#, "\u{FFFD}A"), (#""\udc00""#, "\u{FFFD}"),
    (#""\ud800\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d\ude00""#, "😀"),
  ])
  func `half a surrogate pair becomes a single U+FFFD`(text: String, value: String) {
    #expect(self.value(Array(text.utf8)) == .string(value))
  }

  @Test(
    arguments: [
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)), ("0", 0), ("-1", -1),
      ("9007199254740993", 9_007_199_254_740_993), ("9223372036854775808", "9223372036854775808"),
      ("18446744073709551615", "18446744073709551615"), ("-9223372036854775809", "-9223372036854775809"),
      ("12345678901234567890123", "12345678901234567890123"), ("1e400", "1e400"), ("-1e400", "-1e400"),
      ("1e-400", "1e-400"),
      ("1.5", 1.5), ("1.50", 1.5), ("1E2", 100.0), ("0.1", 0.1), ("-0.0", -0.0), ("-0", -0.0), ("0e99999999", 0.0),
      ("3.141592653589793", 3.141592653589793), ("3.14159265358979323846", "3.14159265358979323846"),
      ("0.30000000000000004", 0.30000000000000004), ("1.7976931348623157e308", 1.7976931348623157e308),
      ("5e-324", .double(.leastNonzeroMagnitude)), ("1e23", 1e23), ("100000000000000000000.0", 1e20),
    ] as [(String, AttributeValue)])
  func `a number keeps its value`(text: String, value: AttributeValue) {
    #expect(self.value(Array(text.utf8)) == value)
  }

  @Test func `the last value of a repeated name counts, and names are compared byte by byte`() throws {
    let line = ByteString(#"{"a":1,"e\#u{301}":2,"é":3,"a":{"b":1,"b":2}}"#)
    let members = try #require(self.members(line))
    #expect(members.map { Array($0.key.utf8).count } == [1, 3, 2])
    #expect(members[0].value == .map([LogAttribute("b", 2)]))
  }

  @Test func `many members of one name do not take quadratic time`() throws {
    let text = (0..<100_000).map { "\"k\($0 % 50_000)\":\($0)" }.joined(separator: ",")
    let members = try #require(self.members(ByteString("{\(text)}")))
    #expect(members.count == 50_000)
    #expect(members[7].value == 50_007)
  }
}

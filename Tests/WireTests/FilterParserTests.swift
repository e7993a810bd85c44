import Foundation
import Testing

@testable import LogsSimulation
@testable import LogsWire

/// `spec/vectors/filters/parse.json`.
struct FilterVector: Sendable, CustomTestStringConvertible {
  let filter: String
  /// Whether it is read, and not refused.
  let isRead: Bool
  /// As JSON; nil where it does not matter.
  let tree: String?
  /// nil where it depends on the engine of regular expressions.
  let column: Int?

  var testDescription: String { String(filter.prefix(60)).debugDescription }

  static let all: [FilterVector] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "spec/vectors/filters/parse.json")
    do {
      guard let cases = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]] else {
        throw CocoaError(.fileReadCorruptFile)
      }
      return try cases.map { try FilterVector($0) }
    } catch {
      fatalError("the vectors cannot be read: \(error)")
    }
  }()

  private init(_ object: [String: Any]) throws {
    guard let pieces = object["filter"] as? [Any] ?? (object["filter"] as? String).map({ [$0] }) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    filter = pieces.map(Self.text).joined()
    tree = try object["tree"].map { try Self.canonical($0) }
    column = (object["error"] as? [String: Any])?["column"] as? Int
    isRead = object["error"] == nil
    if isRead, tree == nil, object["read"] == nil { throw CocoaError(.fileReadCorruptFile) }
  }

  /// A piece of a long filter: text, or text and how often it stands there.
  private static func text(_ piece: Any) -> String {
    guard let pair = piece as? [Any], let text = pair.first as? String, let count = pair.last as? Int else {
      return piece as? String ?? ""
    }
    return String(repeating: text, count: count)
  }

  static func canonical(_ object: Any) throws -> String {
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }
}

@Suite struct `Reading filters` {
  @Test func `there are vectors of both kinds`() {
    #expect(FilterVector.all.count { $0.isRead } > 150)
    #expect(FilterVector.all.count { !$0.isRead } > 150)
  }

  @Test(arguments: FilterVector.all) func `a vector is read as it says`(_ vector: FilterVector) throws {
    let filter: Filter
    do { filter = try Filter(vector.filter) } catch {
      guard !vector.isRead else {
        Issue.record("refused: \(error)")
        return
      }
      if let column = vector.column { #expect(error.column == column, "\(error)") }
      Self.check(error, vector.filter)
      return
    }
    #expect(vector.isRead, "\(filter.root)")
    if let tree = vector.tree { #expect(try tree == FilterVector.canonical(FilterTree.json(filter.root))) }
    #expect(filter.text == vector.filter)
  }

  /// That an error is one line, which says what to write.
  private static func check(_ error: FilterError, _ text: String) {
    #expect((1...text.unicodeScalars.count + 1).contains(error.column), "\(error)")
    #expect(error.reason.unicodeScalars.allSatisfy { PrintableText.isHarmless($0) }, "\(error)")
    #expect(error.reason.utf8.count <= Limits.errorTextByteCountMax, "\(error)")
    #expect(error.reason.contains("write ") || error.reason.contains("leave it out"), "\(error)")
  }

  /// What is written, and a part of the error that gives the right spelling.
  private static let remedies = [
    ("status:>500", "write status>500"), ("status:>=500", "write status>=500"), ("status=>500", "write status>=500"),
    ("status=<500", "write status<=500"), ("status:!500", "write status!=500"), ("status!==500", "write status!=500"),
    ("status<>500", "write status!=500"), ("status:=500", "write status:500"), ("status===500", "write status:500"),
    ("path=~x", "write path~x, or path~/x/"), ("path~=x", "write path~x, or path~/x/"), ("path:~x", "write path~x"),
    ("path=~/a b/", "write path~/a b/"), ("path!=~x", "write path!~x"), ("status >= 500", "write status>=500"),
    ("status = 500", "write status=500"), ("status == 500", "write status==500"),
    ("level : error", "write level:error"),
    ("status != 500", "write status!=500"), ("path =~ login", "write path~login"), ("status: 500", "write status:500"),
    ("a && b", "write AND"), ("a || b", "write OR"), ("a | b", "write OR"), ("!debug", "write -debug or NOT debug"),
    ("|= \"x y\"", "write the text alone, \"x y\""), ("|~ \"x.*y\"", "/x.*y/"), ("!= \"x\"", "write -\"x\""),
    ("user:'bob smith'", "write user:\"bob smith\""), ("'bob smith'", "write \"bob smith\""),
    ("`a b`", "write \"a b\""),
    ("time*", "write time without '*'"), ("time*out", "/time.*out/"), ("--debug", "write -debug"),
    ("- debug", "write -debug"), ("status:(500 OR 502)", "write status:(500,502)"),
    ("status:(500 502)", "write status:(500,502)"), ("status:(>500)", "write status>500"),
    ("ms>1.5s", "ms>N with a number"), ("level:[error,warn]", "level:(error,warn)"), ("a (", "behind '('"),
    ("user=~\"b.*\"", "user~/b.*/"), ("ms>1.5s", "ms>\"1.5s\""), ("level:error|warn", "write level:(error,warn)"),
    ("level:error,warn", "write level:(error,warn)"), ("level:error..warn", "write level:warn..error"),
    ("level:0", "write -level:*"), ("kind:Status", "write status"), ("path~/api/v1", #"write path~/api\/v1/"#),
    ("time>=2026-11-28T10:00", "write 2026-11-28T10:00Z"), ("time>=2026-11-28", "write 2026-11-28T00:00:00Z"),
    ("time:2026-11-28T10:00Z", "write time>=2026-11-28T10:00Z"), ("time>=10m", "like 2026-11-28T10:00:00Z"),
    (#""a\d""#, #"write \\d"#), ("a~(x,y)", "write (a~x OR a~y)"), ("level~err", "write level:error"),
    ("{app=\"x\"}", "fields"),
    ("stream:/a", "write parts like 'docker/nginx'"), ("stream:a?é", "docker/*"), ("seq:9..1", "write seq:1..9"),
    (")", "leave it out"), ("a!~=x", "write a!~x"),
    ("status:[500 TO 502]", "write status:500..502"), ("ms:[5 TO *]", "write ms:5.."),
    ("status:[500,502]", "write status:(500,502)"), ("status in (500,502)", "write status:(500,502)"),
    ("status IN (\"a\")  x in (a,b)", "write x:(a,b)"), ("status:50?", #"write status~/^50.$/"#),
    ("user:b?b.*", #"write user~/^b.b\..*$/"#), ("50?", "write /50./, or \"50?\""), ("path:/api/", "write path~/api/"),
    ("path!=/a b/", "write path!~/a b/, or path!=\"/a b/\""), ("/api/g", "write /api/, or \"/api/g\""),
    ("/api/si", "write /(?s)api/i"), ("+m1", "write m1, or \"+m1\""), ("+status:5", "write status:5"),
    ("+\"a b\"", "write \"a b\""), ("+(a)", "write (…)"), ("has:user", "write user:*"),
    ("_exists_:user", "or \"_exists_\":user for an attribute"), ("severity>=9", "write level>=9, or \"severity\">=9"),
    ("received>5", "write time>5"), ("attributes.ms:5", "write ms:5"), ("attr.level:x", "write \"level\":x"),
    ("Level:warn", "write level:warn, or \"Level\":warn"), ("msg~x", "write message~x"),
    ("msg:x", "write x alone, or message:*x*, as message:x is about the whole message, or \"msg\":x for"),
    ("Message:\"a b\"", "write \"a b\" alone for this text"), ("msg:a*", "write message:a*, or"),
    ("(?i)x", "write /x/i, or \"?i\""), ("(?s)x", "write /(?s)x/"), ("a.*b", "write /a.*b/, or \"a.*b\""),
    ("GET.*/api", #"write /GET.*\/api/"#), ("error !~ \"x\"", "or -/x/ for messages without it"),
    ("error != \"x\"", "or -\"x\" for messages without it"),
    ("\u{201c}a b\u{201d}", "write \"a b\""), ("user:\u{2018}a\u{2019}", "write user:\"a\""),
    ("status\u{2265}500", "write status>=500"), ("status \u{2264} 500", "write status<=500"),
    ("status \u{2260} x", "write status!=x"), ("level:none", "write -level:*"),
  ]

  @Test(arguments: remedies) func `an error says what to write`(_ text: String, _ remedy: String) {
    do {
      let filter = try Filter(text)
      Issue.record("\(text) is read as \(filter.root)")
    } catch { #expect(error.reason.contains(remedy), "\(error)") }
  }

  @Test func `a long part of a filter does not make a long error`() {
    for text in ["!", "a:=", "level:", "a:(x ", "'", "--", "ms>1", "stream:/", "\"x\"", "= ", "x = ", "a:'"] {
      let error = #expect(throws: FilterError.self) { try Filter(text + String(repeating: "ü", count: 8_000)) }
      if let error { Self.check(error, text + String(repeating: "ü", count: 8_000)) }
    }
  }

  // MARK: Times

  private static let clock = FilterTimes(remedy: "write now") { text in
    switch text {
    case "now": 1_764_324_000_000_000_000
    case "then": 1_764_324_000_500_000_000
    case "long ago": -1
    default: nil
    }
  }

  @Test func `a client's times become absolute ones`() throws {
    let filter = try Filter("ä time>=now (time:now..then OR time<\"then\") time>2026-01-01T00:00Z", times: Self.clock)
    #expect(
      filter.text == "ä time>=2025-11-28T10:00:00Z (time:2025-11-28T10:00:00Z..2025-11-28T10:00:00.500000000Z OR "
        + "time<2025-11-28T10:00:00.500000000Z) time>2026-01-01T00:00Z")
    #expect(try Filter(filter.text) == filter)
    #expect(throws: FilterError(column: 7, "'long ago' is not in the years 1970 to 2261: write a time that is")) {
      try Filter("time>=\"long ago\"", times: Self.clock)
    }
    #expect(throws: FilterError.self) { try Filter("time>=now") }
  }

  @Test func `a filter that grows beyond the limit with its times is refused`() throws {
    let text = Array(repeating: "time>now", count: 400).joined(separator: " ") + " "
    let room = Limits.filterByteCountMax - text.utf8.count - 400 * 17
    #expect(try Filter(text + String(repeating: "x", count: room), times: Self.clock).text.utf8.count == 16_384)
    let error = #expect(throws: FilterError.self) {
      try Filter(text + String(repeating: "x", count: room + 1), times: Self.clock)
    }
    #expect(error?.column == 399 * 9 + 6)
  }

  @Test(arguments: TestSeeds.first(4)) func `every time is read as it is written`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<5_000 {
      let time = Int64.random(in: 0..<9_214_646_400_000_000_000, using: &random)
      let text = try #require(AbsoluteTime.text(time))
      #expect(AbsoluteTime.nanoseconds(text) == time, "\(text) \(TestSeeds.replay(seed, "FilterParser"))")
    }
    #expect(AbsoluteTime.text(9_214_646_400_000_000_000) == nil)
  }
}

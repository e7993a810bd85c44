import LogsWire
import Testing

@testable import LogsShip

struct LineRulesTests {
  private func masked(_ text: String, _ pattern: String, _ replacement: String) throws -> String {
    let mask = try LineMask(LineExpression(pattern), replacement: replacement)
    var lines = LineHarness {
      $0.rules.masks = [mask]
      $0.format = .raw
    }
    lines.add(text)
    lines.flush()
    return lines.texts[0]
  }

  @Test func `masks replace every match, with groups`() throws {
    #expect(try masked("a token=abc; token=d", #"token=\w+"#, "token=***") == "a token=***; token=***")
    #expect(try masked("4111-1111-1111-1234", #"(\d{4}-){3}(\d{4})"#, "xxxx-$2") == "xxxx-1234")
    #expect(try masked("price 5", #"\d"#, "$$$0") == "price $5")
    #expect(try masked("nothing", "x", "y") == "nothing")
    #expect(try masked("aaa", "a", "") == "")
    #expect(try masked("ab", "x*", "y") == "ab")
    #expect(try masked("für Ümit", "Ü", "U") == "für Umit")
    #expect(try masked("ab", "(b)|(a)", "[$1]") == "[][b]")
    #expect(try masked("ab", "(b)|(a)", "[$2]") == "[a][]")
    #expect(try masked("abcdefghijkl", "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)", "$9$1") == "ia")
  }

  @Test func `masks see bytes that are not UTF-8`() throws {
    let mask = try LineMask(LineExpression("secret"), replacement: "-")
    let rules = LineRules(masks: [mask])
    #expect(
      rules.apply(to: ByteString([0xff, 0xfe] + Array("a secret".utf8)))
        == .masked(
          ByteString([0xff, 0xfe] + Array("a -".utf8))))
  }

  @Test func `masks come one after the other, before the format is read`() throws {
    let masks = [
      try LineMask(LineExpression("hunter2"), replacement: "2345"),
      try LineMask(LineExpression("2345"), replacement: "***"),
    ]
    var lines = LineHarness { $0.rules.masks = masks }
    lines.add(#"{"msg":"hi","password":"hunter2"}"#)
    #expect(lines.entries[0].attributes == [LogAttribute("password", "***")])
  }

  @Test func `a line about which a mask cannot decide is withheld, and one about which a drop cannot is kept`() throws {
    let costly = "(a+)+$"
    let line = String(repeating: "a", count: 40) + "b"
    let mask = try LineMask(LineExpression(costly), replacement: "-")
    var lines = LineHarness { $0.rules.masks = [mask] }
    lines.add(line)
    #expect(
      lines.texts == ["a line of 41 bytes was withheld: what is to be masked in it takes too long to find"])
    let drop = try LineExpression(costly)
    lines = LineHarness { $0.rules.drops = [drop] }
    lines.add(line)
    #expect(lines.texts == [line])
    #expect(lines.pipeline.droppedCount == 0)
  }

  @Test func `a line with more matches than the limit is withheld`() throws {
    let rules = LineRules(masks: [try LineMask(LineExpression("a"), replacement: "b")])
    let most = String(repeating: "a", count: Limits.lineMaskCountMax)
    #expect(rules.apply(to: ByteString(most)) == .masked(ByteString(most.replacing("a", with: "b"))))
    #expect(rules.apply(to: ByteString(most + "a")) == .withheld)
    let growing = LineRules(masks: [try LineMask(LineExpression("a+"), replacement: "$0$0$0$0$0$0$0$0$0$0")])
    #expect(growing.apply(to: ByteString(String(repeating: "a", count: 200_000))) == .withheld)
  }

  @Test func `what is wrong with an expression is said`() throws {
    let unclosed = #expect(throws: LineExpression.Problem.self) { try LineExpression("a(b") }
    #expect(unclosed?.description == "'a(b' is wrong at byte 3: missing closing parenthesis")
    let empty = #expect(throws: LineExpression.Problem.self) { try LineExpression("") }
    #expect(empty?.description == "an empty expression matches every line")
    let group = #expect(throws: LineExpression.Problem.self) {
      try LineMask(LineExpression("(a)"), replacement: "$2")
    }
    #expect(group?.description == "'$2' names group $2, and the expression has 1")
  }
}

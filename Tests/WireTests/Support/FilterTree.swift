import Foundation

@testable import LogsWire

/// A filter's tree in the form of `spec/vectors/README.md`, as Foundation's JSON objects.
enum FilterTree {
  static func json(_ node: FilterNode) -> NSDictionary {
    switch node {
    case .all: ["all": true]
    case .and(let nodes): ["and": nodes.map { json($0) }]
    case .or(let nodes): ["or": nodes.map { json($0) }]
    case .not(let node): ["not": json(node)]
    case .test(let test): json(test)
    }
  }

  private static func json(_ test: FilterTest) -> NSDictionary {
    switch test {
    case .message(let test): ["message": json(test)]
    case .source(let test): ["source": json(test)]
    case .severity(let mask): ["level": ranges(mask)]
    case .kind(let mask):
      ["kind": ["log", "status", "complete"].enumerated().filter { mask >> $0.offset & 1 == 1 }.map(\.element)]
    case .stream(.matches(let pattern)): ["stream": ["matches": pattern.text]]
    case .stream(.text(let test)): ["stream": json(test)]
    case .sequence(let range):
      ["seq": [end(range.lowerBound, open: 1), end(range.upperBound, open: UInt64(Int64.max))]]
    case .time(let range): ["time": [end(range.lowerBound, open: .min), end(range.upperBound, open: .max)]]
    case .attribute(let path, let test):
      ["attribute": String(decoding: path.name, as: UTF8.self), "test": json(test)]
    }
  }

  private static func json(_ test: TextTest) -> NSObject {
    switch test {
    case .contains(let text): json("contains", text)
    case .word(let text): json("word", text)
    case .equals(let text): json("equals", text)
    case .glob(let pieces, let ignoresCase):
      ["glob": pieces.map { String(decoding: $0, as: UTF8.self) }, "case": word(ignoresCase)] as NSDictionary
    case .regex(let regex): ["regex": regex.pattern, "case": word(regex.ignoresCase)] as NSDictionary
    case .order(let order, let bytes): [name(order): String(decoding: bytes, as: UTF8.self)] as NSDictionary
    case .exists: "exists" as NSString
    }
  }

  private static func json(_ test: AttributeTest) -> NSObject {
    switch test {
    case .exists: "exists" as NSString
    case .equals(let value): json("equals", value.text)
    case .order(let order, let value):
      [name(order): String(decoding: value.text.bytes, as: UTF8.self)] as NSDictionary
    case .range(let lower, let upper): ["range": [number(lower), number(upper)]] as NSDictionary
    case .text(let test): json(test)
    }
  }

  private static func json(_ name: String, _ text: FilterText) -> NSDictionary {
    [name: String(decoding: text.bytes, as: UTF8.self), "case": word(text.ignoresCase)]
  }

  /// The bits that are set side by side.
  private static func ranges(_ mask: UInt32) -> [[Int]] {
    func isSet(_ bit: Int) -> Bool { (0..<32).contains(bit) && mask >> UInt32(bit) & 1 == 1 }
    return (0..<32).filter { isSet($0) && !isSet($0 - 1) }
      .map { first in [first, (first..<32).first { !isSet($0 + 1) } ?? first] }
  }

  private static func word(_ ignoresCase: Bool) -> String { ignoresCase ? "ignored" : "exact" }

  private static func name(_ order: FilterOrder) -> String {
    switch order {
    case .below: "<"
    case .atMost: "<="
    case .atLeast: ">="
    case .above: ">"
    }
  }

  private static func end<Bound: FixedWidthInteger>(_ value: Bound, open: Bound) -> NSObject {
    value == open ? NSNull() : NSNumber(value: Int64(value))
  }

  private static func number(_ number: FilterNumber?) -> NSObject {
    switch number {
    case nil: NSNull()
    case .integer(let value): "\(value)" as NSString
    case .double(let value): "\(value)" as NSString
    }
  }
}

internal import LogsText
internal import LogsWire

extension DeleteRequest {
  /// A stream, or those of its entries that the parameters name.
  init(_ name: String, _ target: HTTPTarget) throws(HTTPProblem) {
    try target.allow(["from_seq", "to_seq", "before_seq", "incarnation", "dry_run"])
    self.init(stream: try EntryQuery.name(name))
    let range = 1...Limits.numberMax
    let from = try target.number("from_seq", in: range)
    let to = try target.number("to_seq", in: range)
    let before = try target.number("before_seq", in: range)
    guard to == nil || before == nil else { throw HTTPProblem(400, "to_seq and before_seq both say the end; give one") }
    if from != nil || to != nil || before != nil {
      let first = from ?? 1
      let last = to ?? before.map { $0 - 1 } ?? Limits.numberMax
      guard first <= last else { throw HTTPProblem(400, "no number is both from \(first) on and up to \(last)") }
      numbers = first...last
    }
    if let text = target["incarnation"] {
      guard let value = UInt64(text, radix: 16), value != 0 else {
        throw HTTPProblem(400, "incarnation takes the 16 hexadecimal digits of a stream's history, not '\(text)'")
      }
      incarnation = Incarnation(value)
    }
    switch target["dry_run"] {
    case nil, "false": isDryRun = false
    case "true": isDryRun = true
    case let other?: throw HTTPProblem(400, "dry_run takes true or false, not '\(other)'")
    }
  }
}

extension DeletionSummary {
  func json(of stream: StreamName, isDryRun: Bool) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.key("stream")
      json.string(stream.text)
      json.key("incarnation")
      json.string(incarnation.description)
      json.key("first")
      if let numbers { json.number(numbers.lowerBound) } else { json.null() }
      json.key("last")
      if let numbers { json.number(numbers.upperBound) } else { json.null() }
      json.key("entries")
      json.number(entryCount)
      json.key("bytes")
      json.number(byteCount)
      json.key("dry_run")
      json.boolean(isDryRun)
    }
    json.newline()
    return json.bytes
  }
}

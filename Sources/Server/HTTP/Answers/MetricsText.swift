internal import LogsWire

/// The facts of STAT in Prometheus's text format: base units, `_total` for what only grows.
enum MetricsText {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  static func text(_ facts: [ServerFact]) -> String {
    var text = ""
    for fact in facts {
      let (name, divisor) = metric(fact.key)
      let kind = name.hasSuffix("_total") ? "counter" : "gauge"
      let help = "The fact \(fact.key) of `logs status`."
      switch fact.value {
      case .number(let number):
        let value = divisor == 1 ? "\(number)" : "\(Double(number) / Double(divisor))"
        text += "# HELP logs_\(name) \(help)\n# TYPE logs_\(name) \(kind)\nlogs_\(name) \(value)\n"
      case .text(let value):
        // A text is the label of a one.
        text += "# HELP logs_\(name)_info \(help)\n# TYPE logs_\(name)_info gauge\n"
        text += "logs_\(name)_info{\(name)=\"\(escaped(value))\"} 1\n"
      }
    }
    return text
  }

  /// `commit_microseconds_total` becomes `commit_seconds_total`.
  private static func metric(_ key: String) -> (name: String, divisor: Int) {
    guard let range = key.firstRange(of: "microseconds") else { return (key, 1) }
    return (key.replacingCharacters(in: range), 1_000_000)
  }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.append(character)
      }
    }
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>) -> String {
    self[..<range.lowerBound] + "seconds" + self[range.upperBound...]
  }
}

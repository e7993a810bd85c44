internal import LogsText

/// A value that a command reports: a cell of a table for people, JSON for programs.
enum Datum: Sendable {
  case count(UInt64)
  case measure(Double)
  case flag(Bool)
  case text(String)
  /// Nanoseconds since 1970; 0 for none.
  case time(Int64)
  case none
  case list([Datum])
  case record([(key: String, value: Datum)])

  func cell(zone: ShownZone) -> String {
    switch self {
    case .count(let number): "\(number)"
    case .measure(let number): "\(number)"
    case .flag(let flag): flag ? "yes" : "no"
    case .text(let text): text
    case .time(let time) where time != 0: Timestamp.short(time, zone: zone)
    case .time, .none: "-"
    case .list(let values): values.map { $0.cell(zone: zone) }.joined(separator: ", ")
    case .record(let members): members.map { "\($0.key)=\($0.value.cell(zone: zone))" }.joined(separator: " ")
    }
  }
}

extension JSONWriter {
  mutating func datum(_ datum: Datum) {
    switch datum {
    case .count(let count): number(count)
    case .measure(let measure): number(measure)
    case .flag(let flag): boolean(flag)
    case .text(let text): string(text)
    case .time(let nanoseconds) where nanoseconds != 0: time(nanoseconds)
    case .time, .none: null()
    case .list(let values): array { json in for value in values { json.datum(value) } }
    case .record(let members):
      object { json in
        for (key, value) in members {
          json.key(key)
          json.datum(value)
        }
      }
    }
  }
}

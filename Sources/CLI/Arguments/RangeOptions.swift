internal import LogsClient
internal import LogsText
internal import LogsWire

/// The flags that say which times and sequence numbers are wanted of what is stored.
enum RangeOptions {
  static let all = [
    Option("since", ["S"], form: "T", help: "only entries at or after time T"),
    Option("until", ["U"], form: "T", help: "only entries at or before time T"),
    Option("from-seq", form: "N", help: "only sequence number N and above"),
    Option("until-seq", form: "N", help: "only sequence number N and below"),
  ]

  /// What the flags ask for; nil when they ask for nothing.
  static func filter(_ arguments: Arguments) throws -> Filter? {
    try [numbers(arguments), times(arguments)].compactMap { $0 }.reduce(nil as Filter?) { try $0?.and($1) ?? $1 }
  }

  /// What the flags about times ask for.
  private static func times(_ arguments: Arguments) throws -> Filter? {
    let since = try arguments.time("since")
    let until = try arguments.time("until")
    guard since != nil || until != nil else { return nil }
    let (sinceFlag, untilFlag) = (arguments.written("since"), arguments.written("until"))
    if let since, let until, since > until {
      let (first, last) = (Timestamp.zoned(since), Timestamp.zoned(until))
      throw CommandError.usage("\(sinceFlag), \(first), is later than \(untilFlag), \(last)")
    }
    do throws(FilterError) { return try Filter(since: since, until: until) } catch {
      throw CommandError.usage("\(sinceFlag) and \(untilFlag): \(error.reason)")
    }
  }

  /// What the flags about sequence numbers ask for.
  private static func numbers(_ arguments: Arguments) throws -> Filter? {
    let from = try arguments.number("from-seq", atLeast: 1)
    let until = try arguments.number("until-seq", atLeast: 1)
    if let from, let until, from > until {
      throw CommandError.usage("--from-seq \(from) is above --until-seq \(until): no number is both")
    }
    let last = Limits.numberMax
    guard from != nil || until != nil else { return nil }
    return try Filter("seq:\(from.map { "\(min($0, last))" } ?? "")..\(until.map { "\(min($0, last))" } ?? "")")
  }
}
